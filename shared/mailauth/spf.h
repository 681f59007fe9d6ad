/* SPDX-License-Identifier: Apache-2.0 */
/* SPF (RFC 7208): whether a host may send for a domain. */
#ifndef MAILAUTH_SPF_H
#define MAILAUTH_SPF_H

#include "mailauth/dkim.h"

enum {
    MAILAUTH_SPF_LOOKUPS = 10, /* terms that ask the DNS (section 4.6.4) */
    MAILAUTH_SPF_VOIDS = 2,    /* of these, without an answer */
    MAILAUTH_SPF_MS = 20000    /* for all of it */
};

struct mailauth_spf_query {
    const struct net_address *client; /* who is connected */
    str helo;                         /* as the client said it */
    str sender;                       /* of MAIL FROM; empty: the null sender, then helo counts */
    str receiver;                     /* our own name, for explanations */
    int64_t now_s;                    /* seconds UTC, for explanations */
};

struct mailauth_spf {
    enum mailauth_result result; /* NONE, NEUTRAL, PASS, FAIL, SOFTFAIL, TEMPERROR, PERMERROR */
    str domain;                  /* that was asked about, lower case */
    bool is_helo;                /* it is the one of HELO */
    str explanation;             /* of a fail, by the domain (exp=); ASCII; empty: none */
    str mechanism;               /* the term that decided; empty: none did */
    const char *problem;         /* of an error, a short sentence; in arena or static */
};

/* check_host() for MAIL FROM, or for HELO when the sender is null (section 2.4). What the domain
 * did wrong is a result; errors are those of the resolver that are not answers (ERR_CANCELLED). In
 * arena. Yields when the resolver does. */
YIELDS bool mailauth_spf_check(const struct mailauth_resolver *resolver,
                               const struct mailauth_spf_query *query, struct arena *a,
                               int64_t deadline_ms, struct mailauth_spf *out, struct err *e);

#endif
