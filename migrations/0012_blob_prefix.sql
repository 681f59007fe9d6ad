-- SPDX-License-Identifier: Apache-2.0
-- Octets that stand in front of the message in the copy of one account only: the trace fields that
-- name its recipient. What is packed stays the same for all copies.

ALTER TABLE blob ADD COLUMN prefix bytea; -- NULL: none; blob.size, header and head do not count it
COMMENT ON COLUMN message.hash IS 'SHA-256 of what was packed: the message without blob.prefix';

DROP FUNCTION message_put(bigint[], bigint, timestamptz, int, int, int, int[], bytea, int, bytea, timestamptz,
    bytea, bytea, text, text, text, text, text, bigint, bigint[], text, boolean);

-- As before, with p_prefixes[i] in front of the copy for p_accounts[i]; message.size and hdr_end are
-- those of the copy.
CREATE FUNCTION message_put(
    p_accounts bigint[], p_msg_id bigint, p_idate timestamptz,
    p_codec int, p_size int, p_head int, p_frames int[], p_data bytea,
    p_hdr_end int, p_hash bytea, p_sent_at timestamptz, p_envelope bytea, p_bodystructure bytea,
    p_from_addr text, p_from_name text, p_to_text text, p_subject text, p_message_id text,
    p_message_id_key bigint, p_refs bigint[], p_preview text, p_has_attachment boolean,
    p_prefixes bytea[] DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_thread bigint;
    v_prefix bytea;
    v_extra int;
BEGIN
    FOR i IN 1 .. cardinality(p_accounts) LOOP
        v_account := p_accounts[i];
        v_prefix := nullif(p_prefixes[i], '');
        v_extra := coalesce(length(v_prefix), 0);
        INSERT INTO blob (account_id, msg_id, codec, size, header, head, frames, data, prefix)
        VALUES (v_account, p_msg_id, p_codec, p_size, p_hdr_end, p_head, p_frames, p_data, v_prefix)
            ON CONFLICT DO NOTHING;
        v_thread := NULL;
        IF p_refs IS NOT NULL THEN
            SELECT m.thread_id INTO v_thread FROM message m
             WHERE m.account_id = v_account AND m.message_id_key = ANY (p_refs)
             ORDER BY m.msg_id LIMIT 1;
        END IF;
        INSERT INTO message (account_id, msg_id, thread_id, size, idate, sent_at, hdr_end, hash,
            envelope, bodystructure, from_addr, from_name, to_text, subject, message_id,
            message_id_key, refs, preview, has_attachment)
        VALUES (v_account, p_msg_id, coalesce(v_thread, p_msg_id), p_size + v_extra, p_idate, p_sent_at,
            p_hdr_end + v_extra, p_hash, p_envelope, p_bodystructure, p_from_addr, p_from_name, p_to_text,
            p_subject, p_message_id, p_message_id_key, p_refs, p_preview, p_has_attachment)
            ON CONFLICT DO NOTHING;
        INSERT INTO outbox (kind, account_id, ref) VALUES (1, v_account, p_msg_id);
    END LOOP;
END $$;
