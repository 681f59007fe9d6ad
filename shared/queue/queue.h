/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of queue: outbound mail that waits, who works on it, and when to try again. All SQL
 * of q_msg, q_rcpt and q_domain is here. It knows neither SMTP nor TLS.
 *
 * Truth is in PostgreSQL; Redis only wakes workers and shows the state to operators. A worker
 * leases a due destination domain (one row, with a fencing token that grows), gets a batch of its
 * due recipients, speaks to the world without an open transaction, and writes each result under
 * its token: a worker that lost its lease can not overwrite anything. All times are the clock of
 * the database, in microseconds since 1970 UTC.
 *
 * Life of a recipient: pending -> delivered (row gone)
 *                      pending -> failed -> reported to the sender (row gone)
 *                      pending -> held -> pending, failed or gone, as its sender decides (hold.h)
 *                      pending -> relayed -> reported, where the sender asked for that and the
 *                                 next server does not report itself (RFC 3461)
 *                      waiting -> handed over as a submission (row gone), at a time that its
 *                                 sender named (waiting.h)
 * A message goes with its last recipient. Failed recipients stay until the report (DSN) about them
 * is committed together with their removal, so that no crash loses or doubles a report. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "base/base.h"
#include "queue/schedule.h"

struct db;
struct db_tx;
struct notify;
struct redis;
struct runtime;
struct queue;

enum {
    QUEUE_REPLY_MAX = 1024,       /* octets kept of a remote reply; longer ones are cut */
    QUEUE_DIAGNOSTIC_LINES = 100, /* lines of a remote reply looked at */
    QUEUE_MAX_ATTEMPTS = 15,
    QUEUE_MAX_RECIPIENTS = 1000, /* of one message */
};

struct queue_options {
    const char *owner;      /* names this process in leases and listings: "host/pid"; keeps */
    unsigned node_id;       /* 0-1023, different in each process: part of new queue ids */
    int64_t lease_ms;       /* 0 = 60000 */
    int64_t lifetime_ms;    /* 0 = 7 days: a message is given up after this */
    int64_t delay_ms;       /* 0 = 4 h: queue_sweep has the sender told once that it takes long */
    int64_t time_divisor;   /* for tests: waits of the schedule and the breaker are divided by it;
                               0 = 1 */
    struct queue_plan plan; /* keeps the waits */
    /* How long the history of a message is kept after its last attempt; 0: there is none. */
    int64_t keep_history_ms;
};

/* `redis` and `notify` may be NULL: no readable state, no wake-ups. Keeps all. Gives. */
struct queue *queue_new(struct runtime *rt, struct db *db, struct redis *redis,
                        struct notify *notify, const struct queue_options *options);
void queue_free(struct queue **q);

/* ---- putting mail in ---- */

/* What the sender wants to hear about a recipient (RFC 3461 4.1). */
enum {
    QUEUE_NOTIFY_FAILURE = 1,
    QUEUE_NOTIFY_DELAY = 2,
    QUEUE_NOTIFY_SUCCESS = 4,
    QUEUE_NOTIFY_GIVEN = 8, /* the sender said so: passed on to servers that offer DSN */
    /* Nothing of NOTIFY=: the sender named an address of ours, as a list, that leads there. */
    QUEUE_NOTIFY_LED = 16,
    QUEUE_NOTIFY_EVENTS = QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY | QUEUE_NOTIFY_SUCCESS,
    QUEUE_NOTIFY_DEFAULT = QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY
};

struct queue_new_recipient {
    str address;     /* local@domain as it goes into RCPT TO; valid UTF-8; unique in the message */
    str domain;      /* its domain as lower-case A-labels: what deliveries are grouped by */
    str orcpt;       /* ORCPT= value as given ("rfc822;..."), or empty */
    unsigned notify; /* QUEUE_NOTIFY_ bits; without an EVENT: never tell */
    /* It is in a mailbox of ours already; only the sender, who asked for QUEUE_NOTIFY_SUCCESS, is
     * to be told. */
    bool is_delivered;
    /* A mailbox of ours that it is, or leads to, is full; only the sender is to be told (5.2.2). */
    bool is_full;
};

