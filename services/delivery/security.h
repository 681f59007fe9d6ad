/* SPDX-License-Identifier: Apache-2.0 */
/* How secure a connection to a server must be, by whose word, and how it turned out. The decision
 * itself is in transport_policy/tls_verdict.h; here is what it is asked with. */
#ifndef DELIVERY_SECURITY_H
#define DELIVERY_SECURITY_H

#include "services/delivery/route.h"

struct delivery_demand {
    enum tls_published published;
    const struct dane *dane; /* TLSA records that verify the certificate, instead of trust anchors
                                (RFC 7672 section 2.2), or NULL */
    const char *by;     /* whose demand it is, as "TLS is required by ..." goes on; static; NULL:
                           nobody demands anything */
    const char *policy; /* whose word counts, of RFC 8460 section 4.2; static */
    const char *fault; /* why there is no such word although there should be one, or NULL; static */
};

/* What is demanded of this server: by its TLSA records, else by the MTA-STS policy of the domain.
 * Pure. */
struct delivery_demand delivery_demand_of(const struct delivery_route *route,
                                          const struct delivery_host *host);

/* What a message brings with it. */
struct delivery_terms {
    int64_t account_id; /* whose it is: exceptions may be for that account */
    str sender;         /* of the envelope: which address of ours it leaves from */
    enum tls_waiver waiver;
    bool requiretls;
    bool can_ask;
};

/* Pure. */
struct delivery_terms delivery_terms_of(const struct queue_message *m);
bool delivery_terms_equal(const struct delivery_terms *a, const struct delivery_terms *b);

/* What may be done over a connection that presents this. Pure. */
enum tls_verdict delivery_verdict(const struct config *config, const struct delivery_demand *demand,
                                  const struct delivery_terms *terms, enum tls_presented presented);

/* Who wants more than the server has: "TLS is required by ...". Static. */
const char *delivery_demanded_by(const struct delivery_demand *demand,
                                 const struct delivery_terms *terms, enum tls_presented presented);

/* What came of it, by a name of RFC 8460 section 4.3 ("successful" when nothing failed). `facts`
 * NULL: the handshake failed. Static. */
const char *delivery_tls_result(const struct delivery_host *host, const struct tls_facts *facts);

#endif
