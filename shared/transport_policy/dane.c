/* SPDX-License-Identifier: Apache-2.0 */
/* Under which name a host has TLSA records, and which of them count. */
#include "transport_policy/dane.h"

struct search {
    struct dns *dns;
    const struct dane_host *host;
    struct arena *a;
    int64_t deadline_ms;
};

/* *n stays 0 when there are no records that DNSSEC vouches for. Yields. */
YIELDS static bool ask(const struct search *s, str base, const str **rdata, size_t *n,
                       struct err *e)
{
    struct dns_answer answer;
    struct err fault = ERR_CLEAR;
    str name = arena_printf(s->a, "_%u._tcp.%.*s", s->host->port, STR_FMT(base));
    *n = 0;
    if (!dns_query(s->dns, name, DNS_TLSA, s->a, s->deadline_ms, &answer, &fault)) {
        if (fault.kind == ERR_SYNTAX)
            return true; /* with the prefix it is too long to exist */
        *e = fault;
        return false;
    }
    if (answer.status == DNS_BOGUS)
        return ERR(e, ERR_DENIED, "the TLSA records have a wrong DNSSEC signature");
    if (answer.status == DNS_TEMPFAIL)
        return ERR(e, ERR_UNAVAILABLE, "the TLSA records could not be looked up");
    if (answer.status == DNS_OK && answer.secure) {
        *rdata = answer.rdata;
        *n = answer.n;
    }
    return true;
}

/* The alias itself may be validated although it leads to a zone that is not (section 2.2.2). */
YIELDS static bool is_secure_alias(const struct search *s, bool *is_secure, struct err *e)
{
    struct dns_answer answer;
    *is_secure = false;
    if (s->host->addresses->canonical.n == 0)
        return true;
    if (!dns_query(s->dns, s->host->name, DNS_CNAME, s->a, s->deadline_ms, &answer, e))
        return false;
    if (answer.status == DNS_BOGUS || answer.status == DNS_TEMPFAIL)
        return ERR(e, ERR_UNAVAILABLE, "the alias could not be looked up securely");
    *is_secure = answer.status == DNS_OK && answer.secure;
    return true;
}

/* The names to look under, the preferred one first (section 2.2.3). Yields. */
YIELDS static bool find_bases(const struct search *s, str bases[2], size_t *n, struct err *e)
{
    const struct dns_addresses *addresses = s->host->addresses;
    bool is_secure = addresses->secure;
    *n = 0;
    if (!is_secure && !is_secure_alias(s, &is_secure, e))
        return false;
    if (addresses->secure && addresses->canonical.n)
        bases[(*n)++] = addresses->canonical;
    if (is_secure)
        bases[(*n)++] = s->host->name;
    return true;
}

bool dane_find(struct dns *d, const struct dane_host *host, struct arena *a, int64_t deadline_ms,
               struct dane *out, struct err *e)
{
    const struct search s = { .dns = d, .host = host, .a = a, .deadline_ms = deadline_ms };
    str bases[2];
    const str *rdata = NULL;
    size_t n_bases;
    size_t n = 0;
    *out = (struct dane){ .demand = TLSA_NOTHING };
    if (!find_bases(&s, bases, &n_bases, e))
        return false;
    for (size_t i = 0; i < n_bases && n == 0; i++) {
        out->base =
            str_has_suffix(bases[i], STR(".")) ? str_slice(bases[i], 0, bases[i].n - 1) : bases[i];
        if (!ask(&s, out->base, &rdata, &n, e))
            return false;
    }
    struct tls_dane_record *records = ARENA_ARRAY(a, struct tls_dane_record, TLSA_MAX);
    out->demand = tlsa_select(rdata, n, records, &out->n);
    out->records = records;
    return true;
}
