/* SPDX-License-Identifier: Apache-2.0 */
/* Transports: where mail for domains of others goes instead of to their own servers (FEATURES 57).
 * The one of "*" is the smarthost of all mail that no other one is for. */
#ifndef ACCOUNT_TRANSPORT_H
#define ACCOUNT_TRANSPORT_H

#include "account/account.h"
#include "crypto/secret.h"

enum account_transport_tls {
    ACCOUNT_TRANSPORT_VERIFY,  /* its certificate must verify for the host */
    ACCOUNT_TRANSPORT_ENCRYPT, /* any certificate will do */
    ACCOUNT_TRANSPORT_MAY      /* as with any other server: delivery.require_tls, verify_tls */
};

enum {
    ACCOUNT_TRANSPORTS_MAX = 1000, /* in a list */
    ACCOUNT_TRANSPORT_LOGIN_MAX = 255,
    ACCOUNT_TRANSPORT_PASSWORD_MAX = 1024
};

struct account_transport {
    str domain; /* "*": all others */
    str host;   /* a name, or an IP address */
    unsigned port;
    enum account_transport_tls tls;
    str login; /* empty: without */
    int64_t created_at_us;
};

struct account_transports {
    struct account_transport *list; /* by domain */
    size_t n;
};

/* The transport for mail to the domain, if there is one; else out->port is 0. The password is taken
 * out of its seal into *password, which the caller wipes. Errors: those of db_query, ERR_DENIED
 * (the seal is of another key), ERR_UNSUPPORTED (the server has no key). In the arena. Yields. */
YIELDS bool account_transport_find(struct account_directory *d, str domain, struct arena *a,
                                   int64_t deadline_ms, struct account_transport *out,
                                   struct secret *password, struct err *e);

/* Makes it, or replaces the one of its domain, with its audit row. ERR_SYNTAX (names, port; a
 * password without verified TLS), ERR_UNSUPPORTED: the server has no key to keep passwords under.
 * Yields. */
YIELDS bool account_transport_set(struct account_directory *d, const struct account_actor *actor,
                                  const struct account_transport *transport, str password,
                                  struct arena *a, int64_t deadline_ms, struct err *e);
/* ERR_NOT_FOUND. Yields. */
YIELDS bool account_transport_remove(struct account_directory *d, const struct account_actor *actor,
                                     str domain, struct arena *a, int64_t deadline_ms,
                                     struct err *e);
/* All of them, in the arena. Yields. */
YIELDS bool account_transport_list(struct account_directory *d, struct arena *a,
                                   int64_t deadline_ms, struct account_transports *out,
                                   struct err *e);

#endif
