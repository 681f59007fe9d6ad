/* SPDX-License-Identifier: Apache-2.0 */
/* All that is known of mail in the queue but its text: for those who look for a fault. */
#ifndef QUEUE_DUMP_H
#define QUEUE_DUMP_H

#include "queue/queue.h"

struct queue_dumped {
    struct queue_row row;
    int64_t account_id; /* who sent it; 0: nobody here */
    str message_id;     /* without brackets, or empty */
    str session;        /* as in queue_new_message */
    str envelope_id;    /* as given (xtext), or empty */
    str orcpt;          /* likewise */
    unsigned notify;    /* QUEUE_NOTIFY_ bits */
    bool has_ret;
    bool return_full;
    bool is_8bit;
    bool is_utf8;
    enum queue_tls_rule tls_rule;
    str hold_request; /* "for;3600", or empty */
    bool is_kept;     /* an administrator or a rule holds it */
    bool is_waived;   /* it may go however insecure */
    str remote;       /* of the last attempt, as are the next two; or empty */
    str tls;
    bool delay_told; /* its sender was told that it takes long */
};

struct queue_dump {
    struct queue_dumped *list; /* as of queue_list */
    size_t n;
};

/* The recipients that queue_list gives for this filter. In arena. Yields. */
YIELDS bool queue_dump(struct queue *q, const struct queue_filter *filter, struct arena *a,
                       int64_t deadline_ms, struct queue_dump *out, struct err *e);

#endif
