-- SPDX-License-Identifier: Apache-2.0
-- What an account that is stopped has in the queue is held, as an administrator holds mail, until it may send again. A
-- trigger, so that no way of stopping is forgotten, also none of programs of the version before.

-- Whoever stops an account is in somebody's RCPT: what it has is found without reading the queue.
CREATE INDEX q_msg_account ON q_msg (account_id) WHERE account_id <> 0;

-- Rows of q_domain are locked before those of q_rcpt, as everywhere.
CREATE FUNCTION sending_queue_lock(p_account bigint) RETURNS void LANGUAGE sql AS $$
    SELECT 1 FROM q_domain WHERE domain IN (SELECT r.domain FROM q_rcpt r JOIN q_msg m USING (queue_id)
                                             WHERE m.account_id = p_account AND m.account_id <> 0
                                               AND r.status IN (-1, 0))
     ORDER BY domain FOR UPDATE
$$;

-- Also what is held because of its TLS: a decision about that would let it go. It is tried after the release, and asked
-- about once more.
CREATE FUNCTION sending_queue_hold(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sending_queue_lock(p_account);
    WITH held AS (
        UPDATE q_rcpt r SET status = -1, kept = true, due = m.expires, code = '4.7.1',
                            reply = 'its sender may send nothing for now'
          FROM q_msg m WHERE m.queue_id = r.queue_id AND m.account_id = p_account AND m.account_id <> 0
           AND (r.status = 0 OR (r.status = -1 AND NOT r.kept))
     RETURNING r.queue_id, r.rcpt, r.attempts, r.code, r.reply)
    INSERT INTO q_attempt (queue_id, account_id, sender, message_id, created, recipient, attempt, outcome, code,
                           reply, stage, remote, tls, secured, took_ms, node)
    SELECT m.queue_id, m.account_id, m.envelope_from, m.message_id, m.created, h.rcpt, h.attempts, 3, h.code,
           h.reply, 'queue', '', '', '', 0, ''
      FROM held h JOIN q_msg m USING (queue_id) ON CONFLICT DO NOTHING;
END $$;

-- What somebody has held for another reason meanwhile stays.
CREATE FUNCTION sending_queue_release(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sending_queue_lock(p_account);
    WITH released AS (
        UPDATE q_rcpt r SET status = 0, kept = false, due = now()
          FROM q_msg m WHERE m.queue_id = r.queue_id AND m.account_id = p_account AND m.account_id <> 0
           AND r.status = -1 AND r.kept
           AND r.reply = 'its sender may send nothing for now'
     RETURNING r.domain)
    UPDATE q_domain SET next_due = least(next_due, greatest(now(), breaker_until))
     WHERE domain IN (SELECT domain FROM released);
END $$;

CREATE FUNCTION sending_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.held_at IS NULL THEN
        PERFORM sending_queue_release(NEW.account_id);
    ELSE
        PERFORM sending_queue_hold(NEW.account_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sending_changed AFTER UPDATE OF held_at ON sending FOR EACH ROW
    WHEN (NEW.account_id IS NOT NULL AND (OLD.held_at IS NULL) <> (NEW.held_at IS NULL))
    EXECUTE FUNCTION sending_changed();

-- As before; and what was held by hand, or with its account, while it was being sent has its result all the same: it
-- was delivered or has failed, and must not go once more when it is released. The token says that it was this lease.
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
               due = timestamptz 'epoch' + u.due * interval '1 microsecond'
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
