/* SPDX-License-Identifier: Apache-2.0 */
/* The queue as operators can read it in Redis (FEATURES 53): mail:queue:pending, a sorted set of
 * queue ids by the Unix time of their next attempt; mail:message:<id>, a hash; mail:stats, a hash
 * of what waits, and of what happened since it began. Best effort: nothing is ever read back. Keys
 * end within an hour unless they are renewed. */
#include "queue/private.h"

#define PENDING_KEY "mail:queue:pending"
#define STATS_KEY   "mail:stats"

enum {
    KEY_MAX = 64,
    PENDING_MAX = 10000, /* messages shown */
    ADD_BATCH = 32,      /* members of one ZADD */
    RENEW_BATCH = 1000,  /* messages whose hashes are written anew in one sweep */
    LOOK_MS = 200,       /* so long new messages are gathered */
    LOOK_DEADLINE_MS = 5000
};

#define TTL STR("3600")

struct text {
    char chars[32];
};

static str format(struct text *t, int64_t number)
{
    int n = snprintf(t->chars, sizeof(t->chars), "%lld", (long long)number);
    return str_of(t->chars, (size_t)n);
}

/* 0: at no time that is known. */
static str format_due(struct text *t, int64_t due_s)
{
    return due_s ? format(t, due_s) : STR_EMPTY;
}

static str message_key(int64_t queue_id, char out[KEY_MAX])
{
    char id[QUEUE_ID_TEXT];
    queue_id_format(queue_id, id);
    int n = snprintf(out, KEY_MAX, "mail:message:%s", id);
    return str_of(out, (size_t)n);
}

#define SEND(q, ...)                                     \
    redis_send((q)->redis, (const str[]){ __VA_ARGS__ }, \
               sizeof((const str[]){ __VA_ARGS__ }) / sizeof(str))

void queue_show_message(struct queue *q, int64_t queue_id, int64_t due_us, const char *status,
                        int64_t left)
{
    char key_text[KEY_MAX];
    char id_text[QUEUE_ID_TEXT];
    struct text due_text;
    struct text count;
    if (!q->redis)
        return;
    str key = message_key(queue_id, key_text);
    str id = queue_id_format(queue_id, id_text);
    str due = format_due(&due_text, due_us / 1000000);
    if (strcmp(status, "held") == 0) {
        SEND(q, STR("ZREM"), STR(PENDING_KEY), id);
    } else {
        SEND(q, STR("ZADD"), STR(PENDING_KEY), due, id);
        SEND(q, STR("EXPIRE"), STR(PENDING_KEY), TTL);
    }
    SEND(q, STR("HSET"), key, STR("status"), str_from_cstr(status), STR("due"), due);
    if (left >= 0)
        SEND(q, STR("HSET"), key, STR("recipients"), format(&count, left));
    SEND(q, STR("EXPIRE"), key, TTL);
}

void queue_hide_message(struct queue *q, int64_t queue_id)
{
    char key_text[KEY_MAX];
    char id_text[QUEUE_ID_TEXT];
    if (!q->redis)
        return;
    SEND(q, STR("ZREM"), STR(PENDING_KEY), queue_id_format(queue_id, id_text));
    SEND(q, STR("DEL"), message_key(queue_id, key_text));
}

void queue_count(struct queue *q, const char *field, int64_t by)
{
    struct text number;
    if (!q->redis || by == 0)
        return;
    SEND(q, STR("HINCRBY"), STR(STATS_KEY), str_from_cstr(field), format(&number, by));
    SEND(q, STR("EXPIRE"), STR(STATS_KEY), TTL);
}

static const struct db_stmt select_pending = {
    "SELECT queue_id, (extract(epoch FROM min(due)))::int8 FROM q_rcpt WHERE status = 0"
    " GROUP BY queue_id ORDER BY min(due) LIMIT $1"
};

static const struct db_stmt select_messages = {
    "SELECT queue_id, coalesce(extract(epoch FROM min(due) FILTER (WHERE status = 0 OR"
    " (status = -3 AND NOT kept))), 0)::int8, count(*), (max(status) = 0)::int,"
    " (max(attempts) > 0)::int FROM q_rcpt WHERE queue_id > $1 AND status <= 0"
    " GROUP BY queue_id ORDER BY queue_id LIMIT $2"
};

