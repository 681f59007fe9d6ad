/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the DNS as they are written in the file. */
#include "config/dnsbl_zone.h"

static void set_range(uint64_t set[4], uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++)
        set[i / 64] |= 1ULL << i % 64;
}

static bool read_number(str *rest, uint64_t *out)
{
    size_t n = 0;
    while (n < rest->n && ascii_is_digit(rest->p[n]))
        n++;
    bool ok = n > 0 && n <= 3 && str_to_uint(str_slice(*rest, 0, n), 255, out);
    *rest = str_skip(*rest, n);
    return ok;
}

static bool read_text(str *rest, str text)
{
    if (!str_has_prefix(*rest, text))
        return false;
    *rest = str_skip(*rest, text.n);
    return true;
}

/* A number, or [2;4;10..12]. */
static bool read_octet(str *rest, uint64_t set[4])
{
    uint64_t from;
    uint64_t to;
    if (!read_text(rest, STR("["))) {
        if (!read_number(rest, &from))
            return false;
        set_range(set, from, from);
        return true;
    }
    do {
        if (!read_number(rest, &from))
            return false;
        to = from;
        if (read_text(rest, STR("..")) && !(read_number(rest, &to) && to >= from))
            return false;
        set_range(set, from, to);
    } while (read_text(rest, STR(";")));
    return read_text(rest, STR("]"));
}

static bool read_answers(str text, uint64_t octets[4][4])
{
    for (size_t i = 0; i < 4; i++) {
        if ((i > 0 && !read_text(&text, STR("."))) || !read_octet(&text, octets[i]))
            return false;
    }
    return text.n == 0;
}

static bool read_weight(str text, int64_t *out)
{
    uint64_t number;
    bool is_minus = read_text(&text, STR("-"));
    if (!str_to_uint(text, CONFIG_DNSBL_WEIGHT_MAX, &number) || number == 0)
        return false;
    *out = is_minus ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool is_zone(str text)
{
    str rest = text;
    while (rest.n > 0) {
        str label;
        (void)str_cut(rest, '.', &label, &rest);
        for (size_t i = 0; i < label.n; i++) {
            char c = ascii_lower(label.p[i]);
            if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_')
                return false;
        }
        if (label.n == 0 || label.n > 63)
            return false;
    }
    return text.n > 0 && text.n <= CONFIG_DNSBL_ZONE_MAX && text.p[text.n - 1] != '.';
}

bool config_dnsbl_zone_parse(str text, struct config_dnsbl_zone *out, struct err *e)
{
    str answers;
    str weight;
    *out = (struct config_dnsbl_zone){ .weight = 1 };
    bool ok = !str_cut(text, '*', &text, &weight) || read_weight(weight, &out->weight);
    if (str_cut(text, '=', &out->zone, &answers)) {
        ok = ok && read_answers(answers, out->octets);
    } else {
        for (size_t i = 0; i < 4; i++)
            set_range(out->octets[i], 0, 255);
    }
    return (ok && is_zone(out->zone)) ||
           ERR(e, ERR_SYNTAX, "write zone, zone*weight or zone=127.0.0.[2..11]*weight");
}

static bool has(const uint64_t set[4], uint8_t octet)
{
    return set[octet / 64] >> octet % 64 & 1;
}

bool config_dnsbl_zone_counts(const struct config_dnsbl_zone *zone, const uint8_t answer[4])
{
    static const uint8_t kept_free[] = { 127, 0, 0, 1 };
    static const uint8_t error[] = { 127, 255, 255 };
    if (answer[0] != 127 || memcmp(answer, kept_free, 4) == 0 || memcmp(answer, error, 3) == 0)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (!has(zone->octets[i], answer[i]))
            return false;
    }
    return true;
}
