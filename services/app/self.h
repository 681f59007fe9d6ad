/* SPDX-License-Identifier: Apache-2.0 */
/* This server as the world should see it (published/published.h), as it is configured. */
#ifndef APP_SELF_H
#define APP_SELF_H

#include "published/published.h"
#include "services/app/app.h"

/* Texts are borrowed from the configuration, the rest is in the arena. Which TLS key is in use is
 * known to processes that serve TLS only. Which one comes next is read from its file
 * (tls.next_certificate) each time; that this fails is logged and no error. ERR_SYNTAX
 * (delivery.source, delivery.pools). */
bool app_self(const struct app *app, struct arena *a, struct published_self *out, struct err *e);

#endif
