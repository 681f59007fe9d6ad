/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the DNS that tell of hosts what is known of them (RFC 5782): for most, that they send
 * spam; for some, that they do not. Each has a weight; together they are a score of the client. */
#ifndef SPAM_DNSBL_H
#define SPAM_DNSBL_H

#include "config/dnsbl_zone.h"
#include "mailauth/resolver.h"

enum {
    SPAM_DNSBL_ZONES_MAX = 32,
    SPAM_DNSBL_MS = 3000,     /* for all lists together; who has not answered then says nothing */
    SPAM_DNSBL_TEXT_MAX = 200 /* octets of what a list says */
};

struct spam_dnsbl_rules {
    const char *const *zones; /* as in the file; those behind SPAM_DNSBL_ZONES_MAX are not asked */
    size_t n;
    int64_t threshold; /* a score from which on mail is refused */
};

struct spam_dnsbl_verdict {
    int64_t score; /* sum of the weights of the lists that the client is on */
    str zone;      /* the one of them that weighs most; empty when it is on none */
    str text;      /* what it says of the client (TXT), printable ASCII; empty: nothing, or when the
                      score is below the threshold */
};

/* The name that a list is asked for a client: its octets or nibbles from the last one on, before
 * the zone. In arena. Pure. */
str spam_dnsbl_name(struct arena *a, const struct net_address *client, str zone);

/* Asks all lists, a few at a time. Only answers that count are heard (config/dnsbl_zone.h); a list
 * that has everybody on it, which its own test point for "not listed" (127.0.0.1) shows, is taken
 * for none, and so is one that does not answer. ERR_CANCELLED. In arena. Yields. */
YIELDS bool spam_dnsbl_ask(const struct mailauth_resolver *resolver,
                           const struct spam_dnsbl_rules *rules, const struct net_address *client,
                           struct arena *a, int64_t deadline_ms, struct spam_dnsbl_verdict *out,
                           struct err *e);

/* What the test points of a list show (RFC 5782 section 5). */
enum spam_dnsbl_health {
    SPAM_DNSBL_WORKS,
    SPAM_DNSBL_EMPTY,     /* 127.0.0.2 is not on it, or its answer does not count */
    SPAM_DNSBL_LISTS_ALL, /* 127.0.0.1 is on it */
    SPAM_DNSBL_REFUSES,   /* it answers that it will not answer (127.255.255.x) */
    SPAM_DNSBL_SILENT     /* there is no answer */
};

/* Asks a list, as written in the file, for its test points. ERR_SYNTAX, ERR_CANCELLED. Yields. */
YIELDS bool spam_dnsbl_test(const struct mailauth_resolver *resolver, str zone, struct arena *a,
                            int64_t deadline_ms, enum spam_dnsbl_health *out, struct err *e);

#endif
