/* SPDX-License-Identifier: Apache-2.0 */
/* Where is my mail? What waits in the queue together with the history of its attempts, which stays
 * for a while after a message has left (q_attempt; the view mail_trace says it in one row a
 * recipient). queue_finish writes the history in the transaction of the result. */
#ifndef QUEUE_TRACE_H
#define QUEUE_TRACE_H

#include "queue/queue.h"

enum {
    QUEUE_TRACE_PAGE_MAX = 100, /* messages of one answer */
    QUEUE_TRACE_ROWS_MAX = 5000 /* attempts of one answer; the newest messages first */
};

enum queue_trace_state {
    QUEUE_TRACE_WAITING,  /* never tried */
    QUEUE_TRACE_DEFERRED, /* is tried again */
    QUEUE_TRACE_HELD,     /* waits for a decision */
    QUEUE_TRACE_DELIVERED,
    QUEUE_TRACE_FAILED,  /* its sender was told, or is to be told */
    QUEUE_TRACE_DROPPED, /* somebody took it out of the queue */
    /* A server took it, and a report of it or of another one says later that ... Whoever got the
     * message can make such a report up (heard.h). */
    QUEUE_TRACE_REPORTED_FAILED,
    QUEUE_TRACE_REPORTED_DELAYED,
    QUEUE_TRACE_REPORTED_DELIVERED,
    QUEUE_TRACE_REPORTED_RELAYED, /* ... to a server that makes no reports */
    QUEUE_TRACE_REPORTED_EXPANDED /* ... to several addresses */
};

/* "waiting", "deferred", "held", "delivered", "failed", "dropped", "reportedFailed" and so on;
 * static. */
const char *queue_trace_state_name(enum queue_trace_state state);

/* One attempt to deliver to one recipient, what ended it without one, or a report that came later.
 */
struct queue_attempt {
    int64_t at_us;
    unsigned number;              /* 1 the first; of a report that of the last attempt */
    enum queue_trace_state state; /* what it came to; not WAITING */
    str stage;                    /* how far it got, as in queue_result; empty: unknown */
    str remote;                   /* "mx.example.net [192.0.2.1]"; empty: no server was asked */
    str code;                     /* "4.7.1" */
    str reply;
    str tls;     /* as in queue_result */
    str secured; /* likewise */
    int64_t took_ms;
    str node; /* the frontend that tried */
};

struct queue_traced {
    int64_t queue_id;
    str recipient;
    str sender;     /* envelope; empty for reports */
    str message_id; /* without brackets; empty: it had none */
    int64_t account_id;
    int64_t created_us;
    enum queue_trace_state state;
    str question;       /* why it is held until somebody decides (hold.h); or empty */
    str waits;          /* why it is not tried: what holds it, or as in queue_row; or empty */
    int64_t next_us;    /* next attempt, behind an open breaker; 0: none */
    int64_t expires_us; /* of the message in the queue; 0: it has left */
    struct queue_attempt *attempts; /* the first one first, behind them the reports */
    size_t n;
};

struct queue_traces {
    struct queue_traced *list; /* the newest message first, then by recipient */
    size_t n;
    int64_t last_id; /* of the page's last message: `before_id` of the next page; 0: this is the
                        last page */
};

/* What is looked for; all that is given must hold. */
struct queue_trace_query {
    str text;       /* a queue id, a Message-ID with or without brackets, an address of sender or
                       recipient, or the id of a session or of a transaction in it; empty: everything */
    str message_id; /* without brackets, and then no `text`; empty: all */
    str sender;     /* exact address, in any case; empty: all */
    str recipient;  /* likewise */
    int64_t account_id; /* only what this account submitted; 0: everybody's */
    int64_t since_us;   /* when the message came; 0: any time */
    int64_t until_us;   /* before; 0: up to now */
    int64_t before_id;  /* only smaller queue ids; 0: from the newest message */
    unsigned limit;     /* messages; at most QUEUE_TRACE_PAGE_MAX, 0 for that */
};

/* Whether the text has the form of a session's id, or of what our reply to a message says:
 * "35a4bpw601dc.1". Pure. */
bool queue_trace_is_session(str text);

/* Messages that are in the queue or have left it, with all their recipients that are known of.
 * Empty is success. Errors: those of db_query. Lives in `a`. Yields. */
YIELDS bool queue_trace(struct queue *q, const struct queue_trace_query *query, struct arena *a,
                        int64_t deadline_ms, struct queue_traces *out, struct err *e);

/* Forgets messages whose last attempt is older than queue_options.keep_history_ms. To be called now
 * and then by one process or all. Errors: those of db_query. Yields. */
YIELDS bool queue_trace_sweep(struct queue *q, int64_t deadline_ms, struct err *e);

#endif
