/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the configuration that have a form of their own: names, URLs, addresses of resolvers.
 * They are looked at before anything starts, so that a slip is told with its line (FEATURES 314)
 * and not by a process that ends later. Not for ports (listeners.h), domains and accounts
 * (bootstrap.h). */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include "config/config.h"

/* Whether hostname, database.*, redis.url, dns.* and dkim.rotate_after could be used; nothing is
 * connected to. Pure. ERR_SYNTAX with file and line; the sentence never quotes a URL, which may
 * hold a password. */
bool app_settings_check(const struct config *c, struct err *e);

/* What does not keep the server from running, but its mail from arriving: a name of the machine
 * without a domain, as no other server can look it up. Plain words with what to do about it, and
 * with file and line where the file says it; in the arena. NULL: nothing. */
const char *app_settings_advice(const struct config *c, struct arena *a);

#endif
