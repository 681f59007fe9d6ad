/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that outlive the work on one destination. While more destinations are to come, one
 * that is done with stays open for a while: the next that leads to the same server, be it of
 * another domain, goes on over it, as far as what the connection has shown of itself is good enough
 * there. Nothing of a lease hangs on one: whoever takes it sends under his own (R9). */
#ifndef DELIVERY_SHARE_H
#define DELIVERY_SHARE_H

#include "services/delivery/session.h"

enum {
    DELIVERY_KEPT_MAX = 64,
    DELIVERY_KEPT_MS = 20 * 1000 /* without a use: the server may want its place back */
};

void delivery_share_init(struct delivery *d);
/* Drops all of them; at the end of the service. */
void delivery_share_fini(struct delivery *d);

/* Whether an open connection may serve the destination of `wanted`, whose route, host, demand and
 * terms are set and which has no connection: the same server, the same looks of ours, the same
 * transport with the same login, its certificate verified by the same name and the same records;
 * and what that is worth, judged anew by the rules of the destination, is enough. One without TLS,
 * or whose server did not prove who it is, may not: what somebody in between does to one
 * destination is done to no other by it, and the next handshake may go better. Pure over both. */
bool delivery_may_share(const struct delivery_session *open, const struct delivery_session *wanted);

/* Leaves the connection of the session, and its place, to others. False: it is not for others, or
 * nobody is to come; nothing was done. */
bool delivery_share_keep(struct delivery_session *s);
/* Gives the session, which has a place at s->host, such a connection, ready for MAIL, where there
 * is one whose server still answers. Yields. */
YIELDS bool delivery_share_take(struct delivery_session *s);
/* Before the session connects: ends connections that nobody uses, where its server would have more
 * than it may have (place.h), and waits for their end, a few seconds at most. Yields. */
YIELDS void delivery_share_make_room(struct delivery_session *s);

/* The queue was asked: a destination is to come, or nothing was due. */
void delivery_share_claimed(struct delivery *d, bool is_coming);
/* The destination has its first connection, or has ended. */
void delivery_share_came(struct delivery *d);
/* Says good-bye over all of them; for the drain, too. */
void delivery_share_end_all(struct delivery *d);

#endif
