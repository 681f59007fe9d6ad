-- SPDX-License-Identifier: Apache-2.0
-- What is held with its account is known by its code, 4.7.1, which nothing else that is `kept` has (what administrators
-- and their rules hold has 4.7.0), and no longer by the words of its reply. All programs write that code since there are
-- such rows, so none has to be changed, and those of the version before go on.

-- What somebody has held for another reason meanwhile stays.
CREATE OR REPLACE FUNCTION sending_queue_release(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sending_queue_lock(p_account);
    WITH released AS (
        UPDATE q_rcpt r SET status = 0, kept = false, due = now()
          FROM q_msg m WHERE m.queue_id = r.queue_id AND m.account_id = p_account AND m.account_id <> 0
           AND r.status = -1 AND r.kept AND r.code = '4.7.1'
     RETURNING r.domain)
    UPDATE q_domain SET next_due = least(next_due, greatest(now(), breaker_until))
     WHERE domain IN (SELECT domain FROM released);
END $$;
