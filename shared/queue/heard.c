/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the history from reports of other servers. */
#include "queue/heard.h"

#include "queue/private.h"

enum {
    ADDRESS_MAX = 400, /* octets of one that may be a recipient of ours */
    REMOTE_MAX = 300,
    CODE_MAX = 16
};

/* Of two addresses in a report the one that the sender named counts, where it is one of the
 * message: the other one may be its, too, when somebody forwards to somebody. A recipient in the
 * queue is one that a server has perhaps taken, whose word the history does not have yet. */
static const struct db_stmt note = {
    "WITH known AS (SELECT " ATTEMPT_MESSAGE_COLUMNS ", recipient FROM q_attempt"
    " WHERE queue_id = $1 AND outcome = 0 UNION"
    " SELECT " ATTEMPT_MESSAGE_VALUES ", r.rcpt FROM q_rcpt r JOIN q_msg m USING (queue_id)"
    " WHERE queue_id = $1 AND m.has_from_id AND r.status = 0)"
    " INSERT INTO q_attempt (" ATTEMPT_MESSAGE_COLUMNS ", recipient, attempt, outcome, code,"
    " reply, stage, remote, tls, secured, took_ms, node)"
    " SELECT k.queue_id, k.account_id, k.sender, k.message_id, k.created, k.session, k.recipient, 0,"
    " u.outcome::int2, u.code, u.reply, 'report', u.remote, '', '', 0, $8::text"
    " FROM unnest($2::text[], $3::text[], $4::int4[], $5::text[], $6::text[], $7::text[])"
    " WITH ORDINALITY AS u (original, final, outcome, code, reply, remote, n), LATERAL"
    " (SELECT * FROM known WHERE lower(recipient) IN (lower(u.original), lower(u.final))"
    " ORDER BY lower(recipient) = lower(u.original) DESC, recipient LIMIT 1) k"
    " ORDER BY u.n ON CONFLICT DO NOTHING"
};

static const int outcomes[QUEUE_N_HEARD] = {
    [QUEUE_HEARD_FAILED] = ATTEMPT_HEARD_FAILED,
    [QUEUE_HEARD_DELAYED] = ATTEMPT_HEARD_DELAYED,
    [QUEUE_HEARD_DELIVERED] = ATTEMPT_HEARD_DELIVERED,
    [QUEUE_HEARD_RELAYED] = ATTEMPT_HEARD_RELAYED,
    [QUEUE_HEARD_EXPANDED] = ATTEMPT_HEARD_EXPANDED,
};

bool queue_note_heard(struct queue *q, int64_t queue_id, const struct queue_heard *list, size_t n,
                      int64_t deadline_ms, int64_t *noted, struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    str *texts[5];
    *noted = 0;
    if (q->keep_history_ms <= 0 || n == 0)
        return true;
    if (n > QUEUE_HEARD_MAX)
        n = QUEUE_HEARD_MAX;
    arena_init(&a);
    int64_t *outcome = ARENA_ARRAY(&a, int64_t, n);
    for (size_t k = 0; k < COUNT_OF(texts); k++)
        texts[k] = ARENA_ARRAY(&a, str, n);
    for (size_t i = 0; i < n; i++) {
        texts[0][i] = queue_clean_text(&a, list[i].original, ADDRESS_MAX);
        texts[1][i] = queue_clean_text(&a, list[i].final, ADDRESS_MAX);
        texts[2][i] = queue_clean_text(&a, list[i].status, CODE_MAX);
        texts[3][i] = queue_clean_text(&a, list[i].reply, QUEUE_REPLY_MAX);
        texts[4][i] = queue_clean_text(&a, list[i].remote, REMOTE_MAX);
        outcome[i] = outcomes[list[i].action];
    }
    const struct db_param params[] = {
        DB_INT8(queue_id),     DB_TEXTS(texts[0], n),       DB_TEXTS(texts[1], n),
        DB_INT4S(outcome, n),  DB_TEXTS(texts[2], n),       DB_TEXTS(texts[3], n),
        DB_TEXTS(texts[4], n), DB_TEXT(queue_node_name(q)),
    };
    bool ok = db_query(q->db, DB_DELIVER, &note, params, COUNT_OF(params), &a, deadline_ms, &r, e);
    if (ok)
        *noted = db_affected(r);
    arena_fini(&a);
    return ok;
}
