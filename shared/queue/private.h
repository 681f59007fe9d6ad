/* SPDX-License-Identifier: Apache-2.0 */
/* struct queue, shared by the files of queue. Private to queue. */
#ifndef QUEUE_PRIVATE_H
#define QUEUE_PRIVATE_H

#include "blob/blob.h"
#include "db/db.h"
#include "notify/notify.h"
#include "queue/queue.h"
#include "queue/schedule.h"
#include "redis/redis.h"
#include "runtime/runtime.h"

enum {
    QUEUE_LEASE_MS = 60 * 1000,
    QUEUE_RECIPIENTS_PER_CLAIM = 100, /* of one message */
    QUEUE_ROWS_PER_CLAIM = 2000,
    QUEUE_ORIGINAL_MAX = 64 * 1024, /* octets of the message in a report */
    QUEUE_FRESH_MAX = 1000,         /* new messages that are looked at together (readable.c) */
};

/* Values of q_rcpt.status, and what queue_finish makes of a recipient. RCPT_RELAYED and
 * RCPT_DELIVERED wait for nothing but their report: programs of former versions, which may run
 * beside this one (PROMISES R28), take all above RCPT_DONE for such and delete them. */
enum {
    RCPT_WAITING = -3, /* for the time that its sender named, `due` (waiting.h); where q_rcpt.kept
                        * says so for an administrator, and `due` is when the message expires */
    RCPT_HELD = -1, /* waits for a decision until `due`, which is when the message expires: that of
                     * an administrator where q_rcpt.kept says so, or else its sender's */
    RCPT_PENDING = 0,
    RCPT_FAILED = 1,
    RCPT_DONE = 2, /* only as an argument: the row goes */
    RCPT_RELAYED = 3,
    RCPT_DELIVERED = 4
};

/* q_rcpt.code of what is `kept`: by an administrator or a rule, which does not expire; with its
 * account ('4.7.1'), which the database's functions write (sending_queue_hold) and release
 * (sending_queue_release); and in quarantine since it was put in, which anybody may fill, so that
 * it expires. */
#define QUEUE_CODE_KEPT       "'4.7.0'"
#define QUEUE_CODE_QUARANTINE "'4.6.0'"
#define QUEUE_IS_BY_HAND      "(r.kept AND r.status < 0 AND r.code = " QUEUE_CODE_KEPT ")"

struct queue {
    struct runtime *rt;
    struct db *db;
    struct redis *redis;
    struct notify *notify;
    const char *owner;
    unsigned node_id;
    int64_t lease_ms;
    int64_t lifetime_ms;
    int64_t delay_ms;
    int64_t time_divisor;
    struct queue_plan plan;
    int64_t keep_history_ms;
    int64_t crowded_until_ms; /* monotonic: a crowd of destinations waits (claim.c) */
    int64_t last_id_ms;       /* of queue_make_id */
    unsigned id_counter;
    int64_t renewed_id; /* the last message whose hash was renewed; 0: begin with the first */
    int64_t fresh[QUEUE_FRESH_MAX]; /* shown as pending, and not looked at yet */
    size_t n_fresh;
    bool is_looking; /* a fiber does */
    bool is_freed;   /* it frees */
};

/* What a lease needs beside what it shows. */
struct queue_lease_state {
    struct queue_breaker breaker;
    str reason;           /* why the destination failed last; in `a` */
    struct arena *a;      /* the lease's */
    int64_t now_us;       /* the database's clock at the claim ... */
    int64_t monotonic_ms; /* ... and ours */
    int64_t time_divisor; /* of the queue */
    const struct queue_plan *plan;
    bool was_tried; /* the breaker has something new */
    bool was_open;  /* at the claim; or half open */
};

/* The database's clock, as far as the lease knows it. */
int64_t queue_lease_now_us(const struct queue_lease *lease);

/* The machine in an owner's name "host/pid". */
str queue_node_name(const struct queue *q);

/* A filter of operators, over `r` and `m`: $1 domain, $2 sender, $3 recipient, $4 status. */
#define QUEUE_FILTER                                                                       \
    " ($1 = '' OR r.domain = $1) AND ($2 = '' OR m.envelope_from = $2)"                    \
    " AND ($3 = '' OR r.rcpt = $3) AND CASE $4::int4 WHEN 0 THEN r.status = 0 AND"         \
    " r.attempts = 0 WHEN 1 THEN r.status = 0 AND r.attempts > 0 WHEN 2 THEN r.status = 1" \
    " WHEN 3 THEN r.status IN (-3, -1) WHEN 5 THEN r.status = -1 AND NOT r.kept"           \
    " ELSE r.status IN (-3, -1, 0, 1) END"
#define QUEUE_FILTER_PARAMS(filter)                                                     \
    DB_TEXT((filter)->domain), DB_TEXT((filter)->sender), DB_TEXT((filter)->recipient), \
        DB_INT4((filter)->status)

/* Over `r` and its destination: nobody claims it before the breaker lets one try, whatever its time
 * is; as in the view mail_trace. What goes another way by hand has no breaker (claim.c). */
