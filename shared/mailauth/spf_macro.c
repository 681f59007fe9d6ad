/* SPDX-License-Identifier: Apache-2.0 */
/* Macros: "%{ir}.%{v}._spf.%{d2}" (RFC 7208 section 7). */
#include "mailauth/spf_record.h"

#include "base/address.h"

enum {
    MAX_PARTS = 256
};

/* "%{" letter digits ["r"] delimiters "}", taken apart. */
struct macro {
    char letter; /* lower case */
    bool is_escaped;
    unsigned keep; /* right-hand parts; 0: all */
    bool is_reversed;
    str delimiters; /* empty: "." */
    size_t n;       /* octets of the whole */
};

static bool is_delimiter(char c)
{
    return str_find_byte(STR(".-+,/_="), c) >= 0;
}

/* A number of parts; one that no name has means all of them, 0 is none by the grammar. */
static bool parse_keep(str digits, unsigned *keep)
{
    uint64_t value = MAX_PARTS + 1;
    while (digits.n && digits.p[0] == '0')
        digits = str_skip(digits, 1);
    (void)str_to_uint(digits, MAX_PARTS, &value);
    *keep = value > MAX_PARTS ? 0 : (unsigned)value;
    return digits.n > 0;
}

/* Reads the macro at the start of the text. */
static bool parse(str text, struct macro *out)
{
    ptrdiff_t end = str_has_prefix(text, STR("%{")) ? str_find_byte(text, '}') : -1;
    if (end < 3)
        return false;
    str inner = str_slice(text, 2, (size_t)end - 2);
    *out = (struct macro){ .letter = ascii_lower(inner.p[0]), .n = (size_t)end + 1 };
    out->is_escaped = out->letter != inner.p[0];
    size_t at = 1;
    size_t digits = 0;
    while (at + digits < inner.n && ascii_is_digit(inner.p[at + digits]))
        digits++;
    if (digits && !parse_keep(str_slice(inner, at, digits), &out->keep))
        return false;
    at += digits;
    if (at < inner.n && ascii_lower(inner.p[at]) == 'r') {
        out->is_reversed = true;
        at++;
    }
    out->delimiters = str_skip(inner, at);
    for (size_t i = 0; i < out->delimiters.n; i++) {
        if (!is_delimiter(out->delimiters.p[i]))
            return false;
    }
    return str_find_byte(STR("slodiphcrtv"), out->letter) >= 0;
}

bool spf_macro_is_valid(str text, bool explains)
{
    struct macro macro;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c != '%') {
            if (c < (explains ? 0x20 : 0x21) || c > 0x7e)
                return false;
            continue;
        }
        str rest = str_skip(text, i);
        if (rest.n > 1 && str_find_byte(STR("%_-"), rest.p[1]) >= 0) {
            i++;
            continue;
        }
        if (!parse(rest, &macro) || (!explains && str_find_byte(STR("crt"), macro.letter) >= 0))
            return false;
        i += macro.n - 1;
    }
    return true;
}

bool spf_macro_is_last(str text)
{
    struct macro macro;
    bool is_last = false;
    for (size_t i = 0; i < text.n; i++) {
        is_last = text.p[i] == '%';
        if (is_last)
            i += parse(str_skip(text, i), &macro) ? macro.n - 1 : 1;
    }
    return is_last;
}

bool spf_macro_uses(str text, str letters)
{
    struct macro macro;
    for (size_t i = 0; i + 1 < text.n; i++) {
        if (text.p[i] != '%')
            continue;
        if (text.p[i + 1] != '{') {
            i++;
            continue;
        }
        if (parse(str_skip(text, i), &macro) && str_find_byte(letters, macro.letter) >= 0)
            return true;
    }
    return false;
}

/* ---- values ---- */

/* The client as %{i}: dotted decimal, or each nibble of an IPv6 address. */
static str dotted(struct arena *a, const struct net_address *client)
{
    static const char hex[] = "0123456789ABCDEF";
    uint8_t octets[16];
    size_t n = net_address_octets(client, octets);
    if (n == 4)
        return arena_printf(a, "%u.%u.%u.%u", octets[0], octets[1], octets[2], octets[3]);
    char *p = arena_alloc(a, 64);
    for (size_t i = 0; i < n; i++) {
        p[i * 4] = hex[octets[i] >> 4];
        p[i * 4 + 1] = '.';
        p[i * 4 + 2] = hex[octets[i] & 15];
        p[i * 4 + 3] = '.';
    }
    return str_of(p, n ? n * 4 - 1 : 0);
}

