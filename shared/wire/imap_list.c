/* SPDX-License-Identifier: Apache-2.0 */
/* LIST arguments and pattern matching. */
#include "wire/imap_list.h"

struct option {
    str name;
    unsigned bit;
};

static const struct option select_options[] = {
    { STR_INIT("SUBSCRIBED"), IMAP_LIST_SUBSCRIBED },
    { STR_INIT("REMOTE"), IMAP_LIST_REMOTE },
    { STR_INIT("RECURSIVEMATCH"), IMAP_LIST_RECURSIVEMATCH },
    { STR_INIT("SPECIAL-USE"), IMAP_LIST_SPECIAL_USE },
};

static const struct option return_options[] = {
    { STR_INIT("SUBSCRIBED"), IMAP_LIST_RETURN_SUBSCRIBED },
    { STR_INIT("CHILDREN"), IMAP_LIST_RETURN_CHILDREN },
    { STR_INIT("SPECIAL-USE"), IMAP_LIST_RETURN_SPECIAL_USE },
    { STR_INIT("STATUS"), IMAP_LIST_RETURN_STATUS },
    { STR_INIT("MYRIGHTS"), IMAP_LIST_RETURN_MYRIGHTS },
    { STR_INIT("METADATA"), IMAP_LIST_RETURN_METADATA },
};

static unsigned find_option(const struct option *options, size_t n, str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_ieq(name, options[i].name))
            return options[i].bit;
    }
    return 0;
}

/* What follows the name of a return option. */
static bool read_argument(struct imap_lexer *l, unsigned bit, struct imap_list_args *out,
                          struct err *e)
{
    if (bit == IMAP_LIST_RETURN_STATUS)
        return imap_lexer_space(l, e) && imap_status_items_parse(l, &out->status_items, e);
    if (bit == IMAP_LIST_RETURN_METADATA)
        return imap_lexer_space(l, e) && imap_metadata_names_parse(l, &out->metadata, e);
    return true;
}