/* What the sender of a message says about TLS on its further way (RFC 8689). */
enum queue_tls_rule {
    QUEUE_TLS_AS_EVER,
    QUEUE_TLS_REQUIRED,    /* it came with REQUIRETLS */
    QUEUE_TLS_NOT_REQUIRED /* its header says "TLS-Required: No" */
};

/* Of a message that came with REQUIRETLS or not. Its header counts only without (RFC 8689 section
 * 4.1). Pure. */
enum queue_tls_rule queue_tls_rule_of(str message, bool requiretls);

struct queue_body; /* a message packed for the database */

struct queue_new_message {
    str envelope_from;  /* as it goes into MAIL FROM; empty = null sender: never a report */
    int64_t account_id; /* who submitted or redirected it, 0 for the system */
    str body;           /* the whole message as it goes out (CRLF lines, no dot-stuffing) */
    bool is_8bit;       /* BODY=8BITMIME is needed */
    bool is_utf8;       /* SMTPUTF8 is needed for the sender or the header */
    str envelope_id;    /* ENVID= as given (xtext), or empty */
    bool has_ret;       /* RET= was given */
    bool return_full;   /* RET=FULL: reports carry the message up to 64 kB, else its header */
    enum queue_tls_rule tls_rule;
    bool is_verp; /* each recipient has a sender of its own, made of envelope_from (smtp_verp.h) */
    bool has_from_id; /* it leaves with a sender that names it (smtp_from_id.h); not with is_verp */
    str session;      /* queue_session_of */
    const struct queue_new_recipient *recipients;
    size_t n;                        /* 1 .. QUEUE_MAX_RECIPIENTS */
    const struct queue_body *packed; /* of queue_pack, or NULL: packed where it is needed */
    const struct queue_also *also;   /* of queue_enqueue only; NULL: none */
    str held_why;     /* not empty: nobody is tried until an administrator releases it (act.h) */
    str hold_request; /* "for;3600": what its sender said about a time, for reports; or empty */
    int64_t
        release_us; /* it waits until then, UTC, and nobody is tried (waiting.h); 0: it does not */
};

/* By what mail of a session is found (trace.h): the transaction's name, as our reply tells it,
 * where that begins with the id of the session, which its Received field tells; else that id. Pure.
 */
str queue_session_of(str session, str transaction);

/* The Message-ID without brackets, by which it is found; empty: it has none. In arena. */
str queue_read_message_id(str message, struct arena *a);

/* A statement that belongs to the transaction which puts a message into the queue. */
struct queue_also {
    /* Appends exactly one statement with db_tx_send, without a yield: once for each attempt, and
     * perhaps from another fiber. */
    void (*send)(struct db_tx *tx, void *arg, int64_t queue_id);
    void *arg;
};

/* Packs a message's octets for the database, in the offload pool when they are many; the result is
 * in the arena and may borrow `body`. For callers of queue_enqueue_send with messages above 1 MB,
 * which would hold the loop there. ERR_LIMIT, ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool queue_pack(struct arena *a, str body, int64_t deadline_ms,
                       const struct queue_body **out, struct err *e);

/* A queue id: 48 bits of milliseconds and 16 bits of node and counter, unique in the cluster. */
int64_t queue_make_id(struct queue *q);

enum {
    QUEUE_ENQUEUE_STATEMENTS = 4
};

/* Appends the message to the pipeline of an open transaction as exactly QUEUE_ENQUEUE_STATEMENTS
 * statements, whose answers come with db_tx_flush or db_commit (their rows are of no use). All of
 * `m` is copied. The caller calls queue_announce after the commit. Put it last in a transaction:
 * it may lock rows of q_domain. Does not yield. ERR_LIMIT or ERR_SYNTAX when `m` is not as
 * described; nothing is appended then. */
bool queue_enqueue_send(struct queue *q, struct db_tx *tx, int64_t queue_id,
                        const struct queue_new_message *m, struct err *e);
