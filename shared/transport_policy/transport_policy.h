/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of transport_policy: which TLS a destination demands of those who deliver to it. The
 * texts that say so are found and read here; connecting is delivery's. */
#ifndef TRANSPORT_POLICY_TRANSPORT_POLICY_H
#define TRANSPORT_POLICY_TRANSPORT_POLICY_H

#include "transport_policy/dane.h"
#include "transport_policy/mta_sts.h"
#include "transport_policy/mta_sts_store.h"
#include "transport_policy/tls_exception.h"
#include "transport_policy/tls_verdict.h"
#include "transport_policy/tlsa.h"

#endif
