/* SPDX-License-Identifier: Apache-2.0 */
/* Flag lists. */
#include "wire/imap_flags.h"

static const struct {
    str name;
    unsigned bit;
} flag_names[] = {
    { STR_INIT("\\Answered"), IMAP_FLAG_ANSWERED }, { STR_INIT("\\Flagged"), IMAP_FLAG_FLAGGED },
    { STR_INIT("\\Deleted"), IMAP_FLAG_DELETED },   { STR_INIT("\\Seen"), IMAP_FLAG_SEEN },
    { STR_INIT("\\Draft"), IMAP_FLAG_DRAFT },
};

unsigned imap_flag_find(str name)
{
    for (size_t i = 0; i < COUNT_OF(flag_names); i++) {
        if (str_ieq(name, flag_names[i].name))
            return flag_names[i].bit;
    }
    return 0;
}

static bool add_system(struct imap_lexer *l, struct imap_flags *out, struct err *e)
{
    size_t from = l->at;
    str atom;
    if (!imap_lexer_byte(l, '\\', e) || !imap_lexer_atom(l, &atom, e))
        return false;
    str name = str_slice(l->in, from, atom.n + 1);
    unsigned bit = imap_flag_find(name);
    out->bits |= bit;
    if (bit == 0) /* \Recent, too */
        return ERR(e, ERR_UNSUPPORTED, "a flag that only the standard may define");
    return true;
}

static bool add_keyword(struct imap_lexer *l, struct imap_flags *out, struct err *e)
{
    str name;
    if (!imap_lexer_atom(l, &name, e))
        return false;
    if (name.n > IMAP_KEYWORD_MAX)
        return ERR(e, ERR_LIMIT, "a keyword of %zu octets", name.n);
    for (size_t i = 0; i < out->n; i++) {
        if (str_ieq(name, out->keywords[i]))
            return true;
    }
    if (out->n == IMAP_KEYWORDS_PER_LIST)
        return ERR(e, ERR_LIMIT, "more than %d keywords", IMAP_KEYWORDS_PER_LIST);
    if (!out->keywords)
        out->keywords = ARENA_ARRAY(l->a, str, IMAP_KEYWORDS_PER_LIST);
    out->keywords[out->n++] = name;
    return true;
}

bool imap_flags_parse(struct imap_lexer *l, bool needs_parentheses, struct imap_flags *out,
                      struct err *e)
{
    *out = (struct imap_flags){ .bits = 0 };
    bool has_parentheses = imap_lexer_try_byte(l, '(');
    if (needs_parentheses && !has_parentheses)
        return ERR(e, ERR_SYNTAX, "expected a list of flags");
    if (has_parentheses && imap_lexer_try_byte(l, ')'))
        return true;
    do {
        bool ok = imap_lexer_peek(l) == '\\' ? add_system(l, out, e) : add_keyword(l, out, e);
        if (!ok)
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return !has_parentheses || imap_lexer_byte(l, ')', e);
}

bool imap_flags_format(struct buf *out, const struct imap_flags *flags)
{
    bool ok = true;
    const char *gap = "";
    for (size_t i = 0; i < COUNT_OF(flag_names); i++) {
        if (!(flags->bits & flag_names[i].bit))
            continue;
        ok = ok && buf_addf(out, "%s%.*s", gap, STR_FMT(flag_names[i].name));
        gap = " ";
    }
    for (size_t i = 0; i < flags->n; i++) {
        ok = ok && buf_addf(out, "%s%.*s", gap, STR_FMT(flags->keywords[i]));
        gap = " ";
    }
    return ok;
}
