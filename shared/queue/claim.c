/* SPDX-License-Identifier: Apache-2.0 */
/* Leases of destinations: claiming, extending, giving back; results under the lease's token. */
#include "queue/private.h"

enum {
    EMPTY_CLAIMS_MAX = 20,    /* domains without due mail that one claim goes past */
    ROUND = 400,              /* messages of a turn of all who wait, as far as that goes */
    TURN_MIN = 2,             /* messages of one turn, however many wait */
    TURN_SHORT = 4,           /* so many are a short turn */
    CROWD = ROUND / TURN_MIN, /* so many destinations wait, or more: no turn is shorter */
    CROWDED_MS = 250          /* a crowd is taken to be there for so long without being counted */
};

/* ---- claim ---- */

/* An open breaker tells nothing of mail that an administrator sends another way. */
#define IS_DUE(d)                                                                           \
    d ".next_due <= now() AND " d ".lease_until <= now() AND (NOT " d ".breaker_open OR " d \
      ".breaker_until <= now() OR EXISTS (SELECT 1 FROM q_rcpt r WHERE r.domain = " d       \
      ".domain AND r.status = 0 AND r.due <= now() AND r.transport <> ''))"

/* Counts those who wait, this one included, to a crowd. That costs more than all the rest, so a
 * crowd that was there just now is not counted again ($3): at worst a turn is too short then, never
 * too long. */
static const struct db_stmt lease_domain = {
    "UPDATE q_domain d SET lease_owner = $1, token = token + 1, used = now(),"
    " lease_until = now() + $2::int8 * interval '1 millisecond'"
    " FROM (SELECT domain FROM q_domain o WHERE " IS_DUE(
        "o") " ORDER BY next_due LIMIT 1"
             " FOR UPDATE SKIP LOCKED) s WHERE d.domain = s.domain"
             " RETURNING d.domain, d.token, d.breaker_open, d.failures, d.successes, d.breaker_until,"
             " clock_timestamp(), CASE WHEN $3 THEN $4 ELSE (SELECT count(*) FROM (SELECT 1 FROM"
             " q_domain WHERE next_due <= now() AND lease_until <= now()"
             " AND (NOT breaker_open OR breaker_until <= now()) LIMIT $4) w) END"
};
/* Reads the index in its order and no further than the last message of the turn: what is due at the
 * same moment may be a hundred thousand. Its order is also that of what act.c takes to be begun
 * with: where the limit cuts a message, both have to name the same recipients. Recipients of a
 * message that are due at different times count as so many messages. The limit is a subselect so
 * that the planner does not compare it with its guess of what is due, which is far off when much
 * came at once: it would sort all of it; and messages are found one by one for the same reason. */
static const struct db_stmt select_due = {
    "SELECT r.queue_id, r.rcpt, r.orcpt, r.notify, r.attempts, m.account_id, m.envelope_from,"
    " m.envelope_id, m.size, m.is_8bit, m.is_utf8, m.return_full, m.created, m.expires,"
    " m.has_ret, m.tls_rule, r.waived, r.transport, m.is_verp, m.has_from_id,"
    " r.asked + (r.planned IS NOT NULL)::int, r.planned"
    " FROM (SELECT *, dense_rank() OVER (ORDER BY due, queue_id) AS place"
    " FROM (SELECT queue_id, rcpt, orcpt, notify, attempts, waived, transport, asked, planned, due"
    " FROM q_rcpt WHERE domain = $1 AND status = 0 AND due <= now()"
    " AND (NOT $3 OR transport <> '') ORDER BY due, queue_id, rcpt LIMIT (SELECT $2)) d) r"
    " CROSS JOIN LATERAL (SELECT * FROM q_msg WHERE queue_id = r.queue_id OFFSET 0) m"
    " WHERE r.place <= $4 ORDER BY r.due, r.queue_id, r.rcpt"
};

static struct queue_breaker read_breaker(const struct db_rows *r)
{
    return (struct queue_breaker){
        .state = db_int(r, 0, 2) ? QUEUE_BREAKER_OPEN : QUEUE_BREAKER_CLOSED,
        .failures = (unsigned)db_int(r, 0, 3),
        .successes = (unsigned)db_int(r, 0, 4),
        .until_us = db_time_us(r, 0, 5),
    };
}

