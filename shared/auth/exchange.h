/* SPDX-License-Identifier: Apache-2.0 */
/* A SASL exchange from the client's choice of a mechanism to who it is, the same for every
 * protocol: what a server sends between the lines, the check with its limits and delays, and the
 * audit row. The protocol only carries lines of base64 and says the result in its own words.
 *
 * struct auth_exchange *x = auth_exchange_new(&door, mechanism);
 * next = auth_exchange_start(x, initial_response_or_NULL, &challenge, &e);
 * while (next == SASL_CHALLENGE) { send challenge; next = auth_exchange_step(x, line, ...); }
 * on SASL_DONE use auth_exchange_identity(x); always auth_exchange_free(&x). */
#ifndef AUTH_EXCHANGE_H
#define AUTH_EXCHANGE_H

#include "auth/auth.h"

struct auth_exchange;
struct net_conn;

/* Where somebody wants to come in. */
struct auth_door {
    struct auth *auth;
    struct net_conn
        *conn; /* its TLS is what a mechanism may bind to; keeps, outlives the exchange */
    const char *protocol; /* static: "smtp", "imap", "pop3"; for scopes and the audit log */
};

/* Appends the names of the mechanisms that are offered on the connection as it is now, the best
 * first, each behind `before` (" AUTH=" or " "); none without TLS. False when `out` is full. */
bool auth_mechanisms_add(const struct net_conn *c, const char *before, struct buf *out);

/* An exchange that has not begun; NULL when the mechanism (in any case) is not offered here. Only
 * over TLS: whoever calls it has refused plain text before. Gives. */
struct auth_exchange *auth_exchange_new(const struct auth_door *door, str mechanism);
/* Wipes what it learnt; nulls; harmless for NULL. */
void auth_exchange_free(struct auth_exchange **x);

/* Begins; `initial` is the initial response as written ("=" for an empty one), or NULL when the
 * client sent none. *challenge is base64, to be sent as it is, and lives until the next step.
 * Errors: ERR_SYNTAX (the client's message is none of this mechanism), ERR_CANCELLED ("*", or the
 * process ends); and those of auth_login, with its delays behind them. Yields. */
YIELDS enum sasl_next auth_exchange_start(struct auth_exchange *x, const str *initial,
                                          str *challenge, struct err *e);
/* Goes on with the client's next line, without its line end. The same errors. Yields. */
YIELDS enum sasl_next auth_exchange_step(struct auth_exchange *x, str line, str *challenge,
                                         struct err *e);
/* Who it is; after SASL_DONE, as long as the exchange. */
const struct auth_identity *auth_exchange_identity(const struct auth_exchange *x);

/* The name of its mechanism, as registered: "SCRAM-SHA-256". Static. */
str auth_exchange_mechanism(const struct auth_exchange *x);

/* Name and password came over plain text as the initial response of a mechanism: see
 * auth_note_exposed. Nothing happens when there is none to be read. Yields. */
YIELDS void auth_exchange_note_exposed(const struct auth_door *door, str mechanism,
                                       const str *initial);

#endif
