-- SPDX-License-Identifier: Apache-2.0
-- Delivery status notifications as senders ask for them (RFC 3461). q_rcpt.status has two values
-- more: 3 relayed to a server that does not report itself, 4 delivered to a mailbox of ours; both
-- wait for their report only. 2 is "done" as an argument of queue_finish, as before.

ALTER TABLE q_msg ADD COLUMN has_ret boolean NOT NULL DEFAULT false;

DROP INDEX q_rcpt_report;
CREATE INDEX q_rcpt_report ON q_rcpt (queue_id) WHERE status > 0 OR delay = 1;

CREATE OR REPLACE FUNCTION queue_finish(p_domain text, p_token bigint, p_queue_id bigint,
                             p_rcpt text[], p_status int[], p_attempts int[], p_due bigint[],
                             p_code text[], p_reply text[], p_remote text[]) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    left_over int;
BEGIN
    PERFORM 1 FROM q_domain WHERE domain = p_domain AND token = p_token FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lease of % was lost', p_domain USING ERRCODE = 'HR403';
    END IF;
    PERFORM 1 FROM q_msg WHERE queue_id = p_queue_id FOR UPDATE;
    UPDATE q_rcpt r
       SET status = u.status, attempts = u.attempts, code = u.code, reply = u.reply,
           remote = u.remote, last_attempt = now(),
           due = timestamptz 'epoch' + u.due * interval '1 microsecond'
      FROM unnest(p_rcpt, p_status, p_attempts, p_due, p_code, p_reply, p_remote)
           AS u (rcpt, status, attempts, due, code, reply, remote)
     WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND r.status = 0 AND u.status <> 2;
    DELETE FROM q_rcpt r
     USING unnest(p_rcpt, p_status) AS u (rcpt, status)
     WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND r.status = 0 AND u.status = 2;
    SELECT count(*) INTO left_over FROM q_rcpt WHERE queue_id = p_queue_id;
    IF left_over = 0 THEN
        DELETE FROM q_msg WHERE queue_id = p_queue_id;
    END IF;
    RETURN left_over;
END $$;

-- A report about these recipients is part of this transaction: those with a status of their own go,
-- with their message when they were its last; of delayed ones (status 0) it is noted. HR412:
-- somebody else has reported one of them, or it is gone; the transaction must not go on.
CREATE FUNCTION queue_report_end(p_queue_id bigint, p_status int, p_rcpt text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    done int;
BEGIN
    PERFORM 1 FROM q_msg WHERE queue_id = p_queue_id FOR UPDATE;
    IF p_status <> 0 THEN
        DELETE FROM q_rcpt WHERE queue_id = p_queue_id AND rcpt = ANY(p_rcpt) AND status = p_status;
    ELSE
        UPDATE q_rcpt SET delay = 2
         WHERE queue_id = p_queue_id AND rcpt = ANY(p_rcpt) AND status = 0 AND delay = 1;
    END IF;
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done <> cardinality(p_rcpt) THEN
        RAISE EXCEPTION 'recipients of % were reported already', p_queue_id
              USING ERRCODE = 'HR412';
    END IF;
    DELETE FROM q_msg m WHERE queue_id = p_queue_id
       AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = m.queue_id);
END $$;
