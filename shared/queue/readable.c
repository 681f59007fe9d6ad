/* SPDX-License-Identifier: Apache-2.0 */
/* The queue as operators can read it in Redis (FEATURES 53): mail:queue:pending, a sorted set of
 * queue ids by the Unix time of their next attempt; mail:message:<id>, a hash; mail:stats, a hash.
 * Best effort: nothing is ever read back. Keys end within an hour unless they are renewed. */
#include "queue/private.h"

#define PENDING_KEY "mail:queue:pending"
#define STATS_KEY   "mail:stats"

enum {
    KEY_MAX = 64,
    PENDING_MAX = 10000, /* messages shown */
    ADD_BATCH = 32,      /* members of one ZADD */
    RENEW_BATCH = 1000   /* messages whose hashes are written anew in one sweep */
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
    struct text due;
    struct text count;
    if (!q->redis)
        return;
    str key = message_key(queue_id, key_text);
    str id = queue_id_format(queue_id, id_text);
    format(&due, due_us / 1000000);
    SEND(q, STR("ZADD"), STR(PENDING_KEY), str_from_cstr(due.chars), id);
    SEND(q, STR("EXPIRE"), STR(PENDING_KEY), TTL);
    SEND(q, STR("HSET"), key, STR("status"), str_from_cstr(status), STR("due"),
         str_from_cstr(due.chars));
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
    "SELECT queue_id, (extract(epoch FROM min(due)))::int8, count(*), (max(status) = 0)::int,"
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
    SEND(q, STR("HSET"), key, STR("status"), status, STR("due"), format(&due, db_int(r, i, 1)),
         STR("recipients"), format(&count, db_int(r, i, 2)));
    SEND(q, STR("EXPIRE"), key, TTL);
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

static void write_stats(struct queue *q, const struct queue_stats *s)
{
    const struct {
        const char *field;
        int64_t value;
    } fields[] = {
        { "messages", s->messages }, { "pending", s->pending },
        { "waiting", s->deferred },  { "to_report", s->failed },
        { "held", s->held },         { "due", s->due },
        { "bytes", s->bytes },       { "open_breakers", s->open_breakers },
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
