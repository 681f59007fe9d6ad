/* SPDX-License-Identifier: Apache-2.0 */
/* URIs that reports go to. */
#include "reports/address.h"

#include "base/percent.h"
#include "dns/dns.h"
#include "mailauth/tags.h"
#include "wire/smtp_path.h"

/* ---- sizes ---- */

/* "10m" and the like: RFC 7489 section 6.3, which receivers still write. */
static bool parse_size(str text, uint64_t *out)
{
    static const struct {
        char unit;
        unsigned shift;
    } units[] = { { 'k', 10 }, { 'm', 20 }, { 'g', 30 }, { 't', 40 } };
    unsigned shift = 0;
    if (!text.n)
        return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (ascii_lower(text.p[text.n - 1]) == units[i].unit)
            shift = units[i].shift;
    }
    if (shift)
        text.n--;
    if (!str_to_uint(text, 1U << 20, out))
        return false;
    *out <<= shift;
    return true;
}

/* ---- one URI ---- */

static bool parse_mailto(str text, struct arena *a, struct reports_uri *out)
{
    struct smtp_path path;
    struct err ignored = ERR_CLEAR;
    str address, rest, decoded;
    (void)str_cut(text, '?', &address, &rest);
    if (!percent_decode(a, address, &decoded) ||
        smtp_mailbox_parse(decoded, a, &path) != SMTP_GOOD ||
        !dns_domain_to_ascii(a, path.domain, &out->host, &ignored))
        return false;
    out->target = arena_str(a, decoded);
    for (size_t i = 0; i < decoded.n; i++) {
        if (decoded.p[i] <= ' ' || decoded.p[i] > '~')
            return false;
    }
    return true;
}

static bool parse_https(str text, struct arena *a, struct reports_uri *out)
{
    if (text.n > REPORTS_URL_MAX || text.n <= sizeof("https://") - 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    }
    out->is_https = true;
    out->target = arena_str(a, text);
    return true;
}

static bool parse_uri(enum reports_kind kind, str text, struct arena *a, struct reports_uri *out)
{
    static const str mailto = STR_INIT("mailto:");
    *out = (struct reports_uri){ .is_https = false };
    if (kind == REPORTS_TLS && str_has_iprefix(text, STR("https://")))
        return parse_https(text, a, out);
    if (!str_has_iprefix(text, mailto))
        return false;
    text = str_skip(text, mailto.n);
    ptrdiff_t at = kind == REPORTS_DMARC ? str_rfind_byte(text, '!') : -1;
    if (at >= 0 && !parse_size(str_skip(text, (size_t)at + 1), &out->max_bytes))
        return false;
    return parse_mailto(at >= 0 ? str_slice(text, 0, (size_t)at) : text, a, out);
}

static bool is_listed(const struct reports_uris *uris, const struct reports_uri *one)
{
    for (size_t i = 0; i < uris->n; i++) {
        if (uris->list[i].is_https == one->is_https && str_ieq(uris->list[i].target, one->target))
            return true;
    }
    return false;
}

void reports_uris_parse(enum reports_kind kind, str rua, struct arena *a, struct reports_uris *out)
{
    str word;
    out->n = 0;
    while (out->n < REPORTS_URIS_MAX && mailauth_next_word(&rua, ',', &word)) {
        struct reports_uri *one = &out->list[out->n];
        if (parse_uri(kind, word, a, one) && !is_listed(out, one))
            out->n++;
    }
}

/* ---- the record of TLS-RPT ---- */

/* Whether the record is of our version: that comes first, and nothing but a ';' follows it. */
static bool is_tls_record(str record)
{
    str version, rest;
    (void)str_cut(record, ';', &version, &rest);
    return str_eq(str_trim(version), STR("v=TLSRPTv1"));
}

static bool find_rua(str record, str *rua)
{
    str field, name, value;
    bool more = true;
    while (more) {
        more = str_cut(record, ';', &field, &record);
        if (str_cut(field, '=', &name, &value) && str_eq(str_trim(name), STR("rua"))) {
            *rua = str_trim(value);
            return rua->n > 0;
        }
    }
    return false;
}

bool reports_tls_record_find(const str *records, size_t n, str *rua, struct err *e)
{
    size_t found = 0;
    str record = STR_EMPTY;
    for (size_t i = 0; i < n; i++) {
        if (!is_tls_record(records[i]))
            continue;
        record = records[i];
        found++;
    }
    if (found == 0)
        return ERR(e, ERR_NOT_FOUND, "no record of TLSRPTv1");
    if (found > 1)
        return ERR(e, ERR_SYNTAX, "several records of TLSRPTv1");
    return find_rua(record, rua) || ERR(e, ERR_SYNTAX, "a record of TLSRPTv1 without rua=");
}
