/* SPDX-License-Identifier: Apache-2.0 */
/* What other servers report later about messages that they took: rows of the history beside those
 * of our own attempts (trace.h).
 *
 * Nothing else may follow from them: the queue, lists of addresses that are not written to, and
 * reports of our own stay as they are. The address that such a report comes to proves that somebody
 * saw the message, not who: each of its recipients can make one up for the others. */
#ifndef QUEUE_HEARD_H
#define QUEUE_HEARD_H

#include "queue/queue.h"

enum {
    QUEUE_HEARD_MAX = 1000 /* recipients of one report that are looked at */
};

/* The actions of RFC 3464 section 2.3.3. */
enum queue_heard_action {
    QUEUE_HEARD_FAILED,
    QUEUE_HEARD_DELAYED,
    QUEUE_HEARD_DELIVERED,
    QUEUE_HEARD_RELAYED,
    QUEUE_HEARD_EXPANDED,
    QUEUE_N_HEARD
};

/* What is said about one recipient; foreign text, cut here. */
struct queue_heard {
    str original; /* the address that the sender named, where that is told; else empty */
    str final;    /* the address that it was delivered to, or was not */
    enum queue_heard_action action;
    str status; /* "5.1.1"; empty: unknown */
    str reply;  /* for people */
    str remote; /* the server that said so; empty: unknown */
};

/* Notes what a report says about recipients of the message whom a server took it for, or is being
 * given it now. *noted: how many rows are new. Others, and messages without a history, are passed
 * over; of each kind of action a recipient has one row, the first, so that the same report twice
 * changes nothing. Without queue_options.keep_history_ms nothing is noted. Errors: those of
 * db_query. Yields. */
YIELDS bool queue_note_heard(struct queue *q, int64_t queue_id, const struct queue_heard *list,
                             size_t n, int64_t deadline_ms, int64_t *noted, struct err *e);

#endif
