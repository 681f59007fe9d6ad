-- SPDX-License-Identifier: Apache-2.0
-- Expunged messages can be restored until they are purged, and mailboxes may say for how long they
-- keep what is in them.

-- What was in a mailbox and is not any more, with what is needed to put it back. Bytes and
-- description stay for as long as a row here or in mbox_msg names them.
CREATE TABLE expunged (
    account_id  bigint NOT NULL,
    expunged_id bigint GENERATED ALWAYS AS IDENTITY,
    msg_id      bigint NOT NULL,
    mailbox_id  int NOT NULL,                        -- where it was
    path        text,                                -- the mailbox was deleted: its name then
    idate       timestamptz NOT NULL,
    size        int NOT NULL,
    flags       int NOT NULL,
    kw          bigint NOT NULL,
    kwx         text[],
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, expunged_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);
CREATE INDEX expunged_message ON expunged (account_id, msg_id);
-- A draft is replaced at each pause of its writer: its former versions are no use to anybody and go
-- soon.
CREATE INDEX expunged_at ON expunged ((flags & 16 = 16), at);

-- What waits to be purged already.
INSERT INTO expunged (account_id, msg_id, mailbox_id, idate, size, flags, kw, at)
SELECT o.account_id, o.ref, 1, m.idate, m.size, 0, 0, o.at
  FROM outbox o JOIN message m ON m.account_id = o.account_id AND m.msg_id = o.ref
 WHERE o.kind = 2;
DELETE FROM outbox WHERE kind = 2;

-- Days that a message stays in the mailbox before it is expunged by itself; NULL: for good.
ALTER TABLE mailbox ADD COLUMN keep_days int CHECK (keep_days BETWEEN 1 AND 3650);

-- As before; what is gone can be restored.
CREATE OR REPLACE FUNCTION mailbox_expunge(
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
        RETURNING m.uid, m.msg_id, m.idate, m.size, m.flags, m.kw, m.kwx
    ), kept AS (
        INSERT INTO expunged (account_id, msg_id, mailbox_id, idate, size, flags, kw, kwx)
        SELECT p_account, g.msg_id, p_mailbox, g.idate, g.size, g.flags, g.kw, g.kwx
          FROM gone g ORDER BY g.uid
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
    SELECT array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)
      INTO firsts, lasts FROM unnest(v_uids) r;
END $$;

