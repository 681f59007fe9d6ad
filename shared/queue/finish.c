/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a message's recipients, written under the lease's token. */
#include "queue/private.h"

enum {
    REMOTE_MAX = 300,
    TLS_MAX = 60,
    SECURED_MAX = 100,
    CODE_MAX = 16,
    FINISH_PARAMS = 13, /* of queue_finish; the others are the history's: */
    TRACED_PARAMS = 18, /* of the results; then of servers before */
    PASSED_MAX = 1000   /* of one message that are told */
};

/* Servers that were tried and left for another one, for the history, as arrays. */
struct passed {
    size_t n;
    size_t max;
    str *rcpt;
    int64_t *attempts;
    int64_t *outcome;
    str *stage;
    str *code;
    str *reply;
    str *remote;
    str *tls;
    str *secured;
    int64_t *took;
};

/* The results as arrays for queue_finish of the schema. */
struct finish {
    size_t n;
    str *rcpt;
    int64_t *status;
    int64_t *attempts;
    int64_t *due;
    str *code;
    str *reply;
    str *remote;
    str *tls;
    int64_t *outcome; /* for the history, as are the next ones */
    str *stage;
    str *secured;
    int64_t *took;
    struct passed *passed;                       /* NULL: no server was left for another one */
    const struct queue_certificate *certificate; /* of a server that was not good enough */
    int64_t next_us;                             /* the earliest next attempt */
    uint32_t spread; /* one random number: what is put off together is tried together again */
    int64_t time_divisor;
    const struct queue_plan *plan;
    int64_t delivered;
    int64_t deferred;
    int64_t failed;
    int64_t held;
};

#define CALL_FINISH                                                                         \
    "SELECT queue_finish($1::text, $2::int8, $3::int8, $4::text[], $5::int4[], $6::int4[]," \
    " $7::int8[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text, $13::bytea)"

static const struct db_stmt finish_stmt = { CALL_FINISH };
/* The history is one statement with the result: no round trip and no transaction more. It sees the
 * message as it was before the function, which may delete it; and a lost lease undoes both. A call
 * that is repeated finds its rows there. */
#define HISTORY(name, rcpt, attempt, code, reply, remote, tls, outcome, stage, secured, took)  \
    name " AS (INSERT INTO q_attempt (" ATTEMPT_MESSAGE_COLUMNS ", recipient, attempt,"        \
         " outcome, stage, code, reply, remote, tls, secured, took_ms, node)"                  \
         " SELECT " ATTEMPT_MESSAGE_VALUES ", u.rcpt, u.attempt, u.outcome::int2, u.stage,"    \
         " u.code, u.reply, u.remote, u.tls, u.secured, u.took, $18::text FROM q_msg m,"       \
         " unnest(" rcpt "::text[], " attempt "::int4[], " code "::text[], " reply "::text[]," \
         " " remote "::text[], " tls "::text[], " outcome "::int4[], " stage "::text[],"       \
         " " secured "::text[], " took "::int4[])"                                             \
         " AS u (rcpt, attempt, code, reply, remote, tls, outcome, stage, secured, took)"      \
         " WHERE m.queue_id = $3::int8 ON CONFLICT DO NOTHING)"
#define OF_RESULTS \
    HISTORY("history", "$4", "$6", "$8", "$9", "$10", "$11", "$14", "$15", "$16", "$17")
#define OF_PASSED \
    HISTORY("passed", "$19", "$20", "$21", "$22", "$23", "$24", "$25", "$26", "$27", "$28")
static const struct db_stmt finish_traced = { "WITH " OF_RESULTS " " CALL_FINISH };
static const struct db_stmt finish_passed = { "WITH " OF_RESULTS ", " OF_PASSED " " CALL_FINISH };

static str default_code(enum queue_outcome outcome)
{
    switch (outcome) {
    case QUEUE_DELIVERED:
        return STR("2.0.0");
    case QUEUE_DEFERRED:
        return STR("4.0.0");
    case QUEUE_FAILED:
        return STR("5.0.0");
    case QUEUE_HELD:
        return STR("4.7.0");
    }
    return STR_EMPTY;
}

static bool wants_report(const struct queue_message *m, const struct queue_recipient *r,
                         unsigned bit)
{
    return m->envelope_from.n > 0 && (r->notify & bit);
}

/* What the schedule makes of a deferral. */
static void defer(struct finish *f, size_t i, const struct queue_message *m, int64_t now_us)
{
    const struct queue_recipient *r = &m->recipients[i];
    /* The schedule sees a clock that runs time_divisor times as fast. */
    int64_t expires_us = now_us + (m->expires_us - now_us) * f->time_divisor;
    unsigned made = r->attempts + 1 > r->asked ? r->attempts + 1 - r->asked : 0; /* of its own */
    struct queue_schedule next = queue_schedule_next(f->plan, made, now_us, expires_us, f->spread);
    if (!next.gave_up) {
        next.due_us = now_us + (next.due_us - now_us) / f->time_divisor;
        /* What was asked for comes before the next planned one, not instead of it. */
        if (r->planned_us > now_us)
            next.due_us = r->planned_us < m->expires_us ? r->planned_us : m->expires_us;
        f->status[i] = RCPT_PENDING;
        f->due[i] = next.due_us;
        f->deferred++;
        if (next.due_us < f->next_us)
            f->next_us = next.due_us;
        return;
    }
    f->status[i] = wants_report(m, r, QUEUE_NOTIFY_FAILURE) ? RCPT_FAILED : RCPT_DONE;
    f->outcome[i] = ATTEMPT_FAILED;
    f->code[i] = STR("4.4.7"); /* delivery time expired (RFC 3463 section 3.5) */
    f->failed++;
}

