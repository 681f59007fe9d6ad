/* SPDX-License-Identifier: Apache-2.0 */
/* iprev: from the client's address to its name and back (RFC 8601 section 3). */
#include "mailauth/authres.h"
#include "mailauth/spf_record.h"

enum {
    MAX_NAMES = 3 /* of one address that are tried */
};

static bool has_address(const struct dns_answer *answer, const struct net_address *client)
{
    uint8_t octets[16];
    size_t n = net_address_octets(client, octets);
    for (size_t i = 0; i < answer->n; i++) {
        if (answer->rdata[i].n == n && memcmp(answer->rdata[i].p, octets, n) == 0)
            return true;
    }
    return false;
}

/* An answer, or what keeps us from one. False only with *e. */
static YIELDS bool ask(const struct mailauth_resolver *resolver, str name, enum dns_type type,
                       struct arena *a, int64_t deadline_ms, struct dns_answer *answer,
                       struct err *e)
{
    struct err why = ERR_CLEAR;
    if (resolver->query(resolver->arg, name, type, a, deadline_ms, answer, &why))
        return true;
    *answer = (struct dns_answer){ .status = DNS_TEMPFAIL };
    if (why.kind == ERR_SYNTAX)
        answer->status = DNS_NODATA;
    if (why.kind != ERR_CANCELLED)
        return true;
    *e = why;
    return false;
}

bool mailauth_iprev_check(const struct mailauth_resolver *resolver,
                          const struct net_address *client, struct arena *a, int64_t deadline_ms,
                          struct mailauth_iprev *out, struct err *e)
{
    const struct spf_macros macros = { .client = client };
    struct dns_answer names, addresses;
    str reverse;
    *out = (struct mailauth_iprev){ .result = MAILAUTH_PERMERROR };
    if (!spf_macro_expand(a, STR("%{ir}.%{v}.arpa"), &macros, false, &reverse) ||
        !ask(resolver, reverse, DNS_PTR, a, deadline_ms, &names, e))
        return false;
    if (names.status == DNS_TEMPFAIL || names.status == DNS_BOGUS)
        out->result = MAILAUTH_TEMPERROR;
    for (size_t i = 0; i < names.n && i < MAX_NAMES && out->result != MAILAUTH_PASS; i++) {
        str name = mailauth_name_of(a, names.rdata[i], 0);
        enum dns_type type = net_address_is_ipv4(client) ? DNS_A : DNS_AAAA;
        if (!ask(resolver, name, type, a, deadline_ms, &addresses, e))
            return false;
        bool failed = addresses.status == DNS_TEMPFAIL || addresses.status == DNS_BOGUS;
        out->result = has_address(&addresses, client) ? MAILAUTH_PASS
                      : failed                        ? MAILAUTH_TEMPERROR
                                                      : MAILAUTH_FAIL;
        out->name = name;
    }
    return true;
}
