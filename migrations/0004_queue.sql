-- SPDX-License-Identifier: Apache-2.0
-- The outbound queue. Keyed by queue_id, not by account. Its dead rows come fast, so it has vacuum
-- settings of its own.

CREATE TABLE q_msg (
    queue_id      bigint PRIMARY KEY,                -- 48 bits of ms since 1970, 16 of node, counter
    account_id    bigint NOT NULL DEFAULT 0,         -- who submitted it, 0 the system
    envelope_from text NOT NULL,                     -- '' null sender
    envelope_id   text NOT NULL DEFAULT '',
    is_8bit       boolean NOT NULL DEFAULT false,
    is_utf8       boolean NOT NULL DEFAULT false,
    return_full   boolean NOT NULL DEFAULT false,
    session       text NOT NULL DEFAULT '',
    created       timestamptz NOT NULL DEFAULT now(),
    expires       timestamptz NOT NULL,
    size          int NOT NULL,
    codec         smallint NOT NULL,                 -- as in blob
    frames        int[],
    data          bytea NOT NULL
);
ALTER TABLE q_msg ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE q_rcpt (
    queue_id     bigint NOT NULL,
    rcpt         text NOT NULL,
    domain       text NOT NULL,                      -- lower-case A-labels
    orcpt        text NOT NULL DEFAULT '',
    notify       smallint NOT NULL,
    status       smallint NOT NULL DEFAULT 0,        -- 0 waits for a try, 1 failed, to be reported
    due          timestamptz NOT NULL DEFAULT now(),
    attempts     int NOT NULL DEFAULT 0,
    delay        smallint NOT NULL DEFAULT 0,        -- report of a delay: 1 to be sent, 2 sent
    last_attempt timestamptz,
    code         text NOT NULL DEFAULT '',           -- enhanced status of the last try
    reply        text NOT NULL DEFAULT '',
    remote       text NOT NULL DEFAULT '',
    PRIMARY KEY (queue_id, rcpt)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX q_rcpt_due ON q_rcpt (domain, due) WHERE status = 0;
CREATE INDEX q_rcpt_report ON q_rcpt (queue_id) WHERE status = 1 OR delay = 1;

-- A destination: its lease, its breaker. next_due is a hint that is never too late by more than the
-- sweep's minute: an enqueueing transaction lowers it only when it is later than what it adds, so
-- that many of them do not wait for one row.
CREATE TABLE q_domain (
    domain        text PRIMARY KEY,
    next_due      timestamptz NOT NULL,
    lease_owner   text NOT NULL DEFAULT '',
    lease_until   timestamptz NOT NULL DEFAULT '-infinity',
    token         bigint NOT NULL DEFAULT 0,
    failures      int NOT NULL DEFAULT 0,            -- in a row
    successes     int NOT NULL DEFAULT 0,            -- in a row while half open
    breaker_until timestamptz NOT NULL DEFAULT '-infinity',
    breaker_open  boolean NOT NULL DEFAULT false,
    reason        text NOT NULL DEFAULT '',
    used          timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX q_domain_due ON q_domain (next_due);

-- Writes what became of recipients of one message, under the lease's token, and gives how many
-- recipients the message has left. p_status: 0 to be tried again at p_due, 1 failed and to be
-- reported, 2 done with. HR403: the lease was lost. Everything is absolute, so that a call whose
-- answer was lost may be repeated. Finishing fibers of one lease share the lock of its row.
CREATE FUNCTION queue_finish(p_domain text, p_token bigint, p_queue_id bigint, p_rcpt text[],
                             p_status int[], p_attempts int[], p_due bigint[], p_code text[],
                             p_reply text[], p_remote text[]) RETURNS int
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
     WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND r.status = 0 AND u.status < 2;
    DELETE FROM q_rcpt r
     USING unnest(p_rcpt, p_status) AS u (rcpt, status)
     WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND r.status = 0 AND u.status = 2;
    SELECT count(*) INTO left_over FROM q_rcpt WHERE queue_id = p_queue_id;
    IF left_over = 0 THEN
        DELETE FROM q_msg WHERE queue_id = p_queue_id;
    END IF;
    RETURN left_over;
END $$;

-- A report about these recipients is part of this transaction: the failed ones go, with their
-- message when they were its last; of delayed ones it is noted. HR412: somebody else has reported
-- one of them, or it is gone; the transaction must not go on.
CREATE FUNCTION queue_report_done(p_queue_id bigint, p_is_failure boolean, p_rcpt text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    done int;
BEGIN
    PERFORM 1 FROM q_msg WHERE queue_id = p_queue_id FOR UPDATE;
    IF p_is_failure THEN
        DELETE FROM q_rcpt WHERE queue_id = p_queue_id AND rcpt = ANY(p_rcpt) AND status = 1;
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
