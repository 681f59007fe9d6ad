/* SPDX-License-Identifier: Apache-2.0 */
/* Pure parsers for what stands in query strings and header fields. */
#include "http/http_values.h"

#include "base/percent.h"
#include "base/utf8.h"

enum {
    FILENAME_MAX_OCTETS = 200
};

/* A name or value of a form, where '+' is a space. */
static bool decode_text(struct arena *a, str s, str *out, struct err *e)
{
    char *spaced = arena_cstr(a, s);
    for (size_t i = 0; i < s.n; i++) {
        if (spaced[i] == '+')
            spaced[i] = ' ';
    }
    if (!percent_decode(a, str_of(spaced, s.n), out))
        return ERR(e, ERR_SYNTAX, "the query has a bad percent sign");
    if (!utf8_is_valid(*out))
        return ERR(e, ERR_SYNTAX, "the query is not UTF-8");
    return true;
}

bool http_query_parse(struct arena *a, str query, struct http_query *out, struct err *e)
{
    *out = (struct http_query){ .n = 0 };
    if (query.n == 0)
        return true;
    out->list = ARENA_ARRAY(a, struct http_pair, HTTP_QUERY_MAX);
    while (query.n > 0) {
        str pair;
        str name;
        str value;
        (void)str_cut(query, '&', &pair, &query);
        if (pair.n == 0)
            continue;
        if (out->n == HTTP_QUERY_MAX)
            return ERR(e, ERR_LIMIT, "the query has more than %d parts", HTTP_QUERY_MAX);
        (void)str_cut(pair, '=', &name, &value);
        struct http_pair *to = &out->list[out->n];
        if (!decode_text(a, name, &to->name, e) || !decode_text(a, value, &to->value, e))
            return false;
        out->n++;
    }
    return true;
}

bool http_cookie_find(str field, str name, str *value)
{
    bool is_found = false;
    while (field.n > 0) {
        str pair;
        str one;
        str text;
        (void)str_cut(field, ';', &pair, &field);
        if (!str_cut(str_trim(pair), '=', &one, &text) || !str_eq(str_trim(one), name))
            continue;
        text = str_trim(text);
        if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
            text = str_slice(text, 1, text.n - 2);
        if (is_found && !str_eq(*value, text))
            return false;
        *value = text;
        is_found = true;
    }
    return is_found;
}

enum http_range http_range_parse(str field, uint64_t length, uint64_t *first, uint64_t *count)
{
    str left;
    str right;
    uint64_t from = 0;
    uint64_t to = 0;
    field = str_trim(field);
    if (!str_has_iprefix(field, STR("bytes=")))
        return HTTP_RANGE_NONE;
    field = str_trim(str_skip(field, 6));
    if (!str_cut(field, '-', &left, &right))
        return HTTP_RANGE_NONE;
    left = str_trim(left);
    right = str_trim(right);
    bool has_from = str_to_uint(left, UINT64_MAX / 2, &from);
    bool has_to = str_to_uint(right, UINT64_MAX / 2, &to);
    if ((!has_from && left.n > 0) || (!has_to && right.n > 0) || (!has_from && !has_to))
        return HTTP_RANGE_NONE; /* a list, or nonsense: RFC 9110 14.2 lets us ignore it */
    if (!has_from) {
        if (to == 0 || length == 0)
            return HTTP_RANGE_UNFIT;
        *count = to < length ? to : length;
        *first = length - *count;
        return HTTP_RANGE_ONE;
    }
    if (has_to && to < from)
        return HTTP_RANGE_NONE;
    if (from >= length)
        return HTTP_RANGE_UNFIT;
    *first = from;
    *count = has_to && to < length ? to - from + 1 : length - from;
    return HTTP_RANGE_ONE;
}

bool http_etag_matches(str field, str etag, bool strong)
{
    bool is_weak = str_has_prefix(etag, STR("W/"));
    str tag = is_weak ? str_skip(etag, 2) : etag;
    if (str_eq(str_trim(field), STR("*")))
        return true;
    while (field.n > 0) {
        str one;
        (void)str_cut(field, ',', &one, &field); /* our own tags hold no comma */
        one = str_trim(one);
        bool one_is_weak = str_has_prefix(one, STR("W/"));
        if (one_is_weak)
            one = str_skip(one, 2);
        if (str_eq(one, tag) && !(strong && (is_weak || one_is_weak)))
            return true;
    }
    return false;
}

/* Characters that would change how the name is read: control, direction, and what separates
 * folders. */
static bool is_harmful(uint32_t cp)
{
    bool is_control = cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
    bool is_direction = cp == 0x061c || cp == 0x200e || cp == 0x200f ||
                        (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
    return is_control || is_direction || cp == '/' || cp == '\\' || cp == '"' || cp == 0xfffd ||
           cp == 0x2028 || cp == 0x2029;
}

static void clean_name(str filename, struct buf *out)
{
    str rest = filename;
    while (rest.n > 0) {
        uint32_t cp = 0xfffd;
        size_t n = utf8_decode(rest, &cp);
        if (n == 0)
            n = 1;
        bool is_leading_dot = out->n == 0 && cp == '.';
        bool fits = is_harmful(cp) || is_leading_dot ? buf_add_byte(out, '_')
                                                     : buf_add(out, str_slice(rest, 0, n));
        if (!fits)
            return;
        rest = str_skip(rest, n);
    }
}

bool http_disposition_format(struct buf *out, bool attachment, str filename)
{
    struct buf clean;
    buf_init(&clean, FILENAME_MAX_OCTETS);
    clean_name(filename, &clean);
    str name = str_trim(buf_str(&clean));
    if (name.n == 0)
        name = STR("unnamed");
    bool fits = buf_add(out, attachment ? STR("attachment") : STR("inline")) &&
                buf_add(out, STR("; filename=\""));
    bool is_ascii = true;
    for (size_t i = 0; i < name.n && fits; i++) {
        bool is_high = (unsigned char)name.p[i] >= 0x80;
        is_ascii = is_ascii && !is_high;
        /* Some browsers decode a percent sign in the plain form. */
        bool is_plain = !is_high && name.p[i] != '%';
        fits = buf_add(out, is_plain ? str_slice(name, i, 1) : STR("_"));
    }
    fits = fits && buf_add_byte(out, '"');
    if (!is_ascii || str_find_byte(name, '%') >= 0) {
        fits = fits && buf_add(out, STR("; filename*=UTF-8''")) &&
               percent_encode(out, name, STR_EMPTY);
    }
    buf_fini(&clean);
    return fits;
}
