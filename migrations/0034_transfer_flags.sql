-- SPDX-License-Identifier: Apache-2.0
-- COPY and MOVE by somebody who may not set all flags in the mailbox they go to (RFC 4314 section 4).

DROP FUNCTION mailbox_transfer(bigint, int, int, bigint[], bigint[], boolean);
DROP FUNCTION mailbox_transfer_across(bigint, bigint, int, bigint, int, bigint[], bigint[], boolean);

-- As before; the copies come without the flags of p_drop (32: keywords).
CREATE FUNCTION mailbox_transfer(
    p_account bigint, p_from int, p_to int, p_first bigint[], p_last bigint[], p_move boolean,
    p_drop int,
    OUT missing int, OUT modseq bigint, OUT uidvalidity bigint, OUT first_uid bigint,
    OUT uids bigint[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_new bigint;
    v_used bigint;
    v_quota bigint;
    v_count bigint;
    v_count_quota bigint;
    v_from mailbox_state;
    v_to mailbox_state;
    v_n int;
    v_bytes bigint;
    v_unseen int;
    v_deleted int;
    v_was_unseen int;
    v_was_deleted int;
    v_keep int := ~(p_drop & 31);
    v_words boolean := p_drop & 32 = 0;              -- keywords go along
    v_mask bigint;
    v_more text[];
BEGIN
    missing := 0;
    modseq := 0;
    SELECT s.modseq + 1, s.q_bytes, c.quota_bytes, s.q_count, c.quota_messages
      INTO v_new, v_used, v_quota, v_count, v_count_quota
      FROM account_state s JOIN account c USING (account_id) WHERE s.account_id = p_account
       FOR NO KEY UPDATE OF s;
    SELECT * INTO v_from FROM mailbox_state WHERE account_id = p_account AND mailbox_id = p_from;
    IF NOT FOUND THEN
        missing := 1;
        RETURN;
    END IF;
    SELECT * INTO v_to FROM mailbox_state WHERE account_id = p_account AND mailbox_id = p_to;
    IF NOT FOUND THEN
        missing := 2;
        RETURN;
    END IF;
    uidvalidity := v_to.uidvalidity;
    first_uid := v_to.uidnext;
    SELECT array_agg(m.uid ORDER BY m.uid), count(*), sum(m.size), sum(1 - (m.flags & v_keep & 1)),
           sum(((m.flags & v_keep) >> 3) & 1), bit_or(m.kw), sum(1 - (m.flags & 1)),
           sum((m.flags >> 3) & 1)
      INTO uids, v_n, v_bytes, v_unseen, v_deleted, v_mask, v_was_unseen, v_was_deleted
      FROM unnest(p_first, p_last) AS r (first, last)
      JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_from
                     AND m.uid BETWEEN r.first AND r.last;
    IF v_n = 0 THEN
        RETURN;
    END IF;
    IF NOT p_move AND (v_quota > 0 AND v_used + v_bytes > v_quota
                       OR v_count_quota > 0 AND v_count + v_n > v_count_quota) THEN
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'HR413';
    END IF;
    IF first_uid + v_n > 4294967295 THEN
        RAISE EXCEPTION 'no UID is left in the mailbox' USING ERRCODE = 'HR413';
    END IF;
    IF v_words AND v_from.kwx IS NOT NULL THEN
        SELECT array_agg(DISTINCT x) INTO v_more
          FROM unnest(p_first, p_last) AS r (first, last)
          JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_from
                         AND m.uid BETWEEN r.first AND r.last, unnest(m.kwx) x;
    END IF;
    IF v_words AND p_from <> p_to AND (v_mask <> 0 OR v_more IS NOT NULL) THEN
        PERFORM mailbox_note_keywords(p_account, p_to, v_mask, v_more);
    END IF;
    modseq := v_new;
    INSERT INTO mbox_msg (account_id, mailbox_id, uid, msg_id, modseq, idate, size, flags, kw, kwx)
    SELECT p_account, p_to, first_uid - 1 + row_number() OVER (ORDER BY m.uid), m.msg_id, v_new,
           m.idate, m.size, m.flags & v_keep,
           CASE WHEN v_words THEN m.kw ELSE 0 END, CASE WHEN v_words THEN m.kwx END
      FROM unnest(p_first, p_last) AS r (first, last)
      JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_from
                     AND m.uid BETWEEN r.first AND r.last;
    UPDATE mailbox_state s SET uidnext = s.uidnext + v_n, modseq = v_new, msgs = s.msgs + v_n,
           unseen = s.unseen + v_unseen, deleted = s.deleted + v_deleted, bytes = s.bytes + v_bytes
     WHERE s.account_id = p_account AND s.mailbox_id = p_to;
    INSERT INTO change (account_id, mailbox_id, modseq, kind, uids)
    VALUES (p_account, p_to, v_new, 3, int8multirange(int8range(first_uid, first_uid + v_n)));
    IF p_move THEN
        DELETE FROM mbox_msg m USING unnest(p_first, p_last) AS r (first, last)
         WHERE m.account_id = p_account AND m.mailbox_id = p_from
           AND m.uid BETWEEN r.first AND r.last AND (p_from <> p_to OR m.uid < first_uid);
        UPDATE mailbox_state s SET modseq = v_new, msgs = s.msgs - v_n,
               unseen = s.unseen - v_was_unseen, deleted = s.deleted - v_was_deleted,
               bytes = s.bytes - v_bytes
         WHERE s.account_id = p_account AND s.mailbox_id = p_from;
        INSERT INTO change (account_id, mailbox_id, modseq, kind, uids)
        SELECT p_account, p_from, v_new, 2, range_agg(int8range(u, u, '[]')) FROM unnest(uids) u;
        UPDATE account_state SET modseq = v_new WHERE account_id = p_account;
    ELSE
        UPDATE account_state s SET modseq = v_new, q_bytes = s.q_bytes + v_bytes,
               q_count = s.q_count + v_n
         WHERE s.account_id = p_account;
    END IF;
END $$;

-- As before; the copies come without the flags of p_drop (32: keywords), also \Seen of the viewer.
CREATE FUNCTION mailbox_transfer_across(
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
    v_thread bigint;
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
        INSERT INTO blob (account_id, msg_id, codec, size, header, head, frames, data, prefix)
        SELECT p_to_account, b.msg_id, b.codec, b.size, b.header, b.head, b.frames, b.data, b.prefix
          FROM blob b WHERE b.account_id = p_from_account AND b.msg_id = m.msg_id
            ON CONFLICT DO NOTHING;
        IF FOUND THEN
            SELECT t.thread_id INTO v_thread FROM message o
              JOIN message t ON t.account_id = p_to_account AND t.message_id_key = ANY (o.refs)
             WHERE o.account_id = p_from_account AND o.msg_id = m.msg_id
             ORDER BY t.msg_id LIMIT 1;
            INSERT INTO message (account_id, msg_id, thread_id, size, idate, sent_at, hdr_end, hash,
                envelope, bodystructure, from_addr, from_name, to_text, subject, message_id,
                message_id_key, refs, preview, has_attachment)
            SELECT p_to_account, o.msg_id, coalesce(v_thread, o.msg_id), o.size, o.idate, o.sent_at,
                o.hdr_end, o.hash, o.envelope, o.bodystructure, o.from_addr, o.from_name, o.to_text,
                o.subject, o.message_id, o.message_id_key, o.refs, o.preview, o.has_attachment
              FROM message o WHERE o.account_id = p_from_account AND o.msg_id = m.msg_id
                ON CONFLICT DO NOTHING;
            INSERT INTO outbox (kind, account_id, ref) VALUES (1, p_to_account, m.msg_id);
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
