-- SPDX-License-Identifier: Apache-2.0
-- Upkeep of mail state, called by store_maintain and store_check_counters.

-- Merges the change rows of an account except its newest p_keep: of each mailbox and kind one row
-- is left, under the newest merged modseq, so a reader of the log learns too much rather than too
-- little. Tombstones of more than p_ranges ranges are forgotten: chg_floor rises to their modseq.
-- Gives the number of rows removed.
CREATE FUNCTION change_compact(p_account bigint, p_keep int, p_ranges int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    v_upto bigint;
    v_floor bigint;
    v_removed int;
    v_made int;
BEGIN
    PERFORM 1 FROM account_state WHERE account_id = p_account FOR NO KEY UPDATE;
    SELECT modseq INTO v_upto FROM change WHERE account_id = p_account
     ORDER BY modseq DESC OFFSET p_keep LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    CREATE TEMPORARY TABLE IF NOT EXISTS change_merged (
        mailbox_id int, modseq bigint, kind smallint, uids int8multirange, msg_ids bigint[]
    ) ON COMMIT DROP;
    TRUNCATE change_merged;
    INSERT INTO change_merged
    SELECT c.mailbox_id, max(c.modseq), c.kind,
           (SELECT range_agg(u.uids) FROM change u
             WHERE u.account_id = p_account AND u.mailbox_id = c.mailbox_id AND u.kind = c.kind
               AND u.modseq <= v_upto),
           (SELECT array_agg(i) FROM change u, unnest(u.msg_ids) i
             WHERE u.account_id = p_account AND u.mailbox_id = c.mailbox_id AND u.kind = c.kind
               AND u.modseq <= v_upto)
      FROM change c WHERE c.account_id = p_account AND c.modseq <= v_upto
     GROUP BY c.mailbox_id, c.kind;
    SELECT max(modseq) INTO v_floor FROM change_merged
     WHERE kind = 2 AND (SELECT count(*) FROM unnest(uids)) > p_ranges;
    DELETE FROM change_merged WHERE modseq <= v_floor;
    DELETE FROM change WHERE account_id = p_account AND modseq <= v_upto;
    GET DIAGNOSTICS v_removed = ROW_COUNT;
    INSERT INTO change (account_id, mailbox_id, modseq, kind, uids, msg_ids)
    SELECT p_account, mailbox_id, modseq, kind, coalesce(uids, '{}'), msg_ids FROM change_merged;
    GET DIAGNOSTICS v_made = ROW_COUNT;
    UPDATE account_state SET chg_floor = greatest(chg_floor, coalesce(v_floor, 0))
     WHERE account_id = p_account;
    RETURN v_removed - v_made;
END $$;

-- Removes up to p_max messages that were expunged more than p_age_s seconds ago and are in no
-- mailbox any more: bytes, description, search document. Gives the number of outbox rows consumed
-- and of messages removed.
CREATE FUNCTION message_purge(p_max int, p_age_s int, OUT taken int, OUT purged int)
LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_id bigint;
BEGIN
    taken := 0;
    purged := 0;
    FOR v_account, v_id IN
        DELETE FROM outbox WHERE kind = 2 AND id IN (
            SELECT id FROM outbox WHERE kind = 2 AND at < now() - p_age_s * interval '1 second'
             ORDER BY id LIMIT p_max FOR UPDATE SKIP LOCKED)
        RETURNING account_id, ref LOOP
        taken := taken + 1;
        CONTINUE WHEN EXISTS (SELECT 1 FROM mbox_msg m
                               WHERE m.account_id = v_account AND m.msg_id = v_id);
        DELETE FROM blob b WHERE b.account_id = v_account AND b.msg_id = v_id;
        DELETE FROM message m WHERE m.account_id = v_account AND m.msg_id = v_id;
        -- First its place in the line of the indexer, which may hold it just now: then its
        -- document is there to be removed behind it.
        DELETE FROM outbox o WHERE o.account_id = v_account AND o.kind = 1 AND o.ref = v_id;
        DELETE FROM fts f WHERE f.account_id = v_account AND f.msg_id = v_id;
        purged := purged + 1;
    END LOOP;
END $$;

-- Recounts what is counted of an account, which stays locked meanwhile; gives one row a fault, and
-- sets it right when p_repair.
CREATE FUNCTION account_recount(p_account bigint, p_repair boolean)
RETURNS TABLE (mailbox_id int, what text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_state account_state;
    v_bytes bigint;
    v_count bigint;
    v_lost bigint;
    r record;
BEGIN
    SELECT * INTO v_state FROM account_state WHERE account_id = p_account FOR NO KEY UPDATE;
    FOR r IN
        SELECT s.mailbox_id AS id, s.msgs, s.unseen, s.deleted, s.bytes, s.uidnext,
               count(m.uid) AS c_msgs, coalesce(sum(1 - (m.flags & 1)), 0) AS c_unseen,
               coalesce(sum((m.flags >> 3) & 1), 0) AS c_deleted,
               coalesce(sum(m.size), 0) AS c_bytes, coalesce(max(m.uid), 0) AS c_uid
          FROM mailbox_state s LEFT JOIN mbox_msg m
            ON m.account_id = p_account AND m.mailbox_id = s.mailbox_id
         WHERE s.account_id = p_account GROUP BY 1, 2, 3, 4, 5, 6 LOOP
        CONTINUE WHEN (r.msgs, r.unseen, r.deleted, r.bytes)
                    = (r.c_msgs, r.c_unseen, r.c_deleted, r.c_bytes) AND r.uidnext > r.c_uid;
        mailbox_id := r.id;
        what := format('messages %s of %s, unseen %s of %s, deleted %s of %s, bytes %s of %s, '
                       'UIDNEXT %s with UID %s', r.msgs, r.c_msgs, r.unseen, r.c_unseen, r.deleted,
                       r.c_deleted, r.bytes, r.c_bytes, r.uidnext, r.c_uid);
        RETURN NEXT;
        IF p_repair THEN
            UPDATE mailbox_state s SET msgs = r.c_msgs, unseen = r.c_unseen,
                   deleted = r.c_deleted, bytes = r.c_bytes,
                   uidnext = greatest(s.uidnext, r.c_uid + 1)
             WHERE s.account_id = p_account AND s.mailbox_id = r.id;
        END IF;
    END LOOP;
    SELECT coalesce(sum(m.size), 0), count(*) INTO v_bytes, v_count FROM mbox_msg m
     WHERE m.account_id = p_account;
    IF (v_bytes, v_count) <> (v_state.q_bytes, v_state.q_count) THEN
        mailbox_id := 0;
        what := format('quota: bytes %s of %s, messages %s of %s', v_state.q_bytes, v_bytes,
                       v_state.q_count, v_count);
        RETURN NEXT;
        IF p_repair THEN
            UPDATE account_state SET q_bytes = v_bytes, q_count = v_count
             WHERE account_id = p_account;
        END IF;
    END IF;
    SELECT count(*) INTO v_lost FROM mbox_msg m
     WHERE m.account_id = p_account
       AND NOT EXISTS (SELECT 1 FROM blob b
                        WHERE b.account_id = p_account AND b.msg_id = m.msg_id);
    IF v_lost > 0 THEN
        mailbox_id := 0;
        what := format('%s messages without bytes', v_lost);
        RETURN NEXT;
    END IF;
END $$;
