/* SPDX-License-Identifier: Apache-2.0 */
/* Acts on selected mail, each one transaction with its audit row. A rehearsal counts the same rows,
 * and locks none. */
#include "queue/act.h"

#include "audit/audit.h"
#include "queue/private.h"

#include <assert.h>

enum {
    LAST_PARAM = 8 /* which only some acts have */
};

const char *queue_action_name(enum queue_action action)
{
    static const char *const names[] = {
        [QUEUE_ACT_HOLD] = "hold", [QUEUE_ACT_RELEASE] = "release",
        [QUEUE_ACT_FAIL] = "fail", [QUEUE_ACT_RESCHEDULE] = "reschedule",
        [QUEUE_ACT_DROP] = "drop", [QUEUE_ACT_TRANSPORT] = "transport",
    };
    return names[action];
}

bool queue_act_selects(const struct queue_act *act)
{
    const struct queue_filter *f = &act->filter;
    return act->queue_id != 0 || act->older_s > 0 || f->domain.n > 0 || f->sender.n > 0 ||
           f->recipient.n > 0 || f->status != QUEUE_STATUS_ANY;
}

/* ---- statements ---- */

enum {
    KEPT = -2, /* in $7: held by an administrator, whatever it was before; RCPT_HELD there is for
                * its sender to decide */
    OTHERWISE = -4 /* likewise: held with its account until that may send again, or in quarantine */
};

/* $1-$4 are the filter, $5 is one queue id or 0, $6 the least age, $7 the statuses that the action
 * is for. */
#define SELECTED                                                                                                       \
    " FROM q_rcpt r JOIN q_msg m USING (queue_id) WHERE CASE WHEN r.kept AND r.status < 0"                             \
    " AND r.code <> " QUEUE_CODE_KEPT " THEN -4"                                                                       \
    " WHEN r.kept AND r.status < 0 THEN -2 ELSE r.status END = ANY ($7::int4[]) AND ($5::int8 = 0 OR r.queue_id = $5)" \
    " AND ($6::int8 = 0 OR m.created <= now() - $6 * interval '1 second') AND" QUEUE_FILTER

/* Rows of q_domain are locked before those of q_rcpt, as everywhere; a worker passes over them
 * meanwhile. Their next look is set by what follows. */
static const struct db_stmt lock_domains = {
    "SELECT 1 FROM q_domain WHERE domain IN (SELECT r.domain" SELECTED
    ") ORDER BY domain FOR UPDATE"
};
/* And those of q_msg that wait for their time, of which no destination tells: who takes them up, or
 * is done with them, has locked the message before its recipients. What is held by hand may get a
 * new lifetime, which is its message's. */
static const struct db_stmt lock_waiting = {
    "SELECT 1 FROM q_msg WHERE queue_id IN (SELECT r.queue_id" SELECTED
    " AND (r.status = -3 OR r.kept)) ORDER BY queue_id FOR UPDATE"
};

/* A worker that has leased a destination has begun with the first of what is due there, no more
 * than a claim takes; it looks once, before its lease ends. now() would not do for what is due: it
 * is when this transaction began, and mail may come and be leased while that waits for locks. */
static_assert(QUEUE_ROWS_PER_CLAIM == 2000, "the number in CHOSEN is that of a claim");
#define CHOSEN                                                                                \
    "WITH busy AS MATERIALIZED (SELECT f.queue_id, f.rcpt FROM q_domain d CROSS JOIN LATERAL" \
    " (SELECT b.queue_id, b.rcpt FROM q_rcpt b WHERE b.domain = d.domain AND b.status = 0"    \
    " AND b.due <= d.lease_until ORDER BY b.due, b.queue_id, b.rcpt LIMIT 2000) f"            \
    " WHERE d.lease_until > now()),"                                                          \
    " chosen AS MATERIALIZED (SELECT r.queue_id, r.rcpt, r.domain, r.attempts,"               \
    " r.transport, r.status, m.expires, " QUEUE_IS_BY_HAND " AS by_hand" SELECTED             \
    " AND NOT EXISTS (SELECT 1 FROM busy"                                                     \
    " WHERE busy.queue_id = r.queue_id AND busy.rcpt = r.rcpt))"
#define NOTED(outcome, code, reply) \
    " noted AS (" NOTE_ENDING(      \
        outcome, code, reply) "chosen r JOIN q_msg m USING (queue_id) ON CONFLICT DO NOTHING),"
