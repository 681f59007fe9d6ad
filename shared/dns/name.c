/* SPDX-License-Identifier: Apache-2.0 */
/* Domain names: from the wire, from people, and for asking; and texts from the wire. Pure. */
#include "dns/name.h"

#include "base/idn.h"
#include "dns/dns.h"

enum {
    LABEL_MAX = 63,
    WIRE_MAX = 255 /* RFC 1035 2.3.4 */
};

/* A label that can be written as text without escapes. Host names need no more, and a dot or a NUL
 * inside of a label is how attackers make one name look like another. */
static bool add_label(str label, struct buf *out)
{
    for (size_t i = 0; i < label.n; i++) {
        unsigned char c = (unsigned char)label.p[i];
        if (c <= ' ' || c >= 0x7f || c == '.' || c == '\\')
            return false;
    }
    return buf_add(out, label);
}

str dns_join_txt(struct arena *a, str rdata)
{
    char *p = arena_alloc(a, rdata.n + 1);
    size_t n = 0;
    for (size_t at = 0; at < rdata.n;) {
        size_t length = (unsigned char)rdata.p[at++];
        if (length > rdata.n - at)
            return STR_EMPTY;
        memcpy(p + n, rdata.p + at, length);
        n += length;
        at += length;
    }
    return str_of(p, n);
}

bool dns_parse_name(str rdata, size_t at, struct buf *out, size_t *end)
{
    size_t start = at;
    size_t before = out->n;
    for (;;) {
        if (at >= rdata.n || at - start >= WIRE_MAX)
            break;
        size_t n = (unsigned char)rdata.p[at++];
        if (n == 0) {
            *end = at;
            return true;
        }
        if (n > LABEL_MAX || n > rdata.n - at || at + n - start > WIRE_MAX - 1)
            break;
        if (out->n > before && !buf_add_byte(out, '.'))
            break;
        if (!add_label(str_slice(rdata, at, n), out))
            break;
        at += n;
    }
    buf_truncate(out, before);
    return false;
}

bool dns_name_is_valid(str name)
{
    str rest = str_has_suffix(name, STR(".")) ? str_slice(name, 0, name.n - 1) : name;
    if (rest.n == 0 || rest.n > DNS_NAME_MAX || memchr(rest.p, '\0', rest.n))
        return false;
    bool more = true;
    while (more) {
        str label;
        str after;
        more = str_cut(rest, '.', &label, &after);
        if (label.n == 0 || label.n > LABEL_MAX || str_find_byte(label, '\\') >= 0)
            return false;
        rest = after;
    }
    return true;
}

/* Letters, digits and hyphens, no hyphen at an end of a label (RFC 5321 4.1.2, RFC 1123 2.1). */
static bool is_host_name(str name)
{
    if (!dns_name_is_valid(name) || str_has_suffix(name, STR(".")))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool at_edge = i == 0 || i + 1 == name.n || name.p[i - 1] == '.' || name.p[i + 1] == '.';
        if (!ascii_is_alnum(c) && c != '.' && (c != '-' || at_edge))
            return false;
    }
    return true;
}

bool dns_domain_to_ascii(struct arena *a, str domain, str *out, struct err *e)
{
    if (!idn_domain_to_ascii(a, domain, out, e))
        return false;
    return is_host_name(*out) || ERR(e, ERR_SYNTAX, "no domain name");
}
