/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of mailboxes, from a table of their names. */
#include "wire/imap_mailbox_filter.h"

static const struct {
    str name;
    enum imap_mailbox_filter_kind kind;
    bool has_names;
} kinds[] = {
    { STR_INIT("selected"), IMAP_FILTER_SELECTED, false },
    { STR_INIT("selected-delayed"), IMAP_FILTER_SELECTED_DELAYED, false },
    { STR_INIT("inboxes"), IMAP_FILTER_INBOXES, false },
    { STR_INIT("personal"), IMAP_FILTER_PERSONAL, false },
    { STR_INIT("subscribed"), IMAP_FILTER_SUBSCRIBED, false },
    { STR_INIT("subtree"), IMAP_FILTER_SUBTREE, true },
    { STR_INIT("subtree-one"), IMAP_FILTER_SUBTREE_ONE, true },
    { STR_INIT("mailboxes"), IMAP_FILTER_MAILBOXES, true },
};

/* "(a b c)" behind its parenthesis. */
static bool parse_many(struct imap_lexer *l, struct imap_mailbox_filter *out, struct err *e)
{
    str *names = ARENA_ARRAY(l->a, str, IMAP_FILTER_NAMES_MAX);
    out->names = names;
    do {
        if (out->n == IMAP_FILTER_NAMES_MAX)
            return ERR(e, ERR_LIMIT, "more than %d mailboxes", IMAP_FILTER_NAMES_MAX);
        if (!imap_lexer_astring(l, &names[out->n], e))
            return false;
        out->n++;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

static bool parse_names(struct imap_lexer *l, struct imap_mailbox_filter *out, struct err *e)
{
    if (!imap_lexer_space(l, e))
        return false;
    if (imap_lexer_try_byte(l, '('))
        return parse_many(l, out, e);
    str *name = ARENA_NEW(l->a, str);
    out->names = name;
    out->n = 1;
    return imap_lexer_astring(l, name, e);
}

bool imap_mailbox_filter_parse(struct imap_lexer *l, struct imap_mailbox_filter *out, struct err *e)
{
    str word;
    if (!imap_lexer_word(l, &word, e))
        return false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!str_ieq(word, kinds[i].name))
            continue;
        *out = (struct imap_mailbox_filter){ .kind = kinds[i].kind };
        return !kinds[i].has_names || parse_names(l, out, e);
    }
    return ERR(e, ERR_UNSUPPORTED, "'%.*s' names no mailboxes", STR_FMT(word));
}