#define QUEUE_DESTINATION " LEFT JOIN q_domain d ON d.domain = r.domain"
#define QUEUE_IS_SHUT                                                                        \
    " (r.status = 0 AND r.transport = '' AND coalesce(d.breaker_open AND d.breaker_until > " \
    "now(), false))"
#define QUEUE_NEXT \
    " CASE WHEN" QUEUE_IS_SHUT " THEN greatest(r.due, d.breaker_until) ELSE r.due END"
/* Why it is not tried although it could be; '' for no reason but its time. */
#define QUEUE_WAITS                                                                           \
    " CASE WHEN" QUEUE_IS_SHUT " THEN format('the servers of %s failed %s times in a row%s'," \
    " r.domain, d.failures, CASE WHEN d.reason <> '' THEN ': ' || d.reason ELSE '' END)"      \
    " WHEN r.status = 0 AND r.put_off = r.due THEN r.put_off_why ELSE '' END"

/* What a row is made of, QUEUE_ROW_COUNT columns over `r`, `m` and QUEUE_DESTINATION, and the row
 * itself. */
#define QUEUE_ROW_COLUMNS                                                              \
    " r.queue_id, m.envelope_from, r.rcpt, r.domain, r.status, r.attempts," QUEUE_NEXT \
    ", r.last_attempt, r.code, r.reply, m.created, m.expires, m.size, r.kept,"         \
    " r.transport, m.is_verp, " QUEUE_IS_BY_HAND "," QUEUE_WAITS
enum {
    QUEUE_ROW_COUNT = 18
};
struct queue_row queue_row_read(const struct db_rows *r, size_t i);

/* Values of q_attempt.outcome. Negative ones are what a report of another server says later
 * (heard.h), all of attempt 0: of each kind there is one. */
enum {
    ATTEMPT_HEARD_EXPANDED = -5,
    ATTEMPT_HEARD_RELAYED = -4,
    ATTEMPT_HEARD_DELIVERED = -3,
    ATTEMPT_HEARD_DELAYED = -2,
    ATTEMPT_HEARD_FAILED = -1,
    ATTEMPT_DELIVERED = 0,
    ATTEMPT_DEFERRED = 1,
    ATTEMPT_FAILED = 2,
    ATTEMPT_HELD = 3,
    ATTEMPT_DROPPED = 4,
    /* From here on, one for each server that was tried and left for another one in the attempt, in
     * their order: the key then has room for all of them, and programs that know nothing of such
     * rows take them for deferrals. */
    ATTEMPT_PASSED = 5
};

/* The columns of q_attempt that come from the message `m`, and their values. */
#define ATTEMPT_MESSAGE_COLUMNS "queue_id, account_id, sender, message_id, created, session"
#define ATTEMPT_MESSAGE_VALUES \
    "m.queue_id, m.account_id, m.envelope_from, m.message_id, m.created, m.session"
/* Notes in the history what ends the waiting of recipients without an attempt. What follows names
 * the rows of q_rcpt, as `r`, and of q_msg, as `m`. */
#define NOTE_ENDING(outcome, code, reply)                                                    \
    "INSERT INTO q_attempt (" ATTEMPT_MESSAGE_COLUMNS ", recipient, attempt, outcome, code," \
    " reply, stage, remote, tls, secured, took_ms, node)"                                    \
    " SELECT " ATTEMPT_MESSAGE_VALUES ", r.rcpt, r.attempts, " outcome ", " code ", " reply  \
    ", 'queue', '', '', '', 0, '' FROM "

/* ---- hold_rule.c ---- */

#define QUEUE_NULL_SENDER "<>"
enum {
    QUEUE_RULE_NAME_MAX = 320
};
/* Addresses as rules name them: in small letters, the domain in A-labels, as that of a recipient is
 * already; QUEUE_NULL_SENDER for an empty sender. In arena. */
str queue_rule_sender(struct arena *a, str sender);
str queue_rule_recipient(struct arena *a, str address, str domain);

/* The packed form as four parameters: size, codec, frames, data. */
void queue_body_params(const struct queue_body *body, struct db_param params[4]);
/* Packs here and now. */
const struct queue_body *queue_pack_here(struct arena *a, str body);

/* ---- readable.c: what operators see in Redis; best effort ---- */

/* The message has this next time (microseconds UTC; 0: none) and so many recipients left; what is
 * "held" is none of mail:queue:pending. */
void queue_show_message(struct queue *q, int64_t queue_id, int64_t due_us, const char *status,
                        int64_t left);
/* A new message: as pending, and in a moment as held if a rule holds it (hold_rule.h). */
void queue_show_fresh(struct queue *q, int64_t queue_id);
void queue_hide_message(struct queue *q, int64_t queue_id);
/* Shows these messages as they are in the database now, or hides those of which nothing is left but
 * a report; 1000 of them at most, the others with the next sweep. Yields. */
YIELDS void queue_show_anew(struct queue *q, const int64_t *ids, size_t n, int64_t deadline_ms);
/* Adds to a field of mail:stats, whose name ends in "_total". */
void queue_count(struct queue *q, const char *field, int64_t by);
/* Writes mail:stats and mail:queue:pending from the database, and the hashes of some messages: of
 * the next ones at each call. Yields. */
YIELDS bool queue_show_all(struct queue *q, int64_t deadline_ms, struct err *e);

#endif
