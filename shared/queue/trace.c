/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the history of messages, and forgetting it. It is written by finish.c, and by those who
 * take recipients out of the queue without an attempt. */
#include "queue/trace.h"

#include "obs/obs.h"
#include "queue/private.h"

#include <assert.h>

enum {
    SWEEP_MESSAGES = 2000, /* of one statement */
    SWEEP_ROUNDS = 50
};

const char *queue_trace_state_name(enum queue_trace_state state)
{
    static const char *const names[] = {
        [QUEUE_TRACE_WAITING] = "waiting",
        [QUEUE_TRACE_DEFERRED] = "deferred",
        [QUEUE_TRACE_HELD] = "held",
        [QUEUE_TRACE_FAILED] = "failed",
        [QUEUE_TRACE_DELIVERED] = "delivered",
        [QUEUE_TRACE_DROPPED] = "dropped",
        [QUEUE_TRACE_REPORTED_FAILED] = "reportedFailed",
        [QUEUE_TRACE_REPORTED_DELAYED] = "reportedDelayed",
        [QUEUE_TRACE_REPORTED_DELIVERED] = "reportedDelivered",
        [QUEUE_TRACE_REPORTED_RELAYED] = "reportedRelayed",
        [QUEUE_TRACE_REPORTED_EXPANDED] = "reportedExpanded",
    };
    return names[state];
}

/* The conditions of a query over columns of these names; `is` is what $2 means. Each of both
 * branches ends by its own limit, so that "the newest ones" reads no more than those. */
#define MATCHES(is, sender, recipient, account_id, created)                                     \
    " ($1::int8 = 0 OR queue_id = $1) AND " is " AND ($3::text = '' OR lower(" sender           \
    ") = lower($3)) AND ($4::text = '' OR lower(" recipient ") = lower($4))"                    \
    " AND ($5::int8 = 0 OR " account_id " = $5)"                                                \
    " AND ($6::int8 = 0 OR " created " >= timestamptz 'epoch' + $6 * interval '1 microsecond')" \
    " AND ($7::int8 = 0 OR " created " < timestamptz 'epoch' + $7 * interval '1 microsecond')"  \
    " AND queue_id < $8 ORDER BY queue_id DESC LIMIT $9"
#define FOUND(is_attempt, is_queued)                                                         \
    "SELECT queue_id FROM ((SELECT DISTINCT queue_id FROM q_attempt WHERE" MATCHES(          \
        is_attempt, "sender", "recipient", "account_id",                                     \
        "created") ") UNION (SELECT DISTINCT queue_id FROM q_msg m JOIN q_rcpt r"            \
                   " USING (queue_id) WHERE" MATCHES(is_queued, "m.envelope_from", "r.rcpt", \
                                                     "m.account_id",                         \
                                                     "m.created") ")) f ORDER BY"            \
                                                                  " queue_id DESC LIMIT $9"
#define ANY_TEXT(message_id, sender, recipient)                                                  \
    "($2::text = '' OR " message_id " = $2 OR lower(" sender ") = lower($2) OR lower(" recipient \
    ") = lower($2))"
/* As its index has it, which no other kind of text may keep from being used. */
#define THIS_MESSAGE(message_id) message_id " = $2::text AND " message_id " <> ''"

/* As its index has it. What was written by former versions has no number of its transfer. */
#define THIS_SESSION(session)                                                              \
    "split_part(" session ", '.', 1) = split_part($2::text, '.', 1) AND " session " <> ''" \
    " AND (strpos($2, '.') = 0 OR strpos(" session ", '.') = 0 OR " session " = $2)"

static const struct db_stmt find_session = { FOUND(THIS_SESSION("session"),
                                                   THIS_SESSION("m.session")) };
static const struct db_stmt find_messages = { FOUND(
    ANY_TEXT("message_id", "sender", "recipient"),
    ANY_TEXT("m.message_id", "m.envelope_from", "r.rcpt")) };
static const struct db_stmt find_message = { FOUND(THIS_MESSAGE("message_id"),
                                                   THIS_MESSAGE("m.message_id")) };

/* A row for each attempt, before it one for each server that it went past (ATTEMPT_PASSED), behind
 * all of them those of reports, and one without an attempt for who was never tried. */
