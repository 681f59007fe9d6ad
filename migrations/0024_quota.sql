-- SPDX-License-Identifier: Apache-2.0
-- Limits beside that of bytes: messages and mailboxes of an account (RFC 9208).

ALTER TABLE account
    ADD COLUMN quota_messages bigint NOT NULL DEFAULT 0 CHECK (quota_messages >= 0), -- 0 = unlimited
    ADD COLUMN quota_mailboxes int NOT NULL DEFAULT 0 CHECK (quota_mailboxes >= 0);  -- 0 = 1000

-- All limits of the account that the address belongs to; 0 is none. Gives its id. HR404.
CREATE FUNCTION account_set_limits(p_address text, p_bytes bigint, p_messages bigint, p_mailboxes int)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    UPDATE account
       SET quota_bytes = p_bytes, quota_messages = p_messages, quota_mailboxes = p_mailboxes
     WHERE account_id = v_account;
    RETURN v_account;
END $$;

-- As before, within the account's limit of mailboxes. HR413.
CREATE OR REPLACE FUNCTION mailbox_add(p_account bigint, p_parent int, p_name text, p_role text,
                            p_modseq bigint) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    v_id int;
    v_validity bigint;
BEGIN
    IF (SELECT count(*) FROM mailbox WHERE account_id = p_account)
       >= (SELECT least(1000, nullif(quota_mailboxes, 0)) FROM account
            WHERE account_id = p_account) THEN
        RAISE EXCEPTION 'too many mailboxes' USING ERRCODE = 'HR413';
    END IF;
    UPDATE account_state
       SET mailbox_seq = mailbox_seq + 1,
           uidvalidity_seq = greatest(uidvalidity_seq + 1, extract(epoch FROM now())::bigint)
     WHERE account_id = p_account
        RETURNING mailbox_seq, uidvalidity_seq INTO v_id, v_validity;
    IF v_validity > 4294967295 THEN
        RAISE EXCEPTION 'no UIDVALIDITY is left' USING ERRCODE = 'HR413';
    END IF;
    INSERT INTO mailbox (account_id, mailbox_id, parent_id, name, role, created_modseq)
    VALUES (p_account, v_id, p_parent, p_name, p_role, p_modseq);
    INSERT INTO mailbox_state (account_id, mailbox_id, uidvalidity, modseq)
    VALUES (p_account, v_id, v_validity, p_modseq);
    INSERT INTO change (account_id, mailbox_id, modseq, kind)
    VALUES (p_account, v_id, p_modseq, 4);
    RETURN v_id;
END $$;

-- As before, within the account's limit of messages.
CREATE OR REPLACE FUNCTION mailbox_place(
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
               AND (c.quota_messages = 0 OR s.q_count < c.quota_messages)
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

-- As before, within the account's limit of messages.
CREATE OR REPLACE FUNCTION mailbox_transfer(
    p_account bigint, p_from int, p_to int, p_first bigint[], p_last bigint[], p_move boolean,
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
    SELECT array_agg(m.uid ORDER BY m.uid), count(*), sum(m.size), sum(1 - (m.flags & 1)),
           sum((m.flags >> 3) & 1), bit_or(m.kw)
      INTO uids, v_n, v_bytes, v_unseen, v_deleted, v_mask
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
