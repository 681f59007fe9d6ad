-- SPDX-License-Identifier: Apache-2.0
-- Mail that an administrator sends another way (q_rcpt.transport) does not wait for the breaker of its destination, which
-- tells of the way that it does not go. There is little of it, and it is looked for where a breaker is open.
CREATE INDEX q_rcpt_transport ON q_rcpt (domain, due) WHERE status = 0 AND transport <> '';

-- As before, but for that mail.
CREATE OR REPLACE FUNCTION queue_release(p_domain text, p_token bigint, p_worked boolean, p_open boolean, p_failures int,
                              p_successes int, p_until bigint, p_tried boolean, p_reason text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_until timestamptz := CASE WHEN p_open THEN timestamptz 'epoch' + p_until * interval '1 microsecond'
                                ELSE '-infinity' END;
    v_again timestamptz := 'infinity';
BEGIN
    PERFORM 1 FROM q_domain WHERE domain = p_domain AND token = p_token FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF NOT pg_try_advisory_xact_lock(1902408562, hashtext(p_domain) & 63) THEN
        v_again := clock_timestamp() + interval '1 second';
    END IF;
    -- What has been worked on and is due still goes to the end of the line, whatever its age: destinations take
    -- turns.
    UPDATE q_domain
       SET lease_owner = '', lease_until = '-infinity',
           next_due = greatest(
               least(greatest(least((SELECT min(due) FROM q_rcpt WHERE domain = p_domain AND status = 0), v_again), v_until),
                     (SELECT min(due) FROM q_rcpt WHERE domain = p_domain AND status = 0 AND transport <> '')),
               CASE WHEN p_worked THEN clock_timestamp() ELSE '-infinity' END),
           breaker_open = p_open, failures = p_failures, successes = p_successes, breaker_until = v_until,
           reason = CASE WHEN p_tried THEN p_reason ELSE reason END
     WHERE domain = p_domain;
END $$;