/* What the history tells beside the result. */
static void add_history(struct finish *f, size_t i, const struct queue_result *result,
                        struct arena *a)
{
    static const int outcomes[] = { [QUEUE_DELIVERED] = ATTEMPT_DELIVERED,
                                    [QUEUE_DEFERRED] = ATTEMPT_DEFERRED,
                                    [QUEUE_FAILED] = ATTEMPT_FAILED,
                                    [QUEUE_HELD] = ATTEMPT_HELD };
    f->outcome[i] = outcomes[result->outcome];
    f->stage[i] = result->stage ? str_from_cstr(result->stage) : STR_EMPTY;
    f->secured[i] = queue_clean_text(a, result->secured, SECURED_MAX);
    f->took[i] = result->took_ms < INT32_MAX ? result->took_ms : INT32_MAX;
}

static void add_result(struct finish *f, size_t i, const struct queue_message *m,
                       const struct queue_result *result, int64_t now_us, struct arena *a)
{
    const struct queue_recipient *r = &m->recipients[i];
    f->rcpt[i] = r->address;
    f->attempts[i] = (int64_t)r->attempts + 1;
    f->due[i] = now_us;
    f->code[i] = str_is_empty(result->status) ? default_code(result->outcome)
                                              : queue_clean_text(a, result->status, CODE_MAX);
    f->reply[i] = queue_clean_text(a, result->reply, QUEUE_REPLY_MAX);
    f->remote[i] = queue_clean_text(a, result->remote, REMOTE_MAX);
    f->tls[i] = queue_clean_text(a, result->tls, TLS_MAX);
    add_history(f, i, result, a);
    switch (result->outcome) {
    case QUEUE_DELIVERED:
        f->status[i] = !result->peer_reports && wants_report(m, r, QUEUE_NOTIFY_SUCCESS)
                           ? RCPT_RELAYED
                           : RCPT_DONE;
        f->delivered++;
        break;
    case QUEUE_DEFERRED:
        defer(f, i, m, now_us);
        break;
    case QUEUE_FAILED:
        f->status[i] = wants_report(m, r, QUEUE_NOTIFY_FAILURE) ? RCPT_FAILED : RCPT_DONE;
        f->failed++;
        break;
    case QUEUE_HELD:
        f->status[i] = RCPT_HELD;
        f->due[i] = m->expires_us;
        f->certificate = result->certificate;
        f->held++;
        break;
    }
}

static struct finish make_finish(struct arena *a, const struct queue_lease *lease,
                                 const struct queue_message *m, const struct queue_result *results)
{
    struct finish f = {
        .n = m->n,
        .rcpt = ARENA_ARRAY(a, str, m->n),
        .status = ARENA_ARRAY(a, int64_t, m->n),
        .attempts = ARENA_ARRAY(a, int64_t, m->n),
        .due = ARENA_ARRAY(a, int64_t, m->n),
        .code = ARENA_ARRAY(a, str, m->n),
        .reply = ARENA_ARRAY(a, str, m->n),
        .remote = ARENA_ARRAY(a, str, m->n),
        .tls = ARENA_ARRAY(a, str, m->n),
        .outcome = ARENA_ARRAY(a, int64_t, m->n),
        .stage = ARENA_ARRAY(a, str, m->n),
        .secured = ARENA_ARRAY(a, str, m->n),
        .took = ARENA_ARRAY(a, int64_t, m->n),
        .next_us = INT64_MAX,
        .spread = arc4random(),
        .time_divisor = lease->state->time_divisor,
        .plan = lease->state->plan,
    };
    int64_t now_us = queue_lease_now_us(lease);
    for (size_t i = 0; i < m->n; i++)
        add_result(&f, i, m, &results[i], now_us, a);
    return f;
}

/* ---- servers that were left for another one ---- */

static size_t count_before(const struct queue_result *result)
{
    size_t n = 0;
    for (const struct queue_result *r = result->before; r; r = r->before)
        n++;
    return n;
}

static void add_passed(struct passed *p, const struct queue_recipient *r,
                       const struct queue_result *result, size_t place, struct arena *a)
{
    size_t i = p->n++;
    p->rcpt[i] = r->address;
    p->attempts[i] = (int64_t)r->attempts + 1;
    p->outcome[i] = ATTEMPT_PASSED + (int64_t)place;
    p->stage[i] = result->stage ? str_from_cstr(result->stage) : STR_EMPTY;
    p->code[i] = str_is_empty(result->status) ? default_code(result->outcome)
                                              : queue_clean_text(a, result->status, CODE_MAX);
    p->reply[i] = queue_clean_text(a, result->reply, QUEUE_REPLY_MAX);
    p->remote[i] = queue_clean_text(a, result->remote, REMOTE_MAX);
    p->tls[i] = queue_clean_text(a, result->tls, TLS_MAX);
    p->secured[i] = queue_clean_text(a, result->secured, SECURED_MAX);
    p->took[i] = result->took_ms < INT32_MAX ? result->took_ms : INT32_MAX;
}

