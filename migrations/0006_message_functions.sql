-- SPDX-License-Identifier: Apache-2.0
-- Writing messages. Order of locks everywhere: rows of blob, message, outbox (none), then
-- account_state (several accounts: ascending), then mailbox_state, then rows.

-- Keeps the bytes and the description of one message for each account; takes no lock. A message
-- that is there already (a repeated attempt) stays as it is. A message whose references lead to
-- another of the account joins its thread.
CREATE FUNCTION message_put(
    p_accounts bigint[], p_msg_id bigint, p_idate timestamptz,
    p_codec int, p_size int, p_head int, p_frames int[], p_data bytea,
    p_hdr_end int, p_hash bytea, p_sent_at timestamptz, p_envelope bytea, p_bodystructure bytea,
    p_from_addr text, p_from_name text, p_to_text text, p_subject text, p_message_id text,
    p_message_id_key bigint, p_refs bigint[], p_preview text, p_has_attachment boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_thread bigint;
BEGIN
    FOREACH v_account IN ARRAY p_accounts LOOP
        INSERT INTO blob (account_id, msg_id, codec, size, header, head, frames, data)
        VALUES (v_account, p_msg_id, p_codec, p_size, p_hdr_end, p_head, p_frames, p_data)
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
        VALUES (v_account, p_msg_id, coalesce(v_thread, p_msg_id), p_size, p_idate, p_sent_at,
            p_hdr_end, p_hash, p_envelope, p_bodystructure, p_from_addr, p_from_name, p_to_text,
            p_subject, p_message_id, p_message_id_key, p_refs, p_preview, p_has_attachment)
            ON CONFLICT DO NOTHING;
        INSERT INTO outbox (kind, account_id, ref) VALUES (1, v_account, p_msg_id);
    END LOOP;
END $$;

-- Bits and further names of keywords; unknown ones are made when p_make, else left out. HR413.
CREATE FUNCTION keyword_resolve(p_account bigint, p_names text[], p_make boolean,
                                OUT mask bigint, OUT more text[])
LANGUAGE plpgsql AS $$
DECLARE
    v_name text;
    v_row keyword;
    v_count int;
    v_bit int;
BEGIN
    mask := 0;
    more := '{}';
    FOREACH v_name IN ARRAY p_names LOOP
        SELECT * INTO v_row FROM keyword
         WHERE account_id = p_account AND name_lower = lower(v_name);
        IF NOT FOUND THEN
            CONTINUE WHEN NOT p_make;
            SELECT count(*), max(bit) INTO v_count, v_bit FROM keyword
             WHERE account_id = p_account;
            IF v_count >= 1000 THEN
                RAISE EXCEPTION 'too many keywords in the account' USING ERRCODE = 'HR413';
            END IF;
            v_bit := coalesce(v_bit, -1) + 1;
            INSERT INTO keyword (account_id, name_lower, name, bit)
            VALUES (p_account, lower(v_name), v_name, CASE WHEN v_bit < 62 THEN v_bit END)
                RETURNING * INTO v_row;
        END IF;
        IF v_row.bit IS NULL THEN
            more := array_append(more, v_row.name);
        ELSE
            mask := mask | (1::bigint << v_row.bit);
        END IF;
    END LOOP;
END $$;

-- Two sets of keyword names joined, each name once and in order; NULL when empty.
CREATE FUNCTION kwx_join(p_one text[], p_two text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(DISTINCT n ORDER BY n)
      FROM unnest(coalesce(p_one, '{}') || coalesce(p_two, '{}')) n
$$;

-- Overflow keywords after a STORE of one of its modes: 0 replace, 1 add, 2 remove.
CREATE FUNCTION kwx_change(p_old text[], p_mode int, p_names text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_mode
           WHEN 0 THEN kwx_join(p_names, NULL)
           WHEN 1 THEN kwx_join(p_old, p_names)
           ELSE (SELECT array_agg(x ORDER BY x) FROM unnest(p_old) x WHERE x <> ALL (p_names)) END
$$;

-- Notes which keywords are used in a mailbox. HR413 above 64 of them.
CREATE FUNCTION mailbox_note_keywords(p_account bigint, p_mailbox int, p_mask bigint, p_more text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_used int;
BEGIN
    UPDATE mailbox_state SET kw = kw | p_mask, kwx = kwx_join(kwx, p_more)
     WHERE account_id = p_account AND mailbox_id = p_mailbox
        RETURNING bit_count(kw::bit(64)) + coalesce(cardinality(kwx), 0) INTO v_used;
    IF v_used > 64 THEN
        RAISE EXCEPTION 'too many keywords in the mailbox' USING ERRCODE = 'HR413';
    END IF;
END $$;

-- Takes away what message_put kept when nothing came of it.
CREATE FUNCTION message_drop_unplaced(p_account bigint, p_msg_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM mbox_msg WHERE account_id = p_account AND msg_id = p_msg_id) THEN
        RETURN;
    END IF;
    DELETE FROM blob WHERE account_id = p_account AND msg_id = p_msg_id;
    DELETE FROM message WHERE account_id = p_account AND msg_id = p_msg_id;
    DELETE FROM outbox WHERE account_id = p_account AND kind = 1 AND ref = p_msg_id;
END $$;

-- Puts messages into mailboxes: element i of the arrays is one placement. They come ordered by
-- account and mailbox. Keywords are names joined by spaces. Modes: 1 the mailbox must be there
-- (else INBOX takes its place), 2 what cannot be placed is an error for all.
-- Statuses: 1 placed, 2 was delivered before, 3 over quota, 4 no account, 5 no mailbox.
-- HR404 (mailbox or account), HR413 (quota, UIDs, keywords).
CREATE FUNCTION mailbox_place(
    p_accounts bigint[], p_mailboxes int[], p_msg_ids bigint[], p_sizes int[], p_idates bigint[],
    p_flags int[], p_keywords text[], p_modes int[], p_delivery_ids bytea[], p_days int[],
    OUT statuses int[], OUT mailboxes int[], OUT uids bigint[], OUT modseqs bigint[],
    OUT uidvalidities bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    i int;
    v_account bigint;
    v_mailbox int;
    v_modseq bigint;
    v_uid bigint;
    v_validity bigint;
    v_seen int;
    v_deleted int;
    v_mask bigint;
    v_more text[];
    v_msg_id bigint;
    v_status int;
    v_unplaced int[];
BEGIN
    FOR i IN 1 .. cardinality(p_accounts) LOOP
        v_account := p_accounts[i];
        v_mailbox := p_mailboxes[i];
        v_uid := 0; v_modseq := 0; v_validity := 0; v_status := 1;
        IF p_modes[i] = 1 AND NOT EXISTS (
            SELECT 1 FROM mailbox_state WHERE account_id = v_account AND mailbox_id = v_mailbox)
        THEN
            statuses[i] := 5; mailboxes[i] := 0; uids[i] := 0; modseqs[i] := 0;
            uidvalidities[i] := 0;
            v_unplaced := array_append(v_unplaced, i);
            CONTINUE;
        END IF;
        INSERT INTO delivered (account_id, day, delivery_id, msg_id)
        VALUES (v_account, date '1970-01-01' + p_days[i], p_delivery_ids[i], p_msg_ids[i])
            ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            v_status := 2;
            SELECT d.msg_id INTO v_msg_id FROM delivered d
             WHERE d.account_id = v_account AND d.day = date '1970-01-01' + p_days[i]
               AND d.delivery_id = p_delivery_ids[i];
            -- Where it went then; a mailbox that is gone had INBOX take its place.
            SELECT m.mailbox_id, m.uid, m.modseq, s.uidvalidity
              INTO v_mailbox, v_uid, v_modseq, v_validity
              FROM mbox_msg m JOIN mailbox_state s USING (account_id, mailbox_id)
             WHERE m.account_id = v_account AND m.msg_id = v_msg_id
             ORDER BY (m.mailbox_id = p_mailboxes[i]) DESC, m.mailbox_id LIMIT 1;
            v_unplaced := array_append(v_unplaced, i);
        ELSE
            UPDATE account_state s
               SET modseq = s.modseq + 1, q_bytes = s.q_bytes + p_sizes[i], q_count = s.q_count + 1
              FROM account c
             WHERE s.account_id = v_account AND c.account_id = v_account
               AND (c.quota_bytes = 0 OR s.q_bytes + p_sizes[i] <= c.quota_bytes)
                RETURNING s.modseq INTO v_modseq;
            IF NOT FOUND THEN
                v_modseq := 0; v_mailbox := 0;
                v_status := CASE WHEN EXISTS (SELECT 1 FROM account WHERE account_id = v_account)
                                 THEN 3 ELSE 4 END;
                IF p_modes[i] & 2 <> 0 THEN
                    RAISE EXCEPTION 'over quota, or no account'
                          USING ERRCODE = CASE v_status WHEN 3 THEN 'HR413' ELSE 'HR404' END;
                END IF;
                DELETE FROM delivered
                 WHERE account_id = v_account AND day = date '1970-01-01' + p_days[i]
                   AND delivery_id = p_delivery_ids[i];
                v_unplaced := array_append(v_unplaced, i);
            END IF;
        END IF;
        IF v_status = 1 THEN
            v_seen := p_flags[i] & 1;
            v_deleted := (p_flags[i] >> 3) & 1;
            LOOP
                UPDATE mailbox_state
                   SET uidnext = uidnext + 1, modseq = v_modseq, msgs = msgs + 1,
                       unseen = unseen + 1 - v_seen, deleted = deleted + v_deleted,
                       bytes = bytes + p_sizes[i]
                 WHERE account_id = v_account AND mailbox_id = v_mailbox
                    RETURNING uidnext - 1, uidvalidity INTO v_uid, v_validity;
                EXIT WHEN FOUND;
                IF p_modes[i] & 1 <> 0 OR v_mailbox = 1 THEN
                    RAISE EXCEPTION 'no such mailbox' USING ERRCODE = 'HR404';
                END IF;
                v_mailbox := 1;
            END LOOP;
            IF v_uid > 4294967294 THEN
                RAISE EXCEPTION 'no UID is left in the mailbox' USING ERRCODE = 'HR413';
            END IF;
            v_mask := 0; v_more := NULL;
            IF p_keywords[i] <> '' THEN
                SELECT mask, nullif(more, '{}') INTO v_mask, v_more
                  FROM keyword_resolve(v_account, string_to_array(p_keywords[i], ' '), true);
                PERFORM mailbox_note_keywords(v_account, v_mailbox, v_mask, v_more);
            END IF;
            INSERT INTO mbox_msg (account_id, mailbox_id, uid, msg_id, modseq, idate, size, flags,
                kw, kwx)
            VALUES (v_account, v_mailbox, v_uid, p_msg_ids[i], v_modseq,
                to_timestamp(p_idates[i]), p_sizes[i], p_flags[i], v_mask, v_more);
            INSERT INTO change (account_id, mailbox_id, modseq, kind, uids)
            VALUES (v_account, v_mailbox, v_modseq, 3,
                int8multirange(int8range(v_uid, v_uid, '[]')));
        END IF;
        statuses[i] := v_status;
        mailboxes[i] := coalesce(v_mailbox, 0);
        uids[i] := coalesce(v_uid, 0);
        modseqs[i] := coalesce(v_modseq, 0);
        uidvalidities[i] := coalesce(v_validity, 0);
    END LOOP;
    IF v_unplaced IS NOT NULL THEN
        FOREACH i IN ARRAY v_unplaced LOOP
            PERFORM message_drop_unplaced(p_accounts[i], p_msg_ids[i]);
        END LOOP;
    END IF;
END $$;

-- Locks the account and the mailbox for a change, without changing them. HR404.
CREATE FUNCTION mailbox_lock(p_account bigint, p_mailbox int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint;
BEGIN
    SELECT modseq + 1 INTO v_modseq FROM account_state WHERE account_id = p_account
       FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT EXISTS (SELECT 1 FROM mailbox_state
                                 WHERE account_id = p_account AND mailbox_id = p_mailbox) THEN
        RAISE EXCEPTION 'no such mailbox' USING ERRCODE = 'HR404';
    END IF;
    RETURN v_modseq;
END $$;

-- STORE. Modes: 0 replace, 1 add, 2 remove. Gives every message of the set that is there as it is
-- now, except those changed after p_unchangedsince (NULL: no such condition), whose uids are in
-- `failed`. modseq is 0 when nothing changed. kwx_uids[i] has the overflow keywords kwx_names[i],
-- joined by spaces. used, used_more: keywords ever used in the mailbox; names[i] has bits[i]. HR404,
-- HR413.
CREATE FUNCTION mailbox_store_flags(
    p_account bigint, p_mailbox int, p_first bigint[], p_last bigint[], p_mode int, p_flags int,
    p_keywords text[], p_unchangedsince bigint,
    OUT modseq bigint, OUT uids bigint[], OUT modseqs bigint[], OUT flags int[], OUT kws bigint[],
    OUT failed bigint[], OUT kwx_uids bigint[], OUT kwx_names text[],
    OUT used bigint, OUT used_more text[], OUT names text[], OUT bits int[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_new bigint;
    v_mask bigint;
    v_more text[];
    v_plain boolean;                                 -- no overflow keyword is concerned
    v_keep int;
    v_set int;
    v_kw_keep bigint;
    v_kw_set bigint;
    v_uids int8multirange;
    v_unseen int;
    v_deleted int;
    v_limit bigint := coalesce(p_unchangedsince, 9223372036854775807);
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    v_new := mailbox_lock(p_account, p_mailbox);
    SELECT k.mask, k.more INTO v_mask, v_more
      FROM keyword_resolve(p_account, p_keywords, p_mode <> 2) k;
    IF p_mode <> 2 AND (v_mask <> 0 OR v_more <> '{}') THEN
        PERFORM mailbox_note_keywords(p_account, p_mailbox, v_mask, v_more);
    END IF;
    -- New bits are (old & keep) | set.
    v_keep := CASE p_mode WHEN 0 THEN 0 WHEN 1 THEN -1 ELSE ~p_flags END;
    v_set := CASE p_mode WHEN 2 THEN 0 ELSE p_flags END;
    v_kw_keep := CASE p_mode WHEN 0 THEN 0 WHEN 1 THEN -1 ELSE ~v_mask END;
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
                       (v_plain OR n.kwx IS NOT DISTINCT FROM kwx_change(n.kwx, p_mode, v_more)))
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
               kwx = CASE WHEN v_plain THEN m.kwx ELSE kwx_change(m.kwx, p_mode, v_more) END,
               modseq = v_new
          FROM unnest(p_first, p_last) AS r (first, last)
         WHERE m.account_id = p_account AND m.mailbox_id = p_mailbox
           AND m.uid BETWEEN r.first AND r.last AND m.modseq <= v_limit
           AND (m.flags <> (m.flags & v_keep) | v_set OR m.kw <> (m.kw & v_kw_keep) | v_kw_set
                OR NOT (v_plain
                        OR m.kwx IS NOT DISTINCT FROM kwx_change(m.kwx, p_mode, v_more)));
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

-- EXPUNGE: messages of the ranges (p_first NULL: all), with p_only_deleted those with \Deleted.
-- modseq is 0 when there were none. HR404.
CREATE FUNCTION mailbox_expunge(
    p_account bigint, p_mailbox int, p_first bigint[], p_last bigint[], p_only_deleted boolean,
    OUT modseq bigint, OUT firsts bigint[], OUT lasts bigint[], OUT n bigint)
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

-- COPY and MOVE within an account. The messages of `uids` have the UIDs from first_uid on in the
-- destination. missing is 1 (source) or 2 (destination) when that mailbox is not there; modseq is
-- 0 when there was nothing to do. HR413 (quota, UIDs, keywords).
CREATE FUNCTION mailbox_transfer(
    p_account bigint, p_from int, p_to int, p_first bigint[], p_last bigint[], p_move boolean,
    OUT missing int, OUT modseq bigint, OUT uidvalidity bigint, OUT first_uid bigint,
    OUT uids bigint[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_new bigint;
    v_used bigint;
    v_quota bigint;
    v_from mailbox_state;
    v_to mailbox_state;
    v_n int;
    v_bytes bigint;
    v_unseen int;
    v_deleted int;
    v_mask bigint;
    v_more text[];
BEGIN
    missing := 0;
    modseq := 0;
    SELECT s.modseq + 1, s.q_bytes, c.quota_bytes INTO v_new, v_used, v_quota
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
    SELECT array_agg(m.uid ORDER BY m.uid), count(*), sum(m.size), sum(1 - (m.flags & 1)),
           sum((m.flags >> 3) & 1), bit_or(m.kw)
      INTO uids, v_n, v_bytes, v_unseen, v_deleted, v_mask
      FROM unnest(p_first, p_last) AS r (first, last)
      JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_from
                     AND m.uid BETWEEN r.first AND r.last;
    IF v_n = 0 THEN
        RETURN;
    END IF;
    IF NOT p_move AND v_quota > 0 AND v_used + v_bytes > v_quota THEN
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'HR413';
    END IF;
    IF first_uid + v_n > 4294967295 THEN
        RAISE EXCEPTION 'no UID is left in the mailbox' USING ERRCODE = 'HR413';
    END IF;
    IF v_from.kwx IS NOT NULL THEN
        SELECT array_agg(DISTINCT x) INTO v_more
          FROM unnest(p_first, p_last) AS r (first, last)
          JOIN mbox_msg m ON m.account_id = p_account AND m.mailbox_id = p_from
                         AND m.uid BETWEEN r.first AND r.last, unnest(m.kwx) x;
    END IF;
    IF p_from <> p_to AND (v_mask <> 0 OR v_more IS NOT NULL) THEN
        PERFORM mailbox_note_keywords(p_account, p_to, v_mask, v_more);
    END IF;
    modseq := v_new;
    INSERT INTO mbox_msg (account_id, mailbox_id, uid, msg_id, modseq, idate, size, flags, kw, kwx)
    SELECT p_account, p_to, first_uid - 1 + row_number() OVER (ORDER BY m.uid), m.msg_id, v_new,
           m.idate, m.size, m.flags, m.kw, m.kwx
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
               unseen = s.unseen - v_unseen, deleted = s.deleted - v_deleted,
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
