-- SPDX-License-Identifier: Apache-2.0
-- An attempt that somebody asked for by hand is one more, beside the schedule: it is not counted among those that the
-- schedule and its limit know, and what the schedule had planned stays planned.

-- So many of `attempts` were asked for; and when the next one is: the time that the schedule had named for it.
ALTER TABLE q_rcpt ADD COLUMN asked int NOT NULL DEFAULT 0, ADD COLUMN planned timestamptz;

-- As before; and an attempt that was asked for is noted as such. Programs of the version before have their results noted
-- by this, too. A result that is written twice finds nothing planned any more, and counts once.
CREATE OR REPLACE FUNCTION queue_finish(p_domain text, p_token bigint, p_queue_id bigint, p_rcpt text[], p_status int[],
                             p_attempts int[], p_due bigint[], p_code text[], p_reply text[],
                             p_remote text[], p_tls text[], p_certificate text DEFAULT '',
                             p_pin bytea DEFAULT '') RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    left_over int;
BEGIN
    PERFORM 1 FROM q_domain WHERE domain = p_domain AND token = p_token FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lease of % was lost', p_domain USING ERRCODE = 'HR403';
    END IF;
    PERFORM 1 FROM q_msg WHERE queue_id = p_queue_id FOR UPDATE;
    WITH held AS (
        UPDATE q_rcpt r
           SET status = u.status, attempts = u.attempts, code = u.code, reply = u.reply,
               remote = u.remote, tls = u.tls, last_attempt = now(), kept = false,
               due = timestamptz 'epoch' + u.due * interval '1 microsecond',
               asked = r.asked + (r.planned IS NOT NULL)::int, planned = NULL
          FROM unnest(p_rcpt, p_status, p_attempts, p_due, p_code, p_reply, p_remote, p_tls)
               AS u (rcpt, status, attempts, due, code, reply, remote, tls)
         WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND u.status <> 2
           AND (r.status = 0 OR (r.status = -1 AND r.kept AND u.status > 0))
     RETURNING r.status, r.reply, r.remote)
    INSERT INTO q_hold (queue_id, domain, account_id, reason, remote, certificate, pin)
    SELECT p_queue_id, p_domain, m.account_id, h.reply, h.remote, p_certificate, p_pin
      FROM held h, q_msg m WHERE h.status = -1 AND m.queue_id = p_queue_id LIMIT 1
        ON CONFLICT (queue_id, domain) DO UPDATE
       SET reason = EXCLUDED.reason, remote = EXCLUDED.remote, certificate = EXCLUDED.certificate,
           pin = EXCLUDED.pin, told = 0, tell_at = now(), token = NULL;
    DELETE FROM q_rcpt r
     USING unnest(p_rcpt, p_status) AS u (rcpt, status)
     WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND u.status = 2
       AND (r.status = 0 OR (r.status = -1 AND r.kept));
    SELECT count(*) INTO left_over FROM q_rcpt WHERE queue_id = p_queue_id;
    IF left_over = 0 THEN
        DELETE FROM q_msg WHERE queue_id = p_queue_id;
    END IF;
    RETURN left_over;
END $$;
