/* SPDX-License-Identifier: Apache-2.0 */
/* The queue as a whole, its ids, and putting mail in. */
#include "queue/queue.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "mime/header.h"
#include "mime/message_id.h"
#include "queue/private.h"

enum {
    HOUR_MS = 60 * 60 * 1000,
    ADDRESS_MAX = 1024,
    ID_DIGITS = QUEUE_ID_TEXT - 1,
    ID_COUNTER_BITS = 6
};

struct queue *queue_new(struct runtime *rt, struct db *db, struct redis *redis,
                        struct notify *notify, const struct queue_options *options)
{
    struct queue *q = HEAP_NEW(struct queue);
    *q = (struct queue){
        .rt = rt,
        .db = db,
        .redis = redis,
        .notify = notify,
        .owner = options->owner,
        .node_id = options->node_id & 1023,
        .lease_ms = options->lease_ms ? options->lease_ms : QUEUE_LEASE_MS,
        .lifetime_ms = options->lifetime_ms ? options->lifetime_ms : INT64_C(7) * 24 * HOUR_MS,
        .delay_ms = options->delay_ms ? options->delay_ms : INT64_C(4) * HOUR_MS,
        .time_divisor = options->time_divisor ? options->time_divisor : 1,
        .plan = options->plan,
        .keep_history_ms = options->keep_history_ms,
    };
    return q;
}

void queue_free(struct queue **q)
{
    (*q)->is_freed = true;
    if (!(*q)->is_looking)
        free(*q);
    *q = NULL;
}

str queue_node_name(const struct queue *q)
{
    str owner = str_from_cstr(q->owner);
    ptrdiff_t end = str_rfind_byte(owner, '/');
    return end >= 0 ? str_slice(owner, 0, (size_t)end) : owner;
}

/* ---- ids ---- */

/* Never the same twice in this process, also when the clock goes back. */
int64_t queue_make_id(struct queue *q)
{
    int64_t now = clock_utc_ms();
    if (now > q->last_id_ms) {
        q->last_id_ms = now;
        q->id_counter = 0;
    } else if (++q->id_counter >> ID_COUNTER_BITS) {
        q->last_id_ms++;
        q->id_counter = 0;
    }
    return q->last_id_ms << 16 | (int64_t)(q->node_id << ID_COUNTER_BITS | q->id_counter);
}

str queue_id_format(int64_t queue_id, char out[QUEUE_ID_TEXT])
{
    base32_encode((uint64_t)queue_id, out, ID_DIGITS);
    out[ID_DIGITS] = '\0';
    return str_of(out, ID_DIGITS);
}

bool queue_id_parse(str text, int64_t *queue_id, struct err *e)
{
    uint64_t value = 0;
    if (text.n != ID_DIGITS || !base32_decode(text, &value, NULL) || value == 0 ||
        value > INT64_MAX)
        return ERR(e, ERR_SYNTAX, "not a queue id, which has %d letters and digits", ID_DIGITS);
    *queue_id = (int64_t)value;
    return true;
}

/* ---- text ---- */

static bool is_text(str s)
{
    return s.n <= ADDRESS_MAX && utf8_is_valid(s) && str_find_byte(s, '\0') < 0;
}

str queue_clean_text(struct arena *a, str text, size_t max)
{
    struct buf clean;
    text = str_trim(text);
    buf_init(&clean, 3 * max + 4);
    utf8_repair(str_slice(text, 0, max), &clean);
    str cut = utf8_cut(buf_str(&clean), max);
    char *p = arena_cstr(a, cut);
    for (size_t i = 0; i < cut.n; i++) {
        if ((unsigned char)p[i] < ' ' && p[i] != '\n')
            p[i] = ' ';
    }
    buf_fini(&clean);
    return str_of(p, cut.n);
}

/* ---- enqueue ---- */

