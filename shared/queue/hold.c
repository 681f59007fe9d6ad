/* SPDX-License-Identifier: Apache-2.0 */
/* Held mail: questions to its senders, and what they decide. */
#include "queue/hold.h"

#include "audit/audit.h"
#include "crypto/hash.h"
#include "queue/private.h"
#include "transport_policy/tls_exception.h"

#define HOLD_COLUMNS                                                                                     \
    "SELECT h.queue_id, h.domain, h.account_id, m.envelope_from, h.reason, h.remote,"                    \
    " h.certificate, h.pin, m.created, m.expires, ARRAY(SELECT r.rcpt FROM q_rcpt r WHERE"               \
    " r.queue_id = h.queue_id AND r.domain = h.domain AND r.status = -1 AND NOT r.kept ORDER BY r.rcpt)" \
    " FROM q_hold h JOIN q_msg m USING (queue_id)"
#define IS_HELD                                                                             \
    " EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = h.queue_id AND r.domain = h.domain" \
    " AND r.status = -1 AND NOT r.kept)"

static const struct db_stmt next_stmt = {
    HOLD_COLUMNS " WHERE h.told = 0 AND h.tell_at <= now() AND h.queue_id > $1 AND" IS_HELD
                 " ORDER BY h.queue_id, h.domain LIMIT 1"
};
static const struct db_stmt find_stmt = { HOLD_COLUMNS " WHERE h.token = $1 AND" IS_HELD };
static const struct db_stmt told_stmt = { "SELECT queue_hold_told($1, $2, $3)" };
static const struct db_stmt postpone_stmt = {
    "UPDATE q_hold SET tell_at = now() + $3::int8 * interval '1 millisecond'"
    " WHERE queue_id = $1 AND domain = $2"
};
/* told: 0 to be asked, 1 asked, above it how often an answer was not understood. */
static const struct db_stmt unclear_stmt = {
    "UPDATE q_hold SET told = told + 1"
    " WHERE queue_id = $1 AND domain = $2 AND told BETWEEN 1 AND $3"
};

static void read_hold(const struct db_rows *r, struct arena *a, struct queue_hold *out)
{
    *out = (struct queue_hold){
        .queue_id = db_int(r, 0, 0),
        .domain = db_str(r, 0, 1),
        .account_id = db_int(r, 0, 2),
        .envelope_from = db_str(r, 0, 3),
        .reason = db_str(r, 0, 4),
        .remote = db_str(r, 0, 5),
        .certificate = db_str(r, 0, 6),
        .pin = db_str(r, 0, 7),
        .created_us = db_time_us(r, 0, 8),
        .expires_us = db_time_us(r, 0, 9),
    };
    out->n = db_strs(r, 0, 10, a, &out->recipients);
}

/* ---- asking ---- */

bool queue_hold_next(struct queue *q, int64_t after_id, struct arena *a, int64_t deadline_ms,
                     bool *found, struct queue_hold *out, struct err *e)
{
    struct db_rows *r = NULL;
    struct err why = ERR_CLEAR;
    str part = STR_EMPTY;
    *found = false;
    if (!db_query(q->db, DB_DELIVER, &next_stmt, &DB_INT8(after_id), 1, a, deadline_ms, &r, e))
        return false;
    if (db_row_count(r) == 0)
        return true;
    read_hold(r, a, out);
    /* A damaged message must not keep its sender from being asked. */
    if (!queue_load_part(q, out->queue_id, 0, a, deadline_ms, &part, &why) &&
        why.kind != ERR_DAMAGED && why.kind != ERR_NOT_FOUND) {
        *e = why;
        return false;
    }
    out->original = str_slice(part, 0, QUEUE_ORIGINAL_MAX);
    *found = true;
    return true;
}

void queue_hold_send(struct db_tx *tx, const struct queue_hold *hold,
                     const uint8_t secret[QUEUE_TOKEN_SIZE])
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    crypto_sha256(str_of((const char *)secret, QUEUE_TOKEN_SIZE), hash);
    const struct db_param params[] = { DB_INT8(hold->queue_id), DB_TEXT(hold->domain),
                                       DB_BYTEA(str_of((const char *)hash, sizeof(hash))) };
    db_tx_send(tx, &told_stmt, params, COUNT_OF(params));
}

bool queue_hold_postpone(struct queue *q, const struct queue_hold *hold, int64_t ms,
                         int64_t deadline_ms, struct err *e)
{
    struct arena a;
    const struct db_param params[] = { DB_INT8(hold->queue_id), DB_TEXT(hold->domain),
                                       DB_INT8(ms) };
    arena_init(&a);
    bool ok = db_query(q->db, DB_DELIVER, &postpone_stmt, params, COUNT_OF(params), &a, deadline_ms,
                       NULL, e);
    arena_fini(&a);
    return ok;
}

/* ---- answers ---- */