static void renew_message(struct queue *q, const struct db_rows *r, size_t i)
{
    char key_text[KEY_MAX];
    struct text due;
    struct text count;
    bool is_pending = db_int(r, i, 3) != 0;
    str key = message_key(db_int(r, i, 0), key_text);
    str status = !is_pending            ? STR("held")
                 : db_int(r, i, 4) != 0 ? STR("deferred")
                                        : STR("pending");
    SEND(q, STR("HSET"), key, STR("status"), status, STR("due"), format_due(&due, db_int(r, i, 1)),
         STR("recipients"), format(&count, db_int(r, i, 2)));
    SEND(q, STR("EXPIRE"), key, TTL);
}

/* As select_messages; without recipients that wait for anything but a report their number is 0. */
static const struct db_stmt select_these = {
    "SELECT i.queue_id, coalesce(extract(epoch FROM min(r.due) FILTER (WHERE r.status = 0 OR"
    " (r.status = -3 AND NOT r.kept))), 0)::int8, count(r.queue_id),"
    " coalesce(max(r.status) = 0, false)::int, coalesce(max(r.attempts) > 0, false)::int"
    " FROM unnest($1::int8[]) AS i (queue_id) LEFT JOIN q_rcpt r ON r.queue_id = i.queue_id"
    " AND r.status <= 0 GROUP BY i.queue_id"
};

static void show_or_hide(struct queue *q, const struct db_rows *r, size_t i)
{
    char id_text[QUEUE_ID_TEXT];
    struct text due;
    str id = queue_id_format(db_int(r, i, 0), id_text);
    if (db_int(r, i, 2) == 0) {
        queue_hide_message(q, db_int(r, i, 0));
        return;
    }
    if (db_int(r, i, 3) != 0) {
        SEND(q, STR("ZADD"), STR(PENDING_KEY), format(&due, db_int(r, i, 1)), id);
        SEND(q, STR("EXPIRE"), STR(PENDING_KEY), TTL);
    } else {
        SEND(q, STR("ZREM"), STR(PENDING_KEY), id);
    }
    renew_message(q, r, i);
}

void queue_show_anew(struct queue *q, const int64_t *ids, size_t n, int64_t deadline_ms)
{
    struct arena a;
    struct db_rows *r = NULL;
    struct err ignored = ERR_CLEAR; /* then the sweep does it */
    if (!q->redis || n == 0)
        return;
    arena_init(&a);
    if (db_query(q->db, DB_DELIVER, &select_these,
                 &DB_INT8S(ids, n < RENEW_BATCH ? n : RENEW_BATCH), 1, &a, deadline_ms, &r,
                 &ignored)) {
        for (size_t i = 0; i < db_row_count(r); i++)
            show_or_hide(q, r, i);
    }
    arena_fini(&a);
}

/* Of new messages, those of which a rule holds all that waits. */
static const struct db_stmt select_held = {
    "SELECT queue_id FROM q_rcpt WHERE queue_id = ANY ($1::int8[]) AND status <= 0"
    " AND EXISTS (SELECT 1 FROM q_hold_rule) GROUP BY queue_id HAVING max(status) < 0"
};

YIELDS static void look_at_fresh(struct queue *q)
{
    struct arena a;
    struct db_rows *r = NULL;
    struct err ignored = ERR_CLEAR; /* then the sweep does it */
    arena_init(&a);
    size_t n = q->n_fresh;
    int64_t *ids = ARENA_ARRAY(&a, int64_t, n);
    memcpy(ids, q->fresh, n * sizeof(*ids));
    q->n_fresh = 0;
    if (db_query(q->db, DB_DELIVER, &select_held, &DB_INT8S(ids, n), 1, &a,
                 clock_deadline_in(LOOK_DEADLINE_MS), &r, &ignored)) {
        for (size_t i = 0; i < db_row_count(r) && !q->is_freed; i++)
            queue_show_message(q, db_int(r, i, 0), 0, "held", -1);
    }
    arena_fini(&a);
}