#define RELEASE_AT "timestamptz 'epoch' + $14::int8 * interval '1 microsecond'"
static const struct db_stmt insert_msg = {
    "INSERT INTO q_msg (queue_id, account_id, envelope_from, envelope_id, is_8bit, is_utf8,"
    " return_full, session, expires, has_ret, tls_rule, message_id, hold_request, release_at, size,"
    " codec, frames, data, is_verp, has_from_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
    " CASE WHEN $14 = 0 THEN now() ELSE " RELEASE_AT " END + $9::int8 * interval '1 millisecond',"
    " $10, $11::int4::int2, $12, $13, CASE WHEN $14 <> 0 THEN " RELEASE_AT " END, $15,"
    " $16::int4::int2, $17::int4[], $18, $19, $20)"
};
/* RCPT_FAILED before anybody tried: queue_new_recipient.is_full. */
#define IS_FULL "'The mailbox is full'"
/* What a rule matches is held (hold_rule.h), as below. BASE is an address without its "+tag". */
#define BASE(address) "regexp_replace(" address ", '[+][^@]*@', '@')"
static const struct db_stmt insert_rcpt = {
    "INSERT INTO q_rcpt (queue_id, rcpt, domain, orcpt, notify, status, last_attempt, kept, due, code,"
    " reply) SELECT $1::int8, u.rcpt, u.domain, u.orcpt, u.notify::int2,"
    " CASE WHEN h.why IS NULL THEN u.status ELSE -1 END::int2,"
    " CASE WHEN u.status <> 0 THEN now() END, h.why IS NOT NULL, coalesce(h.expires, now()),"
    " CASE WHEN u.status = 1 THEN '5.2.2' WHEN h.why IS NULL THEN '' ELSE " QUEUE_CODE_KEPT " END,"
    " coalesce(h.why, CASE WHEN u.status = 1 THEN " IS_FULL " ELSE '' END)"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::int4[], $6::int4[], $8::text[])"
    " AS u (rcpt, domain, orcpt, notify, status, address) LEFT JOIN LATERAL"
    " (SELECT 'a rule of the administrators holds it' || CASE WHEN h.note = '' THEN '' ELSE ': '"
    " || h.note END AS why, m.expires FROM q_hold_rule h, q_msg m WHERE u.status = 0"
    " AND h.sender IN ('', $7::text, " BASE(
        "$7::text") ", substring($7::text FROM '@[^@]*$'))"
                    " AND h.recipient IN ('', u.address, " BASE(
                        "u.address") ", '@' || u.domain)"
                                     " AND m.queue_id = $1 ORDER BY h.rule_id LIMIT 1) h ON true ON CONFLICT DO NOTHING"
};
/* As an administrator holds mail that is there already (act.c), but for its end. */
static const struct db_stmt insert_held = {
    "INSERT INTO q_rcpt (queue_id, rcpt, domain, orcpt, notify, status, last_attempt, kept, due, code,"
    " reply) SELECT $1::int8, u.rcpt, u.domain, u.orcpt, u.notify::int2, u.status::int2,"
    " CASE WHEN u.status > 0 THEN now() END, u.status < 0,"
    " CASE WHEN u.status < 0 THEN m.expires ELSE now() END,"
    " CASE WHEN u.status = 1 THEN '5.2.2' ELSE " QUEUE_CODE_QUARANTINE " END,"
    " CASE WHEN u.status = 1 THEN " IS_FULL " ELSE $7 END"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::int4[], $6::int4[])"
    " AS u (rcpt, domain, orcpt, notify, status), q_msg m WHERE m.queue_id = $1"
    " ON CONFLICT DO NOTHING"
};
/* What waits for its time has no destination yet. */
static const struct db_stmt insert_waiting = {
    "INSERT INTO q_rcpt (queue_id, rcpt, domain, orcpt, notify, status, kept, due, code, reply)"
    " SELECT $1::int8, u.rcpt, u.domain, u.orcpt, u.notify::int2, u.status::int2, $7 <> '',"
    " CASE WHEN $7 <> '' THEN m.expires ELSE m.release_at END,"
    " CASE WHEN $7 <> '' THEN " QUEUE_CODE_QUARANTINE " ELSE '' END,"
    " CASE WHEN $7 <> '' THEN $7 ELSE 'it waits for the time that its sender named' END"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::int4[], $6::int4[])"
    " AS u (rcpt, domain, orcpt, notify, status), q_msg m WHERE m.queue_id = $1"
    " ON CONFLICT DO NOTHING"
};
/* In the order of names, so that transactions that wait for each other's new rows cannot form a
 * circle. The shared locks tell those who give one of the destinations back that there is mail
 * which they cannot see yet (queue_release of the migrations); they are few, for all destinations.
 */
