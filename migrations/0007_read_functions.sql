-- SPDX-License-Identifier: Apache-2.0
-- Reading a mailbox. STABLE functions see one moment, so one statement is a consistent picture.

-- The state of a mailbox, the keywords of its account (names[i] has bits[i]), and the rows given by
-- the arrays; sizes_flags is size * 256 + flags, because each array costs. kwx_uids[i] has the overflow keywords kwx_names[i], joined by spaces.
CREATE TYPE mailbox_picture AS (
    uidvalidity bigint, uidnext bigint, modseq bigint, msgs int, unseen int, deleted int,
    bytes bigint, kw bigint, kwx text[], names text[], bits int[],
    uids bigint[], msg_ids bigint[], modseqs bigint[], idates bigint[], sizes_flags bigint[],
    kws bigint[], kwx_uids bigint[], kwx_names text[],
    too_old boolean, firsts bigint[], lasts bigint[]
);

-- State and keywords only; NULL uidvalidity when there is no such mailbox.
CREATE FUNCTION mailbox_frame(p_account bigint, p_mailbox int) RETURNS mailbox_picture
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v mailbox_picture;
BEGIN
    SELECT s.uidvalidity, s.uidnext, s.modseq, s.msgs, s.unseen, s.deleted, s.bytes, s.kw, s.kwx
      INTO v.uidvalidity, v.uidnext, v.modseq, v.msgs, v.unseen, v.deleted, v.bytes, v.kw, v.kwx
      FROM mailbox_state s WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox;
    IF FOUND THEN
        SELECT array_agg(k.name ORDER BY k.bit), array_agg(k.bit::int ORDER BY k.bit)
          INTO v.names, v.bits
          FROM keyword k WHERE k.account_id = p_account AND k.bit IS NOT NULL;
    END IF;
    RETURN v;
END $$;

CREATE FUNCTION mailbox_snapshot(p_account bigint, p_mailbox int) RETURNS mailbox_picture
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v mailbox_picture := mailbox_frame(p_account, p_mailbox);
BEGIN
    IF v.uidvalidity IS NULL THEN
        RETURN v;
    END IF;
    SELECT array_agg(m.uid), array_agg(m.msg_id), array_agg(m.modseq),
           array_agg(date_part('epoch', m.idate)::bigint),
           array_agg((m.size::bigint << 8) | m.flags), array_agg(m.kw)
      INTO v.uids, v.msg_ids, v.modseqs, v.idates, v.sizes_flags, v.kws
      FROM (SELECT * FROM mbox_msg WHERE account_id = p_account AND mailbox_id = p_mailbox
             ORDER BY uid) m;
    IF v.kwx IS NOT NULL THEN
        SELECT array_agg(m.uid), array_agg(array_to_string(m.kwx, ' '))
          INTO v.kwx_uids, v.kwx_names
          FROM (SELECT * FROM mbox_msg WHERE account_id = p_account AND mailbox_id = p_mailbox
                   AND kwx IS NOT NULL ORDER BY uid) m;
    END IF;
    v.too_old := false;
    RETURN v;
END $$;

-- What changed after p_since: rows that are there now, and ranges of UIDs that are not. When the
-- log was cut above p_since: too_old, and only the state.
CREATE FUNCTION mailbox_delta(p_account bigint, p_mailbox int, p_since bigint)
RETURNS mailbox_picture LANGUAGE plpgsql STABLE AS $$
DECLARE
    v mailbox_picture := mailbox_frame(p_account, p_mailbox);
    v_touched int8multirange;
    v_gone int8multirange;
BEGIN
    v.too_old := false;
    IF v.uidvalidity IS NULL OR v.modseq <= p_since THEN
        RETURN v;
    END IF;
    IF p_since < (SELECT chg_floor FROM account_state WHERE account_id = p_account) THEN
        v.too_old := true;
        RETURN v;
    END IF;
    SELECT range_agg(c.uids) FILTER (WHERE c.kind IN (1, 3)),
           range_agg(c.uids) FILTER (WHERE c.kind = 2)
      INTO v_touched, v_gone
      FROM change c
     WHERE c.account_id = p_account AND c.mailbox_id = p_mailbox AND c.modseq > p_since;
    IF v_gone IS NOT NULL THEN
        SELECT array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)
          INTO v.firsts, v.lasts FROM unnest(v_gone) r;
        v_touched := v_touched - v_gone;
    END IF;
    SELECT array_agg(m.uid), array_agg(m.msg_id), array_agg(m.modseq),
           array_agg(date_part('epoch', m.idate)::bigint),
           array_agg((m.size::bigint << 8) | m.flags), array_agg(m.kw),
           array_agg(m.uid) FILTER (WHERE m.kwx IS NOT NULL),
           array_agg(array_to_string(m.kwx, ' ')) FILTER (WHERE m.kwx IS NOT NULL)
      INTO v.uids, v.msg_ids, v.modseqs, v.idates, v.sizes_flags, v.kws, v.kwx_uids, v.kwx_names
      FROM (SELECT m.* FROM unnest(v_touched) r
              JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_mailbox
                             AND m.uid BETWEEN lower(r) AND upper(r) - 1
             WHERE m.modseq > p_since ORDER BY m.uid) m;
    RETURN v;
END $$;

-- All mailboxes with their counters, in no order; and once, in the first row, what belongs to the
-- account: its modseq.
CREATE FUNCTION mailbox_list(p_account bigint)
RETURNS TABLE (account_modseq bigint, mailbox_id int, parent_id int, name text, role text,
               uidvalidity bigint, uidnext bigint, modseq bigint, msgs int, unseen int, deleted int,
               bytes bigint)
LANGUAGE sql STABLE AS $$
    SELECT a.modseq, m.mailbox_id, m.parent_id, m.name, m.role, s.uidvalidity, s.uidnext, s.modseq,
           s.msgs, s.unseen, s.deleted, s.bytes
      FROM account_state a
      JOIN mailbox m ON m.account_id = a.account_id
      JOIN mailbox_state s ON s.account_id = m.account_id AND s.mailbox_id = m.mailbox_id
     WHERE a.account_id = p_account
$$;

-- One mailbox by its id, as mailbox_list gives it, with its path and marks.
CREATE FUNCTION mailbox_get(p_account bigint, p_mailbox int)
RETURNS TABLE (mailbox_id int, parent_id int, path text, role text, subscribed boolean,
               has_children boolean, uidvalidity bigint, uidnext bigint, modseq bigint, msgs int,
               unseen int, deleted int, bytes bigint)
LANGUAGE sql STABLE AS $$
    SELECT m.mailbox_id, m.parent_id, p.path, m.role,
           EXISTS (SELECT 1 FROM subscription u
                    WHERE u.account_id = p_account AND u.name = p.path),
           EXISTS (SELECT 1 FROM mailbox c
                    WHERE c.account_id = p_account AND c.parent_id = m.mailbox_id),
           s.uidvalidity, s.uidnext, s.modseq, s.msgs, s.unseen, s.deleted, s.bytes
      FROM mailbox m
      JOIN mailbox_state s ON s.account_id = m.account_id AND s.mailbox_id = m.mailbox_id,
           LATERAL (SELECT mailbox_path(p_account, m.mailbox_id) AS path) p
     WHERE m.account_id = p_account AND m.mailbox_id = p_mailbox
$$;
