/* SPDX-License-Identifier: Apache-2.0 */
/* Names of mailboxes, roles and keywords. Pure. */
#include "base/utf8.h"
#include "store/internal.h"

static const char *const role_names[STORE_ROLE_COUNT] = {
    [STORE_ROLE_NONE] = NULL,         [STORE_ROLE_INBOX] = "inbox",
    [STORE_ROLE_DRAFTS] = "drafts",   [STORE_ROLE_SENT] = "sent",
    [STORE_ROLE_ARCHIVE] = "archive", [STORE_ROLE_JUNK] = "junk",
    [STORE_ROLE_TRASH] = "trash",     [STORE_ROLE_IMPORTANT] = "important",
    [STORE_ROLE_MEMOS] = "memos",     [STORE_ROLE_SCHEDULED] = "scheduled",
    [STORE_ROLE_SNOOZED] = "snoozed",
};

const char *store_role_name(enum store_role role)
{
    return role_names[role];
}

enum store_role store_role_find(str name)
{
    for (int i = STORE_ROLE_INBOX; i < STORE_ROLE_COUNT; i++) {
        if (str_eq(name, str_from_cstr(role_names[i])))
            return (enum store_role)i;
    }
    return STORE_ROLE_NONE;
}

/* '*' and '%' are wildcards of LIST; no client can name a mailbox that holds one. C1 controls are
 * two bytes of UTF-8, 0xc2 and 0x80-0x9f. */
static bool level_is_clean(str level)
{
    for (size_t i = 0; i < level.n; i++) {
        unsigned char c = (unsigned char)level.p[i];
        if (c < 32 || c == 127 || c == '*' || c == '%')
            return false;
        if (c == 0xc2 && i + 1 < level.n && (unsigned char)level.p[i + 1] < 0xa0)
            return false;
    }
    return utf8_is_valid(level);
}

bool store_path_parse(struct arena *a, str name, struct store_path *out, struct err *e)
{
    str *levels = ARENA_ARRAY(a, str, STORE_MAX_DEPTH);
    size_t n = 0;
    if (name.n > STORE_MAX_NAME)
        return ERR(e, ERR_LIMIT, "a mailbox name is longer than %d octets", STORE_MAX_NAME);
    str rest = arena_str(a, name);
    bool more = true;
    out->name = rest;
    while (more) {
        str level;
        more = str_cut(rest, '/', &level, &rest);
        if (level.n == 0 || !level_is_clean(level))
            return ERR(e, ERR_SYNTAX, "not a mailbox name");
        if (level.n > STORE_MAX_LEVEL || n == STORE_MAX_DEPTH)
            return ERR(e, ERR_LIMIT, "a mailbox name is too deep, or one level too long");
        levels[n++] = level;
    }
    if (str_ieq(levels[0], STR("INBOX"))) {
        levels[0] = STR("INBOX");
        out->name = arena_printf(a, "INBOX%.*s", STR_FMT(str_skip(out->name, 5)));
    }
    out->levels = levels;
    out->n = n;
    return true;
}

bool store_mailbox_name_check(struct arena *a, str name, str *out, struct err *e)
{
    struct store_path path;
    if (!store_path_parse(a, name, &path, e))
        return false;
    *out = path.name;
    return true;
}

/* flag-keyword = atom (RFC 9051 section 9): no specials, no ']' which IMAP4rev1 clients choke on.
 */
static bool keyword_is_atom(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c <= 32 || c >= 127 || strchr("(){%*\"\\]", c))
            return false;
    }
    return name.n > 0;
}

bool store_keywords_check(const str *names, size_t n, struct err *e)
{
    if (n > STORE_MAX_MAILBOX_KEYWORDS)
        return ERR(e, ERR_LIMIT, "more than %d keywords", STORE_MAX_MAILBOX_KEYWORDS);
    for (size_t i = 0; i < n; i++) {
        if (names[i].n > STORE_MAX_KEYWORD)
            return ERR(e, ERR_LIMIT, "a keyword is longer than %d octets", STORE_MAX_KEYWORD);
        if (!keyword_is_atom(names[i]))
            return ERR(e, ERR_SYNTAX, "not a keyword");
    }
    return true;
}
