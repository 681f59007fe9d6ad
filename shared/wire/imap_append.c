/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of APPEND and REPLACE. */
#include "wire/imap_append.h"

#include "wire/imap_date.h"

bool imap_message_is_clean(str message)
{
    if (str_find_byte(message, '\0') >= 0)
        return false;
    size_t at = 0;
    while (at < message.n) {
        const char *lf = memchr(message.p + at, '\n', message.n - at);
        size_t end = lf ? (size_t)(lf - message.p) : message.n;
        const char *cr = end > at ? memchr(message.p + at, '\r', end - at) : NULL;
        if (lf && cr != lf - 1)
            return false;
        if (!lf && cr)
            return false;
        at = end + 1;
    }
    return true;
}

static struct imap_append_part *add_part(struct imap_lexer *l, struct imap_append_message *m,
                                         struct err *e)
{
    if (m->n_parts == IMAP_APPEND_PARTS_MAX) {
        (void)ERR(e, ERR_LIMIT, "more than %d parts in a message", IMAP_APPEND_PARTS_MAX);
        return NULL;
    }
    m->parts = arena_grow(l->a, m->parts, m->n_parts, sizeof(*m->parts));
    struct imap_append_part *part = &m->parts[m->n_parts++];
    *part = (struct imap_append_part){ .is_url = false };
    return part;
}

static bool read_literal(struct imap_lexer *l, struct imap_append_message *m, struct err *e)
{
    struct imap_append_part *part = add_part(l, m, e);
    return part && imap_lexer_literal(l, &part->octets, &part->is_binary, e);
}

/* "UTF8 (~{5} ...)" (RFC 6855 section 4). */
static bool read_utf8(struct imap_lexer *l, struct imap_append_message *m, struct err *e)
{
    m->is_utf8 = true;
    if (!imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e) || !read_literal(l, m, e) ||
        !imap_lexer_byte(l, ')', e))
        return false;
    return m->parts[m->n_parts - 1].is_binary || ERR(e, ERR_SYNTAX, "UTF8 takes a literal8");
}

static bool read_url(struct imap_lexer *l, struct imap_append_message *m, struct err *e)
{
    struct imap_append_part *part = add_part(l, m, e);
    if (!part)
        return false;
    part->is_url = true;
    return imap_lexer_space(l, e) && imap_lexer_astring(l, &part->octets, e);
}

/* "CATENATE (URL url TEXT {5} ...)" (RFC 4469 section 5). */
static bool read_catenate(struct imap_lexer *l, struct imap_append_message *m, struct err *e)
{
    bool ok = true;
    m->is_catenated = true;
    if (!imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e))
        return false;
    do {
        if (imap_lexer_try_word(l, STR("URL"))) {
            ok = read_url(l, m, e);
        } else if (imap_lexer_try_word(l, STR("TEXT"))) {
            ok = imap_lexer_space(l, e) && read_literal(l, m, e);
        } else if (imap_lexer_try_word(l, STR("UTF8"))) {
            ok = read_utf8(l, m, e);
        } else {
            ok = ERR(e, ERR_SYNTAX, "CATENATE takes URL and TEXT");
        }
    } while (ok && imap_lexer_try_byte(l, ' '));
    return ok && imap_lexer_byte(l, ')', e);
}

/* " (\Seen) "date" {5} ...": one append-message of RFC 4466 section 3. */
static bool read_message(struct imap_lexer *l, struct imap_append_message *m, struct err *e)
{
    *m = (struct imap_append_message){ .has_date = false };
    if (!imap_lexer_space(l, e))
        return false;
    if (imap_lexer_peek(l) == '(' &&
        (!imap_flags_parse(l, true, &m->flags, e) || !imap_lexer_space(l, e)))
        return false;
    if (imap_lexer_peek(l) == '"') {
        m->has_date = true;
        if (!imap_date_time_parse(l, &m->date_utc_s, e) || !imap_lexer_space(l, e))
            return false;
    }
    if (imap_lexer_try_word(l, STR("CATENATE")))
        return read_catenate(l, m, e);
    if (imap_lexer_try_word(l, STR("UTF8")))
        return read_utf8(l, m, e);
    return read_literal(l, m, e);
}

bool imap_append_parse(struct imap_lexer *l, struct imap_append_args *out, struct err *e)
{
    *out = (struct imap_append_args){ .n = 0 };
    if (!imap_lexer_space(l, e) || !imap_lexer_astring(l, &out->mailbox, e))
        return false;
    do {
        if (out->n == IMAP_APPEND_MESSAGES_MAX)
            return ERR(e, ERR_LIMIT, "more than %d messages", IMAP_APPEND_MESSAGES_MAX);
        out->messages = arena_grow(l->a, out->messages, out->n, sizeof(*out->messages));
        if (!read_message(l, &out->messages[out->n++], e))
            return false;
    } while (!imap_lexer_is_at_end(l));
    return true;
}

bool imap_replace_parse(struct imap_lexer *l, struct imap_replace_args *out, struct err *e)
{
    uint64_t number = UINT32_MAX;
    *out = (struct imap_replace_args){ .number = UINT32_MAX };
    if (!imap_lexer_space(l, e))
        return false;
    out->is_last = imap_lexer_try_byte(l, '*');
    if (!out->is_last && (!imap_lexer_number(l, UINT32_MAX, &number, e) || number == 0))
        return number != 0 ? false : ERR(e, ERR_SYNTAX, "message numbers begin with 1");
    out->number = (uint32_t)number;
    return imap_lexer_space(l, e) && imap_lexer_astring(l, &out->mailbox, e) &&
           read_message(l, &out->message, e) && imap_lexer_end(l, e);
}
