/* SPDX-License-Identifier: Apache-2.0 */
/* Names of resources, from one table. */
#include "wire/imap_quota.h"

static const str names[IMAP_RESOURCE_COUNT] = {
    [IMAP_RESOURCE_STORAGE] = STR_INIT("STORAGE"),
    [IMAP_RESOURCE_MESSAGE] = STR_INIT("MESSAGE"),
    [IMAP_RESOURCE_MAILBOX] = STR_INIT("MAILBOX"),
};

static bool read_resource(struct imap_lexer *l, struct imap_setquota_args *out, struct err *e)
{
    str word;
    uint64_t limit;
    size_t i = 0;
    /* 63 bits (RFC 9208 section 3.1.2), and octets of STORAGE still fit into them. */
    uint64_t most = INT64_MAX / 1024;
    if (!imap_lexer_word(l, &word, e) || !imap_lexer_space(l, e) ||
        !imap_lexer_number(l, most, &limit, e))
        return false;
    while (i < COUNT_OF(names) && !str_ieq(word, names[i]))
        i++;
    if (i == COUNT_OF(names))
        return ERR(e, ERR_UNSUPPORTED, "only STORAGE, MESSAGE and MAILBOX are counted");
    if (out->has[i])
        return ERR(e, ERR_SYNTAX, "a resource is named twice");
    out->has[i] = true;
    out->limits[i] = limit;
    return true;
}

bool imap_setquota_parse(struct imap_lexer *l, struct imap_setquota_args *out, struct err *e)
{
    *out = (struct imap_setquota_args){ .root = STR_EMPTY };
    if (!imap_lexer_space(l, e) || !imap_lexer_astring(l, &out->root, e) ||
        !imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e))
        return false;
    if (imap_lexer_try_byte(l, ')'))
        return imap_lexer_end(l, e);
    do {
        if (!read_resource(l, out, e))
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e) && imap_lexer_end(l, e);
}

bool imap_quota_format(struct buf *out, const struct imap_usage usages[IMAP_RESOURCE_COUNT])
{
    bool ok = buf_add_byte(out, '(');
    const char *gap = "";
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!usages[i].has_limit)
            continue;
        ok = ok && buf_addf(out, "%s%.*s ", gap, STR_FMT(names[i])) &&
             buf_add_uint(out, usages[i].used) && buf_add_byte(out, ' ') &&
             buf_add_uint(out, usages[i].limit);
        gap = " ";
    }
    return ok && buf_add_byte(out, ')');
}
