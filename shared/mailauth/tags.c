/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of tags, and the small texts in them. */
#include "mailauth/tags.h"

enum {
    COMMENT_DEPTH = 32
};

static bool is_name(str name)
{
    if (name.n == 0 || !ascii_is_alpha(name.p[0]))
        return false;
    for (size_t i = 1; i < name.n; i++) {
        if (!ascii_is_alnum(name.p[i]) && name.p[i] != '_')
            return false;
    }
    return true;
}

/* Printable octets, and white space as part of a fold or between words. Octets above 127 are UTF-8
 * of internationalized mail (RFC 8616). */
static bool is_value(str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if ((c < ' ' && !is_space) || c == 0x7f)
            return false;
    }
    return true;
}

bool mailauth_tags_parse(str text, struct mailauth_tags *out, struct err *e)
{
    str rest = text;
    bool more = true;
    out->n = 0;
    while (more) {
        str spec, name, raw;
        more = str_cut(rest, ';', &spec, &rest);
        if (str_trim(spec).n == 0) {
            if (!more && out->n)
                break; /* the list may end with one ';' */
            return ERR(e, ERR_SYNTAX, "an empty tag");
        }
        if (!str_cut(spec, '=', &name, &raw))
            return ERR(e, ERR_SYNTAX, "a tag without '='");
        name = str_trim(name);
        if (!is_name(name) || !is_value(raw))
            return ERR(e, ERR_SYNTAX, "no tag by the grammar");
        if (mailauth_tags_find(out, name))
            return ERR(e, ERR_SYNTAX, "tag %.*s comes twice", STR_FMT(name));
        if (out->n == MAILAUTH_MAX_TAGS)
            return ERR(e, ERR_LIMIT, "more than %d tags", MAILAUTH_MAX_TAGS);
        out->list[out->n++] = (struct mailauth_tag){ name, str_trim(raw), raw };
    }
    return out->n > 0 || ERR(e, ERR_SYNTAX, "no tags");
}

const struct mailauth_tag *mailauth_tags_find(const struct mailauth_tags *tags, str name)
{
    for (size_t i = 0; i < tags->n; i++) {
        if (str_eq(tags->list[i].name, name))
            return &tags->list[i];
    }
    return NULL;
}

str mailauth_tags_get(const struct mailauth_tags *tags, str name)
{
    const struct mailauth_tag *tag = mailauth_tags_find(tags, name);
    return tag ? tag->value : STR_EMPTY;
}

bool mailauth_next_word(str *rest, char sep, str *word)
{
    if (rest->n == 0)
        return false;
    (void)str_cut(*rest, sep, word, rest);
    *word = str_trim(*word);
    return true;
}

bool mailauth_skip_cfws(str *text)
{
    unsigned depth = 0;
    size_t i = 0;
    for (; i < text->n; i++) {
        char c = text->p[i];
        bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (c == '(' && ++depth > COMMENT_DEPTH)
            return false;
        if (depth == 0 && !is_space)
            break;
        if (depth && c == '\\')
            i++;
        if (depth && c == ')')
            depth--;
    }
    *text = str_skip(*text, i);
    return depth == 0;
}

/* One more than the value of a digit of base64, 0 for other octets: digits come as if by chance, so
 * that a processor guesses comparisons wrong. */
static const uint8_t digits[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64
};

bool mailauth_base64_decode(str text, struct buf *out)
{
    unsigned bits = 0;
    unsigned n_bits = 0;
    size_t n_digits = 0;
    size_t padding = 0;
    size_t n = 0;
    size_t most = text.n / 4 * 3 + 3; /* white space and padding counted */
    size_t room = most < out->max - out->n ? most : out->max - out->n;
    char *to = buf_reserve(out, room);
    if (!to)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=') {
            padding++;
            continue;
        }
        unsigned digit = digits[(unsigned char)c];
        if (digit == 0 || padding)
            return false;
        n_digits++;
        bits = (bits << 6 | (digit - 1)) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            if (n == room)
                return false;
            to[n++] = (char)(bits >> n_bits & 0xff);
        }
    }
    buf_commit(out, n);
    bool is_padded = padding == 0 || (n_digits + padding) % 4 == 0;
    return n_digits % 4 != 1 && padding <= 2 && is_padded;
}

bool mailauth_domain_is_within(str domain, str parent)
{
    if (parent.n == 0 || domain.n < parent.n)
        return false;
    size_t more = domain.n - parent.n;
    return str_ieq(str_skip(domain, more), parent) && (more == 0 || domain.p[more - 1] == '.');
}