static const struct db_stmt insert_domain = {
    "INSERT INTO q_domain (domain, next_due) SELECT DISTINCT u.domain, now() FROM"
    " unnest($1::text[]) AS u (domain), (SELECT count(pg_advisory_xact_lock_shared(1902408562, k.n))"
    " AS n FROM (SELECT DISTINCT hashtext(x.domain) & 63 AS n FROM unnest($1::text[])"
    " AS x (domain)) k) l WHERE l.n > 0 ORDER BY u.domain ON CONFLICT DO NOTHING"
};
/* Only rows that are not due yet are locked: a busy destination is due nearly always, and its many
 * enqueueing transactions do not wait for each other. */
static const struct db_stmt wake_domain = {
    "UPDATE q_domain d SET next_due = greatest(now(), d.breaker_until) FROM (SELECT domain"
    " FROM q_domain WHERE domain = ANY($1::text[]) AND next_due > greatest(now(), breaker_until)"
    " ORDER BY domain FOR UPDATE) s WHERE d.domain = s.domain"
};

static bool check_recipient(const struct queue_new_recipient *r, struct err *e)
{
    if (str_is_empty(r->address) || str_is_empty(r->domain) || !is_text(r->address) ||
        !is_text(r->domain) || !is_text(r->orcpt))
        return ERR(e, ERR_SYNTAX, "a recipient is no valid text");
    return true;
}

static bool check_message(const struct queue_new_message *m, struct err *e)
{
    if (m->n == 0 || m->n > QUEUE_MAX_RECIPIENTS)
        return ERR(e, ERR_LIMIT, "a message for %zu recipients", m->n);
    if (m->body.n > BLOB_MAX_BYTES)
        return ERR(e, ERR_LIMIT, "a message of %zu bytes is too big for the queue", m->body.n);
    if (!is_text(m->envelope_from) || !is_text(m->envelope_id) || !is_text(m->session) ||
        !is_text(m->held_why) || !is_text(m->hold_request))
        return ERR(e, ERR_SYNTAX, "the envelope is no valid text");
    for (size_t i = 0; i < m->n; i++) {
        if (!check_recipient(&m->recipients[i], e))
            return false;
    }
    return true;
}

str queue_session_of(str session, str transaction)
{
    bool is_in_it = session.n > 0 && str_has_prefix(transaction, session) &&
                    transaction.n > session.n && transaction.p[session.n] == '.';
    return is_in_it ? transaction : session;
}

str queue_read_message_id(str message, struct arena *a)
{
    struct mime_field_iter it;
    struct mime_field field;
    const str *ids;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(field.name, STR("Message-ID"))) {
            size_t n = mime_message_ids_parse(a, field.body, &ids);
            return n ? queue_clean_text(a, ids[0], MIME_MAX_MESSAGE_ID_BYTES) : STR_EMPTY;
        }
    }
    return STR_EMPTY;
}

