/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of single values. */
#include "config/value.h"

#include "config/dnsbl_zone.h"
#include "obs/components.h"

#include <arpa/inet.h>

struct unit {
    str name;
    int64_t factor;
};

static const struct unit byte_units[] = {
    { STR_INIT("B"), 1 },
    { STR_INIT("KB"), 1024 },
    { STR_INIT("MB"), INT64_C(1024) * 1024 },
    { STR_INIT("GB"), INT64_C(1024) * 1024 * 1024 },
    { STR_INIT(""), 1 },
};

static const struct unit time_units[] = {
    { STR_INIT("ms"), 1 },      { STR_INIT("s"), 1000 },     { STR_INIT("m"), 60000 },
    { STR_INIT("h"), 3600000 }, { STR_INIT("d"), 86400000 },
};

static const struct unit no_units[] = { { STR_INIT(""), 1 } };

bool config_type_is_list(enum config_type type)
{
    return type == TYPE_LIST || type == TYPE_NETWORKS || type == TYPE_DURATIONS ||
           type == TYPE_DNSBL || type == TYPE_COMPONENTS || type == TYPE_LEVELS;
}

/* A decimal number followed by one of the units, between the row's bounds. */
static bool parse_number(const struct config_row *row, str text, const struct unit *units, size_t n,
                         int64_t *out)
{
    size_t digits = 0;
    uint64_t value = 0;
    while (digits < text.n && ascii_is_digit(text.p[digits]))
        digits++;
    str unit = str_trim(str_skip(text, digits));
    if (!str_to_uint(str_of(text.p, digits), INT64_MAX, &value))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!str_ieq(unit, units[i].name))
            continue;
        int64_t scaled = 0;
        if (__builtin_mul_overflow((int64_t)value, units[i].factor, &scaled))
            return false;
        *out = scaled;
        return scaled >= row->least && scaled <= row->most;
    }
    return false;
}

static bool parse_bool(str text, int64_t *out)
{
    static const str words[][2] = {
        { STR_INIT("false"), STR_INIT("true") },
        { STR_INIT("no"), STR_INIT("yes") },
        { STR_INIT("off"), STR_INIT("on") },
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        for (int value = 0; value < 2; value++) {
            if (!str_ieq(text, words[i][value]))
                continue;
            *out = value;
            return true;
        }
    }
    return false;
}

static bool is_choice(const char *words, str text)
{
    str rest = str_from_cstr(words);
    while (rest.n) {
        str word;
        (void)str_cut(rest, '|', &word, &rest);
        if (str_eq(word, text))
            return true;
    }
    return false;
}

/* One line of printable text. */
static bool is_line(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return false;
    }
    return true;
}

/* The octets of a numeric IP; 0 when it is none. */
static size_t parse_ip(str text, uint8_t out[16])
{
    char cstr[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof(cstr) || str_find_byte(text, '\0') >= 0)
        return 0;
    memcpy(cstr, text.p, text.n);
    cstr[text.n] = '\0';
    if (inet_pton(AF_INET, cstr, out) == 1)
        return 4;
    return inet_pton(AF_INET6, cstr, out) == 1 ? 16 : 0;
}

/* address or address/bits, with nothing set behind the bits. */
static bool is_network(str text)
{
    str ip, bits_text;
    uint8_t octets[16];
    bool has_bits = str_cut(text, '/', &ip, &bits_text);
    size_t n = parse_ip(ip, octets);
    uint64_t bits = n * 8;
    if (n == 0 || (has_bits && (bits_text.n > 3 || !str_to_uint(bits_text, n * 8, &bits))))
        return false;
    for (uint64_t bit = bits; bit < n * 8; bit++) {
        if (octets[bit / 8] >> (7 - bit % 8) & 1)
            return false;
    }
    return true;
}

static bool is_dnsbl(str text)
{
    struct config_dnsbl_zone zone;
    struct err ignored = ERR_CLEAR;
    return config_dnsbl_zone_parse(text, &zone, &ignored);
}