/* "(A B)" behind its parenthesis. Arguments of options go to `out`, NULL when there can be none. */
static bool read_options(struct imap_lexer *l, const struct option *options, size_t n,
                         unsigned *bits, struct imap_list_args *out, struct err *e)
{
    if (imap_lexer_try_byte(l, ')'))
        return true;
    do {
        str name;
        if (!imap_lexer_word(l, &name, e))
            return false;
        unsigned bit = find_option(options, n, name);
        if (bit == 0)
            return ERR(e, ERR_UNSUPPORTED, "an option of LIST that is not offered");
        *bits |= bit;
        if (out && !read_argument(l, bit, out, e))
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

static bool read_pattern(struct imap_lexer *l, struct imap_list_args *out, struct err *e)
{
    if (out->n_patterns == IMAP_LIST_PATTERNS_MAX)
        return ERR(e, ERR_LIMIT, "more than %d patterns", IMAP_LIST_PATTERNS_MAX);
    str pattern;
    if (!imap_lexer_pattern(l, &pattern, e))
        return false;
    if (out->reference.n + pattern.n > IMAP_LIST_PATTERN_OCTETS_MAX)
        return ERR(e, ERR_LIMIT, "a pattern of %zu octets", out->reference.n + pattern.n);
    out->patterns[out->n_patterns++] = pattern;
    return true;
}

static bool read_patterns(struct imap_lexer *l, struct imap_list_args *out, struct err *e)
{
    if (!imap_lexer_try_byte(l, '('))
        return read_pattern(l, out, e);
    out->is_extended = true;
    do {
        if (!read_pattern(l, out, e))
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

static bool read_returns(struct imap_lexer *l, struct imap_list_args *out, struct err *e)
{
    if (imap_lexer_is_at_end(l))
        return true;
    out->is_extended = true;
    if (!imap_lexer_space(l, e))
        return false;
    if (!imap_lexer_try_word(l, STR("RETURN")))
        return ERR(e, ERR_SYNTAX, "expected RETURN");
    return imap_lexer_space(l, e) && imap_lexer_byte(l, '(', e) &&
           read_options(l, return_options, COUNT_OF(return_options), &out->returns, out, e);
}

bool imap_list_parse(struct imap_lexer *l, struct imap_list_args *out, struct err *e)
{
    *out = (struct imap_list_args){ .is_extended = false };
    out->patterns = ARENA_ARRAY(l->a, str, IMAP_LIST_PATTERNS_MAX);
    if (!imap_lexer_space(l, e))
        return false;
    if (imap_lexer_try_byte(l, '(')) {
        out->is_extended = true;
        if (!read_options(l, select_options, COUNT_OF(select_options), &out->select, NULL, e) ||
            !imap_lexer_space(l, e))
            return false;
    }
    unsigned base = IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE;
    if ((out->select & IMAP_LIST_RECURSIVEMATCH) && !(out->select & base))
        return ERR(e, ERR_SYNTAX, "RECURSIVEMATCH needs another option (RFC 5258 section 3)");
    return imap_lexer_pattern(l, &out->reference, e) && imap_lexer_space(l, e) &&
           read_patterns(l, out, e) && read_returns(l, out, e) && imap_lexer_end(l, e);
}

bool imap_lsub_parse(struct imap_lexer *l, struct imap_list_args *out, struct err *e)
{
    *out = (struct imap_list_args){ .select = IMAP_LIST_SUBSCRIBED };
    out->patterns = ARENA_ARRAY(l->a, str, IMAP_LIST_PATTERNS_MAX);
    return imap_lexer_space(l, e) && imap_lexer_pattern(l, &out->reference, e) &&
           imap_lexer_space(l, e) && read_pattern(l, out, e) && imap_lexer_end(l, e);
}

/* ---- matching ----
 * The pattern is a non-deterministic automaton: state i means that its first i octets are matched.
 * All states that are possible after each octet of the name are kept as one set of bits, so that
 * "%*%*%*" costs no more than any other pattern of its length (ATTACKS I7). */

enum {
    STATES = IMAP_LIST_PATTERN_OCTETS_MAX + 1,
    WORDS = (STATES + 63) / 64
};

struct states {
    uint64_t bits[WORDS];
};

static void set_state(struct states *s, size_t i)
{
    s->bits[i / 64] |= (uint64_t)1 << (i % 64);
}

static bool has_state(const struct states *s, size_t i)
{
    return (s->bits[i / 64] >> (i % 64)) & 1;
}

/* A wildcard may stand for nothing: whoever is before it is also behind it. */
static void skip_wildcards(struct states *s, str pattern)
{
    for (size_t i = 0; i < pattern.n; i++) {
        if (has_state(s, i) && (pattern.p[i] == '*' || pattern.p[i] == '%'))
            set_state(s, i + 1);
    }
}

static struct states step(const struct states *from, str pattern, char c, bool is_folded)
{
    struct states to = { { 0 } };
    for (size_t i = 0; i < pattern.n; i++) {
        char p = pattern.p[i];
        if (!has_state(from, i))
            continue;
        if (p == '*' || (p == '%' && c != '/')) {
            set_state(&to, i);
        } else if (p == c || (is_folded && i < 5 && ascii_upper(p) == c)) {
            set_state(&to, i + 1);
        }
    }
    skip_wildcards(&to, pattern);
    return to;
}

static bool begins_with_inbox(str s)
{
    return str_has_iprefix(s, STR("INBOX")) && (s.n == 5 || !ascii_is_alnum(s.p[5]));
}

bool imap_list_match(str pattern, str name)
{
    if (pattern.n > IMAP_LIST_PATTERN_OCTETS_MAX)
        return false;
    bool is_inbox = begins_with_inbox(name);
    bool is_folded = is_inbox && str_has_iprefix(pattern, STR("INBOX"));
    struct states now = { { 0 } };
    set_state(&now, 0);
    skip_wildcards(&now, pattern);
    for (size_t i = 0; i < name.n; i++)
        now = step(&now, pattern, name.p[i], is_folded);
    return has_state(&now, pattern.n);
}
