-- SPDX-License-Identifier: Apache-2.0
-- Whose turn it is takes a few messages of very many that are due at the same moment, as what came in one transaction is:
-- they are read in the order of this index, each of whose entries differs. Of one that has only the time they were all read
-- and sorted for each turn; and where many entries are alike they share a place in it, which stays until vacuum when they
-- are gone, so that each look passed them again. Those of a message come in the order of their names: who acts on what no
-- worker has begun with (act.c) has to find the same first ones.
-- The old one goes first, as that takes the stronger lock: somebody who reads the table and writes to it next would stand
-- between the two.
DROP INDEX q_rcpt_due;
CREATE INDEX q_rcpt_next ON q_rcpt (domain, due, queue_id, rcpt) WHERE status = 0;

-- As before, but for its cost. The first statement, which nobody needs whose recipients are all done with, was planned anew
-- for each call, as a plan for the arrays at hand looks cheaper than one for any: that took longer than all the rest.
CREATE OR REPLACE FUNCTION queue_finish(p_domain text, p_token bigint, p_queue_id bigint, p_rcpt text[], p_status int[],
                             p_attempts int[], p_due bigint[], p_code text[], p_reply text[],
                             p_remote text[], p_tls text[], p_certificate text DEFAULT '',
                             p_pin bytea DEFAULT '') RETURNS int
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    left_over int;
BEGIN
    PERFORM 1 FROM q_domain WHERE domain = p_domain AND token = p_token FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lease of % was lost', p_domain USING ERRCODE = 'HR403';
    END IF;
    PERFORM 1 FROM q_msg WHERE queue_id = p_queue_id FOR UPDATE;
    IF 2 <> ANY (p_status) THEN
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
    END IF;
    IF 2 = ANY (p_status) THEN
        DELETE FROM q_rcpt r
         USING unnest(p_rcpt, p_status) AS u (rcpt, status)
         WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND u.status = 2
           AND (r.status = 0 OR (r.status = -1 AND r.kept));
    END IF;
    SELECT count(*) INTO left_over FROM q_rcpt WHERE queue_id = p_queue_id;
    IF left_over = 0 THEN
        DELETE FROM q_msg WHERE queue_id = p_queue_id;
    END IF;
    RETURN left_over;
END $$;