static_assert(ATTEMPT_PASSED == 5 && RCPT_HELD == -1, "the numbers in select_attempts");
static const struct db_stmt select_attempts = {
    "SELECT coalesce(a.queue_id, r.queue_id), coalesce(a.recipient, r.rcpt),"
    " coalesce(a.sender, r.envelope_from), coalesce(a.message_id, r.message_id),"
    " coalesce(a.account_id, r.account_id), coalesce(a.created, r.created),"
    " r.status, r.attempts, r.due, r.expires, a.outcome, a.attempt, a.at, a.stage, a.remote,"
    " a.code, a.reply, a.tls, a.secured, a.took_ms, a.node, r.question, coalesce(r.waits, '')"
    " FROM (SELECT * FROM q_attempt WHERE queue_id = ANY ($1::int8[])) a FULL JOIN"
    " (SELECT r.queue_id, r.rcpt, r.status, r.attempts," QUEUE_NEXT " AS due, m.expires,"
    " m.envelope_from, CASE WHEN r.status = -1 AND NOT r.kept THEN r.reply END AS question,"
    " CASE WHEN r.status IN (-3, -1) THEN r.reply ELSE" QUEUE_WAITS " END AS waits,"
    " m.message_id, m.account_id, m.created FROM q_rcpt r JOIN q_msg m USING (queue_id)" QUEUE_DESTINATION
    " WHERE queue_id = ANY ($1::int8[])) r ON r.queue_id = a.queue_id AND r.rcpt = a.recipient"
    " ORDER BY 1 DESC, 2, a.outcome < 0, a.attempt, a.at, a.outcome < 5, a.outcome LIMIT $2"
};

enum column {
    QUEUE_ID,
    RECIPIENT,
    SENDER,
    MESSAGE_ID,
    ACCOUNT_ID,
    CREATED,
    STATUS, /* of the queue, as are the next three; null: it has left */
    TRIED,
    DUE,
    EXPIRES,
    OUTCOME, /* of an attempt, as are the others; null: there was none */
    ATTEMPT,
    AT,
    STAGE,
    REMOTE,
    CODE,
    REPLY,
    TLS,
    SECURED,
    TOOK,
    NODE,
    QUESTION, /* of the queue; null: nobody is asked */
    WAITS
};

static enum queue_trace_state state_of_outcome(int64_t outcome)
{
    static const enum queue_trace_state states[] = {
        [ATTEMPT_DELIVERED] = QUEUE_TRACE_DELIVERED, [ATTEMPT_DEFERRED] = QUEUE_TRACE_DEFERRED,
        [ATTEMPT_FAILED] = QUEUE_TRACE_FAILED,       [ATTEMPT_HELD] = QUEUE_TRACE_HELD,
        [ATTEMPT_DROPPED] = QUEUE_TRACE_DROPPED,
    };
    static const enum queue_trace_state heard[] = {
        [-ATTEMPT_HEARD_FAILED] = QUEUE_TRACE_REPORTED_FAILED,
        [-ATTEMPT_HEARD_DELAYED] = QUEUE_TRACE_REPORTED_DELAYED,
        [-ATTEMPT_HEARD_DELIVERED] = QUEUE_TRACE_REPORTED_DELIVERED,
        [-ATTEMPT_HEARD_RELAYED] = QUEUE_TRACE_REPORTED_RELAYED,
        [-ATTEMPT_HEARD_EXPANDED] = QUEUE_TRACE_REPORTED_EXPANDED,
    };
    if (outcome < 0 && -outcome < (int64_t)COUNT_OF(heard))
        return heard[-outcome];
    return outcome >= 0 && outcome < (int64_t)COUNT_OF(states) ? states[outcome]
                                                               : QUEUE_TRACE_DEFERRED;
}

static bool is_report(enum queue_trace_state state)
{
    return state >= QUEUE_TRACE_REPORTED_FAILED;
}

static enum queue_trace_state state_of_row(int64_t status, bool was_tried)
{
    if (status == RCPT_HELD || status == RCPT_WAITING)
        return QUEUE_TRACE_HELD;
    if (status == RCPT_FAILED)
        return QUEUE_TRACE_FAILED;
    if (status != RCPT_PENDING)
        return QUEUE_TRACE_DELIVERED;
    return was_tried ? QUEUE_TRACE_DEFERRED : QUEUE_TRACE_WAITING;
}

