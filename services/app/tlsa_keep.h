/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the TLSA records of this server's name in step with its certificates, where some were put
 * into the DNS from here before (`domain publish`): who never did has decided against DANE. */
#ifndef APP_TLSA_KEEP_H
#define APP_TLSA_KEEP_H

#include "published/published.h"
#include "services/app/app.h"

/* What the caller knows. */
struct app_tlsa_round {
    enum published_reason seen; /* of the key in use, in the DNS (published_tlsa) */
    int64_t kept_ms;            /* since the first of the rounds that went well without a break */
    bool *is_gone;              /* the caller's, false at first: somebody took all records out */
};

/* Puts the records of the key in use and of tls.next_certificate beside those that are there,
 * unless they are there, or the DNS has none at all any more, which is logged once and left so.
 * Takes out those that were put there from here and that no frontend has used for a day: far longer
 * than caches keep what they were told before (RFC 7671 section 8.1), and long enough for a
 * frontend that is down. It does that only when the record of the key in use is ours and seen in
 * the DNS, and kept_ms is a day: a record too many harms nobody, one too few keeps mail away.
 * ERR_UNAVAILABLE: a server of the DNS did not do it, which is logged; errors of the database;
 * ERR_CANCELLED. Yields. */
YIELDS bool app_tlsa_keep(struct app *app, const struct published_self *self,
                          const struct app_tlsa_round *round, struct arena *a, struct err *e);

#endif
