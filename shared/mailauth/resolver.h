/* SPDX-License-Identifier: Apache-2.0 */
/* How the verifiers ask the DNS: an interface, so that they run on a real resolver, on a table of
 * answers in tests, and on random answers in fuzzers. */
#ifndef MAILAUTH_RESOLVER_H
#define MAILAUTH_RESOLVER_H

#include "dns/dns.h"
#include "mailauth/keys.h"

struct mailauth_resolver {
    /* As dns_query. May yield. */
    bool (*query)(void *arg, str name, enum dns_type type, struct arena *a, int64_t deadline_ms,
                  struct dns_answer *out, struct err *e);
    void *arg;
    struct mailauth_keys *keys; /* those that were needed lately; NULL: each is read anew */
};

/* The resolver that asks `dns`. Keeps it. */
struct mailauth_resolver mailauth_resolver_of(struct dns *dns);

enum {
    MAILAUTH_NAME_MAX = 1024 /* octets of a name as text */
};

/* The name at octet `at` of RDATA (0 for PTR, 2 for MX), without the final dot. Empty when
 * malformed, or the root. Pure; in arena. */
str mailauth_name_of(struct arena *a, str rdata, size_t at);

#endif
