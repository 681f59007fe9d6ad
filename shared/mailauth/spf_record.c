/* SPDX-License-Identifier: Apache-2.0 */
/* Terms of a record. All of it is read before any of it is used: an error in the last term makes
 * the whole record an error (RFC 7208 section 4.6). */
#include "mailauth/spf_record.h"

static bool is_alnum_name(str name)
{
    if (name.n == 0 || !ascii_is_alpha(name.p[0]))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!ascii_is_alnum(name.p[i]) && str_find_byte(STR("-_."), name.p[i]) < 0)
            return false;
    }
    return true;
}

bool spf_record_is(str text)
{
    return str_has_iprefix(text, STR("v=spf1")) && (text.n == 6 || text.p[6] == ' ');
}

/* ---- domain-spec ---- */

/* toplabel: letters, digits and inner hyphens, not only digits. */
static bool is_top_label(str label)
{
    bool has_letter = false;
    if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
        has_letter |= !ascii_is_digit(label.p[i]);
    }
    return has_letter;
}

static bool is_domain_spec(str text)
{
    if (text.n == 0 || !spf_macro_is_valid(text, false))
        return false;
    if (spf_macro_is_last(text))
        return true;
    if (text.p[text.n - 1] == '.')
        text.n--;
    ptrdiff_t dot = str_rfind_byte(text, '.');
    return dot >= 0 && is_top_label(str_skip(text, (size_t)dot + 1));
}

/* ---- prefix lengths ---- */

static bool parse_bits(str digits, unsigned max, unsigned *bits)
{
    uint64_t value = 0;
    if (digits.n == 0 || digits.n > 3 || (digits.n > 1 && digits.p[0] == '0') ||
        !str_to_uint(digits, max, &value))
        return false;
    *bits = (unsigned)value;
    return true;
}

/* Where "/24", "//64" or "/24//64" begins at the end of the text; text.n when there is none. */
static size_t cidr_start(str text)
{
    size_t at = text.n;
    while (at > 0 && (ascii_is_digit(text.p[at - 1]) || text.p[at - 1] == '/'))
        at--;
    while (at < text.n && text.p[at] != '/')
        at++; /* digits that belong to the domain */
    return at;
}

static bool parse_dual_cidr(str cidr, struct spf_term *term)
{
    str four = cidr;
    ptrdiff_t two = str_find(cidr, STR("//"));
    if (two >= 0) {
        four = str_slice(cidr, 0, (size_t)two);
        if (!parse_bits(str_skip(cidr, (size_t)two + 2), 128, &term->bits6))
            return false;
    }
    return four.n == 0 || parse_bits(str_skip(four, 1), 32, &term->bits4);
}

/* ---- mechanisms ---- */

/* What a mechanism may have behind its name. */
enum argument {
    ARGUMENT_NONE,
    ARGUMENT_DOMAIN,        /* ":" domain-spec */
    ARGUMENT_OPTIONAL,      /* the same, or nothing */
    ARGUMENT_OPTIONAL_CIDR, /* the same, and prefix lengths */
    ARGUMENT_IP4,
    ARGUMENT_IP6
};

static const struct {
    str name;
    enum spf_mechanism mechanism;
    enum argument argument;
} mechanisms[] = {
    { STR_INIT("all"), SPF_ALL, ARGUMENT_NONE },
    { STR_INIT("include"), SPF_INCLUDE, ARGUMENT_DOMAIN },
    { STR_INIT("a"), SPF_A, ARGUMENT_OPTIONAL_CIDR },
    { STR_INIT("mx"), SPF_MX, ARGUMENT_OPTIONAL_CIDR },
    { STR_INIT("ptr"), SPF_PTR, ARGUMENT_OPTIONAL },
    { STR_INIT("ip4"), SPF_IP4, ARGUMENT_IP4 },
    { STR_INIT("ip6"), SPF_IP6, ARGUMENT_IP6 },
    { STR_INIT("exists"), SPF_EXISTS, ARGUMENT_DOMAIN },
};

/* ":192.0.2.0/24". Bits below the mask may be set, they do not count. */
static bool parse_network(str argument, bool is_ip6, struct spf_term *term)
{
    struct net_address address;
    str ip, bits;
    if (argument.n < 2 || argument.p[0] != ':')
        return false;
    bool has_bits = str_cut(str_skip(argument, 1), '/', &ip, &bits);
    unsigned *length = is_ip6 ? &term->bits6 : &term->bits4;
    if (has_bits && !parse_bits(bits, is_ip6 ? 128 : 32, length))
        return false;
    if ((str_find_byte(ip, ':') >= 0) != is_ip6 || !net_address_parse_ip(ip, &address, NULL))
        return false;
    uint8_t octets[16];
    size_t n = net_address_octets(&address, octets);
    if (!is_ip6 && n != 4)
        return false;
    memset(term->network.ip, 0, sizeof(term->network.ip));
    if (n == 4) {
        term->network.ip[10] = term->network.ip[11] = 0xff;
        memcpy(term->network.ip + 12, octets, 4);
    } else {
        memcpy(term->network.ip, octets, 16);
    }
    term->network.bits = is_ip6 ? term->bits6 : 96 + term->bits4;
    return true;
}

