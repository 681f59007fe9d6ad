-- SPDX-License-Identifier: Apache-2.0
-- A submission goes once: that it was handed over is written in the transaction of the hand-over,
-- and it counts as sent only when its message stands where sent messages are.

ALTER TABLE submission ADD COLUMN handed_at timestamptz; -- NULL: the queue and mailboxes have nothing yet

-- For the transaction that puts the message into the queue and mailboxes. HR412 when one before has
-- done it, or it was taken back.
CREATE FUNCTION submission_hand_over(p_account bigint, p_id bigint, p_queue_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE submission SET handed_at = now(), queue_id = p_queue_id
     WHERE account_id = p_account AND submission_id = p_id AND status = 0 AND handed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the message was handed over or taken back' USING ERRCODE = 'HR412';
    END IF;
END $$;

-- Ends a submission that waits: sent (1), and its draft is gone; or back with its author (2), who
-- may change the draft again. Gives the account's new modseq, which wakes who watches the account,
-- or NULL when it had ended already.
CREATE FUNCTION submission_end(p_account bigint, p_id bigint, p_status int, p_failure text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := account_bump(p_account);
    v_draft bigint;
    v_uploads text[];
BEGIN
    UPDATE submission SET status = p_status, failure = p_failure, updated_at = clock_timestamp()
     WHERE account_id = p_account AND submission_id = p_id AND status = 0
    RETURNING draft_id INTO v_draft;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF p_status = 1 THEN
        DELETE FROM draft WHERE account_id = p_account AND draft_id = v_draft
        RETURNING uploads INTO v_uploads;
        DELETE FROM upload WHERE account_id = p_account AND upload_id = ANY (v_uploads);
    ELSE
        UPDATE draft SET is_sending = false WHERE account_id = p_account AND draft_id = v_draft;
    END IF;
    RETURN v_modseq;
END $$;
