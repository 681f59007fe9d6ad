-- SPDX-License-Identifier: Apache-2.0
-- The mailboxes that expunge what is old, to be gone through one by one.
CREATE INDEX mailbox_keep ON mailbox (account_id, mailbox_id) WHERE keep_days IS NOT NULL;

-- As before, but a message that is to be indexed anew loses that place in the line, too: its
-- document would come back after it.
-- Forgets up to p_max expunged messages whose time has passed: p_keep_s seconds, or p_age_s for
-- drafts. What is in no mailbox then, and not to be restored from another one, goes: bytes,
-- description, search document. Gives the number of rows taken and of messages removed.
CREATE OR REPLACE FUNCTION message_purge(p_max int, p_age_s int, p_keep_s int, OUT taken int, OUT purged int)
LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_id bigint;
BEGIN
    taken := 0;
    purged := 0;
    FOR v_account, v_id IN
        DELETE FROM expunged WHERE (account_id, expunged_id) IN (
            SELECT account_id, expunged_id FROM expunged
             WHERE flags & 16 = 16 AND at < now() - p_age_s * interval '1 second'
                OR flags & 16 <> 16 AND at < now() - p_keep_s * interval '1 second'
             ORDER BY at LIMIT p_max FOR UPDATE SKIP LOCKED)
        RETURNING account_id, msg_id LOOP
        taken := taken + 1;
        -- In one statement: a message that is restored or expunged meanwhile is in one of the two.
        CONTINUE WHEN EXISTS (SELECT 1 FROM mbox_msg m
                               WHERE m.account_id = v_account AND m.msg_id = v_id
                               UNION ALL
                              SELECT 1 FROM expunged x
                               WHERE x.account_id = v_account AND x.msg_id = v_id);
        DELETE FROM blob b WHERE b.account_id = v_account AND b.msg_id = v_id;
        DELETE FROM message m WHERE m.account_id = v_account AND m.msg_id = v_id;
        CONTINUE WHEN NOT FOUND;
        -- First its place in the line of the indexer, which may hold it just now: then its
        -- document is there to be removed behind it.
        DELETE FROM outbox o WHERE o.account_id = v_account AND o.kind IN (1, 3) AND o.ref = v_id;
        DELETE FROM fts f WHERE f.account_id = v_account AND f.msg_id = v_id;
        purged := purged + 1;
    END LOOP;
END $$;
