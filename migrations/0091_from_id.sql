-- SPDX-License-Identifier: Apache-2.0
-- Senders that name their message, and what other servers report later. Programs of the version before may run beside
-- this one: they send by the plain sender, and take the new rows of the history for deferrals before the first attempt.

-- Whether what the account sends leaves with such senders: greylisting elsewhere sees a new sender for each message.
ALTER TABLE account ADD COLUMN uses_from_id boolean NOT NULL DEFAULT false;
ALTER TABLE q_msg ADD COLUMN has_from_id boolean NOT NULL DEFAULT false;

-- One more value; a program of the former version calls the one before.
CREATE FUNCTION account_update(p_address text, p_name text, p_quota bigint, p_disabled boolean, p_admin boolean,
                               p_pop3_keeps_deleted boolean, p_saves_sent boolean, p_uses_from_id boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_update(p_address, p_name, p_quota, p_disabled, p_admin, p_pop3_keeps_deleted,
                                       p_saves_sent);
BEGIN
    UPDATE account SET uses_from_id = p_uses_from_id
     WHERE account_id = v_account AND uses_from_id <> p_uses_from_id;
    RETURN v_account;
END $$;

-- q_attempt.outcome has negative values, of attempt 0: what a report of another server says later. -1 failed, -2 delayed,
-- -3 delivered, -4 relayed, -5 expanded. Of what was delivered the last one is the state; a delay is none when there is
-- anything else.
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
   AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = a.queue_id AND r.rcpt = a.recipient);
