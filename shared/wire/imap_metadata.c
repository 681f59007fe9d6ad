/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments about annotations. */
#include "wire/imap_metadata.h"

#include "mime/envelope.h"
#include "wire/imap_format.h"

/* ---- names ---- */

/* Whether the name is the level or something below it. */
static bool is_below(str name, str level)
{
    str rest = str_skip(name, level.n);
    return str_has_prefix(name, level) && (rest.n == 0 || rest.p[0] == '/');
}

/* A name that may be asked for: below /private or /shared, or one of these, which with a DEPTH
 * stand for all below them. ASCII without wildcards, no empty level (RFC 5464 section 3.2). */
static bool is_name(str name)
{
    if (!is_below(name, STR("/private")) && !is_below(name, STR("/shared")))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool ends_level = c == '/' && (i + 1 == name.n || name.p[i + 1] == '/');
        if (c <= ' ' || c >= 127 || c == '*' || c == '%' || ends_level)
            return false;
    }
    return true;
}

/* A name that may have a value: "/private/x"; below "vendor" at least the vendor and one more. */
static bool is_entry(str name)
{
    size_t levels = 0;
    for (size_t i = 0; i < name.n; i++)
        levels += name.p[i] == '/';
    bool is_vendors =
        is_below(name, STR("/private/vendor")) || is_below(name, STR("/shared/vendor"));
    return levels >= (is_vendors ? 4U : 2U);
}

static bool read_name(struct imap_lexer *l, str *out, struct err *e)
{
    str sent;
    if (!imap_lexer_astring(l, &sent, e))
        return false;
    if (sent.n > IMAP_METADATA_NAME_MAX) {
        return ERR(e, ERR_LIMIT, "the name of an entry is longer than %d octets",
                   IMAP_METADATA_NAME_MAX);
    }
    *out = arena_lower(l->a, sent);
    if (!is_name(*out)) {
        return ERR(e, ERR_SYNTAX,
                   "the name of an entry begins with /private/ or /shared/ and has no wildcard and "
                   "no empty level");
    }
    return true;
}

bool imap_metadata_names_parse(struct imap_lexer *l, struct imap_metadata_names *out, struct err *e)
{
    out->names = ARENA_ARRAY(l->a, str, IMAP_METADATA_ENTRIES_MAX);
    out->n = 0;
    if (!imap_lexer_try_byte(l, '(')) {
        out->n = 1;
        return read_name(l, &out->names[0], e);
    }
    do {
        if (out->n == IMAP_METADATA_ENTRIES_MAX)
            return ERR(e, ERR_LIMIT, "more than %d entries", IMAP_METADATA_ENTRIES_MAX);
        if (!read_name(l, &out->names[out->n++], e))
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

/* ---- GETMETADATA ---- */

static bool read_depth(struct imap_lexer *l, unsigned *out, struct err *e)
{
    str word;
    if (!imap_lexer_word(l, &word, e))
        return false;
    if (str_eq(word, STR("0")) || str_eq(word, STR("1"))) {
        *out = word.p[0] == '1';
        return true;
    }
    *out = IMAP_METADATA_DEPTH_INFINITY;
    return str_ieq(word, STR("infinity")) || ERR(e, ERR_SYNTAX, "DEPTH is 0, 1 or infinity");
}

/* Behind the parenthesis. */
static bool read_get_options(struct imap_lexer *l, struct imap_getmetadata_args *out, struct err *e)
{
    do {
        str word;
        if (!imap_lexer_word(l, &word, e) || !imap_lexer_space(l, e))
            return false;
        if (str_ieq(word, STR("MAXSIZE"))) {
            out->has_maxsize = true;
            if (!imap_lexer_number(l, UINT32_MAX, &out->maxsize, e))
                return false;
        } else if (str_ieq(word, STR("DEPTH"))) {
            if (!read_depth(l, &out->depth, e))
                return false;
        } else {
            return ERR(e, ERR_SYNTAX, "GETMETADATA has the options MAXSIZE and DEPTH");
        }
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

/* Whether "(MAXSIZE" or "(DEPTH" is next, not a list of entries. */
static bool is_at_options(const struct imap_lexer *l)
{
    return imap_lexer_peek(l) == '(' && l->at + 1 < l->in.n &&
           strchr("MmDd", l->in.p[l->at + 1]) != NULL;
}

bool imap_getmetadata_parse(struct imap_lexer *l, struct imap_getmetadata_args *out, struct err *e)
{
    *out = (struct imap_getmetadata_args){ .depth = 0 };
    if (!imap_lexer_space(l, e))
        return false;
    bool has_options = imap_lexer_try_byte(l, '(');
    if (has_options && (!read_get_options(l, out, e) || !imap_lexer_space(l, e)))
        return false;
    if (!imap_lexer_astring(l, &out->mailbox, e) || !imap_lexer_space(l, e))
        return false;
    if (!has_options && is_at_options(l) &&
        (!imap_lexer_byte(l, '(', e) || !read_get_options(l, out, e) || !imap_lexer_space(l, e)))
        return false;
    return imap_metadata_names_parse(l, &out->entries, e) && imap_lexer_end(l, e);
}

/* ---- SETMETADATA ---- */

static bool read_value(struct imap_lexer *l, struct imap_metadata_value *out, struct err *e)
{
    bool is_binary = false;
    struct err ignored = ERR_CLEAR;
    if (!read_name(l, &out->name, e) || !imap_lexer_space(l, e))
        return false;
    if (!is_entry(out->name))
        return ERR(e, ERR_SYNTAX, "this name is not of an entry, but of a level above entries");
    return imap_lexer_literal(l, &out->value, &is_binary, &ignored) ||
           imap_lexer_nstring(l, &out->value, &out->is_nil, e);
}

static bool is_known(const struct imap_setmetadata_args *args, str name)
{
    for (size_t i = 0; i < args->n; i++) {
        if (str_eq(args->list[i].name, name))
            return true;
    }
    return false;
}

bool imap_setmetadata_parse(struct imap_lexer *l, struct imap_setmetadata_args *out, struct err *e)
{
    *out = (struct imap_setmetadata_args){ .n = 0 };
    out->list = ARENA_ARRAY(l->a, struct imap_metadata_value, IMAP_METADATA_ENTRIES_MAX);
    if (!imap_lexer_space(l, e) || !imap_lexer_astring(l, &out->mailbox, e) ||
        !imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e))
        return false;
    do {
        struct imap_metadata_value value = { .is_nil = false };
        if (out->n == IMAP_METADATA_ENTRIES_MAX)
            return ERR(e, ERR_LIMIT, "more than %d entries", IMAP_METADATA_ENTRIES_MAX);
        if (!read_value(l, &value, e))
            return false;
        if (is_known(out, value.name))
            return ERR(e, ERR_SYNTAX, "an entry is named twice");
        out->list[out->n++] = value;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e) && imap_lexer_end(l, e);
}

/* ---- the response ---- */

/* As a literal8 when it holds a NUL, which no string may (RFC 3516). */
static bool format_value(struct buf *out, str value)
{
    if (value.n && memchr(value.p, '\0', value.n))
        return buf_addf(out, "~{%zu}\r\n", value.n) && buf_add(out, value);
    return mime_imap_string(value, out);
}

bool imap_metadata_format(struct buf *out, str name, str value)
{
    return imap_format_astring(out, name) && buf_add_byte(out, ' ') && format_value(out, value);
}
