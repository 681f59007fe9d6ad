-- SPDX-License-Identifier: Apache-2.0
-- Submissions that wait for a time that their sender named (RFC 4865). q_rcpt.status has one value more: -3 waits until
-- `due`, and is handed over then, to mailboxes of ours or as a new message of the queue; `kept`: an administrator holds
-- it, until the message expires. Programs of the version before may run beside this one: they select by the statuses that
-- they know, and leave such rows alone.

ALTER TABLE q_msg
    ADD COLUMN release_at   timestamptz,               -- NULL: it goes as soon as it can
    ADD COLUMN hold_request text NOT NULL DEFAULT '';  -- as its sender said: "for;3600", "until;2026-12-24T18:00:00Z"
CREATE INDEX q_msg_waiting ON q_msg (account_id) WHERE release_at IS NOT NULL;
CREATE INDEX q_rcpt_waiting ON q_rcpt (due) WHERE status = -3;

-- For the transaction that hands over what waited: these recipients are done with, and their message when they were its
-- last. HR412: somebody else has done it, or holds or dropped one of them; the transaction must not go on.
CREATE FUNCTION queue_waiting_end(p_queue_id bigint, p_rcpt text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    done int;
BEGIN
    PERFORM 1 FROM q_msg WHERE queue_id = p_queue_id FOR UPDATE;
    DELETE FROM q_rcpt WHERE queue_id = p_queue_id AND rcpt = ANY(p_rcpt) AND status = -3 AND NOT kept;
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done <> cardinality(p_rcpt) THEN
        RAISE EXCEPTION 'recipients of % wait no more', p_queue_id USING ERRCODE = 'HR412';
    END IF;
    DELETE FROM q_msg m WHERE queue_id = p_queue_id
       AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = m.queue_id);
END $$;

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
       CASE a.outcome WHEN 0 THEN 'delivered' WHEN 2 THEN 'failed' ELSE 'dropped' END,
       a.created, a.attempt, a.at, NULL, a.code, a.reply, a.remote, a.tls
  FROM q_attempt a
 WHERE a.outcome IN (0, 2, 4)
   AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = a.queue_id AND r.rcpt = a.recipient);
