/* SPDX-License-Identifier: Apache-2.0 */
/* How secure a connection to a server must be, by whose word, and how it turned out. */
#ifndef DELIVERY_SECURITY_H
#define DELIVERY_SECURITY_H

#include "services/delivery/route.h"

struct delivery_demand {
    bool encrypted;          /* nothing goes in plain text */
    bool verified;           /* the certificate must verify by trust anchors, unless ... */
    const struct dane *dane; /* ... these TLSA records verify it (RFC 7672 section 2.2), or NULL */
    const char *by;          /* whose demand it is, as "TLS is required by ..." goes on; static */
    const char *policy;      /* whose word counts, of RFC 8460 section 4.2; static */
    const char *fault; /* why there is no such word although there should be one, or NULL; static */
};

/* What is demanded of this server: by its TLSA records, else by the MTA-STS policy of the domain,
 * else by the configuration. Pure. */
struct delivery_demand delivery_demand_of(const struct config *config,
                                          const struct delivery_route *route,
                                          const struct delivery_host *host);

/* What came of it, by a name of RFC 8460 section 4.3 ("successful" when nothing failed). `facts`
 * NULL: the handshake failed. Static. */
const char *delivery_tls_result(const struct delivery_host *host, const struct tls_facts *facts);

#endif