/* The same in a transaction of its own, with the announcement; *queue_id is given. Errors: those
 * of db_commit. After an unknown COMMIT it looks whether the message is there: if so it is success,
 * if not ERR_UNAVAILABLE, and ERR_UNKNOWN_OUTCOME only when that cannot be found out. Yields. */
YIELDS bool queue_enqueue(struct queue *q, const struct queue_new_message *m, int64_t deadline_ms,
                          int64_t *queue_id, struct err *e);
/* All of them or none, without the announcement: `ids` are of queue_make_id, n > 0, every message
 * is packed and has no `also`. Errors: those of queue_enqueue. Yields. */
YIELDS bool queue_enqueue_all(struct queue *q, const struct queue_new_message *list,
                              const int64_t *ids, size_t n, int64_t deadline_ms, struct err *e);
/* The statement alone, with the queue id 0, in a transaction of its own: for a message that goes to
 * nobody. Errors: those of db_commit. Yields. */
YIELDS bool queue_do_also(struct queue *q, const struct queue_also *also, int64_t deadline_ms,
                          struct err *e);
/* Whether the message is in the queue now: to resolve an unknown COMMIT soon after it. Yields. */
YIELDS bool queue_exists(struct queue *q, int64_t queue_id, int64_t deadline_ms, bool *out,
                         struct err *e);
/* Wakes the workers of all processes, and shows the message in Redis. Does not wait or fail. */
void queue_announce(struct queue *q, int64_t queue_id);
/* The same of one that has just come, with its held_why: what is held is shown so. */
void queue_announce_new(struct queue *q, int64_t queue_id, str held_why);

/* ---- working on it ---- */

struct queue_recipient {
    str address;
    str orcpt;
    unsigned notify;
    unsigned attempts; /* made before this one */
    /* How many of them and this one somebody asked for by hand: the schedule does not count them.
     */
    unsigned asked;
    int64_t
        planned_us; /* this one was asked for: when the schedule has the next one; 0: it was not */
};

struct queue_message {
    int64_t queue_id;
    int64_t account_id;
    str envelope_from; /* empty = null sender */
    str envelope_id;
    size_t size; /* octets of the message as it goes out */
    bool is_8bit;
    bool is_utf8;
    bool has_ret;
    bool return_full;
    enum queue_tls_rule tls_rule;
    bool is_verp;     /* as in queue_new_message */
    bool has_from_id; /* likewise */
    bool is_waived;   /* somebody decided to send it to these recipients, however insecure */
    str transport;    /* that an administrator named for them (act.h); empty: none */
    int64_t created_us;
    int64_t expires_us;
    struct queue_recipient *recipients; /* those of the leased domain that are due, at least 1 */
    size_t n;
};

/* A leased destination. Belongs to one fiber and its helpers; lives in the arena. */
struct queue_lease {
    str domain;
    int64_t token;
    int64_t until_ms;               /* monotonic; nothing may be promised to a peer after it */
    bool is_probe;                  /* the breaker is half open: one message only, one try */
    bool is_short;                  /* very many wait for their turn: it has few messages */
    struct queue_message *messages; /* the oldest due first */
    size_t n;
    struct queue_lease_state *state; /* private */
};

/* Leases the longest due domain that nobody works on and whose breaker is not open, with up to
 * `max_messages` messages (1 when half open; fewer when many destinations are due) and
 * at most 100 recipients each; of a message with is_verp each recipient comes as a message of its
 * own, of the same queue_id. *out is NULL when nothing is due: wait for the hint or about 1 s. A
 * lease that ends by itself after a crash is taken over. Errors: those of db_query. The lease lives
 * in `a`. Yields. */
YIELDS bool queue_claim(struct queue *q, struct arena *a, unsigned max_messages,
                        int64_t deadline_ms, struct queue_lease **out, struct err *e);
/* Makes the lease last lease_ms from now. ERR_CONFLICT: it was lost, stop at once. Call it at half
 * of its time while working. Yields. */
YIELDS bool queue_lease_extend(struct queue *q, struct queue_lease *lease, int64_t deadline_ms,
                               struct err *e);