static void send_msg(const struct queue *q, struct db_tx *tx, int64_t queue_id,
                     const struct queue_new_message *m, struct arena *a)
{
    struct db_param params[20] = {
        DB_INT8(queue_id),         DB_INT8(m->account_id),
        DB_TEXT(m->envelope_from), DB_TEXT(m->envelope_id),
        DB_BOOL(m->is_8bit),       DB_BOOL(m->is_utf8),
        DB_BOOL(m->return_full),   DB_TEXT(m->session),
        DB_INT8(q->lifetime_ms),   DB_BOOL(m->has_ret),
        DB_INT4(m->tls_rule),      DB_TEXT(queue_read_message_id(m->body, a)),
        DB_TEXT(m->hold_request),  DB_INT8(m->release_us),
    };
    queue_body_params(m->packed ? m->packed : queue_pack_here(a, m->body), &params[14]);
    params[18] = DB_BOOL(m->is_verp);
    params[19] = DB_BOOL(m->has_from_id);
    db_tx_send(tx, &insert_msg, params, COUNT_OF(params));
}

static int64_t status_of(const struct queue_new_message *m, const struct queue_new_recipient *r)
{
    if (r->is_full)
        return RCPT_FAILED;
    if (r->is_delivered)
        return RCPT_DELIVERED;
    if (m->release_us != 0)
        return RCPT_WAITING;
    return m->held_why.n > 0 ? RCPT_HELD : RCPT_PENDING;
}

/* The recipients, and *n_leased in `leased`: the destinations that somebody has to work on. */
static void send_rcpts(struct db_tx *tx, int64_t queue_id, const struct queue_new_message *m,
                       struct arena *a, str *leased, size_t *n_leased)
{
    str *addresses = ARENA_ARRAY(a, str, m->n);
    str *domains = ARENA_ARRAY(a, str, m->n);
    str *orcpts = ARENA_ARRAY(a, str, m->n);
    str *names = ARENA_ARRAY(a, str, m->n);
    int64_t *notify = ARENA_ARRAY(a, int64_t, m->n);
    int64_t *status = ARENA_ARRAY(a, int64_t, m->n);
    bool asks_rules = m->release_us == 0 && m->held_why.n == 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct queue_new_recipient *r = &m->recipients[i];
        addresses[i] = r->address;
        domains[i] = r->domain;
        orcpts[i] = r->orcpt;
        names[i] = asks_rules ? queue_rule_recipient(a, r->address, r->domain) : STR_EMPTY;
        notify[i] = (int64_t)r->notify;
        status[i] = status_of(m, r);
        if (status[i] <= RCPT_PENDING && status[i] != RCPT_WAITING)
            leased[(*n_leased)++] = r->domain;
    }
    const struct db_param params[] = {
        DB_INT8(queue_id),
        DB_TEXTS(addresses, m->n),
        DB_TEXTS(domains, m->n),
        DB_TEXTS(orcpts, m->n),
        DB_INT4S(notify, m->n),
        DB_INT4S(status, m->n),
        DB_TEXT(asks_rules ? queue_rule_sender(a, m->envelope_from) : m->held_why),
        DB_TEXTS(names, m->n), /* of insert_rcpt only */
    };
    db_tx_send(tx,
               m->release_us != 0 ? &insert_waiting
               : asks_rules       ? &insert_rcpt
                                  : &insert_held,
               params, COUNT_OF(params) - !asks_rules);
}

bool queue_enqueue_send(struct queue *q, struct db_tx *tx, int64_t queue_id,
                        const struct queue_new_message *m, struct err *e)
{
    if (!check_message(m, e))
        return false;
    struct arena a;
    arena_init(&a);
    str *leased = ARENA_ARRAY(&a, str, m->n);
    size_t n_leased = 0;
    send_msg(q, tx, queue_id, m, &a);
    send_rcpts(tx, queue_id, m, &a, leased, &n_leased);
    db_tx_send(tx, &insert_domain, &DB_TEXTS(leased, n_leased), 1);
    db_tx_send(tx, &wake_domain, &DB_TEXTS(leased, n_leased), 1);
    arena_fini(&a);
    return true;
}

static const struct db_stmt select_exists = {
    "SELECT EXISTS (SELECT 1 FROM q_msg WHERE queue_id = $1)"
};

