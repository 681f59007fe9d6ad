/* SPDX-License-Identifier: Apache-2.0 */
/* The zones that this server may change, as `dns.updates` of the configuration has them. */
#ifndef APP_ZONES_H
#define APP_ZONES_H

#include "config/config.h"
#include "dns/update.h"

/* Whether each of them could be used. Pure. ERR_SYNTAX with file and line; secrets are not quoted.
 */
bool app_zones_check(const struct config *c, struct err *e);
/* The zone that the name is in, the innermost of several; borrowed from the configuration. False:
 * none. Pure. */
bool app_zone_find(const struct config *c, str name, struct dns_update_zone *out);

#endif
