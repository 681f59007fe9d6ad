/* SPDX-License-Identifier: Apache-2.0 */
/* DANE for SMTP (RFC 7672): what the TLSA records of a mail server demand of those who connect to
 * it. */
#ifndef TRANSPORT_POLICY_DANE_H
#define TRANSPORT_POLICY_DANE_H

#include "dns/dns.h"
#include "transport_policy/tlsa.h"

struct dane_host {
    str name; /* as the MX record names it: found by an answer that DNSSEC validated */
    unsigned port;
    const struct dns_addresses *addresses; /* what its name led to */
};

struct dane {
    enum tlsa_demand demand;
    str base;                              /* TLSA base domain (section 2.2.3) */
    const struct tls_dane_record *records; /* that can be used; in the arena */
    size_t n;
};

/* Looks for the TLSA records of the host. Only where its addresses (or the alias that leads to
 * them) are validated is anything asked at all: other zones have none that count, and some of their
 * servers choke on the question (section 2.2.2). ERR_DENIED: the answer is forged; ERR_UNAVAILABLE:
 * there is none. Whoever cannot get an answer must not connect to this host, least of all in plain
 * text (section 2.1.2). Also ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool dane_find(struct dns *d, const struct dane_host *host, struct arena *a,
                      int64_t deadline_ms, struct dane *out, struct err *e);

#endif