#define UPDATED(values)                     \
    " done AS (UPDATE q_rcpt u SET " values \
    " FROM chosen c WHERE u.queue_id = c.queue_id AND u.rcpt = c.rcpt RETURNING u.queue_id)"
/* Their destinations are looked at again at that time, if not before; where the breaker is open and
 * they do not go another way, behind it. */
#define AWAKENED(due, goes_another_way)                                              \
    " awakened AS (UPDATE q_domain d SET next_due = least(d.next_due, greatest(" due \
    ", CASE WHEN NOT s.another THEN d.breaker_until END)) FROM (SELECT domain,"      \
    " bool_or(" goes_another_way ") AS another FROM chosen GROUP BY domain) s"       \
    " WHERE d.domain = s.domain),"
#define AS_BEFORE "transport <> ''"
/* Nobody is asked about messages and destinations where nothing is left to ask about. */
#define FORGOTTEN                                                                                \
    " forgotten AS (DELETE FROM q_hold h USING (SELECT DISTINCT queue_id, domain FROM chosen) s" \
    " WHERE h.queue_id = s.queue_id AND h.domain = s.domain AND NOT EXISTS (SELECT 1"            \
    " FROM q_rcpt o WHERE o.queue_id = h.queue_id AND o.domain = h.domain AND o.status = -1"     \
    " AND NOT o.kept AND NOT EXISTS (SELECT 1 FROM chosen c WHERE c.queue_id = o.queue_id"       \
    " AND c.rcpt = o.rcpt))),"
/* Which ones, for what operators see of them; no more than that shows at once. */
#define WHICH   "(coalesce(array_agg(DISTINCT queue_id), '{}'))[1:1000]"
#define COUNTED " SELECT count(*), count(DISTINCT queue_id), " WHICH " FROM done"

static const struct db_stmt rehearsal = {
    CHOSEN " SELECT count(*), count(DISTINCT queue_id), count(*) FILTER (WHERE status < 0)"
           " FROM chosen"
};
static const struct db_stmt hold = {
    CHOSEN "," NOTED("3", QUEUE_CODE_KEPT, "'an administrator holds it'") FORGOTTEN UPDATED(
        "status = CASE u.status WHEN -3 THEN -3 ELSE -1 END, kept = true, due = c.expires,"
        " code = " QUEUE_CODE_KEPT ", reply = 'an administrator holds it'") COUNTED
};
/* Somebody asks for the next attempt: it is one beside the schedule. */
#define ASKED "planned = coalesce(u.planned, u.due)"
/* What was held by hand, for however long, begins anew: with all attempts of the schedule, and a
 * whole lifetime ($8, in milliseconds). */
static const struct db_stmt release = {
    CHOSEN
    ", renewed AS (UPDATE q_msg m SET expires = greatest(m.expires, now() + $8::int8"
    " * interval '1 millisecond') WHERE m.queue_id IN (SELECT queue_id FROM chosen WHERE by_hand))," //
    AWAKENED("now()", AS_BEFORE) UPDATED(
        "status = CASE u.status WHEN -3 THEN -3 ELSE 0 END, kept = false, due = now(),"
        " planned = now(), asked = CASE WHEN c.by_hand THEN u.attempts ELSE u.asked END") COUNTED
};
#define AT "(timestamptz 'epoch' + $8::int8 * interval '1 microsecond')"
#define SHORTENED                                                                    \
    " SELECT count(*), count(DISTINCT queue_id), (SELECT count(*) FROM chosen WHERE" \
    " expires < " AT "), (SELECT min(expires) FROM chosen WHERE expires < " AT ")"
static const struct db_stmt reschedule = { CHOSEN "," AWAKENED(AT, AS_BEFORE) UPDATED(
    "due = least(" AT ", c.expires)," ASKED) SHORTENED ", " WHICH " FROM done" };
static const struct db_stmt reschedule_rehearsal = { CHOSEN SHORTENED " FROM chosen" };
/* Its report has its time, too, however long it was held. No server has said that (RFC 3464 2.3.5).
 */