bool queue_hold_find(struct queue *q, const uint8_t secret[QUEUE_TOKEN_SIZE], struct arena *a,
                     int64_t deadline_ms, bool *found, struct queue_hold *out, struct err *e)
{
    struct db_rows *r = NULL;
    uint8_t hash[CRYPTO_SHA256_SIZE];
    /* Only the hash is compared, so that the time it takes tells nothing of the secret. */
    crypto_sha256(str_of((const char *)secret, QUEUE_TOKEN_SIZE), hash);
    const struct db_param param = DB_BYTEA(str_of((const char *)hash, sizeof(hash)));
    if (!db_query(q->db, DB_DELIVER, &find_stmt, &param, 1, a, deadline_ms, &r, e))
        return false;
    *found = db_row_count(r) > 0;
    if (*found)
        read_hold(r, a, out);
    return true;
}

bool queue_hold_unclear(struct queue *q, const struct queue_hold *hold, int64_t deadline_ms,
                        bool *is_said, struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_INT8(hold->queue_id), DB_TEXT(hold->domain),
                                       DB_INT4(QUEUE_UNCLEAR_MAX) };
    arena_init(&a);
    bool ok = db_query(q->db, DB_DELIVER, &unclear_stmt, params, COUNT_OF(params), &a, deadline_ms,
                       &r, e);
    *is_said = ok && db_affected(r) > 0;
    arena_fini(&a);
    return ok;
}

/* ---- deciding: rows of q_domain are locked before those of q_rcpt, as everywhere; what an
 * administrator holds is not to be decided so ---- */

const char *queue_choice_name(enum queue_choice choice)
{
    static const char *const names[] = {
        [QUEUE_CHOICE_CANCEL] = "cancel",
        [QUEUE_CHOICE_RETRY] = "retry",
        [QUEUE_CHOICE_SEND] = "send",
        [QUEUE_CHOICE_WHITELIST] = "whitelist",
    };
    return names[choice];
}

/* What the decision is about: $1 the message, $2 its domain or '' for all of them, $3 whose. */
static const struct db_stmt select_holds = {
    "SELECT h.domain, h.account_id, h.pin FROM q_hold h WHERE h.queue_id = $1"
    " AND ($2 = '' OR h.domain = $2) AND ($3::int8 = 0 OR h.account_id = $3) AND" IS_HELD
    " ORDER BY h.domain"
};
/* What of it is held for another reason than a question. */
static const struct db_stmt select_other_holds = {
    "SELECT 1 FROM q_rcpt r JOIN q_msg m USING (queue_id) WHERE r.queue_id = $1 AND ($2 = '' OR"
    " r.domain = $2) AND ($3::int8 = 0 OR m.account_id = $3) AND r.status IN (-3, -1) LIMIT 1"
};
static const struct db_stmt wake_domains = {
    "UPDATE q_domain d SET next_due = now(), breaker_open = false, failures = 0, successes = 0,"
    " breaker_until = '-infinity' FROM (SELECT domain FROM q_domain"
    " WHERE domain = ANY($1::text[]) ORDER BY domain FOR UPDATE) s WHERE d.domain = s.domain"
};
static const struct db_stmt release_message = {
    "UPDATE q_rcpt SET status = 0, due = now(), planned = now(), waived = $3 WHERE queue_id = $1"
    " AND domain = ANY($2::text[]) AND status = -1 AND NOT kept"
};
static const struct db_stmt release_sender = {
    "UPDATE q_rcpt r SET status = 0, due = now(), planned = now() FROM q_hold h WHERE h.queue_id = r.queue_id"
    " AND h.domain = r.domain AND r.status = -1 AND NOT r.kept AND r.domain = ANY($1::text[])"
    " AND h.account_id = $2"
};
static const struct db_stmt note_cancel = {
    NOTE_ENDING(
        "4", "''",
        "'it was held, and its sender or an administrator cancelled it'") "q_rcpt r JOIN q_msg m USING (queue_id) WHERE r.queue_id = $1 AND r.domain = ANY($2::text[])"
                                                                          " AND r.status = -1 AND NOT r.kept ON CONFLICT DO NOTHING"
};
static const struct db_stmt cancel_message = {
    "DELETE FROM q_rcpt WHERE queue_id = $1 AND domain = ANY($2::text[]) AND status = -1 AND NOT kept"
};
static const struct db_stmt drop_empty = {
    "DELETE FROM q_msg m WHERE queue_id = $1"
    " AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = m.queue_id)"
};

struct deciding {
    const struct queue_actor *actor;
    const struct queue_decision *decision;
    int64_t account_id;
    str *domains;
    str *pins;
    size_t n;
    struct arena a;
};

/* Nothing is held for a decision: always an error. Yields. */
YIELDS static bool nothing_held(struct deciding *w, struct db_tx *tx,
                                const struct db_param params[3], struct err *e)
{
    struct db_rows *r = NULL;
    db_tx_send(tx, &select_other_holds, params, 3);
    if (!db_tx_flush(tx, &w->a, &r, 1, NULL, e))
        return false;
    return db_row_count(r) > 0
               ? ERR(e, ERR_DENIED,
                     "nobody is asked about it: it is held by hand, by a rule or a filter, or for "
                     "its time; queue release lets it go")
               : ERR(e, ERR_NOT_FOUND, "nothing of this message is held");
}

