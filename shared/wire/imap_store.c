/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of STORE and APPEND. */
#include "wire/imap_store.h"

#include "wire/imap_date.h"

/* "(UNCHANGEDSINCE 12) " before the item. */
static bool read_modifiers(struct imap_lexer *l, struct imap_store_args *out, struct err *e)
{
    if (!imap_lexer_try_byte(l, '('))
        return true;
    if (!imap_lexer_try_word(l, STR("UNCHANGEDSINCE")))
        return ERR(e, ERR_UNSUPPORTED, "a modifier of STORE that is not offered");
    out->has_unchangedsince = true;
    return imap_lexer_space(l, e) && imap_lexer_number(l, INT64_MAX, &out->unchangedsince, e) &&
           imap_lexer_byte(l, ')', e) && imap_lexer_space(l, e);
}

static bool read_item(struct imap_lexer *l, struct imap_store_args *out, struct err *e)
{
    if (imap_lexer_try_byte(l, '+')) {
        out->mode = IMAP_STORE_ADD;
    } else if (imap_lexer_try_byte(l, '-')) {
        out->mode = IMAP_STORE_REMOVE;
    }
    if (imap_lexer_try_word(l, STR("FLAGS.SILENT"))) {
        out->is_silent = true;
        return true;
    }
    if (!imap_lexer_try_word(l, STR("FLAGS")))
        return ERR(e, ERR_SYNTAX, "STORE changes FLAGS only");
    return true;
}

bool imap_store_parse(struct imap_lexer *l, struct imap_store_args *out, struct err *e)
{
    *out = (struct imap_store_args){ .mode = IMAP_STORE_REPLACE };
    return imap_lexer_space(l, e) && imap_sequence_parse(l, &out->set, e) &&
           imap_lexer_space(l, e) && read_modifiers(l, out, e) && read_item(l, out, e) &&
           imap_lexer_space(l, e) && imap_flags_parse(l, false, &out->flags, e) &&
           imap_lexer_end(l, e);
}

/* Every CR is followed by LF, every LF follows a CR, and there is no NUL. */
static bool is_clean_message(str message)
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

bool imap_append_parse(struct imap_lexer *l, struct imap_append_args *out, struct err *e)
{
    bool is_binary = false;
    *out = (struct imap_append_args){ .has_date = false };
    if (!imap_lexer_space(l, e) || !imap_lexer_astring(l, &out->mailbox, e) ||
        !imap_lexer_space(l, e))
        return false;
    if (imap_lexer_peek(l) == '(' &&
        (!imap_flags_parse(l, true, &out->flags, e) || !imap_lexer_space(l, e)))
        return false;
    if (imap_lexer_peek(l) == '"') {
        out->has_date = true;
        if (!imap_date_time_parse(l, &out->date_utc_s, e) || !imap_lexer_space(l, e))
            return false;
    }
    if (!imap_lexer_literal(l, &out->message, &is_binary, e))
        return false;
    if (!imap_lexer_is_at_end(l))
        return ERR(e, ERR_UNSUPPORTED, "more than one message");
    if (!is_clean_message(out->message))
        return ERR(e, ERR_SYNTAX, "the message has a NUL or a line end that is not CRLF");
    return true;
}
