/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of STORE. */
#include "wire/imap_store.h"

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