static struct queue_attempt read_attempt(const struct db_rows *r, size_t i)
{
    return (struct queue_attempt){
        .at_us = db_time_us(r, i, AT),
        .number = (unsigned)db_int(r, i, ATTEMPT),
        .state = state_of_outcome(db_int(r, i, OUTCOME)),
        .stage = db_str(r, i, STAGE),
        .remote = db_str(r, i, REMOTE),
        .code = db_str(r, i, CODE),
        .reply = db_str(r, i, REPLY),
        .tls = db_str(r, i, TLS),
        .secured = db_str(r, i, SECURED),
        .took_ms = db_int(r, i, TOOK),
        .node = db_str(r, i, NODE),
    };
}

static struct queue_traced read_traced(const struct db_rows *r, size_t i)
{
    bool is_queued = !db_is_null(r, i, STATUS);
    bool is_due =
        is_queued && (db_int(r, i, STATUS) == RCPT_PENDING || db_int(r, i, STATUS) == RCPT_WAITING);
    return (struct queue_traced){
        .queue_id = db_int(r, i, QUEUE_ID),
        .recipient = db_str(r, i, RECIPIENT),
        .sender = db_str(r, i, SENDER),
        .message_id = db_str(r, i, MESSAGE_ID),
        .account_id = db_int(r, i, ACCOUNT_ID),
        .created_us = db_time_us(r, i, CREATED),
        .state = is_queued ? state_of_row(db_int(r, i, STATUS), db_int(r, i, TRIED) > 0)
                           : QUEUE_TRACE_WAITING,
        .question = db_str(r, i, QUESTION),
        .waits = db_str(r, i, WAITS),
        .next_us = is_due ? db_time_us(r, i, DUE) : 0,
        .expires_us = is_queued ? db_time_us(r, i, EXPIRES) : 0,
    };
}

/* An attempt that was under way when the message was removed, and could only have been tried again,
 * changes nothing: there is nothing left to try. */
static bool is_past_end(const struct queue_traced *t, const struct queue_attempt *attempt)
{
    return t->state == QUEUE_TRACE_DROPPED &&
           (attempt->state == QUEUE_TRACE_DEFERRED || attempt->state == QUEUE_TRACE_HELD);
}

/* The next attempt of the recipient: what it came to is the state of who has left the queue. What
 * is reported of who was not delivered to is told, and changes nothing: the queue knows better; a
 * delay is the last word only when there is none besides. */
static void add_attempt(struct queue_traced *t, struct queue_attempt attempt)
{
    bool is_out = t->state == QUEUE_TRACE_DELIVERED || is_report(t->state);
    if (is_report(attempt.state)) {
        attempt.number = t->n ? t->attempts[t->n - 1].number : 1;
        if (is_out && (attempt.state != QUEUE_TRACE_REPORTED_DELAYED || !is_report(t->state)))
            t->state = attempt.state;
    } else if (t->expires_us == 0 && !is_past_end(t, &attempt)) {
        t->state = attempt.state;
    }
    t->attempts[t->n++] = attempt;
}

/* Rows of one recipient stand together. */
static void group_rows(const struct db_rows *r, struct arena *a, struct queue_traces *out)
{
    size_t n = db_row_count(r);
    struct queue_attempt *attempts = ARENA_ARRAY(a, struct queue_attempt, n);
    size_t n_attempts = 0;
    out->list = ARENA_ARRAY(a, struct queue_traced, n);
    for (size_t i = 0; i < n; i++) {
        struct queue_traced *t = out->n ? &out->list[out->n - 1] : NULL;
        if (!t || t->queue_id != db_int(r, i, QUEUE_ID) ||
            !str_eq(t->recipient, db_str(r, i, RECIPIENT))) {
            t = &out->list[out->n++];
            *t = read_traced(r, i);
            t->attempts = &attempts[n_attempts];
        }
        if (db_is_null(r, i, OUTCOME))
            continue;
        add_attempt(t, read_attempt(r, i));
        n_attempts++;
    }
}

/* There are more rows: a message that may not be whole is of the next page, unless it is alone. */
static void cut_page(struct queue_traces *out)
{
    size_t whole = out->n;
    int64_t cut_id = out->list[out->n - 1].queue_id;
    while (whole > 0 && out->list[whole - 1].queue_id == cut_id)
        whole--;
    if (whole > 0)
        out->n = whole;
    out->last_id = out->list[out->n - 1].queue_id;
}

