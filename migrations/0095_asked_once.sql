-- SPDX-License-Identifier: Apache-2.0
-- As before, and what somebody asks for between a result and its repetition (the answer to the commit was lost) is not
-- taken for the attempt that the result is of: it is still to come, and counts once, when its own result is written.
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
               due = CASE WHEN r.planned IS NOT NULL AND r.attempts >= u.attempts THEN r.due
                          ELSE timestamptz 'epoch' + u.due * interval '1 microsecond' END,
               asked = r.asked + (r.planned IS NOT NULL AND r.attempts < u.attempts)::int,
               planned = CASE WHEN r.attempts >= u.attempts THEN r.planned END
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
