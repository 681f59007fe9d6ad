-- SPDX-License-Identifier: Apache-2.0
-- COPY and MOVE to a mailbox of another account copy the bytes before they lock the two accounts: a
-- big copy keeps nobody from writing there but for the moment in which it is placed.

-- Copies messages to another account, in no mailbox yet: bytes, description, and their place in the
-- line of the indexer. Gives those that were not there, in their order. Nobody's lock is needed. In
-- the order of ids: two that bring the same wait for each other, and not in a circle.
CREATE FUNCTION message_bring(p_from_account bigint, p_to_account bigint, p_ids bigint[])
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_brought bigint[];
    v_thread bigint;
    v_id bigint;
BEGIN
    -- What is there is held for the placing, in this order, too: not one by one in that of UIDs.
    PERFORM 1 FROM blob b WHERE b.account_id = p_to_account AND b.msg_id = ANY (p_ids)
      ORDER BY b.msg_id FOR KEY SHARE;
    WITH brought AS (
        INSERT INTO blob (account_id, msg_id, codec, size, header, head, frames, data, prefix)
        SELECT p_to_account, b.msg_id, b.codec, b.size, b.header, b.head, b.frames, b.data, b.prefix
          FROM blob b WHERE b.account_id = p_from_account AND b.msg_id = ANY (p_ids)
         ORDER BY b.msg_id
            ON CONFLICT DO NOTHING RETURNING msg_id)
    SELECT array_agg(i.id ORDER BY i.at) INTO v_brought
      FROM unnest(p_ids) WITH ORDINALITY AS i (id, at) JOIN brought ON brought.msg_id = i.id;
    -- One by one: a message may belong to the conversation of one before it.
    FOREACH v_id IN ARRAY coalesce(v_brought, '{}') LOOP
        SELECT t.thread_id INTO v_thread FROM message o
          JOIN message t ON t.account_id = p_to_account AND t.message_id_key = ANY (o.refs)
         WHERE o.account_id = p_from_account AND o.msg_id = v_id
         ORDER BY t.msg_id LIMIT 1;
        INSERT INTO message (account_id, msg_id, thread_id, size, idate, sent_at, hdr_end, hash,
            envelope, bodystructure, from_addr, from_name, to_text, subject, message_id,
            message_id_key, refs, preview, has_attachment)
        SELECT p_to_account, o.msg_id, coalesce(v_thread, o.msg_id), o.size, o.idate, o.sent_at,
            o.hdr_end, o.hash, o.envelope, o.bodystructure, o.from_addr, o.from_name, o.to_text,
            o.subject, o.message_id, o.message_id_key, o.refs, o.preview, o.has_attachment
          FROM message o WHERE o.account_id = p_from_account AND o.msg_id = v_id
            ON CONFLICT DO NOTHING;
        INSERT INTO outbox (kind, account_id, ref) VALUES (1, p_to_account, v_id);
    END LOOP;
    RETURN coalesce(v_brought, '{}');
END $$;