YIELDS static bool find_holds(struct deciding *w, struct db_tx *tx, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_INT8(w->decision->queue_id), DB_TEXT(w->decision->domain),
                                       DB_INT8(w->decision->account_id) };
    db_tx_send(tx, &select_holds, params, COUNT_OF(params));
    if (!db_tx_flush(tx, &w->a, &r, 1, NULL, e))
        return false;
    w->n = db_row_count(r);
    w->domains = ARENA_ARRAY(&w->a, str, w->n);
    w->pins = ARENA_ARRAY(&w->a, str, w->n);
    for (size_t i = 0; i < w->n; i++) {
        w->domains[i] = db_str(r, i, 0);
        w->account_id = db_int(r, i, 1);
        w->pins[i] = db_str(r, i, 2);
        if (w->decision->choice == QUEUE_CHOICE_WHITELIST && !w->decision->any &&
            w->pins[i].n == 0) {
            return ERR(e, ERR_CONFLICT,
                       "the server of %.*s showed no certificate that could be known again: allow "
                       "any server, also without TLS, or choose something else",
                       STR_FMT(w->domains[i]));
        }
    }
    return w->n > 0 || nothing_held(w, tx, params, e);
}

static void send_exceptions(struct deciding *w, struct db_tx *tx)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct tls_exception exception = {
            .domain = w->domains[i],
            .account_id = w->account_id,
            .pin = w->decision->any ? STR_EMPTY : w->pins[i],
            .expires_us = w->decision->expires_us,
            .created_by = w->actor->name,
        };
        tls_exception_send(tx, &exception);
    }
}

/* The statements of the choice; their number is given, *counted is the one that counts. */
static size_t send_choice(struct deciding *w, struct db_tx *tx, size_t *counted)
{
    const struct db_param domains = DB_TEXTS(w->domains, w->n);
    const struct db_param message[] = { DB_INT8(w->decision->queue_id), domains,
                                        DB_BOOL(w->decision->choice == QUEUE_CHOICE_SEND) };
    const struct db_param sender[] = { domains, DB_INT8(w->account_id) };
    *counted = 0;
    switch (w->decision->choice) {
    case QUEUE_CHOICE_CANCEL:
        db_tx_send(tx, &note_cancel, message, 2);
        db_tx_send(tx, &cancel_message, message, 2);
        db_tx_send(tx, &drop_empty, message, 1);
        *counted = 1;
        return 3;
    case QUEUE_CHOICE_RETRY:
    case QUEUE_CHOICE_SEND:
        db_tx_send(tx, &release_message, message, 3);
        return 1;
    case QUEUE_CHOICE_WHITELIST:
        send_exceptions(w, tx);
        db_tx_send(tx, &release_sender, sender, 2);
        *counted = w->n;
        return w->n + 1;
    }
    return 0;
}

static void send_audit(struct deciding *w, struct db_tx *tx, int64_t count)
{
    char id[QUEUE_ID_TEXT];
    const char *choice = queue_choice_name(w->decision->choice);
    audit_send(tx, &(struct audit_entry){
                       .actor_id = w->actor->account_id,
                       .actor = w->actor->name,
                       .ip = w->actor->ip,
                       .action = arena_printf(&w->a, "queue.%s", choice),
                       .object = queue_id_format(w->decision->queue_id, id),
                       .detail = arena_printf(&w->a, "%lld recipients held for %.*s%s",
                                              (long long)count, STR_FMT(w->domains[0]),
                                              w->decision->any ? ", any server" : ""),
                   });
}

YIELDS static bool decide(struct deciding *w, struct db_tx *tx, int64_t *count, struct err *e)
{
    size_t counted;
    if (!find_holds(w, tx, e))
        return false;
    struct db_rows **rows = ARENA_ARRAY(&w->a, struct db_rows *, w->n + 3);
    db_tx_send(tx, &wake_domains, &DB_TEXTS(w->domains, w->n), 1);
    size_t n = send_choice(w, tx, &counted);
    if (!db_tx_flush(tx, &w->a, rows, n + 1, NULL, e))
        return false;
    *count = db_affected(rows[counted + 1]);
    if (*count == 0)
        return ERR(e, ERR_NOT_FOUND, "nothing of this message is held");
    send_audit(w, tx, *count);
    return true;
}

bool queue_decide(struct queue *q, const struct queue_actor *actor,
                  const struct queue_decision *decision, int64_t deadline_ms, int64_t *count,
                  struct err *e)
{
    struct deciding w = { .actor = actor, .decision = decision };
    struct db_tx *tx = NULL;
    arena_init(&w.a);
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e) &&
              decide(&w, tx, count, e) && db_commit(&tx, &w.a, NULL, 0, NULL, e);
    db_rollback(&tx);
    arena_fini(&w.a);
    if (ok)
        queue_show_anew(q, &decision->queue_id, 1, deadline_ms);
    if (ok && q->notify)
        notify_tell(q->notify, NOTIFY_QUEUE, 0);
    return ok;
}