static const struct db_stmt fail = {
    CHOSEN
    ", renewed AS (UPDATE q_msg m SET expires = greatest(m.expires, now())"
    " WHERE m.queue_id IN (SELECT queue_id FROM chosen WHERE by_hand))," NOTED(
        "2", "'5.3.0'", "'an administrator gave it up'")
        UPDATED(
            "status = 1, due = now(), code = '5.3.0', reply = 'an administrator gave it up', remote = ''")
            COUNTED
};
static const struct db_stmt drop = {
    CHOSEN "," NOTED("4", "''", "'an administrator removed it from the queue'") //
    " done AS (DELETE FROM q_rcpt u USING chosen c WHERE u.queue_id = c.queue_id"
    " AND u.rcpt = c.rcpt RETURNING u.queue_id) SELECT count(*), count(DISTINCT queue_id),"
    " coalesce(array_agg(DISTINCT queue_id), '{}') FROM done"
};
static const struct db_stmt transport = { CHOSEN "," AWAKENED("now()", "$8 <> ''") UPDATED(
    "transport = $8, due = CASE u.status WHEN 0 THEN now() ELSE u.due END,"
    " planned = CASE u.status WHEN 0 THEN coalesce(u.planned, u.due) END") " SELECT count(*), count(DISTINCT queue_id), " WHICH
                                                                           ", (SELECT count(*) FROM chosen WHERE status < 0)"
                                                                           " FROM done" };
/* Those of these messages that have no recipients any more. */
static const struct db_stmt drop_messages = {
    "DELETE FROM q_msg m WHERE m.queue_id = ANY ($1::int8[])"
    " AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = m.queue_id) RETURNING m.queue_id"
};

static const struct {
    const struct db_stmt *stmt;
    int64_t statuses[5];
    size_t n_statuses;
} actions[] = {
    [QUEUE_ACT_HOLD] = { &hold, { RCPT_PENDING, RCPT_HELD, OTHERWISE, RCPT_WAITING }, 4 },
    [QUEUE_ACT_RELEASE] = { &release, { RCPT_HELD, KEPT, OTHERWISE, RCPT_WAITING }, 4 },
    [QUEUE_ACT_RESCHEDULE] = { &reschedule, { RCPT_PENDING, RCPT_WAITING }, 2 },
    [QUEUE_ACT_FAIL] = { &fail, { RCPT_PENDING, RCPT_HELD, KEPT, OTHERWISE, RCPT_WAITING }, 5 },
    [QUEUE_ACT_DROP] = { &drop, { RCPT_PENDING, RCPT_HELD, KEPT, OTHERWISE, RCPT_WAITING }, 5 },
    [QUEUE_ACT_TRANSPORT] = { &transport, { RCPT_PENDING, RCPT_HELD, KEPT, OTHERWISE }, 4 },
};

/* ---- acting ---- */

static void send_audit(struct db_tx *tx, const struct queue_actor *actor,
                       const struct queue_act *act, const struct queue_acted *done, struct arena *a)
{
    const struct queue_filter *f = &act->filter;
    char id[QUEUE_ID_TEXT];
    str object = act->queue_id        ? queue_id_format(act->queue_id, id)
                 : f->domain.n > 0    ? f->domain
                 : f->recipient.n > 0 ? f->recipient
                 : f->sender.n > 0    ? f->sender
                                      : STR("*");
    audit_send(tx,
               &(struct audit_entry){
                   .actor_id = actor->account_id,
                   .actor = actor->name,
                   .ip = actor->ip,
                   .action = arena_printf(a, "queue.%s", queue_action_name(act->action)),
                   .object = object,
                   .detail = arena_printf(a, "%lld recipients of %lld messages",
                                          (long long)done->recipients, (long long)done->messages),
               });
}

/* Takes messages that went as a whole out of what operators see. */
YIELDS static bool end_messages(struct queue *q, struct db_tx *tx, const struct db_rows *dropped,
                                struct arena *a, struct err *e)
{
    struct db_rows *r = NULL;
    int64_t *ids = NULL;
    size_t n = db_ints(dropped, 0, 2, a, &ids);
    db_tx_send(tx, &drop_messages, &DB_INT8S(ids, n), 1);
    if (!db_tx_flush(tx, a, &r, 1, NULL, e))
        return false;
    for (size_t i = 0; i < db_row_count(r); i++)
        queue_hide_message(q, db_int(r, i, 0));
    return true;
}