bool queue_exists(struct queue *q, int64_t queue_id, int64_t deadline_ms, bool *out, struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    arena_init(&a);
    bool ok =
        db_query(q->db, DB_DELIVER, &select_exists, &DB_INT8(queue_id), 1, &a, deadline_ms, &r, e);
    if (ok)
        *out = db_int(r, 0, 0) != 0;
    arena_fini(&a);
    return ok;
}

/* The commit had no answer: is the message there? One that is in the queue no more was not found
 * either: whoever must know for certain has a row of `also` to look at. */
YIELDS static bool resolve_unknown(struct queue *q, int64_t queue_id, struct err *e)
{
    bool there = false;
    if (!queue_exists(q, queue_id, clock_deadline_in(5000), &there, NULL))
        return false; /* *e says that the outcome is unknown */
    if (!there)
        ERR(e, ERR_UNAVAILABLE, "the message was not put into the queue");
    return there;
}

static bool send_all(struct queue *q, struct db_tx *tx, int64_t queue_id,
                     const struct queue_new_message *m, struct err *e)
{
    if (m->also)
        m->also->send(tx, m->also->arg, queue_id);
    return queue_enqueue_send(q, tx, queue_id, m, e);
}

bool queue_enqueue(struct queue *q, const struct queue_new_message *m, int64_t deadline_ms,
                   int64_t *queue_id, struct err *e)
{
    struct arena a;
    struct db_tx *tx = NULL;
    struct err why = ERR_CLEAR;
    struct queue_new_message packed = *m;
    *queue_id = queue_make_id(q);
    arena_init(&a);
    bool ok = (m->packed || queue_pack(&a, m->body, deadline_ms, &packed.packed, &why)) &&
              db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, &why) &&
              send_all(q, tx, *queue_id, &packed, &why) && db_commit(&tx, &a, NULL, 0, NULL, &why);
    db_rollback(&tx);
    arena_fini(&a);
    if (!ok && why.kind == ERR_UNKNOWN_OUTCOME)
        ok = resolve_unknown(q, *queue_id, &why);
    if (!ok && e)
        *e = why;
    if (ok && m->release_us != 0) {
        queue_show_message(q, *queue_id, m->release_us, "held", (int64_t)m->n);
    } else if (ok) {
        queue_announce_new(q, *queue_id, m->held_why);
    }
    return ok;
}

bool queue_enqueue_all(struct queue *q, const struct queue_new_message *list, const int64_t *ids,
                       size_t n, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_tx *tx = NULL;
    struct err why = ERR_CLEAR;
    arena_init(&a);
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, &why);
    for (size_t i = 0; ok && i < n; i++)
        ok = queue_enqueue_send(q, tx, ids[i], &list[i], &why);
    ok = ok && db_commit(&tx, &a, NULL, 0, NULL, &why);
    db_rollback(&tx);
    arena_fini(&a);
    if (!ok && why.kind == ERR_UNKNOWN_OUTCOME)
        ok = resolve_unknown(q, ids[0], &why);
    if (!ok)
        *e = why;
    return ok;
}

bool queue_do_also(struct queue *q, const struct queue_also *also, int64_t deadline_ms,
                   struct err *e)
{
    struct arena a;
    struct db_tx *tx = NULL;
    arena_init(&a);
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e);
    if (ok) {
        also->send(tx, also->arg, 0);
        ok = db_commit(&tx, &a, NULL, 0, NULL, e);
    }
    db_rollback(&tx);
    arena_fini(&a);
    return ok;
}

void queue_announce(struct queue *q, int64_t queue_id)
{
    queue_announce_new(q, queue_id, STR_EMPTY);
}

void queue_announce_new(struct queue *q, int64_t queue_id, str held_why)
{
    if (str_is_empty(held_why)) {
        queue_show_fresh(q, queue_id);
    } else {
        queue_show_message(q, queue_id, 0, "held", -1);
    }
    if (q->notify)
        notify_tell(q->notify, NOTIFY_QUEUE, 0);
}