YIELDS static void look_on(void *arg)
{
    struct queue *q = arg;
    struct err e = ERR_CLEAR;
    while (!q->is_freed && q->n_fresh > 0 && fiber_sleep_until(clock_deadline_in(LOOK_MS), &e)) {
        if (!q->is_freed)
            look_at_fresh(q);
    }
    q->is_looking = false;
    if (q->is_freed)
        free(q);
}

/* What the rules of the administrators hold is known to the database alone: it is asked beside the
 * way of the message, about all that came meanwhile. */
void queue_show_fresh(struct queue *q, int64_t queue_id)
{
    queue_show_message(q, queue_id, clock_utc_us(), "pending", -1);
    if (!q->redis || q->n_fresh == QUEUE_FRESH_MAX)
        return;
    q->fresh[q->n_fresh++] = queue_id;
    if (!q->is_looking)
        q->is_looking = fiber_spawn(q->rt, "queue-readable", look_on, q, NULL, NULL);
}

/* The next messages in the order of their ids, from the first again behind the last: so each is
 * renewed before it ends, or comes back when Redis was emptied, and no sweep sends more than this.
 */
YIELDS static bool renew_messages(struct queue *q, struct arena *a, int64_t deadline_ms,
                                  struct err *e)
{
    const struct db_param params[] = { DB_INT8(q->renewed_id), DB_INT8(RENEW_BATCH) };
    struct db_rows *r = NULL;
    if (!db_query(q->db, DB_DELIVER, &select_messages, params, COUNT_OF(params), a, deadline_ms, &r,
                  e))
        return false;
    size_t n = db_row_count(r);
    for (size_t i = 0; i < n; i++)
        renew_message(q, r, i);
    q->renewed_id = n == RENEW_BATCH ? db_int(r, n - 1, 0) : 0;
    return true;
}

static void add_pending(struct queue *q, const struct db_rows *r, size_t from, size_t to)
{
    str args[2 + 2 * ADD_BATCH] = { STR("ZADD"), STR(PENDING_KEY) };
    struct text due[ADD_BATCH];
    char ids[ADD_BATCH][QUEUE_ID_TEXT];
    size_t n = 2;
    for (size_t i = from; i < to; i++) {
        args[n++] = format(&due[i - from], db_int(r, i, 1));
        args[n++] = queue_id_format(db_int(r, i, 0), ids[i - from]);
    }
    redis_send(q->redis, args, n);
}

/* What waits now, under the names of `queue stats`; what happened is counted beside it, in fields
 * of queue_count that end in "_total". */
static void write_stats(struct queue *q, const struct queue_stats *s)
{
    const struct {
        const char *field;
        int64_t value;
    } fields[] = {
        { "messages", s->messages },
        { "pending", s->pending },
        { "deferred", s->deferred },
        { "failed", s->failed },
        { "held", s->held },
        { "due", s->due },
        { "bytes", s->bytes },
        { "leased", s->leased },
        { "open_breakers", s->open_breakers },
        { "oldest", s->oldest_us / 1000000 },
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct text number;
        SEND(q, STR("HSET"), STR(STATS_KEY), str_from_cstr(fields[i].field),
             format(&number, fields[i].value));
    }
    SEND(q, STR("EXPIRE"), STR(STATS_KEY), TTL);
}

bool queue_show_all(struct queue *q, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    struct queue_stats stats;
    if (!q->redis)
        return true;
    arena_init(&a);
    bool ok = queue_get_stats(q, deadline_ms, &stats, e) &&
              db_query(q->db, DB_DELIVER, &select_pending, &DB_INT8(PENDING_MAX), 1, &a,
                       deadline_ms, &r, e);
    if (ok) {
        size_t n = db_row_count(r);
        write_stats(q, &stats);
        SEND(q, STR("DEL"), STR(PENDING_KEY));
        for (size_t i = 0; i < n; i += ADD_BATCH)
            add_pending(q, r, i, i + ADD_BATCH < n ? i + ADD_BATCH : n);
        SEND(q, STR("EXPIRE"), STR(PENDING_KEY), TTL);
        ok = renew_messages(q, &a, deadline_ms, e);
    }
    arena_fini(&a);
    return ok;
}