YIELDS static bool act_within(struct queue *q, struct db_tx *tx, const struct queue_act *act,
                              struct arena *a, struct queue_acted *out,
                              const struct db_rows **shown, struct err *e)
{
    struct db_rows *rows[3] = { NULL };
    const struct db_param params[] = {
        QUEUE_FILTER_PARAMS(&act->filter),
        DB_INT8(act->queue_id),
        DB_INT8(act->older_s),
        DB_INT4S(actions[act->action].statuses, actions[act->action].n_statuses),
        act->action == QUEUE_ACT_TRANSPORT ? DB_TEXT(act->transport)
        : act->action == QUEUE_ACT_RELEASE ? DB_INT8(q->lifetime_ms)
                                           : DB_INT8(act->at_us),
    };
    bool is_reschedule = act->action == QUEUE_ACT_RESCHEDULE;
    bool has_last =
        is_reschedule || act->action == QUEUE_ACT_TRANSPORT || act->action == QUEUE_ACT_RELEASE;
    size_t n_stmts = act->is_rehearsal ? 1 : COUNT_OF(rows);
    if (act->is_rehearsal) {
        db_tx_send(tx, is_reschedule ? &reschedule_rehearsal : &rehearsal, params,
                   LAST_PARAM - !is_reschedule);
    } else {
        db_tx_send(tx, &lock_domains, params, LAST_PARAM - 1);
        db_tx_send(tx, &lock_waiting, params, LAST_PARAM - 1);
        db_tx_send(tx, actions[act->action].stmt, params, LAST_PARAM - !has_last);
    }
    if (!db_tx_flush(tx, a, rows, n_stmts, NULL, e))
        return false;
    const struct db_rows *done = rows[n_stmts - 1];
    *out = (struct queue_acted){ .recipients = db_int(done, 0, 0), .messages = db_int(done, 0, 1) };
    *shown = done;
    if (is_reschedule) {
        out->shortened = db_int(done, 0, 2);
        out->ends_us = db_time_us_or(done, 0, 3, 0);
    }
    if (act->action == QUEUE_ACT_TRANSPORT)
        out->held = db_int(done, 0, act->is_rehearsal ? 2 : 3);
    if (out->recipients == 0 && act->queue_id != 0) {
        return ERR(e, ERR_NOT_FOUND,
                   "nothing of this message can be acted on so: it is not in the queue, in another "
                   "state, or being sent at this moment");
    }
    return act->action != QUEUE_ACT_DROP || act->is_rehearsal || end_messages(q, tx, done, a, e);
}

/* Yields. */
YIELDS static void show(struct queue *q, const struct queue_act *act, const struct db_rows *done,
                        struct arena *a, int64_t deadline_ms)
{
    int64_t *ids = NULL;
    size_t n = db_ints(done, 0, act->action == QUEUE_ACT_RESCHEDULE ? 4 : 2, a, &ids);
    queue_show_anew(q, ids, n, deadline_ms);
}

bool queue_act(struct queue *q, const struct queue_actor *actor, const struct queue_act *act,
               int64_t deadline_ms, struct queue_acted *out, struct err *e)
{
    struct arena a;
    struct db_tx *tx = NULL;
    const struct db_rows *done = NULL;
    arena_init(&a);
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e) &&
              act_within(q, tx, act, &a, out, &done, e);
    if (ok && !act->is_rehearsal) {
        send_audit(tx, actor, act, out, &a);
        ok = db_commit(&tx, &a, NULL, 0, NULL, e);
    }
    db_rollback(&tx);
    if (ok && !act->is_rehearsal)
        show(q, act, done, &a, deadline_ms);
    arena_fini(&a);
    if (ok && !act->is_rehearsal && q->notify)
        notify_tell(q->notify, NOTIFY_QUEUE, 0);
    return ok;
}

/* NOLINTNEXTLINE(readability-function-size): as queue_load_part, and by whom. */
bool queue_export_part(struct queue *q, const struct queue_actor *actor, int64_t queue_id,
                       size_t from, struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    char id[QUEUE_ID_TEXT];
    const struct audit_entry entry = { .actor_id = actor->account_id,
                                       .actor = actor->name,
                                       .ip = actor->ip,
                                       .action = STR("queue.export"),
                                       .object = queue_id_format(queue_id, id) };
    return queue_load_part(q, queue_id, from, a, deadline_ms, out, e) &&
           (from > 0 || audit_write(q->db, &entry, deadline_ms, e));
}
