/* SPDX-License-Identifier: Apache-2.0 */
/* Submissions that wait for a time that their sender named (RFC 4865): what is due, and its end.
 * They are in the queue as they came, without signatures, with all recipients, those of ours too;
 * whoever hands them over (submit) makes of them what a submission is. */
#ifndef QUEUE_WAITING_H
#define QUEUE_WAITING_H

#include "queue/queue.h"

enum {
    QUEUE_WAITING_MAX = 1000 /* messages of one account */
};
#define QUEUE_WAITING_BYTES (INT64_C(1) << 30) /* octets of them together */

/* Whether one more message of `size` octets of this account may wait: not beyond the numbers above,
 * but for a few that come at the same moment. Yields. */
YIELDS bool queue_waiting_has_room(struct queue *q, int64_t account_id, uint64_t size,
                                   int64_t deadline_ms, bool *out, struct err *e);

struct queue_waiting {
    int64_t queue_id;
    int64_t account_id;
    str envelope_from; /* empty = null sender */
    str envelope_id;
    bool is_utf8; /* SMTPUTF8 was asked for */
    bool has_ret;
    bool return_full;
    enum queue_tls_rule tls_rule;
    bool is_verp;
    str session;
    str hold_request;
    struct queue_recipient *recipients; /* that are due, at least 1 */
    size_t n;
};

/* The next message that is due for release; *found is false when there is none. It is given to
 * nobody else for a while, which grows from a minute to a quarter of an hour each time: what cannot
 * be handed over is tried again then. Lives in `a`. Yields. */
YIELDS bool queue_waiting_claim(struct queue *q, struct arena *a, int64_t deadline_ms, bool *found,
                                struct queue_waiting *out, struct err *e);

/* Appends one statement to an open transaction: these recipients were handed over in it. It fails
 * with ERR_CONFLICT when one of them waits no more: the transaction must not go on. */
void queue_waiting_end_send(struct db_tx *tx, int64_t queue_id, const str *addresses, size_t n);

/* Of a recipient that cannot be written to any more. */
struct queue_waiting_failure {
    str address;
    str status; /* "5.1.1" */
    str reply;  /* for people */
};

/* They have failed: their sender is told as of any others. Yields. */
YIELDS bool queue_waiting_fail(struct queue *q, int64_t queue_id,
                               const struct queue_waiting_failure *list, size_t n,
                               int64_t deadline_ms, struct err *e);

#endif
