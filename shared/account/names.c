/* SPDX-License-Identifier: Apache-2.0 */
/* The written form of domains and addresses in the directory: pure checks and lower-casing. */
#include "account/account.h"
#include "base/address.h"
#include "base/idn.h"
#include "base/utf8.h"

enum {
    LABEL_MAX = 63,
    SPELLED_MAX = 4 * ACCOUNT_LOCAL_MAX /* octets of a local part before it is composed */
};

static bool is_label_byte(char c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_';
}

static bool is_label(str label)
{
    if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        if (!is_label_byte(label.p[i]))
            return false;
    }
    return true;
}

bool account_domain_normalize(struct arena *a, str domain, str *out, struct err *e)
{
    str ascii = domain;
    if (!utf8_is_ascii(domain) && !idn_domain_to_ascii(a, domain, &ascii, NULL))
        return ERR(e, ERR_SYNTAX, "\"%.*s\" is not a domain name", STR_FMT(domain));
    if (ascii.n == 0 || ascii.n > ACCOUNT_DOMAIN_MAX)
        return ERR(e, ERR_SYNTAX, "a domain has 1 to %d characters", ACCOUNT_DOMAIN_MAX);
    str rest = ascii;
    bool more = true;
    while (more) {
        str label;
        more = str_cut(rest, '.', &label, &rest);
        if (!is_label(label))
            return ERR(e, ERR_SYNTAX, "\"%.*s\" is not a domain name", STR_FMT(domain));
    }
    *out = arena_lower(a, ascii);
    return true;
}

static bool is_local_byte(char c)
{
    unsigned char u = (unsigned char)c;
    return u > 0x20 && u != 0x7f;
}

bool account_address_normalize(struct arena *a, str address, str *local, str *domain, struct err *e)
{
    str name;
    str behind;
    if (!address_split(address, &name, &behind))
        return ERR(e, ERR_SYNTAX, "\"%.*s\" is not an address: there is no '@'", STR_FMT(address));
    if (!utf8_is_ascii(name) && (name.n > SPELLED_MAX || !idn_local_fold(a, name, &name)))
        return ERR(e, ERR_SYNTAX, "\"%.*s\" is not an address", STR_FMT(address));
    if (name.n == 0 || name.n > ACCOUNT_LOCAL_MAX)
        return ERR(e, ERR_SYNTAX, "before the '@' stand 1 to %d characters", ACCOUNT_LOCAL_MAX);
    for (size_t i = 0; i < name.n; i++) {
        if (!is_local_byte(name.p[i]) || name.p[i] == '@')
            return ERR(e, ERR_SYNTAX, "\"%.*s\" is not an address", STR_FMT(address));
    }
    if (!account_domain_normalize(a, behind, domain, e))
        return false;
    *local = arena_lower(a, name);
    return true;
}
