/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the TLSA records of this server's name in step with its certificates, where some were put
 * into the DNS from here before (`domain publish`): who never did has decided against DANE. */
#ifndef APP_TLSA_KEEP_H
#define APP_TLSA_KEEP_H

#include "published/published.h"
#include "services/app/app.h"

/* Puts the records of the key in use, unless the DNS is_right already, and of tls.next_certificate
 * beside those that are there, and takes out those that were put there from here and that no
 * frontend has used for a day: far longer than caches keep what they were told before (RFC 7671
 * section 8.1), and long enough for a frontend that is down. ERR_UNAVAILABLE: a server of the DNS
 * did not do it, which is logged; errors of the database; ERR_CANCELLED. Yields. */
YIELDS bool app_tlsa_keep(struct app *app, const struct published_self *self, bool is_right,
                          struct arena *a, struct err *e);

#endif
