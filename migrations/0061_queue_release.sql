-- SPDX-License-Identifier: Apache-2.0
-- Gives a destination back. Mail that is put in at the same moment is not missed: a transaction that puts mail in
-- holds a shared lock of the destination's number (64 of them, for all destinations) from before it looks whether
-- the destination is due until its commit. Who cannot have that lock alone has not seen all mail, and says that
-- it is to be looked at again in a second. Nobody waits for it: it is only tried, after the row is locked, so that
-- no circle can form. What the row says is set by a statement that begins when both locks are held: one that waited
-- for the row would still see the mail of before.
CREATE FUNCTION queue_release(p_domain text, p_token bigint, p_worked boolean, p_open boolean, p_failures int,
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
           next_due = greatest(least((SELECT min(due) FROM q_rcpt WHERE domain = p_domain AND status = 0), v_again),
                               CASE WHEN p_worked THEN clock_timestamp() ELSE '-infinity' END, v_until),
           breaker_open = p_open, failures = p_failures, successes = p_successes, breaker_until = v_until,
           reason = CASE WHEN p_tried THEN p_reason ELSE reason END
     WHERE domain = p_domain;
END $$;