static struct queue_lease *read_lease(const struct queue *q, const struct db_rows *r,
                                      int64_t asked_ms, struct arena *a)
{
    struct queue_lease *lease = ARENA_NEW(a, struct queue_lease);
    lease->state = ARENA_NEW(a, struct queue_lease_state);
    lease->domain = db_str(r, 0, 0);
    lease->token = db_int(r, 0, 1);
    /* Counted from before the question, so that ours ends before the database's. */
    lease->until_ms = asked_ms + q->lease_ms;
    lease->state->a = a;
    lease->state->now_us = db_time_us(r, 0, 6);
    lease->state->monotonic_ms = clock_monotonic_ms();
    lease->state->time_divisor = q->time_divisor;
    lease->state->plan = &q->plan;
    lease->state->was_open = db_int(r, 0, 2) != 0;
    lease->state->breaker = queue_breaker_at(read_breaker(r), lease->state->now_us);
    lease->is_probe = lease->state->breaker.state == QUEUE_BREAKER_HALF_OPEN;
    return lease;
}

int64_t queue_lease_now_us(const struct queue_lease *lease)
{
    return lease->state->now_us + (clock_monotonic_ms() - lease->state->monotonic_ms) * 1000;
}

static struct queue_message *find_message(struct queue_lease *lease, int64_t queue_id)
{
    for (size_t i = lease->n; i > 0; i--) {
        if (lease->messages[i - 1].queue_id == queue_id)
            return &lease->messages[i - 1];
    }
    return NULL;
}

static struct queue_message *add_message(struct queue_lease *lease, const struct db_rows *r,
                                         size_t row, struct arena *a)
{
    struct queue_message *m = &lease->messages[lease->n++];
    *m = (struct queue_message){
        .queue_id = db_int(r, row, 0),
        .account_id = db_int(r, row, 5),
        .envelope_from = db_str(r, row, 6),
        .envelope_id = db_str(r, row, 7),
        .size = (size_t)db_int(r, row, 8),
        .is_8bit = db_int(r, row, 9) != 0,
        .is_utf8 = db_int(r, row, 10) != 0,
        .return_full = db_int(r, row, 11) != 0,
        .has_ret = db_int(r, row, 14) != 0,
        .created_us = db_time_us(r, row, 12),
        .expires_us = db_time_us(r, row, 13),
        .tls_rule = (enum queue_tls_rule)db_int(r, row, 15),
        .is_waived = true, /* unless a recipient is not */
        .transport = db_str(r, row, 17),
        .is_verp = db_int(r, row, 18) != 0,
        .has_from_id = db_int(r, row, 19) != 0,
        .recipients = ARENA_ARRAY(a, struct queue_recipient, QUEUE_RECIPIENTS_PER_CLAIM),
    };
    return m;
}

/* Groups the rows by message; what does not fit stays due. Where each recipient has a sender of its
 * own each is a message by itself: it takes a transaction by itself, whose end is written before
 * the next one begins. */
static void fill_lease(struct queue_lease *lease, const struct db_rows *r, unsigned max_messages,
                       struct arena *a)
{
    lease->messages = ARENA_ARRAY(a, struct queue_message, max_messages);
    for (size_t row = 0; row < db_row_count(r); row++) {
        bool is_alone = db_int(r, row, 18) != 0;
        struct queue_message *m = is_alone ? NULL : find_message(lease, db_int(r, row, 0));
        if (!m && lease->n == max_messages)
            continue;
        if (!m)
            m = add_message(lease, r, row, a);
        if (m->n == QUEUE_RECIPIENTS_PER_CLAIM || !str_eq(m->transport, db_str(r, row, 17)))
            continue;
        m->is_waived = m->is_waived && db_int(r, row, 16) != 0;
        m->recipients[m->n++] = (struct queue_recipient){
            .address = db_str(r, row, 1),
            .orcpt = db_str(r, row, 2),
            .notify = (unsigned)db_int(r, row, 3),
            .attempts = (unsigned)db_int(r, row, 4),
            .asked = (unsigned)db_int(r, row, 20),
            .planned_us = db_time_us_or(r, row, 21, 0),
        };
    }
}

/* The more destinations wait, the shorter is the turn of each: who comes last waits for one turn of
 * all others. */
static unsigned turn_of(unsigned max_messages, int64_t waiting)
{
    int64_t turn = ROUND / (waiting > 0 ? waiting : 1);
    if (turn < TURN_MIN)
        turn = TURN_MIN;
    return turn < max_messages ? (unsigned)turn : max_messages;
}

