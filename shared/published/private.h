/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of published share while a domain is checked. */
#ifndef PUBLISHED_PRIVATE_H
#define PUBLISHED_PRIVATE_H

#include "published/published.h"

enum {
    PUBLISHED_HOSTS_MAX = 10,  /* of MX records that are looked at */
    PUBLISHED_SOURCES_MAX = 4, /* addresses that are looked at */
    PUBLISHED_ADDRESSES_MAX = 16
};

struct published_addresses {
    struct net_address list[PUBLISHED_ADDRESSES_MAX];
    size_t n;
    bool is_alias;
    enum published_reason reason; /* IS_RIGHT: there are some */
};

struct check {
    const struct mailauth_resolver *resolver;
    const struct published_self *self;
    str domain;
    const struct published_policy *policy;
    struct arena *a;
    int64_t until_ms;                  /* monotonic: for all questions */
    const struct net_address *sources; /* mail leaves from one of these; n_sources 0: not known */
    size_t n_sources;
    enum published_reason zone; /* what the domain's MX answer says of its DNSSEC */
    struct published_findings *out;
};

/* One question. What is no answer becomes DNS_TEMPFAIL; false only for ERR_CANCELLED. Yields. */
YIELDS bool published_ask(const struct check *c, str name, enum dns_type type,
                          struct dns_answer *out, struct err *e);
/* The addresses of a host. Likewise. */
YIELDS bool published_ask_addresses(const struct check *c, str host,
                                    struct published_addresses *out, struct err *e);
/* What a status says, DNS_OK being PUBLISHED_IS_RIGHT. Pure. */
enum published_reason published_reason_of(enum dns_status status);
/* Adds to what was found. */
void published_note(struct arena *a, struct published_finding *f, str found);

/* A TXT record of ours, whose purpose is one of texts.c. Errors: as published_ask. Yields. */
YIELDS bool published_check_text(const struct check *c, struct published_finding *f, struct err *e);

#endif
