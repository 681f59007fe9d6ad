/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do with mail in the queue that a filter selects: hold, release, reschedule,
 * fail, drop, send it another way. What a worker may be sending at this moment is left out, because
 * what comes of that could not be written down any more. */
#ifndef QUEUE_ACT_H
#define QUEUE_ACT_H

#include "queue/queue.h"

enum queue_action {
    QUEUE_ACT_HOLD, /* not tried until it is released, and does not expire; its sender is not asked,
                       nor any more. What is held with its account stays, too, when that may send
                       again */
    QUEUE_ACT_RELEASE,    /* what is held, for whatever reason or for its time, is tried now, by the
                             same rules; from HOLD or a rule on with all attempts and its lifetime */
    QUEUE_ACT_RESCHEDULE, /* what waits is tried at another time, beside the schedule */
    QUEUE_ACT_FAIL,       /* it goes back to its sender */
    QUEUE_ACT_DROP,       /* it goes to nobody, and nobody is told */
    QUEUE_ACT_TRANSPORT   /* it goes by another transport, now and beside the schedule if it waits
                             for a try */
};

/* "hold", "release", "reschedule", "fail", "drop", "transport"; static. */
const char *queue_action_name(enum queue_action action);

struct queue_act {
    enum queue_action action;
    int64_t queue_id;           /* 0: of any message */
    struct queue_filter filter; /* its domain, sender, recipient and status */
    int64_t older_s;            /* only messages that came so long ago; 0: of any age */
    int64_t at_us;              /* RESCHEDULE: when; at the end of a message's lifetime at latest */
    str transport;     /* TRANSPORT: the key of one, "mx" (the destination's own servers), or empty:
                          as transports say */
    bool is_rehearsal; /* nothing is changed, only counted */
};

struct queue_acted {
    int64_t recipients;
    int64_t messages;
    /* RESCHEDULE: recipients whose messages' lifetime ends before that time, at which they are
     * tried instead, and the first such end. */
    int64_t shortened;
    int64_t ends_us; /* 0: there is none */
    int64_t held; /* TRANSPORT: recipients that are held, and go that way once they are released */
};

/* Whether the act says at all what it is about: everything must be said in so many words (its
 * status). Pure. */
bool queue_act_selects(const struct queue_act *act);

/* Carries it out for all that is selected, with one audit row in the same transaction.
 * ERR_NOT_FOUND: nothing of the one message that is named can be acted on so. Yields. */
YIELDS bool queue_act(struct queue *q, const struct queue_actor *actor, const struct queue_act *act,
                      int64_t deadline_ms, struct queue_acted *out, struct err *e);

/* A part of a message, as by queue_load_part, for an administrator; the first one (from 0) with an
 * audit row before it is given. Errors: those of queue_load_part. Yields. */
YIELDS bool queue_export_part(struct queue *q, const struct queue_actor *actor, int64_t queue_id,
                              size_t from, struct arena *a, int64_t deadline_ms, str *out,
                              struct err *e);

#endif
