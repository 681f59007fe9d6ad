/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the DNS who wants a report, and whether they want it from this domain. */
#ifndef REPORTS_DESTINATION_H
#define REPORTS_DESTINATION_H

#include "mailauth/mailauth.h"
#include "reports/address.h"

struct reports_destinations {
    struct reports_uris uris; /* none: nobody */
    str why; /* nobody, or somebody does not get it: a sentence, in arena or static;
                empty: all is well */
};

struct reports_question {
    enum reports_kind kind;
    str domain;      /* that the report is about */
    str dmarc;       /* for DMARC: its policy record */
    bool is_failure; /* of DMARC: ruf= counts in place of rua= (RFC 9991 section 5) */
};

/* For TLS: who the TXT record at _smtp._tls.<domain> names (RFC 8460 section 3). For DMARC: who the
 * record of the domain names; one outside of its organization only when that says so in the
 * DNS, and it may name another address at the same host; one elsewhere means that neither gets
 * anything (RFC 9990 section 4: else anybody could have a victim flooded with reports).
 * ERR_UNAVAILABLE: the DNS does not answer; ERR_CANCELLED. In arena. Yields when the resolver does.
 */
YIELDS bool reports_find_destinations(const struct mailauth_resolver *resolver,
                                      const struct reports_question *question, struct arena *a,
                                      int64_t deadline_ms, struct reports_destinations *out,
                                      struct err *e);

#endif