-- What mailbox_transfer_across did until now: under the locks of both accounts, of messages that are
-- there, or are brought now.
CREATE FUNCTION mailbox_place_across(
    p_viewer bigint, p_from_account bigint, p_from int, p_to_account bigint, p_to int,
    p_first bigint[], p_last bigint[], p_move boolean,
    p_drop int,
    OUT missing int, OUT modseq bigint, OUT uidvalidity bigint, OUT first_uid bigint,
    OUT uids bigint[], OUT from_modseq bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_used account_state;
    v_limits account;
    v_to mailbox_state;
    v_seen int8multirange;
    v_read int8multirange := '{}';
    v_names text[];
    v_last_kw bigint;
    v_last_kwx text[];
    v_mask bigint := 0;
    v_more text[];
    v_uid bigint;
    v_flags int;
    v_n int := 0;
    v_bytes bigint := 0;
    v_unseen int := 0;
    v_deleted int := 0;
    m record;
BEGIN
    missing := 0;
    modseq := 0;
    from_modseq := 0;
    PERFORM 1 FROM account_state WHERE account_id IN (p_from_account, p_to_account)
      ORDER BY account_id FOR NO KEY UPDATE;
    SELECT * INTO v_used FROM account_state WHERE account_id = p_to_account;
    SELECT * INTO v_limits FROM account WHERE account_id = p_to_account;
    IF NOT EXISTS (SELECT 1 FROM mailbox_state
                    WHERE account_id = p_from_account AND mailbox_id = p_from) THEN
        missing := 1;
        RETURN;
    END IF;
    SELECT * INTO v_to FROM mailbox_state WHERE account_id = p_to_account AND mailbox_id = p_to;
    IF NOT FOUND THEN
        missing := 2;
        RETURN;
    END IF;
    uidvalidity := v_to.uidvalidity;
    first_uid := v_to.uidnext;
    SELECT s.uids INTO v_seen FROM mailbox_seen s
     WHERE s.account_id = p_from_account AND s.mailbox_id = p_from AND s.viewer = p_viewer;
    FOR m IN
        SELECT x.* FROM unnest(p_first, p_last) AS r (first, last)
          JOIN mbox_msg x ON x.account_id = p_from_account AND x.mailbox_id = p_from
                         AND x.uid BETWEEN r.first AND r.last
         ORDER BY x.uid LOOP
        v_uid := first_uid + v_n;
        v_n := v_n + 1;
        v_bytes := v_bytes + m.size;
        uids := array_append(uids, m.uid);
        -- \Seen as the viewer has it: in the row of a mailbox of its own, else beside it.
        v_flags := m.flags & ~1 & ~(p_drop & 31);
        IF p_drop & 1 = 0
           AND (CASE WHEN p_viewer = p_from_account THEN m.flags & 1 = 1
                     ELSE m.uid <@ coalesce(v_seen, '{}') END) THEN
            IF p_viewer = p_to_account THEN
                v_flags := v_flags | 1;
            ELSE
                v_read := v_read + int8multirange(int8range(v_uid, v_uid, '[]'));
            END IF;
        END IF;
        v_unseen := v_unseen + 1 - (v_flags & 1);
        v_deleted := v_deleted + ((v_flags >> 3) & 1);
        IF p_drop & 32 = 0
           AND (m.kw IS DISTINCT FROM v_last_kw OR m.kwx IS DISTINCT FROM v_last_kwx) THEN
            v_last_kw := m.kw;
            v_last_kwx := m.kwx;
            SELECT coalesce(array_agg(k.name), '{}') || coalesce(m.kwx, '{}') INTO v_names
              FROM keyword k WHERE k.account_id = p_from_account AND k.bit IS NOT NULL
               AND m.kw & (1::bigint << k.bit) <> 0;
            SELECT k.mask, nullif(k.more, '{}') INTO v_mask, v_more
              FROM keyword_resolve(p_to_account, v_names, true) k;
            PERFORM mailbox_note_keywords(p_to_account, p_to, v_mask, v_more);
        END IF;
        -- Mostly it is there by now. Held, so that it is not purged before it is in a mailbox.
        PERFORM 1 FROM blob b WHERE b.account_id = p_to_account AND b.msg_id = m.msg_id
          FOR KEY SHARE;
        IF NOT FOUND THEN
            PERFORM message_bring(p_from_account, p_to_account, ARRAY[m.msg_id]);
        END IF;
        INSERT INTO mbox_msg (account_id, mailbox_id, uid, msg_id, modseq, idate, size, flags, kw,
            kwx)
        VALUES (p_to_account, p_to, v_uid, m.msg_id, v_used.modseq + 1, m.idate, m.size, v_flags,
            v_mask, v_more);
    END LOOP;
    IF v_n = 0 THEN
        RETURN;
    END IF;
    IF v_limits.quota_bytes > 0 AND v_used.q_bytes + v_bytes > v_limits.quota_bytes
       OR v_limits.quota_messages > 0 AND v_used.q_count + v_n > v_limits.quota_messages THEN
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'HR413';
    END IF;
    IF first_uid + v_n > 4294967295 THEN
        RAISE EXCEPTION 'no UID is left in the mailbox' USING ERRCODE = 'HR413';
    END IF;
    modseq := v_used.modseq + 1;
    UPDATE account_state s SET modseq = v_used.modseq + 1, q_bytes = s.q_bytes + v_bytes,
           q_count = s.q_count + v_n
     WHERE s.account_id = p_to_account;
    UPDATE mailbox_state s SET uidnext = s.uidnext + v_n, modseq = v_used.modseq + 1,
           msgs = s.msgs + v_n, unseen = s.unseen + v_unseen, deleted = s.deleted + v_deleted,
           bytes = s.bytes + v_bytes
     WHERE s.account_id = p_to_account AND s.mailbox_id = p_to;
    INSERT INTO change (account_id, mailbox_id, modseq, kind, uids)
    VALUES (p_to_account, p_to, v_used.modseq + 1, 3,
            int8multirange(int8range(first_uid, first_uid + v_n)));
    IF v_read <> '{}' THEN
        INSERT INTO mailbox_seen AS s (account_id, mailbox_id, viewer, uids)
        VALUES (p_to_account, p_to, p_viewer, v_read)
            ON CONFLICT (account_id, mailbox_id, viewer) DO UPDATE SET uids = s.uids + excluded.uids;
    END IF;
    IF p_move THEN
        SELECT x.modseq INTO from_modseq
          FROM mailbox_expunge(p_from_account, p_from, p_first, p_last, false) x;
    END IF;
END $$;

-- As before; the bytes come first, in the same transaction. What was expunged while they came, or is
-- not placed for another reason, goes again.
CREATE OR REPLACE FUNCTION mailbox_transfer_across(
    p_viewer bigint, p_from_account bigint, p_from int, p_to_account bigint, p_to int,
    p_first bigint[], p_last bigint[], p_move boolean,
    p_drop int,
    OUT missing int, OUT modseq bigint, OUT uidvalidity bigint, OUT first_uid bigint,
    OUT uids bigint[], OUT from_modseq bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[];
    v_brought bigint[] := '{}';
    v_n bigint;
    v_bytes bigint;
BEGIN
    SELECT array_agg(x.msg_id ORDER BY x.uid), sum(x.n), sum(x.bytes) INTO v_ids, v_n, v_bytes
      FROM (SELECT q.msg_id, min(q.uid) AS uid, count(*) AS n, sum(q.size) AS bytes
              FROM unnest(p_first, p_last) AS r (first, last)
              JOIN mbox_msg q ON q.account_id = p_from_account AND q.mailbox_id = p_from
                             AND q.uid BETWEEN r.first AND r.last
             GROUP BY q.msg_id) x;
    -- Without a lock, so that what has no room is not brought for nothing. What is true in the end
    -- is looked at under the locks.
    IF EXISTS (SELECT 1 FROM account t JOIN account_state u ON u.account_id = t.account_id
                JOIN mailbox_state s ON s.account_id = t.account_id AND s.mailbox_id = p_to
                WHERE t.account_id = p_to_account AND v_n > 0
                  AND (t.quota_bytes > 0 AND u.q_bytes + v_bytes > t.quota_bytes
                       OR t.quota_messages > 0 AND u.q_count + v_n > t.quota_messages)) THEN
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'HR413';
    END IF;
    -- Into a mailbox that is gone nothing is brought.
    IF EXISTS (SELECT 1 FROM mailbox_state s
                WHERE s.account_id = p_to_account AND s.mailbox_id = p_to) THEN
        v_brought := message_bring(p_from_account, p_to_account, coalesce(v_ids, '{}'));
    END IF;
    SELECT p.* INTO missing, modseq, uidvalidity, first_uid, uids, from_modseq
      FROM mailbox_place_across(p_viewer, p_from_account, p_from, p_to_account, p_to, p_first,
                                p_last, p_move, p_drop) p;
    SELECT array_agg(b.id) INTO v_ids FROM unnest(v_brought) AS b (id)
     WHERE NOT EXISTS (SELECT 1 FROM mbox_msg q
                        WHERE q.account_id = p_to_account AND q.msg_id = b.id);
    IF v_ids IS NOT NULL THEN
        DELETE FROM outbox o
         WHERE o.account_id = p_to_account AND o.kind = 1 AND o.ref = ANY (v_ids);
        DELETE FROM message o WHERE o.account_id = p_to_account AND o.msg_id = ANY (v_ids);
        DELETE FROM blob b WHERE b.account_id = p_to_account AND b.msg_id = ANY (v_ids);
    END IF;
END $$;

-- As before, but what a copy from another account holds is waited for, and then looked for; in the
-- order in which copies hold it.
CREATE OR REPLACE FUNCTION message_purge(p_max int, p_age_s int, p_keep_s int, OUT taken int, OUT purged int)
LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_id bigint;
BEGIN
    taken := 0;
    purged := 0;
    FOR v_account, v_id IN
        WITH gone AS (
            DELETE FROM expunged WHERE (account_id, expunged_id) IN (
                SELECT account_id, expunged_id FROM expunged
                 WHERE flags & 16 = 16 AND at < now() - p_age_s * interval '1 second'
                    OR flags & 16 <> 16 AND at < now() - p_keep_s * interval '1 second'
                 ORDER BY at LIMIT p_max FOR UPDATE SKIP LOCKED)
            RETURNING account_id, msg_id)
        SELECT g.account_id, g.msg_id FROM gone g ORDER BY g.account_id, g.msg_id LOOP
        taken := taken + 1;
        -- Nobody places it in a mailbox from here on but who brings it anew, or has done it before.
        PERFORM 1 FROM blob b WHERE b.account_id = v_account AND b.msg_id = v_id FOR UPDATE;
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