/* Takes the messages from the `first` on out of the lease, untried: the next one is due in
 * `wait_ms` and each further one `step_ms` later. Until then operators are told `why` they wait, if
 * it is not empty. Errors: those of db_query; they are out of the
 * lease then, too, and due as they were. Yields. */
YIELDS bool queue_postpone(struct queue *q, struct queue_lease *lease, size_t first,
                           int64_t wait_ms, int64_t step_ms, str why, struct err *e);
/* True while at least `margin_ms` of the lease is left. Check it right before the end dot of DATA
 * (R9): a process that was stopped for long finds out here. */
bool queue_lease_is_valid(const struct queue_lease *lease, int64_t margin_ms);

enum {
    QUEUE_PART_BYTES = 512 * 1024
};
/* The message's octets [from, from + QUEUE_PART_BYTES), cut to what is there, exactly as they were
 * put in, in the arena; empty behind the end. `from` is a multiple of QUEUE_PART_BYTES. A message
 * on its way so needs no more memory than a part. ERR_NOT_FOUND when an operator deleted it
 * meanwhile, ERR_INTERNAL when it is damaged, and those of db_query. Yields. */
YIELDS bool queue_load_part(struct queue *q, int64_t queue_id, size_t from, struct arena *a,
                            int64_t deadline_ms, str *out, struct err *e);
/* The first part, for who is about to send a message of the lease. ERR_NOT_FOUND also when nobody
 * at this destination is to get it now: it was claimed a while ago, and its sender may have been
 * stopped since then. Otherwise the same. Yields. */
YIELDS bool queue_load_first(struct queue *q, const struct queue_lease *lease,
                             const struct queue_message *m, struct arena *a, int64_t deadline_ms,
                             str *out, struct err *e);
/* All octets of the message at once; the same errors. Yields. */
YIELDS bool queue_load_body(struct queue *q, int64_t queue_id, struct arena *a, int64_t deadline_ms,
                            str *out, struct err *e);

enum queue_outcome {
    QUEUE_DELIVERED, /* the peer answered 2yz to the end dot */
    QUEUE_DEFERRED,  /* try again by the schedule (4yz, no connection, ...) */
    QUEUE_FAILED,    /* never try again (5yz, null MX, ...) */
    QUEUE_HELD       /* never try again until somebody decides (hold.h); expires like others */
};

/* What a server had that was not good enough. */
struct queue_certificate {
    str shown; /* for people */
    str pin;   /* 32 octets: SHA-256 of its public key */
};

struct queue_result {
    enum queue_outcome outcome;
    str status; /* enhanced code "4.4.1"; empty: made from the outcome (2.0.0, 4.0.0, 5.0.0) */
    str reply;  /* what the peer or we said, one or more lines; cut at QUEUE_REPLY_MAX */
    str remote; /* host that spoke, "mx.example.net [192.0.2.1]"; empty for our own finding */
    str tls; /* whose word on TLS counted and what came of it, "sts certificate-expired" (RFC 8460
                sections 4.2 and 4.3); empty: it did not get that far */
    /* How far it got: "lookup", "connect", "greeting", "hello", "starttls", "login", "mail",
     * "rcpt", "data", "message", or "queue" for what has nothing to do with a server. Static or
     * NULL. */
    const char *stage;
    str secured;     /* version, cipher and proof of TLS: "TLSv1.3 TLS_AES_256_GCM_SHA384 dane", the
                        proof being dane, mta-sts, pkix or none; empty: plain text */
    str weak_tls;    /* what kept it from being verified TLS; empty: it was, or nothing was sent */
    int64_t took_ms; /* the whole attempt */
    /* Delivered, and the peer was told what its sender wants to hear (RFC 3461 5.2.2): a report of
     * success is not ours to make. */
    bool peer_reports;
    const struct queue_certificate *certificate; /* QUEUE_HELD only; NULL: there was none */
    /* What came of the server that was tried before this one in the same attempt, and so on; for
     * the history. NULL: this one was the first. */
    const struct queue_result *before;
};

