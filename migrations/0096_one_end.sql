-- SPDX-License-Identifier: Apache-2.0
-- A message that is removed while an attempt is under way has two ends in its history, when the attempt comes to one: the
-- attempt is what became of it, and one row tells it.
CREATE OR REPLACE VIEW mail_trace AS
SELECT m.queue_id, m.message_id, m.account_id, m.envelope_from AS sender, r.rcpt AS recipient,
       CASE WHEN r.status IN (-3, -1) THEN 'held' WHEN r.status = 1 THEN 'failed'
            WHEN r.status > 1 THEN 'delivered' WHEN r.attempts > 0 THEN 'deferred'
            ELSE 'waiting' END AS state,
       m.created, r.attempts, r.last_attempt,
       CASE WHEN r.status IN (-3, 0) THEN r.due END AS next_attempt, r.code, r.reply, r.remote, r.tls
  FROM q_rcpt r JOIN q_msg m USING (queue_id)
UNION ALL
SELECT a.queue_id, a.message_id, a.account_id, a.sender, a.recipient,
       CASE coalesce(l.outcome, a.outcome) WHEN 0 THEN 'delivered' WHEN 2 THEN 'failed' WHEN -1 THEN 'reportedFailed'
            WHEN -2 THEN 'reportedDelayed' WHEN -3 THEN 'reportedDelivered' WHEN -4 THEN 'reportedRelayed'
            WHEN -5 THEN 'reportedExpanded' ELSE 'dropped' END,
       a.created, a.attempt, coalesce(l.at, a.at), NULL, coalesce(l.code, a.code), coalesce(l.reply, a.reply),
       coalesce(l.remote, a.remote), a.tls
  FROM q_attempt a LEFT JOIN LATERAL
       (SELECT h.outcome, h.at, h.code, h.reply, h.remote FROM q_attempt h
         WHERE a.outcome = 0 AND h.queue_id = a.queue_id AND h.recipient = a.recipient AND h.attempt = 0 AND h.outcome < 0
         ORDER BY h.outcome = -2, h.at DESC, h.outcome LIMIT 1) l ON true
 WHERE a.outcome IN (0, 2, 4)
   AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = a.queue_id AND r.rcpt = a.recipient)
   AND NOT (a.outcome = 4 AND EXISTS (SELECT 1 FROM q_attempt e WHERE e.queue_id = a.queue_id AND e.recipient = a.recipient
                                         AND e.outcome IN (0, 2)));
