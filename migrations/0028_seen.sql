-- SPDX-License-Identifier: Apache-2.0
-- What somebody else than the owner of a mailbox has read of it: \Seen is each reader's own, the flag
-- of the row is the owner's. And messages that are copied from account to account.

CREATE TABLE mailbox_seen (
    account_id bigint NOT NULL,                      -- the owner
    mailbox_id int NOT NULL,
    viewer     bigint NOT NULL,                      -- who has read them
    uids       int8multirange NOT NULL,              -- may name UIDs that are gone
    PRIMARY KEY (account_id, mailbox_id, viewer)
);

-- How many of p_msgs messages the viewer has not read.
CREATE FUNCTION seen_unseen(p_viewer bigint, p_account bigint, p_mailbox int, p_msgs int) RETURNS int
LANGUAGE sql STABLE AS $$
    SELECT p_msgs - (
        SELECT count(*)::int
          FROM mailbox_seen s, unnest(s.uids) r
          JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_mailbox
                         AND m.uid BETWEEN lower(r) AND upper(r) - 1
         WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox AND s.viewer = p_viewer)
$$;

-- Marks what is there of the ranges as read by the viewer, or as not read. The messages get a new
-- modseq, so that all sessions look at them again. modseq is 0 when nothing changed; uids are those
-- that did; former is the mailbox's modseq before. firsts, lasts: all that the viewer has read now.
-- HR404.
CREATE FUNCTION seen_mark(p_viewer bigint, p_account bigint, p_mailbox int, p_first bigint[],
                          p_last bigint[], p_seen boolean,
                          OUT modseq bigint, OUT former bigint, OUT uids bigint[],
                          OUT firsts bigint[], OUT lasts bigint[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_new bigint;
    v_hit int8multirange;
    v_old int8multirange;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    v_new := mailbox_lock(p_account, p_mailbox);
    SELECT s.modseq INTO former FROM mailbox_state s
     WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox;
    SELECT s.uids INTO v_old FROM mailbox_seen s
     WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox AND s.viewer = p_viewer;
    v_old := coalesce(v_old, '{}');
    SELECT array_agg(m.uid ORDER BY m.uid), range_agg(int8range(m.uid, m.uid, '[]'))
      INTO uids, v_hit
      FROM unnest(p_first, p_last) AS r (first, last)
      JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_mailbox
                     AND m.uid BETWEEN r.first AND r.last
     WHERE (m.uid <@ v_old) <> p_seen;
    modseq := 0;
    IF v_hit IS NOT NULL THEN
        modseq := v_new;
        v_old := CASE WHEN p_seen THEN v_old + v_hit ELSE v_old - v_hit END;
        INSERT INTO mailbox_seen (account_id, mailbox_id, viewer, uids)
        VALUES (p_account, p_mailbox, p_viewer, v_old)
            ON CONFLICT (account_id, mailbox_id, viewer) DO UPDATE SET uids = excluded.uids;
        UPDATE mbox_msg m SET modseq = v_new FROM unnest(v_hit) r
         WHERE m.account_id = p_account AND m.mailbox_id = p_mailbox
           AND m.uid BETWEEN lower(r) AND upper(r) - 1;
        UPDATE account_state SET modseq = v_new WHERE account_id = p_account;
        UPDATE mailbox_state SET modseq = v_new
         WHERE account_id = p_account AND mailbox_id = p_mailbox;
        INSERT INTO change (account_id, mailbox_id, modseq, kind, uids)
        VALUES (p_account, p_mailbox, v_new, 1, v_hit);
    END IF;
    SELECT array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)
      INTO firsts, lasts FROM unnest(v_old) r;
END $$;

-- Those of a mailbox go with it.
CREATE FUNCTION mailbox_seen_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM mailbox_seen s
     WHERE s.account_id = OLD.account_id AND s.mailbox_id = OLD.mailbox_id;
    RETURN NULL;
END $$;
CREATE TRIGGER mailbox_seen_follow AFTER DELETE ON mailbox
    FOR EACH ROW EXECUTE FUNCTION mailbox_seen_follow();

-- As before, with the viewer's count of unread messages.
CREATE OR REPLACE FUNCTION mailbox_reach(p_viewer bigint, p_space int, p_owner text, p_path text[],
                              p_name text)
RETURNS TABLE (mailbox_id int, parent_id int, path text, role text, subscribed boolean,
               has_children boolean, uidvalidity bigint, uidnext bigint, modseq bigint, msgs int,
               unseen int, deleted int, bytes bigint, account_id bigint, rights int)
LANGUAGE sql STABLE AS $$
    SELECT g.mailbox_id, g.parent_id, g.path, g.role,
           EXISTS (SELECT 1 FROM subscription u
                    WHERE u.account_id = p_viewer AND u.name = p_name),
           EXISTS (SELECT 1 FROM mailbox c
                    WHERE c.account_id = o.id AND c.parent_id = g.mailbox_id
                      AND acl_rights(p_viewer, o.id, c.mailbox_id) & 1 = 1),
           g.uidvalidity, g.uidnext, g.modseq, g.msgs,
           seen_unseen(p_viewer, o.id, g.mailbox_id, g.msgs), g.deleted, g.bytes, o.id,
           acl_rights(p_viewer, o.id, g.mailbox_id)
      FROM (SELECT space_account(p_viewer, p_space, p_owner) AS id) o,
           LATERAL mailbox_get(o.id, mailbox_find(o.id, p_path)) g
$$;

-- As before, with the viewer's count of unread messages.
CREATE OR REPLACE FUNCTION mailbox_list_shared(p_viewer bigint)
RETURNS TABLE (space int, login text, account_id bigint, mailbox_id int, path text, role text,
               rights int, uidvalidity bigint, uidnext bigint, modseq bigint, msgs int, unseen int,
               deleted int, bytes bigint)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN o.is_shared THEN 2 ELSE 1 END, o.login, g.account_id, g.mailbox_id,
           mailbox_path(g.account_id, g.mailbox_id), m.role, g.rights, s.uidvalidity, s.uidnext,
           s.modseq, s.msgs, seen_unseen(p_viewer, g.account_id, g.mailbox_id, s.msgs), s.deleted,
           s.bytes
      FROM (SELECT l.account_id, l.mailbox_id, bit_or(l.granted) & ~bit_or(l.denied) AS rights
              FROM account v
              JOIN mailbox_acl l ON l.grantee IN (v.account_id, -v.domain_id)
             WHERE v.account_id = p_viewer AND l.account_id <> p_viewer
             GROUP BY 1, 2) g
      JOIN account o ON o.account_id = g.account_id
      JOIN mailbox m ON m.account_id = g.account_id AND m.mailbox_id = g.mailbox_id
      JOIN mailbox_state s ON s.account_id = g.account_id AND s.mailbox_id = g.mailbox_id
     WHERE g.rights & 1 = 1
$$;

DROP FUNCTION mailbox_store_flags(bigint, int, bigint[], bigint[], int, int, text[], bigint);

-- STORE. Modes: 0 replace, 1 add, 2 remove. Gives every message of the set that is there as it is
-- now, except those changed after p_unchangedsince (NULL: no such condition), whose uids are in
-- `failed`. modseq is 0 when nothing changed. kwx_uids[i] has the overflow keywords kwx_names[i],
-- joined by spaces. used, used_more: keywords ever used in the mailbox; names[i] has bits[i]. HR404,
-- HR413. former is the mailbox's modseq before. What p_keep names (32: keywords), a replacement leaves as
-- it is.
CREATE FUNCTION mailbox_store_flags(
    p_account bigint, p_mailbox int, p_first bigint[], p_last bigint[], p_mode int, p_flags int,
    p_keywords text[], p_unchangedsince bigint, p_keep int,
    OUT modseq bigint, OUT uids bigint[], OUT modseqs bigint[], OUT flags int[], OUT kws bigint[],
    OUT failed bigint[], OUT kwx_uids bigint[], OUT kwx_names text[],
    OUT used bigint, OUT used_more text[], OUT names text[], OUT bits int[],
    OUT former bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_new bigint;
    v_mask bigint;
    v_more text[];
    v_plain boolean;                                 -- no overflow keyword is concerned
    v_keep int;
    v_set int;
    v_kw_mode int;
    v_kw_keep bigint;
    v_kw_set bigint;
    v_uids int8multirange;
    v_unseen int;
    v_deleted int;
    v_limit bigint := coalesce(p_unchangedsince, 9223372036854775807);
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    v_new := mailbox_lock(p_account, p_mailbox);
    SELECT s.modseq INTO former FROM mailbox_state s
     WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox;
    SELECT k.mask, k.more INTO v_mask, v_more
      FROM keyword_resolve(p_account, p_keywords, p_mode <> 2) k;
    IF p_mode <> 2 AND (v_mask <> 0 OR v_more <> '{}') THEN
        PERFORM mailbox_note_keywords(p_account, p_mailbox, v_mask, v_more);
    END IF;
    -- New bits are (old & keep) | set.
    v_keep := CASE p_mode WHEN 0 THEN p_keep & 31 WHEN 1 THEN -1 ELSE ~p_flags END;
    v_set := CASE p_mode WHEN 2 THEN 0 ELSE p_flags END;
    v_kw_mode := CASE WHEN p_mode = 0 AND p_keep & 32 <> 0 THEN 1 ELSE p_mode END;
    v_kw_keep := CASE v_kw_mode WHEN 0 THEN 0 WHEN 1 THEN -1 ELSE ~v_mask END;
    v_kw_set := CASE p_mode WHEN 2 THEN 0 ELSE v_mask END;
    v_plain := v_more = '{}' AND (SELECT s.kwx IS NULL FROM mailbox_state s
                                   WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox);
    -- What is there, and what it becomes. The account's lock keeps it so until the update, which
    -- finds its rows by the same conditions: a join of the two would be planned as a scan.
    SELECT array_agg(q.uid) FILTER (WHERE q.ok),
           array_agg(CASE WHEN q.hit THEN v_new ELSE q.modseq END) FILTER (WHERE q.ok),
           array_agg(q.new_flags) FILTER (WHERE q.ok), array_agg(q.new_kw) FILTER (WHERE q.ok),
           array_agg(q.uid) FILTER (WHERE NOT q.ok),
           range_agg(int8range(q.uid, q.uid, '[]')) FILTER (WHERE q.hit),
           sum((q.flags & 1) - (q.new_flags & 1)) FILTER (WHERE q.hit),
           sum(((q.new_flags >> 3) & 1) - ((q.flags >> 3) & 1)) FILTER (WHERE q.hit)
      INTO uids, modseqs, flags, kws, failed, v_uids, v_unseen, v_deleted
      FROM (SELECT n.*, n.modseq <= v_limit AS ok,
                   n.modseq <= v_limit AND (n.flags <> n.new_flags OR n.kw <> n.new_kw OR NOT
                       (v_plain OR n.kwx IS NOT DISTINCT FROM kwx_change(n.kwx, v_kw_mode, v_more)))
                       AS hit
              FROM (SELECT m.uid, m.modseq, m.flags, m.kw, m.kwx,
                           (m.flags & v_keep) | v_set AS new_flags,
                           (m.kw & v_kw_keep) | v_kw_set AS new_kw
                      FROM unnest(p_first, p_last) AS r (first, last)
                      JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_mailbox
                                     AND m.uid BETWEEN r.first AND r.last
                     ORDER BY m.uid) n) q;
    IF v_uids IS NOT NULL THEN
        UPDATE mbox_msg m
           SET flags = (m.flags & v_keep) | v_set, kw = (m.kw & v_kw_keep) | v_kw_set,
               kwx = CASE WHEN v_plain THEN m.kwx ELSE kwx_change(m.kwx, v_kw_mode, v_more) END,
               modseq = v_new
          FROM unnest(p_first, p_last) AS r (first, last)
         WHERE m.account_id = p_account AND m.mailbox_id = p_mailbox
           AND m.uid BETWEEN r.first AND r.last AND m.modseq <= v_limit
           AND (m.flags <> (m.flags & v_keep) | v_set OR m.kw <> (m.kw & v_kw_keep) | v_kw_set
                OR NOT (v_plain
                        OR m.kwx IS NOT DISTINCT FROM kwx_change(m.kwx, v_kw_mode, v_more)));
    END IF;
    IF NOT v_plain THEN
        SELECT array_agg(q.uid), array_agg(q.names) INTO kwx_uids, kwx_names
          FROM (SELECT m.uid, array_to_string(m.kwx, ' ') AS names
                  FROM unnest(p_first, p_last) AS r (first, last)
                  JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_mailbox
                                 AND m.uid BETWEEN r.first AND r.last
                 WHERE m.kwx IS NOT NULL AND m.uid <> ALL (coalesce(failed, '{}'))
                 ORDER BY m.uid) q;
    END IF;
    modseq := 0;
    IF v_uids IS NOT NULL THEN
        modseq := v_new;
        UPDATE account_state SET modseq = v_new WHERE account_id = p_account;
        UPDATE mailbox_state SET modseq = v_new, unseen = unseen + v_unseen,
               deleted = deleted + v_deleted
         WHERE account_id = p_account AND mailbox_id = p_mailbox;
        INSERT INTO change (account_id, mailbox_id, modseq, kind, uids)
        VALUES (p_account, p_mailbox, v_new, 1, v_uids);
    END IF;
    SELECT s.kw, s.kwx INTO used, used_more FROM mailbox_state s
     WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox;
    IF used <> 0 THEN
        SELECT array_agg(k.name ORDER BY k.bit), array_agg(k.bit::int ORDER BY k.bit)
          INTO names, bits FROM keyword k WHERE k.account_id = p_account AND k.bit IS NOT NULL;
    END IF;
END $$;

-- COPY and MOVE to a mailbox of another account, for p_viewer, who has read what mailbox_seen tells. As
-- mailbox_transfer; quota and UIDs are those of the target's account. from_modseq is that of the
-- source's account after a MOVE, else 0.
CREATE FUNCTION mailbox_transfer_across(
    p_viewer bigint, p_from_account bigint, p_from int, p_to_account bigint, p_to int,
    p_first bigint[], p_last bigint[], p_move boolean,
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
        v_flags := m.flags & ~1;
        IF (CASE WHEN p_viewer = p_from_account THEN m.flags & 1 = 1
                 ELSE m.uid <@ coalesce(v_seen, '{}') END) THEN
            IF p_viewer = p_to_account THEN
                v_flags := v_flags | 1;
            ELSE
                v_read := v_read + int8multirange(int8range(v_uid, v_uid, '[]'));
            END IF;
        END IF;
        v_unseen := v_unseen + 1 - (v_flags & 1);
        v_deleted := v_deleted + ((v_flags >> 3) & 1);
        IF m.kw IS DISTINCT FROM v_last_kw OR m.kwx IS DISTINCT FROM v_last_kwx THEN
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
