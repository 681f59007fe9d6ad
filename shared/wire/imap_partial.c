/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of results. */
#include "wire/imap_partial.h"

static bool parse_end(struct imap_lexer *l, bool is_negative, uint32_t *out, struct err *e)
{
    uint64_t number;
    if (is_negative && !imap_lexer_byte(l, '-', e))
        return false;
    if (!imap_lexer_number(l, UINT32_MAX, &number, e))
        return false;
    if (number == 0)
        return ERR(e, ERR_SYNTAX, "a PARTIAL range counts from 1");
    *out = (uint32_t)number;
    return true;
}

bool imap_partial_parse(struct imap_lexer *l, struct imap_partial *out, struct err *e)
{
    out->from_end = imap_lexer_peek(l) == '-';
    return parse_end(l, out->from_end, &out->first, e) && imap_lexer_byte(l, ':', e) &&
           parse_end(l, out->from_end, &out->last, e);
}

bool imap_partial_format(struct buf *out, const struct imap_partial *p)
{
    const char *sign = p->from_end ? "-" : "";
    return buf_addf(out, "%s%u:%s%u", sign, (unsigned)p->first, sign, (unsigned)p->last);
}

void imap_partial_window(const struct imap_partial *p, size_t n, size_t *from, size_t *count)
{
    size_t low = p->first < p->last ? p->first : p->last;
    size_t high = p->first < p->last ? p->last : p->first;
    high = high < n ? high : n;
    *count = low > high ? 0 : high - low + 1;
    *from = *count == 0 ? 0 : p->from_end ? n - high : low - 1;
}
