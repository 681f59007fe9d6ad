/* SPDX-License-Identifier: Apache-2.0 */
/* Host names of our own installation (database, Redis), by the operating system's resolver in the
 * offload pool: /etc/hosts and search lists count. Not for names of mail peers (dns/dns.h). */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "net/address.h"

/* Up to `max` stream addresses of the host with the port, *n of them, at least 1 on success. A
 * numeric host needs no wait. ERR_NOT_FOUND (no such name), ERR_UNAVAILABLE (resolver fails),
 * ERR_SYNTAX (name too long), ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool net_resolve(const char *host, uint16_t port, int64_t deadline_ms,
                        struct net_address *out, size_t max, size_t *n, struct err *e);

#endif
