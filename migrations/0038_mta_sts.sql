-- SPDX-License-Identifier: Apache-2.0
-- Policies of other domains on how mail must be delivered to them (MTA-STS, RFC 8461), shared by all
-- frontends; and what TLS came to in the last attempt to deliver.

CREATE TABLE mta_sts_policy (
    domain     text PRIMARY KEY,                        -- lower-case A-labels
    id         text NOT NULL DEFAULT '',                -- of the record under which it was fetched
    policy     text NOT NULL DEFAULT '',                -- as a policy file; '' there was never one
    expires    timestamptz NOT NULL DEFAULT '-infinity',
    refresh_at timestamptz NOT NULL DEFAULT 'infinity', -- the scheduler fetches it again
    retry_at   timestamptz NOT NULL DEFAULT '-infinity',-- it could not be fetched: not again before
    fault      text NOT NULL DEFAULT '',                -- why, by a name of RFC 8460 section 4.3
    used       timestamptz NOT NULL DEFAULT now()       -- by a delivery; to the day
);
CREATE INDEX mta_sts_policy_refresh ON mta_sts_policy (refresh_at);

-- "tlsa successful", "sts certificate-expired": whose word it was, and the result, by RFC 8460.
ALTER TABLE q_rcpt ADD COLUMN tls text NOT NULL DEFAULT '';

DROP FUNCTION queue_finish(text, bigint, bigint, text[], int[], int[], bigint[], text[], text[], text[]);
CREATE FUNCTION queue_finish(p_domain text, p_token bigint, p_queue_id bigint, p_rcpt text[], p_status int[],
                             p_attempts int[], p_due bigint[], p_code text[], p_reply text[],
                             p_remote text[], p_tls text[]) RETURNS int
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
           remote = u.remote, tls = u.tls, last_attempt = now(),
           due = timestamptz 'epoch' + u.due * interval '1 microsecond'
      FROM unnest(p_rcpt, p_status, p_attempts, p_due, p_code, p_reply, p_remote, p_tls)
           AS u (rcpt, status, attempts, due, code, reply, remote, tls)
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