/* How many recipients are read for so many messages: of one message at least as many as one claim
 * may hold, so that a short turn does not take it apart. */
static int64_t rows_of(unsigned messages, bool is_short)
{
    int64_t rows = (int64_t)messages * (is_short ? TURN_MIN : QUEUE_RECIPIENTS_PER_CLAIM);
    if (rows < QUEUE_RECIPIENTS_PER_CLAIM)
        return QUEUE_RECIPIENTS_PER_CLAIM;
    return rows < QUEUE_ROWS_PER_CLAIM ? rows : QUEUE_ROWS_PER_CLAIM;
}

/* Leases one due domain; *out is NULL when there is none. */
YIELDS static bool lease_one(struct queue *q, struct arena *a, unsigned max_messages,
                             int64_t deadline_ms, struct queue_lease **out, struct err *e)
{
    struct db_rows *r = NULL;
    int64_t asked_ms = clock_monotonic_ms();
    const struct db_param lease_params[] = { DB_TEXT(str_from_cstr(q->owner)), DB_INT8(q->lease_ms),
                                             DB_BOOL(asked_ms < q->crowded_until_ms),
                                             DB_INT8(CROWD) };
    *out = NULL;
    if (!db_query(q->db, DB_DELIVER, &lease_domain, lease_params, COUNT_OF(lease_params), a,
                  deadline_ms, &r, e))
        return false;
    if (db_row_count(r) == 0)
        return true;
    struct queue_lease *lease = read_lease(q, r, asked_ms, a);
    int64_t waiting = db_int(r, 0, 7);
    unsigned turn = turn_of(max_messages, waiting);
    if (waiting == CROWD && asked_ms >= q->crowded_until_ms)
        q->crowded_until_ms = asked_ms + CROWDED_MS;
    lease->is_short = turn < max_messages && turn <= TURN_SHORT;
    max_messages = lease->is_probe ? 1 : turn;
    const struct db_param due_params[] = {
        DB_TEXT(lease->domain), DB_INT8(rows_of(max_messages, lease->is_short)),
        DB_BOOL(lease->state->breaker.state == QUEUE_BREAKER_OPEN), DB_INT8(max_messages)
    };
    if (!db_query(q->db, DB_DELIVER, &select_due, due_params, COUNT_OF(due_params), a, deadline_ms,
                  &r, e))
        return false; /* the lease ends by itself */
    fill_lease(lease, r, max_messages, a);
    *out = lease;
    return true;
}

bool queue_claim(struct queue *q, struct arena *a, unsigned max_messages, int64_t deadline_ms,
                 struct queue_lease **out, struct err *e)
{
    INVARIANT(max_messages > 0);
    for (int i = 0; i < EMPTY_CLAIMS_MAX; i++) {
        if (!lease_one(q, a, max_messages, deadline_ms, out, e))
            return false;
        if (!*out || (*out)->n > 0)
            return true;
        /* The hint was wrong: release sets the time of what is really next. */
        if (!queue_release(q, *out, deadline_ms, e))
            return false;
        *out = NULL;
    }
    return true;
}

/* ---- holding ---- */

static const struct db_stmt extend_lease = {
    "UPDATE q_domain SET lease_until = now() + $3::int8 * interval '1 millisecond'"
    " WHERE domain = $1 AND token = $2 RETURNING 1"
};

bool queue_lease_extend(struct queue *q, struct queue_lease *lease, int64_t deadline_ms,
                        struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    int64_t asked_ms = clock_monotonic_ms();
    const struct db_param params[] = { DB_TEXT(lease->domain), DB_INT8(lease->token),
                                       DB_INT8(q->lease_ms) };
    arena_init(&a);
    bool ok = db_query(q->db, DB_DELIVER, &extend_lease, params, 3, &a, deadline_ms, &r, e);
    if (ok && db_row_count(r) == 0) {
        ok = ERR(e, ERR_CONFLICT, "the lease of %.*s was lost", STR_FMT(lease->domain));
    } else if (ok) {
        lease->until_ms = asked_ms + q->lease_ms;
    }
    arena_fini(&a);
    return ok;
}

