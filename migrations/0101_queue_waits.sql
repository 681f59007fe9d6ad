-- SPDX-License-Identifier: Apache-2.0
-- Why mail is not tried now that could be, beside an open breaker: who puts it off without an attempt says why, for the time
-- until when it was put off. It counts while `due` is still that time, so nobody has to take it back.
ALTER TABLE q_rcpt ADD COLUMN put_off timestamptz, ADD COLUMN put_off_why text;

-- As before, with the next attempt behind an open breaker, and why it waits ('' for no reason but its time).
CREATE OR REPLACE VIEW mail_trace AS
SELECT m.queue_id, m.message_id, m.account_id, m.envelope_from AS sender, r.rcpt AS recipient,
       CASE WHEN r.status IN (-3, -1) THEN 'held' WHEN r.status = 1 THEN 'failed'
            WHEN r.status > 1 THEN 'delivered' WHEN r.attempts > 0 THEN 'deferred'
            ELSE 'waiting' END AS state,
       m.created, r.attempts, r.last_attempt,
       CASE WHEN b.is_shut THEN greatest(r.due, b.breaker_until) WHEN r.status IN (-3, 0) THEN r.due END AS next_attempt,
       r.code, r.reply, r.remote, r.tls,
       CASE WHEN r.status IN (-3, -1) THEN r.reply
            WHEN b.is_shut THEN format('the servers of %s failed %s times in a row%s', r.domain, b.failures,
                                       CASE WHEN b.reason <> '' THEN ': ' || b.reason ELSE '' END)
            WHEN r.status = 0 AND r.put_off = r.due THEN r.put_off_why
            ELSE '' END AS waits
  FROM q_rcpt r JOIN q_msg m USING (queue_id) LEFT JOIN LATERAL
       (SELECT true AS is_shut, d.breaker_until, d.failures, d.reason FROM q_domain d
         WHERE d.domain = r.domain AND r.status = 0 AND r.transport = '' AND d.breaker_open AND d.breaker_until > now()) b ON true
UNION ALL
SELECT a.queue_id, a.message_id, a.account_id, a.sender, a.recipient,
       CASE coalesce(l.outcome, a.outcome) WHEN 0 THEN 'delivered' WHEN 2 THEN 'failed' WHEN -1 THEN 'reportedFailed'
            WHEN -2 THEN 'reportedDelayed' WHEN -3 THEN 'reportedDelivered' WHEN -4 THEN 'reportedRelayed'
            WHEN -5 THEN 'reportedExpanded' ELSE 'dropped' END,
       a.created, a.attempt, coalesce(l.at, a.at), NULL, coalesce(l.code, a.code), coalesce(l.reply, a.reply),
       coalesce(l.remote, a.remote), a.tls, ''
  FROM q_attempt a LEFT JOIN LATERAL
       (SELECT h.outcome, h.at, h.code, h.reply, h.remote FROM q_attempt h
         WHERE a.outcome = 0 AND h.queue_id = a.queue_id AND h.recipient = a.recipient AND h.attempt = 0 AND h.outcome < 0
         ORDER BY h.outcome = -2, h.at DESC, h.outcome LIMIT 1) l ON true
 WHERE a.outcome IN (0, 2, 4)
   AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = a.queue_id AND r.rcpt = a.recipient)
   AND NOT (a.outcome = 4 AND EXISTS (SELECT 1 FROM q_attempt e WHERE e.queue_id = a.queue_id AND e.recipient = a.recipient
                                         AND e.outcome IN (0, 2)));
