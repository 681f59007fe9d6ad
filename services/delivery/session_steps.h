/* SPDX-License-Identifier: Apache-2.0 */
/* The steps to an open session. Private to session*.c. */
#ifndef DELIVERY_SESSION_STEPS_H
#define DELIVERY_SESSION_STEPS_H

#include "services/delivery/session.h"

enum delivery_tls_use {
    DELIVERY_TLS_TRY,
    DELIVERY_TLS_AVOID /* it failed with this server a moment ago */
};

enum delivery_opened {
    DELIVERY_OPENED,
    DELIVERY_OPEN_FAILED,    /* try the next address */
    DELIVERY_OPEN_TLS_FAILED /* the handshake failed; plain text is good enough */
};

/* ---- session.c ---- */

/* Sends one command and reads its reply. False: as delivery_read_reply. Yields. */
YIELDS bool delivery_ask(struct delivery_session *s, str line, int64_t timeout_ms, struct err *e);

/* As delivery_session_drop, and keeps the place at the server. */
void delivery_session_disconnect(struct delivery_session *s);

/* ---- session_greet.c ---- */

/* Connects to this server up to EHLO and login, with as much TLS as s->terms need, or takes over a
 * kept connection to it (share.h). Unless opened, *failure says why, and there is no connection.
 * Yields. */
YIELDS enum delivery_opened delivery_open_one(struct delivery_session *s,
                                              const struct delivery_host *host,
                                              enum delivery_tls_use tls,
                                              struct queue_result *failure);

/* ---- session_tls.c ---- */

/* What came of TLS, for the history and the reports (RFC 8460 section 4.3). `reason`: a sentence on
 * a failure, or empty. */
void delivery_tls_note(struct delivery_session *s, const char *result, const char *reason);

/* What may be done with the connection as it is, by s->presented; `why` says what is wrong with it.
 * DELIVERY_OPEN_FAILED: it was dropped, and *failure says why. */
enum delivery_opened delivery_tls_judge(struct delivery_session *s, const char *why,
                                        struct queue_result *failure);
/* Likewise of a server that has TLS: what that is worth for this destination. */
enum delivery_opened delivery_tls_judge_proof(struct delivery_session *s,
                                              struct queue_result *failure);
/* Likewise of one that would not have it, for the reason `why`. */
enum delivery_opened delivery_tls_judge_lack(struct delivery_session *s, const char *why,
                                             struct queue_result *failure);

/* With an exception for this destination, or for the key that the server showed, somebody has
 * decided already. */
enum tls_waiver delivery_tls_overlooks(const struct delivery_session *s,
                                       const struct delivery_terms *terms);

/* A message of REQUIRETLS goes only to a server that sees to it further on (RFC 8689 4.2.1):
 * whether this one does not, and the refusal, which drops the connection. */
bool delivery_lacks_requiretls(const struct delivery_session *s,
                               const struct delivery_terms *terms);
enum delivery_opened delivery_no_requiretls(struct delivery_session *s,
                                            struct queue_result *failure);

#endif