/* Writes what became of the message's recipients: results[i] is of recipients[i], m->n of them,
 * all in one transaction that holds only under the lease's token. A deferred recipient gets its
 * next time from the schedule; past 15 attempts or the lifetime it has failed (status 4.4.7).
 * Attempts that somebody asked for are made beside the schedule, which neither counts them nor puts
 * off what it has planned. A failed one stays until it is reported, or goes at once when the sender
 * is null or did not ask. After any other error the call may be repeated while the lease is valid:
 * it is idempotent. ERR_DENIED: the lease was lost, nothing was written (another worker may send it
 * again: log it). Yields. */
YIELDS bool queue_finish(struct queue *q, struct queue_lease *lease, const struct queue_message *m,
                         const struct queue_result *results, int64_t deadline_ms, struct err *e);

/* Text of peers made fit for a text column: valid UTF-8, no control bytes but LF, cut. In arena. */
str queue_clean_text(struct arena *a, str text, size_t max);

/* Tells the breaker whether the destination as a whole worked (a session got as far as an answer
 * to MAIL FROM) or not (no connection, no greeting, TLS refused). True when the breaker is open
 * now: leave the rest of the batch untried and release. Written by the next queue_release. */
bool queue_lease_destination(struct queue_lease *lease, bool worked, str reason);

/* What the lease has made of the breaker, for the log, after it was given back: an open one that
 * fails once more has not been opened. */
struct queue_breaker_turn {
    bool has_opened;
    bool has_closed;
    unsigned failures; /* in a row */
    int64_t until_us;  /* when it was opened: until then nothing is tried */
    str reason;        /* why the destination failed last; of the lease */
};
struct queue_breaker_turn queue_lease_turn(const struct queue_lease *lease);

/* Gives the domain back, so that what is due next can be claimed. Messages without queue_finish
 * stay due and no attempt is counted. A failure does no harm: the lease ends by itself. Yields. */
YIELDS bool queue_release(struct queue *q, struct queue_lease *lease, int64_t deadline_ms,
                          struct err *e);

/* To be called about once a minute by one process or by all: makes domains due whose hint was lost
 * in a race, gives up recipients past their lifetime that nobody tries (an open breaker), marks
 * delays that senders are to be told of, removes messages without recipients, domains unused for
 * a week and counts of former hours (queue_may_tell), and writes mail:stats and mail:queue:pending
 * anew. Yields. */
YIELDS bool queue_sweep(struct queue *q, int64_t deadline_ms, struct err *e);

/* ---- reports to senders (DSN) ---- */

enum {
    QUEUE_TOLD_BY_DOMAIN = 10 /* times as many for all addresses of a domain */
};

/* Takes `n` reports of success for a sender whom nobody proved out of what it may have in an hour,
 * which is `per_hour` for the address (so many count at most) and QUEUE_TOLD_BY_DOMAIN times that
 * for its domain. *out: whether it may. Errors: those of db_query. Yields. */
YIELDS bool queue_may_tell(struct queue *q, str sender, size_t n, int64_t per_hour,
                           int64_t deadline_ms, bool *out, struct err *e);

struct queue_reported {
    str address;
    str orcpt;
    str status; /* "5.1.1" */
    str reply;
    str remote;
    unsigned attempts;
    int64_t last_attempt_us;
};

enum queue_report_kind {
    QUEUE_REPORT_FAILURE,
    QUEUE_REPORT_DELAY,
    QUEUE_REPORT_RELAYED,  /* to a server that does not report itself */
    QUEUE_REPORT_DELIVERED /* into a mailbox of ours */
};

/* What a sender is to be told about one message: all its recipients of one kind. */
struct queue_report {
    enum queue_report_kind kind;
    int64_t queue_id;
    str envelope_from; /* never empty */
    str envelope_id;
    bool is_utf8;
    bool return_full;
    enum queue_tls_rule tls_rule;
    int64_t account_id;
    int64_t created_us; /* when the message came: Arrival-Date */
    str hold_request;   /* as of the message */
    int64_t expires_us;
    struct queue_reported *recipients;
    size_t n;
    str original;         /* the message: its first 64 kB at most */
    bool is_original_cut; /* there is more of it */
};