static str value_of(struct arena *a, char letter, const struct spf_macros *m)
{
    char text[NET_ADDRESS_TEXT];
    switch (letter) {
    case 's':
        return m->sender;
    case 'l':
        return address_local(m->sender);
    case 'o':
        return address_domain_or_all(m->sender);
    case 'd':
        return m->domain;
    case 'i':
        return dotted(a, m->client);
    case 'p':
        return m->validated;
    case 'v':
        return net_address_is_ipv4(m->client) ? STR("in-addr") : STR("ip6");
    case 'h':
        return m->helo;
    case 'c':
        return arena_str(a, net_address_ip(m->client, text));
    case 'r':
        return m->receiver;
    default:
        return arena_printf(a, "%lld", (long long)m->now_s);
    }
}

/* ---- transformers ---- */

static size_t split(str value, str delimiters, str parts[MAX_PARTS])
{
    size_t n = 0;
    size_t start = 0;
    for (size_t i = 0; i <= value.n; i++) {
        bool cuts = i == value.n || str_find_byte(delimiters, value.p[i]) >= 0;
        if (!cuts || n == MAX_PARTS)
            continue;
        parts[n++] = str_slice(value, start, i - start);
        start = i + 1;
    }
    return n;
}

static bool is_unreserved(char c)
{
    return ascii_is_alnum(c) || str_find_byte(STR("-._~"), c) >= 0;
}

static bool add_part(struct buf *out, str part, bool is_escaped)
{
    bool ok = true;
    for (size_t i = 0; ok && i < part.n; i++) {
        ok = !is_escaped || is_unreserved(part.p[i])
                 ? buf_add_byte(out, part.p[i])
                 : buf_addf(out, "%%%02X", (unsigned)(unsigned char)part.p[i]);
    }
    return ok;
}

static bool add_macro(struct arena *a, const struct macro *macro, const struct spf_macros *m,
                      struct buf *out)
{
    str *parts = ARENA_ARRAY(a, str, MAX_PARTS);
    str delimiters = macro->delimiters.n ? macro->delimiters : STR(".");
    str value = value_of(a, macro->letter, m);
    if (!macro->keep && !macro->is_reversed && !macro->delimiters.n)
        return add_part(out, value, macro->is_escaped);
    size_t n = split(value, delimiters, parts);
    size_t keep = macro->keep && macro->keep < n ? macro->keep : n;
    bool ok = true;
    for (size_t i = 0; ok && i < keep; i++) {
        size_t from_left = n - keep + i;
        const str part = macro->is_reversed ? parts[keep - 1 - i] : parts[from_left];
        ok = (i == 0 || buf_add_byte(out, '.')) && add_part(out, part, macro->is_escaped);
    }
    return ok;
}

static bool expand(struct arena *a, str text, const struct spf_macros *m, struct buf *out)
{
    struct macro macro;
    bool ok = true;
    for (size_t i = 0; ok && i < text.n; i++) {
        str rest = str_skip(text, i);
        if (text.p[i] != '%') {
            ok = buf_add_byte(out, text.p[i]);
        } else if (parse(rest, &macro)) {
            ok = add_macro(a, &macro, m, out);
            i += macro.n - 1;
        } else {
            str pair = str_slice(rest, 0, 2);
            ok = buf_add(out, str_eq(pair, STR("%-"))   ? STR("%20")
                              : str_eq(pair, STR("%_")) ? STR(" ")
                                                        : STR("%"));
            i++;
        }
    }
    return ok;
}

bool spf_macro_expand(struct arena *a, str text, const struct spf_macros *macros, bool explains,
                      str *out)
{
    struct buf made;
    buf_init(&made, SPF_MAX_EXPANSION);
    bool ok = expand(a, text, macros, &made);
    str all = arena_str(a, buf_str(&made));
    buf_fini(&made);
    if (!explains && all.n && all.p[all.n - 1] == '.')
        all.n--;
    while (!explains && all.n > SPF_MAX_DOMAIN) {
        str head;
        if (!str_cut(all, '.', &head, &all))
            break; /* one label that no name can have: nobody knows it (section 4.3) */
    }
    *out = all;
    return ok;
}
