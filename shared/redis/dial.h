/* SPDX-License-Identifier: Apache-2.0 */
/* Making a connected, non-blocking socket to the server of a URL, in a fiber: resolves, connects,
 * and for TLS puts a pair of pump fibers between the socket and net's TLS. Private to redis. */
#ifndef REDIS_DIAL_H
#define REDIS_DIAL_H

#include "redis/url.h"
#include "runtime/runtime.h"

/* The TLS settings, shared by those who dial and by the pumps that outlive them. */
struct redis_tls;
/* NULL anchors: the system's. Gives; end with redis_tls_release. */
struct redis_tls *redis_tls_new(const char *ca_file, struct err *e);
/* Harmless for NULL. */
void redis_tls_release(struct redis_tls *tls);

/* A call for a socket. fn runs in the loop or a fiber: fd (taken by the callee), or -1 and why. */
struct redis_dial;
typedef void (*redis_dialed_fn)(void *arg, int fd, const char *reason);
/* NULL when no fiber can be had. `tls` may be NULL when the URL is without. */
struct redis_dial *redis_dial_start(struct runtime *rt, const struct redis_url *url,
                                    struct redis_tls *tls, int64_t deadline_ms, redis_dialed_fn fn,
                                    void *arg);
/* fn is not called any more. Harmless for NULL; nulls. Not after fn was called. */
void redis_dial_cancel(struct redis_dial **d);

#endif
