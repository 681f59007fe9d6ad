/* SPDX-License-Identifier: Apache-2.0 */
/* Upkeep of the queue: what a lost hint, a race or a crash may have left behind. Each statement is
 * right at any time and in any number of processes. */
#include "queue/private.h"

#define NOTE_GIVEN_UP              \
    " " NOTE_ENDING("2", "r.code", \
                    "r.reply") "r JOIN q_msg m USING (queue_id) ON CONFLICT DO NOTHING"

/* In the order of work. $1 is delay_ms of the queue where it is used. */
static const struct {
    struct db_stmt stmt;
    bool takes_delay;
} steps[] = {
    /* A domain whose row was removed while mail for it was put in. */
    { { "INSERT INTO q_domain (domain, next_due) SELECT domain, min(due) FROM q_rcpt r"
        " WHERE status = 0 AND NOT EXISTS (SELECT 1 FROM q_domain d WHERE d.domain = r.domain)"
        " GROUP BY domain ORDER BY domain ON CONFLICT DO NOTHING" },
      false },
    /* A clock that was set back leaves leases and breakers that end hours or days from now; none
     * ever lasts for longer than ten minutes (R12). The token keeps a worker that still holds such
     * a lease from writing anything. */
    { { "UPDATE q_domain SET lease_until = '-infinity', breaker_until = least(breaker_until, now())"
        " WHERE lease_until > now() + interval '20 minutes'"
        " OR breaker_until > now() + interval '20 minutes'" },
      false },
    /* Mail whose commit came after the last look of a worker that found the domain empty. */
    { { "UPDATE q_domain d SET next_due = greatest(s.due, d.breaker_until)"
        " FROM (SELECT domain FROM q_domain WHERE lease_until <= now() AND next_due > now()"
        " ORDER BY domain FOR UPDATE SKIP LOCKED) l,"
        " (SELECT domain, min(due) AS due FROM q_rcpt WHERE status = 0 GROUP BY domain) s"
        " WHERE d.domain = l.domain AND s.domain = d.domain"
        " AND d.next_due > greatest(s.due, d.breaker_until)" },
      false },
    /* Past its lifetime and not being worked on: its destination's breaker is open, or the queue
     * was stopped for long. A last try has ten minutes. */
    { { "WITH r AS (UPDATE q_rcpt r SET status = 1, code = '4.4.7', due = now(),"
        " reply = CASE WHEN r.reply = '' THEN 'could not be delivered in time' ELSE r.reply END"
        " FROM q_msg m WHERE m.queue_id = r.queue_id AND r.status = 0"
        " AND m.expires < now() - interval '10 minutes' AND NOT EXISTS (SELECT 1 FROM q_domain d"
        " WHERE d.domain = r.domain AND d.lease_until > now()) RETURNING r.*)" NOTE_GIVEN_UP },
      false },
    /* Programs of former versions put in quarantine with the code of what is held by hand. */
    { { "UPDATE q_rcpt SET code = " QUEUE_CODE_QUARANTINE " WHERE kept AND status IN (-3, -1)"
        " AND code = " QUEUE_CODE_KEPT
        " AND reply IN ('a filter holds it', 'DMARC of its author failed')" },
      false },
    /* Nobody decided, or what waited for its time could not be handed over since. What is held by
     * hand is held until somebody releases it. */
    { { "WITH r AS (UPDATE q_rcpt r SET status = 1, due = now(),"
        " code = CASE WHEN r.status = -3 AND NOT r.kept THEN '4.4.7' ELSE '5.7.0' END,"
        " reply = CASE WHEN r.status = -3 AND NOT r.kept THEN 'could not be sent at its time'"
        " ELSE 'nobody decided what to do about this in time: ' || r.reply END FROM q_msg m"
        " WHERE m.queue_id = r.queue_id AND r.status IN (-3, -1) AND m.expires <= now()"
        " AND NOT " QUEUE_IS_BY_HAND " RETURNING r.*)" NOTE_GIVEN_UP },
      false },
    { { "DELETE FROM q_hold h WHERE NOT EXISTS (SELECT 1 FROM q_rcpt r"
        " WHERE r.queue_id = h.queue_id AND r.domain = h.domain AND r.status = -1 AND NOT r.kept)" },
      false },
    /* Recipients that nobody is to be told about any more. */
    { { "DELETE FROM q_rcpt r USING q_msg m WHERE m.queue_id = r.queue_id AND"
        " ((r.status = 1 AND (m.envelope_from = '' OR (r.notify & 1) = 0)) OR"
        " (r.status IN (3, 4) AND (m.envelope_from = '' OR (r.notify & 4) = 0)))" },
      false },
    /* Reports that could not be made for a week: their sender's mailbox is full for good, or they
     * cannot be made at all. Whoever tried puts them off; what nobody tried, as while all of this
     * stood still, is none of them, however old it is. */
    { { "DELETE FROM q_rcpt r USING q_msg m WHERE m.queue_id = r.queue_id AND r.status > 0"
        " AND m.expires < now() - interval '7 days' AND r.due > now()" },
      false },
    { { "UPDATE q_rcpt r SET delay = 1 FROM q_msg m WHERE m.queue_id = r.queue_id"
        " AND r.status = 0 AND r.delay = 0 AND (r.notify & 2) <> 0 AND m.envelope_from <> ''"
        " AND m.created < now() - $1::int8 * interval '1 millisecond'" },
      true },
    { { "DELETE FROM q_msg m WHERE"
        " NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = m.queue_id)" },
      false },
    { { "DELETE FROM q_domain d WHERE used < now() - interval '7 days' AND lease_until <= now()"
        " AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.domain = d.domain)" },
      false },
    /* Rows that are just being counted in are left out: who counts locks two of them. */
    { { "DELETE FROM q_told WHERE subject IN (SELECT subject FROM q_told"
        " WHERE since < now() - interval '1 hour' OR since > now() + interval '1 hour'"
        " LIMIT 10000 FOR UPDATE SKIP LOCKED)" },
      false },
};

bool queue_sweep(struct queue *q, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    bool ok = true;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(steps) && ok; i++) {
        ok = db_query(q->db, DB_DELIVER, &steps[i].stmt, &DB_INT8(q->delay_ms),
                      steps[i].takes_delay ? 1 : 0, &a, deadline_ms, NULL, e);
    }
    arena_fini(&a);
    return ok && queue_show_all(q, deadline_ms, e);
}