static bool parse_domain(str argument, bool is_optional, struct spf_term *term)
{
    if (argument.n == 0)
        return is_optional;
    term->domain = str_skip(argument, 1);
    return argument.p[0] == ':' && is_domain_spec(term->domain);
}

static bool parse_argument(enum argument kind, str argument, struct spf_term *term)
{
    size_t cidr = 0;
    switch (kind) {
    case ARGUMENT_NONE:
        return argument.n == 0;
    case ARGUMENT_DOMAIN:
    case ARGUMENT_OPTIONAL:
        return parse_domain(argument, kind == ARGUMENT_OPTIONAL, term);
    case ARGUMENT_OPTIONAL_CIDR:
        cidr = cidr_start(argument);
        return parse_dual_cidr(str_skip(argument, cidr), term) &&
               parse_domain(str_slice(argument, 0, cidr), true, term);
    case ARGUMENT_IP4:
    case ARGUMENT_IP6:
        return parse_network(argument, kind == ARGUMENT_IP6, term);
    }
    return false;
}

static enum mailauth_result parse_qualifier(str *text)
{
    static const struct {
        char sign;
        enum mailauth_result result;
    } qualifiers[] = { { '+', MAILAUTH_PASS },
                       { '-', MAILAUTH_FAIL },
                       { '~', MAILAUTH_SOFTFAIL },
                       { '?', MAILAUTH_NEUTRAL } };
    for (size_t i = 0; i < COUNT_OF(qualifiers); i++) {
        if (text->n && text->p[0] == qualifiers[i].sign) {
            *text = str_skip(*text, 1);
            return qualifiers[i].result;
        }
    }
    return MAILAUTH_PASS;
}

static bool parse_mechanism(str text, struct spf_term *term)
{
    *term = (struct spf_term){ .text = text, .bits4 = 32, .bits6 = 128 };
    term->result = parse_qualifier(&text);
    size_t n = 0;
    while (n < text.n && text.p[n] != ':' && text.p[n] != '/')
        n++;
    str name = str_slice(text, 0, n);
    for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
        if (!str_ieq(name, mechanisms[i].name))
            continue;
        term->mechanism = mechanisms[i].mechanism;
        return parse_argument(mechanisms[i].argument, str_skip(text, n), term);
    }
    return false;
}

/* ---- modifiers ---- */

/* name=macro-string: the '=' comes before any ':' or '/'. */
static bool is_modifier(str text)
{
    ptrdiff_t at = str_find_byte(text, '=');
    return at > 0 && is_alnum_name(str_slice(text, 0, (size_t)at));
}

static bool parse_modifier(str text, struct spf_record *out)
{
    str name, value;
    (void)str_cut(text, '=', &name, &value);
    str *known = str_ieq(name, STR("redirect")) ? &out->redirect
                 : str_ieq(name, STR("exp"))    ? &out->explain
                                                : NULL;
    if (!known)
        return spf_macro_is_valid(value, true); /* unknown ones are ignored (section 6) */
    if (known->n || !is_domain_spec(value))
        return false;
    *known = value;
    return true;
}

bool spf_record_parse(struct arena *a, str text, struct spf_record *out, struct err *e)
{
    *out = (struct spf_record){ .terms = ARENA_ARRAY(a, struct spf_term, SPF_MAX_TERMS) };
    str rest = str_skip(text, 6);
    while (rest.n) {
        str word;
        (void)str_cut(rest, ' ', &word, &rest);
        if (word.n == 0)
            continue;
        bool ok = true;
        if (is_modifier(word)) {
            ok = parse_modifier(word, out);
        } else if (out->n == SPF_MAX_TERMS) {
            return ERR(e, ERR_SYNTAX, "more than %d terms", SPF_MAX_TERMS);
        } else {
            ok = parse_mechanism(word, &out->terms[out->n++]);
        }
        if (!ok)
            return ERR(e, ERR_SYNTAX, "a term that is none: %.*s", STR_FMT(str_slice(word, 0, 60)));
    }
    return true;
}