/* NULL when there are none. */
static struct passed *make_passed(struct arena *a, const struct queue_message *m,
                                  const struct queue_result *results)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += count_before(&results[i]);
    if (n == 0)
        return NULL;
    if (n > PASSED_MAX)
        n = PASSED_MAX;
    struct passed *p = ARENA_NEW(a, struct passed);
    *p = (struct passed){
        .max = n,
        .rcpt = ARENA_ARRAY(a, str, n),
        .attempts = ARENA_ARRAY(a, int64_t, n),
        .outcome = ARENA_ARRAY(a, int64_t, n),
        .stage = ARENA_ARRAY(a, str, n),
        .code = ARENA_ARRAY(a, str, n),
        .reply = ARENA_ARRAY(a, str, n),
        .remote = ARENA_ARRAY(a, str, n),
        .tls = ARENA_ARRAY(a, str, n),
        .secured = ARENA_ARRAY(a, str, n),
        .took = ARENA_ARRAY(a, int64_t, n),
    };
    for (size_t i = 0; i < m->n; i++) {
        size_t place = count_before(&results[i]);
        for (const struct queue_result *r = results[i].before; r && p->n < p->max; r = r->before)
            add_passed(p, &m->recipients[i], r, --place, a);
    }
    return p;
}

YIELDS static void show(struct queue *q, const struct queue_message *m, const struct finish *f,
                        int64_t left, int64_t deadline_ms)
{
    queue_count(q, "delivered_total", f->delivered);
    queue_count(q, "deferred_total", f->deferred);
    queue_count(q, "failed_total", f->failed);
    queue_count(q, "held_total", f->held);
    if (left == 0) {
        queue_hide_message(q, m->queue_id);
    } else if (f->next_us != INT64_MAX) {
        queue_show_message(q, m->queue_id, f->next_us, "deferred", left);
    } else { /* other destinations may have more of it, or only its report is left */
        queue_show_anew(q, &m->queue_id, 1, deadline_ms);
    }
}

bool queue_finish(struct queue *q, struct queue_lease *lease, const struct queue_message *m,
                  const struct queue_result *results, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    arena_init(&a);
    struct finish f = make_finish(&a, lease, m, results);
    const struct passed *p = q->keep_history_ms > 0 ? make_passed(&a, m, results) : NULL;
    const struct passed none = { .n = 0 };
    str shown =
        f.certificate ? queue_clean_text(&a, f.certificate->shown, QUEUE_REPLY_MAX) : STR_EMPTY;
    str pin = f.certificate ? f.certificate->pin : STR_EMPTY;
    const struct db_stmt *stmt = p                        ? &finish_passed
                                 : q->keep_history_ms > 0 ? &finish_traced
                                                          : &finish_stmt;
    size_t n_params = q->keep_history_ms > 0 ? TRACED_PARAMS : FINISH_PARAMS;
    const struct passed *o = p ? p : &none;
    const struct db_param params[] = {
        DB_TEXT(lease->domain),
        DB_INT8(lease->token),
        DB_INT8(m->queue_id),
        DB_TEXTS(f.rcpt, f.n),
        DB_INT4S(f.status, f.n),
        DB_INT4S(f.attempts, f.n),
        DB_INT8S(f.due, f.n),
        DB_TEXTS(f.code, f.n),
        DB_TEXTS(f.reply, f.n),
        DB_TEXTS(f.remote, f.n),
        DB_TEXTS(f.tls, f.n),
        DB_TEXT(shown),
        DB_BYTEA(pin),
        DB_INT4S(f.outcome, f.n),
        DB_TEXTS(f.stage, f.n),
        DB_TEXTS(f.secured, f.n),
        DB_INT4S(f.took, f.n),
        DB_TEXT(queue_node_name(q)),
        DB_TEXTS(o->rcpt, o->n),
        DB_INT4S(o->attempts, o->n),
        DB_TEXTS(o->code, o->n),
        DB_TEXTS(o->reply, o->n),
        DB_TEXTS(o->remote, o->n),
        DB_TEXTS(o->tls, o->n),
        DB_INT4S(o->outcome, o->n),
        DB_TEXTS(o->stage, o->n),
        DB_TEXTS(o->secured, o->n),
        DB_INT4S(o->took, o->n),
    };
    bool ok = db_query(q->db, DB_DELIVER, stmt, params, p ? COUNT_OF(params) : n_params, &a,
                       deadline_ms, &r, e);
    if (ok) {
        show(q, m, &f, db_int(r, 0, 0), deadline_ms);
    }
    arena_fini(&a);
    return ok;
}
