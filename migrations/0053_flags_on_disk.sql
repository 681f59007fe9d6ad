-- SPDX-License-Identifier: Apache-2.0
-- Flags are on the disk before a client hears of them, as everything else: a modseq that a crash takes
-- back is given again, to something else, and a client that keeps it never learns of that.
-- docs/decisions/016

-- Marks what is there of the ranges as read by the viewer, or as not read. The messages get a new
-- modseq, so that all sessions look at them again. modseq is 0 when nothing changed; uids are those
-- that did; former is the mailbox's modseq before. firsts, lasts: all that the viewer has read now.
-- HR404.
CREATE OR REPLACE FUNCTION seen_mark(p_viewer bigint, p_account bigint, p_mailbox int, p_first bigint[],
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

-- STORE. Modes: 0 replace, 1 add, 2 remove. Gives every message of the set that is there as it is
-- now, except those changed after p_unchangedsince (NULL: no such condition), whose uids are in
-- `failed`. modseq is 0 when nothing changed. kwx_uids[i] has the overflow keywords kwx_names[i],
-- joined by spaces. used, used_more: keywords ever used in the mailbox; names[i] has bits[i]. HR404,
-- HR413. former is the mailbox's modseq before. What p_keep names (32: keywords), a replacement leaves as
-- it is.
CREATE OR REPLACE FUNCTION mailbox_store_flags(
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