static const struct db_stmt postpone = {
    "UPDATE q_rcpt r SET due = now() + u.ms * interval '1 millisecond',"
    " put_off = CASE WHEN $6::text <> '' THEN now() + u.ms * interval '1 millisecond' END,"
    " put_off_why = nullif($6, '')"
    " FROM unnest($3::int8[], $4::int8[], $5::text[]) AS u (queue_id, ms, rcpt)"
    " WHERE r.queue_id = u.queue_id AND (u.rcpt = '' OR r.rcpt = u.rcpt)"
    " AND r.domain = $1 AND r.status = 0 AND r.due <= now()"
    " AND EXISTS (SELECT 1 FROM q_domain WHERE domain = $1 AND token = $2)"
};

bool queue_postpone(struct queue *q, struct queue_lease *lease, size_t first, int64_t wait_ms,
                    int64_t step_ms, str why, struct err *e)
{
    struct arena a;
    size_t n = lease->n - first;
    arena_init(&a);
    int64_t *ids = ARENA_ARRAY(&a, int64_t, n);
    int64_t *waits = ARENA_ARRAY(&a, int64_t, n);
    str *only = ARENA_ARRAY(&a, str, n);
    bool is_alike = first == 0 && step_ms == 0; /* for all recipients of a message */
    for (size_t i = 0; i < n; i++) {
        const struct queue_message *m = &lease->messages[first + i];
        ids[i] = m->queue_id;
        only[i] = m->is_verp && !is_alike ? m->recipients[0].address : STR_EMPTY;
        waits[i] = wait_ms + (int64_t)i * step_ms;
    }
    lease->n = first;
    const struct db_param params[] = {
        DB_TEXT(lease->domain), DB_INT8(lease->token),
        DB_INT8S(ids, n),       DB_INT8S(waits, n),
        DB_TEXTS(only, n),      DB_TEXT(queue_clean_text(&a, why, QUEUE_REPLY_MAX))
    };
    bool ok = db_query(q->db, DB_DELIVER, &postpone, params, COUNT_OF(params), &a,
                       clock_deadline_in(q->lease_ms), NULL, e);
    arena_fini(&a);
    return ok;
}

bool queue_lease_is_valid(const struct queue_lease *lease, int64_t margin_ms)
{
    return clock_monotonic_ms() + margin_ms < lease->until_ms;
}

bool queue_lease_destination(struct queue_lease *lease, bool worked, str reason)
{
    struct queue_lease_state *s = lease->state;
    int64_t now_us = queue_lease_now_us(lease);
    s->breaker = queue_breaker_next(s->breaker, worked, now_us);
    if (s->breaker.state == QUEUE_BREAKER_OPEN)
        s->breaker.until_us = now_us + (s->breaker.until_us - now_us) / s->time_divisor;
    s->reason = worked ? STR_EMPTY : queue_clean_text(s->a, reason, QUEUE_REPLY_MAX);
    s->was_tried = true;
    return s->breaker.state == QUEUE_BREAKER_OPEN;
}

struct queue_breaker_turn queue_lease_turn(const struct queue_lease *lease)
{
    const struct queue_lease_state *s = lease->state;
    bool is_open = s->breaker.state != QUEUE_BREAKER_CLOSED;
    return (struct queue_breaker_turn){
        .has_opened = is_open && !s->was_open,
        .has_closed = !is_open && s->was_open,
        .failures = s->breaker.failures,
        .until_us = is_open ? s->breaker.until_us : 0,
        .reason = s->reason,
    };
}

/* ---- giving back ---- */

static const struct db_stmt release_lease = {
    "SELECT queue_release($1, $2, $3, $4, $5, $6, $7, $8, $9)"
};

bool queue_release(struct queue *q, struct queue_lease *lease, int64_t deadline_ms, struct err *e)
{
    const struct queue_lease_state *s = lease->state;
    bool is_open = s->breaker.state != QUEUE_BREAKER_CLOSED;
    struct arena a;
    const struct db_param params[] = {
        DB_TEXT(lease->domain),
        DB_INT8(lease->token),
        DB_BOOL(lease->n > 0),
        DB_BOOL(is_open),
        DB_INT4(s->breaker.failures),
        DB_INT4(s->breaker.successes),
        DB_INT8(is_open ? s->breaker.until_us : 0),
        DB_BOOL(s->was_tried),
        DB_TEXT(s->reason),
    };
    arena_init(&a);
    bool ok = db_query(q->db, DB_DELIVER, &release_lease, params, COUNT_OF(params), &a, deadline_ms,
                       NULL, e);
    arena_fini(&a);
    return ok;
}
