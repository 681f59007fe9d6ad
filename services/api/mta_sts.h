/* SPDX-License-Identifier: Apache-2.0 */
/* The MTA-STS policy files of our own domains (RFC 8461 section 3.3). */
#ifndef API_MTA_STS_H
#define API_MTA_STS_H

#include "services/api/call.h"
#include "transport_policy/mta_sts.h"

#define MTA_STS_PATH "/.well-known/mta-sts.txt"

struct account_mta_sts;

/* Answers a request for the policy file at the host mta-sts.<domain> of a domain that has one; 404
 * for all others. Yields. */
YIELDS void mta_sts_serve(struct api *api, struct http_request *r);

/* The policy as a file writes it; the texts are borrowed. ERR_LIMIT: too many hosts. */
bool mta_sts_of(const struct account_mta_sts *own, struct mta_sts_policy *out, struct err *e);

#endif
