-- SPDX-License-Identifier: Apache-2.0
-- EXPUNGE also tells at which modseq the mailbox stood before, as STORE does. And mailbox_snapshot
-- is used no more: SELECT reads a mailbox in steps.

DROP FUNCTION mailbox_snapshot(bigint, int);
DROP FUNCTION mailbox_expunge(bigint, int, bigint[], bigint[], boolean);

-- EXPUNGE: messages of the ranges (p_first NULL: all), with p_only_deleted those with \Deleted.
-- modseq is 0 when there were none; former is the mailbox's modseq before. HR404.
CREATE FUNCTION mailbox_expunge(
    p_account bigint, p_mailbox int, p_first bigint[], p_last bigint[], p_only_deleted boolean,
    OUT modseq bigint, OUT firsts bigint[], OUT lasts bigint[], OUT n bigint, OUT former bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_new bigint := mailbox_lock(p_account, p_mailbox);
    v_wanted int := CASE WHEN p_only_deleted THEN 8 ELSE 0 END;
    v_uids int8multirange;
    v_ids bigint[];
    v_bytes bigint;
    v_unseen int;
    v_deleted int;
BEGIN
    modseq := 0;
    n := 0;
    SELECT s.modseq INTO former FROM mailbox_state s
     WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox;
    IF p_only_deleted AND (SELECT s.deleted FROM mailbox_state s WHERE s.account_id = p_account
                              AND s.mailbox_id = p_mailbox) = 0 THEN
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM mbox_msg m
         USING unnest(coalesce(p_first, '{0}'), coalesce(p_last, '{4294967295}')) AS r (first, last)
         WHERE m.account_id = p_account AND m.mailbox_id = p_mailbox
           AND m.uid BETWEEN r.first AND r.last AND m.flags & v_wanted = v_wanted
        RETURNING m.uid, m.msg_id, m.size, m.flags
    )
    SELECT range_agg(int8range(uid, uid, '[]')), array_agg(msg_id), count(*), sum(size),
           sum(1 - (flags & 1)), sum((flags >> 3) & 1)
      INTO v_uids, v_ids, n, v_bytes, v_unseen, v_deleted FROM gone;
    IF n = 0 THEN
        RETURN;
    END IF;
    modseq := v_new;
    UPDATE account_state s SET modseq = v_new, q_bytes = s.q_bytes - v_bytes,
           q_count = s.q_count - expunge_count
      FROM (SELECT cardinality(v_ids) AS expunge_count) c
     WHERE s.account_id = p_account;
    UPDATE mailbox_state s SET modseq = v_new, msgs = s.msgs - cardinality(v_ids),
           unseen = s.unseen - v_unseen, deleted = s.deleted - v_deleted,
           bytes = s.bytes - v_bytes
     WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox;
    INSERT INTO change (account_id, mailbox_id, modseq, kind, uids, msg_ids)
    VALUES (p_account, p_mailbox, v_new, 2, v_uids, v_ids);
    INSERT INTO outbox (kind, account_id, ref) SELECT 2, p_account, id FROM unnest(v_ids) id;
    SELECT array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)
      INTO firsts, lasts FROM unnest(v_uids) r;
END $$;