/* The next message above `after_id` (0: the first) that awaits a report; *found is false when there
 * is none. The caller composes it (queue/dsn.h) and puts it, together with queue_report_send, into
 * one transaction: queue_enqueue_send for a remote sender, the `extra` of a local delivery for one
 * of ours. When that fails, the state is as before: go on with after_id, and begin again later. Two
 * processes may work on the same report; only one of them commits. Lives in `a`. Yields. */
YIELDS bool queue_report_next(struct queue *q, int64_t after_id, struct arena *a,
                              int64_t deadline_ms, bool *found, struct queue_report *out,
                              struct err *e);
enum {
    QUEUE_REPORT_STATEMENTS = 1
};
/* Appends exactly QUEUE_REPORT_STATEMENTS statements to the pipeline of an open transaction: the
 * recipients of the report are done (failed ones are removed, a delay is marked as told). The
 * statement fails with ERR_CONFLICT when somebody else has done it: no report then. */
void queue_report_send(struct queue *q, struct db_tx *tx, const struct queue_report *report);
/* Behind the commit: operators see what is left of the message. Yields. */
YIELDS void queue_report_ended(struct queue *q, const struct queue_report *report,
                               int64_t deadline_ms);

/* The sender cannot be told now (a mailbox that is full): a report of a failure or success is due
 * again in `ms`, until a week after the message's lifetime; one of a delay is not made. Yields. */
YIELDS bool queue_report_postpone(struct queue *q, const struct queue_report *report, int64_t ms,
                                  int64_t deadline_ms, struct err *e);

/* ---- for operators: each act writes one audit row in its transaction ---- */

enum queue_status {
    QUEUE_STATUS_PENDING, /* never tried */
    QUEUE_STATUS_DEFERRED,
    QUEUE_STATUS_FAILED, /* waits for its report */
    QUEUE_STATUS_HELD,   /* waits for a decision, or for its time */
    QUEUE_STATUS_ANY,    /* filter only */
    QUEUE_STATUS_ASKED   /* filter only: held until somebody decides (hold.h) */
};

/* "pending", "deferred", "failed", "held"; static. */
const char *queue_status_name(enum queue_status status);

/* What is delivered, and waits only for a report of success, is not listed. */
struct queue_filter {
    str domain;    /* of recipients, lower case; empty = all */
    str sender;    /* exact envelope sender; empty = all */
    str recipient; /* exact address; empty = all */
    enum queue_status status;
    int64_t
        after_id;   /* only queue ids above: the last row of the page before; 0 = from the first */
    str after_rcpt; /* with after_id: recipients of that id above this one too */
    unsigned limit; /* 0 = 100; at most 1000 */
};

/* One recipient as it stands in the queue. */
struct queue_row {
    int64_t queue_id;
    str envelope_from;
    str recipient;
    str domain;
    enum queue_status status;
    unsigned attempts;
    /* Next try, behind an open breaker; or the time that its sender named; 0: none for now. */
    int64_t due_us;
    str waits; /* why it is not tried although it could be, or empty; of what is held `reply` says
                */
    bool is_waiting;         /* QUEUE_STATUS_HELD until due_us, which its sender named */
    bool is_asked;           /* QUEUE_STATUS_HELD until somebody decides (hold.h) */
    int64_t last_attempt_us; /* 0: none yet */
    str code;                /* last enhanced status, empty when none */
    str reply;               /* last reply, empty when none */
    int64_t created_us;
    int64_t expires_us; /* 0: never, while an administrator or a rule holds it */
    int64_t size;       /* octets of the message */
    str transport;      /* that an administrator named; empty: none */
    bool is_verp;       /* as in queue_new_message */
};

struct queue_rows {
    struct queue_row *list; /* by queue id, then recipient */
    size_t n;
};

/* Yields. */
YIELDS bool queue_list(struct queue *q, const struct queue_filter *filter, struct arena *a,
                       int64_t deadline_ms, struct queue_rows *out, struct err *e);
