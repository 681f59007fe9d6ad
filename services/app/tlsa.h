/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the TLSA records of this server's name still match the certificate in use: a key that
 * changes before its record keeps the mail of all away that check DANE (RFC 7672 section 8.1).
 * Those that were put into the DNS from here are kept in step (tlsa_keep.h). */
#ifndef APP_TLSA_H
#define APP_TLSA_H

#include "services/app/app.h"

struct app_tlsa;

/* Begins to look: soon after the start, after each exchange of the certificates, and each hour.
 * What does not match is logged (tlsa_other) and counted in mailserver_tlsa_mismatch. For one
 * process of a machine, with app->tls and app->dns. Gives. */
struct app_tlsa *app_tlsa_new(struct app *app);
/* Stops. Harmless for NULL. */
void app_tlsa_free(struct app_tlsa **t);

#endif