-- As before; what was in it can be restored.
CREATE OR REPLACE FUNCTION mailbox_delete(p_account bigint, p_path text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := account_bump(p_account);
    v_id int := mailbox_find(p_account, p_path);
    v_path text;
    v_state mailbox_state;
BEGIN
    IF v_id IS NULL THEN
        RAISE EXCEPTION 'no such mailbox' USING ERRCODE = 'HR404';
    END IF;
    IF v_id = 1 THEN
        RAISE EXCEPTION 'INBOX stays' USING ERRCODE = 'HR403';
    END IF;
    IF EXISTS (SELECT 1 FROM mailbox WHERE account_id = p_account AND parent_id = v_id) THEN
        RAISE EXCEPTION 'the mailbox has mailboxes below it' USING ERRCODE = 'HR412';
    END IF;
    v_path := mailbox_path(p_account, v_id);
    DELETE FROM mailbox WHERE account_id = p_account AND mailbox_id = v_id;
    DELETE FROM mailbox_state WHERE account_id = p_account AND mailbox_id = v_id
        RETURNING * INTO v_state;
    WITH gone AS (
        DELETE FROM mbox_msg WHERE account_id = p_account AND mailbox_id = v_id
        RETURNING uid, msg_id, idate, size, flags, kw, kwx
    )
    INSERT INTO expunged (account_id, msg_id, mailbox_id, path, idate, size, flags, kw, kwx)
    SELECT p_account, g.msg_id, v_id, v_path, g.idate, g.size, g.flags, g.kw, g.kwx
      FROM gone g ORDER BY g.uid;
    -- What was expunged from it before.
    UPDATE expunged SET path = v_path
     WHERE account_id = p_account AND mailbox_id = v_id AND path IS NULL;
    UPDATE account_state SET q_bytes = q_bytes - v_state.bytes, q_count = q_count - v_state.msgs
     WHERE account_id = p_account;
    DELETE FROM change WHERE account_id = p_account AND mailbox_id = v_id;
    INSERT INTO change (account_id, mailbox_id, modseq, kind) VALUES (p_account, v_id, v_modseq, 4);
    RETURN v_modseq;
END $$;

-- Forgets up to p_max expunged messages whose time has passed: p_keep_s seconds, or p_age_s for
-- drafts. What is in no mailbox then, and not to be restored from another one, goes: bytes,
-- description, search document. Gives the number of rows taken and of messages removed.
DROP FUNCTION message_purge(int, int);
CREATE FUNCTION message_purge(p_max int, p_age_s int, p_keep_s int, OUT taken int, OUT purged int)
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
        DELETE FROM outbox o WHERE o.account_id = v_account AND o.kind = 1 AND o.ref = v_id;
        DELETE FROM fts f WHERE f.account_id = v_account AND f.msg_id = v_id;
        purged := purged + 1;
    END LOOP;
END $$;

-- Expunged messages that can be restored: those with the ids (NULL: all) that were in the mailbox
-- (0: any) and went between the two moments, at most p_max, the oldest first.
CREATE FUNCTION expunged_select(p_account bigint, p_ids bigint[], p_mailbox int, p_from timestamptz,
                                p_to timestamptz, p_max int) RETURNS SETOF expunged
LANGUAGE sql STABLE AS $$
    SELECT * FROM expunged
     WHERE account_id = p_account AND (p_ids IS NULL OR expunged_id = ANY (p_ids))
       AND (p_mailbox = 0 OR mailbox_id = p_mailbox) AND flags & 16 = 0
       AND at >= p_from AND at < p_to
     ORDER BY expunged_id LIMIT p_max
$$;

-- Puts such messages back as new ones of the mailbox they were in; when that is gone into one of
-- its name, which is made, and else into INBOX. \Deleted is taken from them. HR404, HR413 (quota,
-- UIDs, mailboxes, keywords). modseq is 0 when there were none.
CREATE FUNCTION expunged_restore(p_account bigint, p_ids bigint[], p_mailbox int,
                                 p_from timestamptz, p_to timestamptz, p_max int,
                                 OUT modseq bigint, OUT n bigint, OUT bytes bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_used account_state;
    v_limits account;
    v_ids bigint[];
    v_path text;
    v_box int;
    v_new_box int;
    v_state mailbox_state;
    v_n int;
    v_bytes bigint;
    v_unseen int;
    v_mask bigint;
    v_more text[];
BEGIN
    modseq := 0;
    SELECT * INTO v_used FROM account_state WHERE account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such account' USING ERRCODE = 'HR404';
    END IF;
    SELECT * INTO v_limits FROM account WHERE account_id = p_account;
    -- Locked, so that the purge leaves them alone; those that it has already taken are not there.
    SELECT array_agg(q.expunged_id), count(*), coalesce(sum(q.size), 0) INTO v_ids, n, bytes
      FROM (SELECT x.expunged_id, x.size FROM expunged x
             WHERE x.account_id = p_account AND x.expunged_id IN (
                   SELECT expunged_id
                     FROM expunged_select(p_account, p_ids, p_mailbox, p_from, p_to, p_max))
               FOR UPDATE) q;
    IF n = 0 THEN
        RETURN;
    END IF;
    IF v_limits.quota_bytes > 0 AND v_used.q_bytes + bytes > v_limits.quota_bytes
       OR v_limits.quota_messages > 0 AND v_used.q_count + n > v_limits.quota_messages THEN
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'HR413';
    END IF;
    modseq := v_used.modseq + 1;
    UPDATE account_state s SET modseq = v_used.modseq + 1, q_bytes = v_used.q_bytes + bytes,
           q_count = v_used.q_count + n
     WHERE s.account_id = p_account;
    FOR v_box, v_path IN
        SELECT DISTINCT x.mailbox_id, x.path FROM expunged x
         WHERE x.account_id = p_account AND x.expunged_id = ANY (v_ids) AND x.path IS NOT NULL LOOP
        v_new_box := mailbox_ensure(p_account, string_to_array(v_path, '/'), modseq);
        UPDATE expunged x SET mailbox_id = v_new_box, path = NULL
         WHERE x.account_id = p_account AND x.mailbox_id = v_box AND x.path = v_path;
    END LOOP;
    FOR v_box IN
        SELECT DISTINCT x.mailbox_id FROM expunged x
         WHERE x.account_id = p_account AND x.expunged_id = ANY (v_ids) ORDER BY 1 LOOP
        SELECT * INTO v_state FROM mailbox_state s
         WHERE s.account_id = p_account
           AND s.mailbox_id = v_box;
        IF NOT FOUND THEN
            SELECT * INTO v_state FROM mailbox_state s
             WHERE s.account_id = p_account AND s.mailbox_id = 1;
        END IF;
        WITH back AS (
            DELETE FROM expunged x
             WHERE x.account_id = p_account AND x.mailbox_id = v_box
               AND x.expunged_id = ANY (v_ids)
            RETURNING x.*
        ), put AS (
            INSERT INTO mbox_msg (account_id, mailbox_id, uid, msg_id, modseq, idate, size, flags,
                                  kw, kwx)
            SELECT p_account, v_state.mailbox_id,
                   v_state.uidnext - 1 + row_number() OVER (ORDER BY b.expunged_id), b.msg_id,
                   v_used.modseq + 1, b.idate, b.size, b.flags & ~8, b.kw, b.kwx
              FROM back b
        )
        SELECT count(*), sum(b.size), sum(1 - (b.flags & 1)), bit_or(b.kw),
               (SELECT array_agg(DISTINCT k) FROM back, unnest(back.kwx) k)
          INTO v_n, v_bytes, v_unseen, v_mask, v_more FROM back b;
        IF v_state.uidnext + v_n > 4294967295 THEN
            RAISE EXCEPTION 'no UID is left in the mailbox' USING ERRCODE = 'HR413';
        END IF;
        IF v_mask <> 0 OR v_more IS NOT NULL THEN
            PERFORM mailbox_note_keywords(p_account, v_state.mailbox_id, v_mask, v_more);
        END IF;
        UPDATE mailbox_state s SET uidnext = s.uidnext + v_n, modseq = v_used.modseq + 1,
               msgs = s.msgs + v_n, unseen = s.unseen + v_unseen, bytes = s.bytes + v_bytes
         WHERE s.account_id = p_account AND s.mailbox_id = v_state.mailbox_id;
        INSERT INTO change (account_id, mailbox_id, modseq, kind, uids)
        VALUES (p_account, v_state.mailbox_id, v_used.modseq + 1, 3,
                int8multirange(int8range(v_state.uidnext, v_state.uidnext + v_n)))
            ON CONFLICT (account_id, mailbox_id, modseq, kind)
            DO UPDATE SET uids = change.uids + excluded.uids;
    END LOOP;
END $$;
