-- SPDX-License-Identifier: Apache-2.0
-- Mail that cannot go securely enough waits for somebody to decide (held), and what was decided: to
-- send a message anyway, or whom to deliver to with less TLS. q_rcpt.status has one value more: -1
-- held, with `due` as the end of the waiting. Programs of the version before may run beside this one:
-- they sweep away what has a status above 2 and wants no report of success, so it is none of those;
-- and they call queue_finish without a certificate.

ALTER TABLE q_msg ADD COLUMN tls_rule smallint NOT NULL DEFAULT 0;   -- 1 REQUIRETLS, 2 TLS-Required: No
ALTER TABLE q_rcpt ADD COLUMN waived boolean NOT NULL DEFAULT false; -- somebody decided: send it anyway

-- One row a message and destination that waits; its sender is asked once about it.
CREATE TABLE q_hold (
    queue_id    bigint NOT NULL,
    domain      text NOT NULL,                      -- as in q_rcpt
    account_id  bigint NOT NULL,                    -- who sent it, and may decide
    reason      text NOT NULL,
    remote      text NOT NULL,
    certificate text NOT NULL,                      -- for people; '' there was none
    pin         bytea NOT NULL,                     -- SHA-256 of its public key; '' there was none
    told        smallint NOT NULL DEFAULT 0,        -- 0 to be asked, 1 asked, 2 an answer was not
                                                    -- understood, which the sender knows
    tell_at     timestamptz NOT NULL DEFAULT now(), -- not before
    token       bytea,                              -- SHA-256 of the secret in the answer's address
    PRIMARY KEY (queue_id, domain)
);
CREATE INDEX q_hold_tell ON q_hold (queue_id) WHERE told = 0;
CREATE UNIQUE INDEX q_hold_token ON q_hold (token);

-- Where less TLS will do: for mail of one account, or of everybody.
CREATE TABLE tls_exception (
    domain     text NOT NULL,                       -- lower-case A-labels
    account_id bigint NOT NULL DEFAULT 0,           -- 0 everybody's mail
    pin        bytea NOT NULL DEFAULT '',           -- a server with this key; '' any, also without TLS
    created    timestamptz NOT NULL DEFAULT now(),
    expires    timestamptz NOT NULL DEFAULT 'infinity',
    created_by text NOT NULL,
    PRIMARY KEY (domain, account_id, pin)
);

DROP FUNCTION queue_finish(text, bigint, bigint, text[], int[], int[], bigint[], text[], text[], text[], text[]);
CREATE FUNCTION queue_finish(p_domain text, p_token bigint, p_queue_id bigint, p_rcpt text[], p_status int[],
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
               remote = u.remote, tls = u.tls, last_attempt = now(),
               due = timestamptz 'epoch' + u.due * interval '1 microsecond'
          FROM unnest(p_rcpt, p_status, p_attempts, p_due, p_code, p_reply, p_remote, p_tls)
               AS u (rcpt, status, attempts, due, code, reply, remote, tls)
         WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND r.status = 0 AND u.status <> 2
     RETURNING r.status, r.reply, r.remote)
    INSERT INTO q_hold (queue_id, domain, account_id, reason, remote, certificate, pin)
    SELECT p_queue_id, p_domain, m.account_id, h.reply, h.remote, p_certificate, p_pin
      FROM held h, q_msg m WHERE h.status = -1 AND m.queue_id = p_queue_id LIMIT 1
        ON CONFLICT (queue_id, domain) DO UPDATE
       SET reason = EXCLUDED.reason, remote = EXCLUDED.remote, certificate = EXCLUDED.certificate,
           pin = EXCLUDED.pin, told = 0, tell_at = now(), token = NULL;
    DELETE FROM q_rcpt r
     USING unnest(p_rcpt, p_status) AS u (rcpt, status)
     WHERE r.queue_id = p_queue_id AND r.rcpt = u.rcpt AND r.status = 0 AND u.status = 2;
    SELECT count(*) INTO left_over FROM q_rcpt WHERE queue_id = p_queue_id;
    IF left_over = 0 THEN
        DELETE FROM q_msg WHERE queue_id = p_queue_id;
    END IF;
    RETURN left_over;
END $$;

-- The sender was asked about this, in this transaction. HR412: somebody else has asked, or it was
-- decided meanwhile; the transaction must not go on.
CREATE FUNCTION queue_hold_told(p_queue_id bigint, p_domain text, p_token bytea) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE q_hold h SET told = 1, token = p_token
     WHERE queue_id = p_queue_id AND domain = p_domain AND told = 0
       AND EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = h.queue_id AND r.domain = h.domain
                      AND r.status = -1);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the sender of % was asked already', p_queue_id USING ERRCODE = 'HR412';
    END IF;
END $$;
