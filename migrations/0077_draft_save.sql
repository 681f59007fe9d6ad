-- SPDX-License-Identifier: Apache-2.0
-- A draft is saved in one transaction: its new message was placed by the statement before, the one of before goes.

-- Repeated with the same message it changes nothing. HR409: another version, or it is being sent, or it is gone.
CREATE FUNCTION draft_save(p_account bigint, p_msg bigint, p_document text, p_uploads text[], p_draft bigint,
                           p_version bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_former bigint;
    v_place record;
BEGIN
    IF EXISTS (SELECT 1 FROM draft WHERE account_id = p_account AND msg_id = p_msg) THEN
        RETURN;
    END IF;
    IF p_draft = 0 THEN
        INSERT INTO draft (account_id, msg_id, document, uploads) VALUES (p_account, p_msg, p_document, p_uploads);
        RETURN;
    END IF;
    SELECT msg_id INTO v_former FROM draft
     WHERE account_id = p_account AND draft_id = p_draft AND version = p_version AND NOT is_sending FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the draft was changed or is being sent' USING ERRCODE = 'HR409';
    END IF;
    UPDATE draft SET version = version + 1, msg_id = p_msg, document = p_document, uploads = p_uploads, updated_at = now()
     WHERE account_id = p_account AND draft_id = p_draft;
    FOR v_place IN SELECT mailbox_id, uid FROM mbox_msg WHERE account_id = p_account AND msg_id = v_former
                    ORDER BY mailbox_id, uid LOOP
        PERFORM mailbox_expunge(p_account, v_place.mailbox_id, ARRAY[v_place.uid], ARRAY[v_place.uid], false);
    END LOOP;
END $$;

-- The draft that a message shows; NULL: none. Read together with messages, so that both are of one moment.
CREATE FUNCTION draft_of(p_account bigint, p_msg bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT draft_id FROM draft WHERE account_id = p_account AND msg_id = p_msg
$$;