/* The word of the type, and how a value looks. */
static const char *expectation(enum config_type type)
{
    static const char *const texts[] = {
        [TYPE_BOOL] = "true or false",
        [TYPE_INT] = "a number",
        [TYPE_BYTES] = "a size like 25MB",
        [TYPE_DURATION] = "a duration like 30s or 5m",
        [TYPE_TEXT] = "one line of text",
        [TYPE_CHOICE] = "one of",
        [TYPE_LIST] = "a word without comma",
        [TYPE_NETWORKS] = "a network like 10.0.0.0/8 with no bits set behind its mask",
        [TYPE_DURATIONS] = "a duration like 30s or 5m",
        [TYPE_COMPONENTS] = "a component of the log like smtp (heronry log events lists them)",
        [TYPE_LEVELS] = "a component of the log (heronry log events) and a level, as smtp=debug",
        [TYPE_DNSBL] = "a zone like dnsbl.example or dnsbl.example=127.0.0.[2..11]*2",
    };
    return texts[type];
}

static bool parse_as(const struct config_row *row, str text, int64_t *number)
{
    switch (row->type) {
    case TYPE_BOOL:
        return parse_bool(text, number);
    case TYPE_INT:
        return parse_number(row, text, no_units, COUNT_OF(no_units), number);
    case TYPE_BYTES:
        return parse_number(row, text, byte_units, COUNT_OF(byte_units), number);
    case TYPE_DURATION:
    case TYPE_DURATIONS:
        return parse_number(row, text, time_units, COUNT_OF(time_units), number);
    case TYPE_TEXT:
        return is_line(text);
    case TYPE_CHOICE:
        return is_choice(row->preset, text);
    case TYPE_LIST:
        return text.n > 0 && is_line(text) && str_find_byte(text, ',') < 0;
    case TYPE_NETWORKS:
        return is_network(text);
    case TYPE_DNSBL:
        return is_dnsbl(text);
    case TYPE_COMPONENTS:
        return obs_is_component(text);
    case TYPE_LEVELS:
        return obs_component_level_parse(text, &(str){ 0 }, &(enum obs_level){ OBS_INFO });
    }
    return false;
}

bool config_value_parse(const struct config_row *row, const char *text, int64_t *number,
                        struct err *e)
{
    *number = 0;
    if (parse_as(row, str_from_cstr(text), number))
        return true;
    /* The value itself is not shown: it may be a password behind the wrong key. */
    if (row->type == TYPE_CHOICE)
        return ERR(e, ERR_SYNTAX, "%s must be one of %s", row->key, row->preset);
    if (row->most != 0) {
        return ERR(e, ERR_SYNTAX, "%s must be %s, from %lld to %lld%s", row->key,
                   expectation(row->type), (long long)row->least, (long long)row->most,
                   row->type == TYPE_BYTES ? " bytes"
                   : row->type == TYPE_INT ? ""
                                           : " ms");
    }
    return ERR(e, ERR_SYNTAX, "%s must be %s", row->key, expectation(row->type));
}

/* Cuts ":port" off the end of *text; without one *port is 0. An IPv6 address without brackets has
 * no port. */
static bool cut_port(str *text, uint16_t *port)
{
    ptrdiff_t colon = str_rfind_byte(*text, ':');
    bool is_bare_ipv6 = colon >= 0 && text->p[0] != '[' && str_find_byte(*text, ':') != colon;
    uint64_t number = 0;
    *port = 0;
    if (colon < 0 || is_bare_ipv6 || str_has_suffix(*text, STR("]")))
        return true;
    if (!str_to_uint(str_skip(*text, (size_t)colon + 1), UINT16_MAX, &number) || number == 0)
        return false;
    *port = (uint16_t)number;
    text->n = (size_t)colon;
    return true;
}

bool config_address_parse(str text, struct arena *a, const char **host, uint16_t *port,
                          struct err *e)
{
    uint8_t octets[16];
    str ip = text;
    if (str_has_prefix(text, STR("unix:/"))) {
        *host = arena_cstr(a, text);
        return true;
    }
    if (text.n == 0 || !cut_port(&ip, port))
        return ERR(e, ERR_SYNTAX, "addr must be address:port, address or :port");
    if (ip.n == 0)
        ip = STR("127.0.0.1"); /* FEATURES 9: only we ourselves, unless told otherwise */
    bool is_bracketed = ip.n > 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']';
    if (is_bracketed)
        ip = str_slice(ip, 1, ip.n - 2);
    size_t n = parse_ip(ip, octets);
    if (!str_eq(ip, STR("*")) && (n == 0 || (is_bracketed && n != 16)))
        return ERR(e, ERR_SYNTAX, "addr must be a numeric IP address or *");
    *host = arena_cstr(a, ip);
    return true;
}