/* All recipients of one message. ERR_NOT_FOUND. Yields. */
YIELDS bool queue_get(struct queue *q, int64_t queue_id, struct arena *a, int64_t deadline_ms,
                      struct queue_rows *out, struct err *e);

/* The same of several messages, by queue id, then recipient; of an unknown one there is nothing.
 * Yields. */
YIELDS bool queue_get_some(struct queue *q, const int64_t *queue_ids, size_t n, struct arena *a,
                           int64_t deadline_ms, struct queue_rows *out, struct err *e);

/* What waits for one destination. */
struct queue_group {
    str domain;
    int64_t recipients;
    int64_t messages;
    int64_t failed;  /* recipients that wait for their report */
    int64_t held;    /* recipients that are held */
    int64_t due_us;  /* the next try of one of them; 0: there is none for now */
    str reply;       /* one of the commonest answers, empty when there is none */
    int64_t replies; /* recipients that got such an answer; codes and ids in it may differ */
    str waits;       /* why some of them are not tried, as in queue_row */
    enum queue_breaker_state breaker; /* its own; half open: one message at a time is tried */
    int64_t until_us;                 /* OPEN: until then nothing is tried; else 0 */
};

struct queue_groups {
    struct queue_group *list; /* the fullest first */
    size_t n;
    int64_t total; /* destinations in all */
};

/* The recipients that the filter selects (its place in the list is not looked at), by destination.
 * Yields. */
YIELDS bool queue_list_domains(struct queue *q, const struct queue_filter *filter, struct arena *a,
                               int64_t deadline_ms, struct queue_groups *out, struct err *e);

struct queue_actor {
    int64_t account_id; /* 0: the operator on the machine (CLI) or the system */
    str name;           /* "cli", "system", or the login */
    str ip;             /* empty when none */
};

/* Makes all recipients of the message due now that are pending, held for a decision or for their
 * time, and closes the breakers of their domains. The attempt is one that was asked for. What an
 * administrator, a rule or the end of its account's sending holds stays held (act.h releases it):
 * ERR_CONFLICT when there is nothing else; ERR_NOT_FOUND. Yields. */
YIELDS bool queue_retry(struct queue *q, const struct queue_actor *actor, int64_t queue_id,
                        int64_t deadline_ms, struct err *e);
/* The same for every recipient that the filter's domain, sender, recipient and status select, held
 * ones only where the filter names their status; *count is how many. Yields. */
YIELDS bool queue_retry_all(struct queue *q, const struct queue_actor *actor,
                            const struct queue_filter *filter, int64_t deadline_ms, int64_t *count,
                            struct err *e);
/* Removes the message with all its recipients, without a report. ERR_NOT_FOUND. Yields. */
YIELDS bool queue_delete(struct queue *q, const struct queue_actor *actor, int64_t queue_id,
                         int64_t deadline_ms, struct err *e);

struct queue_stats {
    int64_t messages;
    int64_t pending;      /* recipients never tried */
    int64_t deferred;     /* recipients tried and waiting */
    int64_t failed;       /* recipients waiting for their report */
    int64_t held;         /* recipients waiting for a decision, or for their time */
    int64_t due;          /* recipients due now */
    int64_t bytes;        /* octets of all messages */
    int64_t oldest_us;    /* when the oldest message came that waits for no time of its sender's; 0:
                             there is none */
    int64_t due_since_us; /* since when the first of `due` is due; 0: none is */
    int64_t open_breakers; /* domains not tried for now */
    int64_t leased;        /* domains being worked on */
};

/* Yields. */
YIELDS bool queue_get_stats(struct queue *q, int64_t deadline_ms, struct queue_stats *out,
                            struct err *e);

/* Queue ids in listings and replies: 13 characters of Crockford's base32 in lower case, in the
 * order of the numbers. */
enum {
    QUEUE_ID_TEXT = 14
};
str queue_id_format(int64_t queue_id, char out[QUEUE_ID_TEXT]);
/* ERR_SYNTAX. */
bool queue_id_parse(str text, int64_t *queue_id, struct err *e);

#endif