/* A Message-ID may be written with its brackets; what has them is nothing else. */
static str without_brackets(str text, bool *has)
{
    text = str_trim(text);
    *has = text.n > 2 && text.p[0] == '<' && text.p[text.n - 1] == '>';
    return *has ? str_slice(text, 1, text.n - 2) : text;
}

bool queue_trace_is_session(str text)
{
    str number;
    bool has_number = str_cut(text, '.', &text, &number);
    if (text.n != OBS_SESSION_ID_SIZE - 1 || (has_number && number.n == 0))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (!ascii_is_digit(text.p[i]) && (text.p[i] < 'a' || text.p[i] > 'z'))
            return false;
    }
    for (size_t i = 0; has_number && i < number.n; i++) {
        if (!ascii_is_digit(number.p[i]))
            return false;
    }
    return true;
}

bool queue_trace(struct queue *q, const struct queue_trace_query *query, struct arena *a,
                 int64_t deadline_ms, struct queue_traces *out, struct err *e)
{
    struct err no_id = ERR_CLEAR;
    struct db_rows *r = NULL;
    unsigned limit =
        query->limit && query->limit < QUEUE_TRACE_PAGE_MAX ? query->limit : QUEUE_TRACE_PAGE_MAX;
    int64_t queue_id = 0;
    bool is_message_id;
    str text = without_brackets(query->text, &is_message_id);
    if (query->message_id.n > 0) {
        text = query->message_id;
        is_message_id = true;
    } else if (!is_message_id && queue_id_parse(text, &queue_id, &no_id)) {
        text = STR_EMPTY;
    }
    const struct db_param params[] = {
        DB_INT8(queue_id),
        DB_TEXT(text),
        DB_TEXT(query->sender),
        DB_TEXT(query->recipient),
        DB_INT8(query->account_id),
        DB_INT8(query->since_us),
        DB_INT8(query->until_us),
        DB_INT8(query->before_id ? query->before_id : INT64_MAX),
        DB_INT8(limit),
    };
    *out = (struct queue_traces){ .n = 0 };
    const struct db_stmt *find = is_message_id                  ? &find_message
                                 : queue_trace_is_session(text) ? &find_session
                                                                : &find_messages;
    if (!db_query(q->db, DB_READ, find, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    size_t n = db_row_count(r);
    int64_t *ids = ARENA_ARRAY(a, int64_t, n);
    for (size_t i = 0; i < n; i++)
        ids[i] = db_int(r, i, 0);
    if (n == 0)
        return true;
    const struct db_param which[] = { DB_INT8S(ids, n), DB_INT8(QUEUE_TRACE_ROWS_MAX) };
    if (!db_query(q->db, DB_READ, &select_attempts, which, 2, a, deadline_ms, &r, e))
        return false;
    group_rows(r, a, out);
    if (db_row_count(r) == QUEUE_TRACE_ROWS_MAX) {
        cut_page(out);
    } else if (n == limit) {
        out->last_id = ids[n - 1];
    }
    return true;
}

/* A message's id begins with the time when it was made, so that old ones stand first in the primary
 * key. One that is still in the queue keeps its history. */
static const struct db_stmt sweep_old = {
    "DELETE FROM q_attempt a USING (SELECT queue_id FROM q_attempt h WHERE queue_id <"
    " ((extract(epoch FROM now()) * 1000)::int8 - $1::int8) << 16 AND NOT EXISTS"
    " (SELECT 1 FROM q_msg m WHERE m.queue_id = h.queue_id) GROUP BY queue_id"
    " HAVING max(at) <= now() - $1 * interval '1 millisecond' ORDER BY queue_id LIMIT $2) old"
    " WHERE a.queue_id = old.queue_id"
};

bool queue_trace_sweep(struct queue *q, int64_t deadline_ms, struct err *e)
{
    const struct db_param params[] = { DB_INT8(q->keep_history_ms), DB_INT8(SWEEP_MESSAGES) };
    bool is_more = true;
    for (int i = 0; i < SWEEP_ROUNDS && is_more; i++) {
        struct arena a;
        struct db_rows *r = NULL;
        arena_init(&a);
        bool ok = db_query(q->db, DB_DELIVER, &sweep_old, params, COUNT_OF(params), &a, deadline_ms,
                           &r, e);
        is_more = ok && db_affected(r) > 0;
        arena_fini(&a);
        if (!ok)
            return false;
    }
    return true;
}
