-- SPDX-License-Identifier: Apache-2.0
-- Making, renaming and deleting accounts and mailboxes. All of them lock account_state first.

-- Locks the account and gives it a new modseq. HR404.
CREATE FUNCTION account_bump(p_account bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint;
BEGIN
    UPDATE account_state SET modseq = modseq + 1 WHERE account_id = p_account
        RETURNING modseq INTO v_modseq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such account' USING ERRCODE = 'HR404';
    END IF;
    RETURN v_modseq;
END $$;

-- The mailbox of a path of levels; NULL when there is none. The top level INBOX has any case.
CREATE FUNCTION mailbox_find(p_account bigint, p_path text[]) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_id int := 0;
    v_name text;
    v_top boolean := true;
BEGIN
    FOREACH v_name IN ARRAY p_path LOOP
        IF v_top AND lower(v_name) = 'inbox' THEN
            v_name := 'INBOX';
        END IF;
        v_top := false;
        SELECT mailbox_id INTO v_id FROM mailbox
         WHERE account_id = p_account AND parent_id = v_id AND name = v_name;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END LOOP;
    RETURN nullif(v_id, 0);
END $$;

-- The path of a mailbox, its levels joined by '/'.
CREATE FUNCTION mailbox_path(p_account bigint, p_mailbox int) RETURNS text
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE up (id, path) AS (
        SELECT parent_id, name FROM mailbox WHERE account_id = p_account AND mailbox_id = p_mailbox
        UNION ALL
        SELECT m.parent_id, m.name || '/' || up.path FROM up
          JOIN mailbox m ON m.account_id = p_account AND m.mailbox_id = up.id
    )
    SELECT path FROM up WHERE id = 0
$$;

-- Adds one mailbox of a locked account. UIDVALIDITY is the clock where that is greater than all
-- before, so that it grows even when a backup was restored.
CREATE FUNCTION mailbox_add(p_account bigint, p_parent int, p_name text, p_role text,
                            p_modseq bigint) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    v_id int;
    v_validity bigint;
BEGIN
    IF (SELECT count(*) FROM mailbox WHERE account_id = p_account) >= 1000 THEN
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

-- The mailbox of a path of a locked account, with 0 for the empty one; what is missing is made.
CREATE FUNCTION mailbox_ensure(p_account bigint, p_path text[], p_modseq bigint) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    v_parent int := 0;
    v_id int;
    v_name text;
BEGIN
    FOREACH v_name IN ARRAY p_path LOOP
        IF v_parent = 0 AND lower(v_name) = 'inbox' THEN
            v_name := 'INBOX';
        END IF;
        SELECT mailbox_id INTO v_id FROM mailbox
         WHERE account_id = p_account AND parent_id = v_parent AND name = v_name;
        IF NOT FOUND THEN
            v_id := mailbox_add(p_account, v_parent, v_name, NULL, p_modseq);
        END IF;
        v_parent := v_id;
    END LOOP;
    RETURN v_parent;
END $$;

-- Makes an account of a domain of ours, with its default mailboxes. HR404 (domain), 23505.
CREATE FUNCTION account_create(p_address text, p_domain text, p_display_name text, p_hash text,
                               p_quota bigint, p_admin boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
    v_account bigint;
    v_box text[];
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_domain FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    INSERT INTO account (domain_id, login, display_name, password_hash, quota_bytes, is_admin)
    VALUES (v_domain, p_address, p_display_name, p_hash, p_quota, p_admin)
        RETURNING account_id INTO v_account;
    INSERT INTO address (addr_lower, domain_id, account_id)
    VALUES (p_address, v_domain, v_account);
    INSERT INTO account_state (account_id) VALUES (v_account);
    FOREACH v_box SLICE 1 IN ARRAY ARRAY[['INBOX', 'inbox'], ['Drafts', 'drafts'],
            ['Sent', 'sent'], ['Archive', 'archive'], ['Junk', 'junk'], ['Trash', 'trash']] LOOP
        PERFORM mailbox_add(v_account, 0, v_box[1], v_box[2], 1);
        INSERT INTO subscription (account_id, name) VALUES (v_account, v_box[1]);
    END LOOP;
    RETURN v_account;
END $$;

-- HR404 (account), HR409 (name or role taken), HR413.
CREATE FUNCTION mailbox_create(p_account bigint, p_path text[], p_role text,
                               OUT mailbox_id int, OUT modseq bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_parent int;
BEGIN
    modseq := account_bump(p_account);
    IF mailbox_find(p_account, p_path) IS NOT NULL THEN
        RAISE EXCEPTION 'the mailbox exists' USING ERRCODE = 'HR409';
    END IF;
    IF p_role IS NOT NULL
       AND EXISTS (SELECT 1 FROM mailbox m WHERE m.account_id = p_account AND m.role = p_role) THEN
        RAISE EXCEPTION 'another mailbox has the role' USING ERRCODE = 'HR409';
    END IF;
    v_parent := mailbox_ensure(p_account, trim_array(p_path, 1), modseq);
    mailbox_id := mailbox_add(p_account, v_parent, p_path[cardinality(p_path)], p_role, modseq);
END $$;

-- Moves all messages of INBOX to a new mailbox (RFC 9051 section 6.3.6); their UIDs stay, the new
-- mailbox has a UIDVALIDITY of its own.
CREATE FUNCTION inbox_empty_into(p_account bigint, p_mailbox int, p_modseq bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_uids int8multirange;
    v_inbox mailbox_state;
BEGIN
    SELECT * INTO v_inbox FROM mailbox_state WHERE account_id = p_account AND mailbox_id = 1;
    WITH moved AS (
        UPDATE mbox_msg SET mailbox_id = p_mailbox, modseq = p_modseq
         WHERE account_id = p_account AND mailbox_id = 1 RETURNING uid
    )
    SELECT range_agg(int8range(uid, uid, '[]')) INTO v_uids FROM moved;
    UPDATE mailbox_state
       SET uidnext = v_inbox.uidnext, msgs = v_inbox.msgs, unseen = v_inbox.unseen,
           deleted = v_inbox.deleted, bytes = v_inbox.bytes, kw = v_inbox.kw, kwx = v_inbox.kwx,
           modseq = p_modseq
     WHERE account_id = p_account AND mailbox_id = p_mailbox;
    UPDATE mailbox_state SET msgs = 0, unseen = 0, deleted = 0, bytes = 0, modseq = p_modseq
     WHERE account_id = p_account AND mailbox_id = 1;
    IF v_uids IS NOT NULL THEN
        INSERT INTO change (account_id, mailbox_id, modseq, kind, uids)
        VALUES (p_account, 1, p_modseq, 2, v_uids), (p_account, p_mailbox, p_modseq, 3, v_uids);
    END IF;
END $$;

-- HR404, HR409, HR403 (below itself), HR413. Gives the modseq.
CREATE FUNCTION mailbox_rename(p_account bigint, p_from text[], p_to text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := account_bump(p_account);
    v_id int := mailbox_find(p_account, p_from);
    v_parent int;
BEGIN
    IF v_id IS NULL THEN
        RAISE EXCEPTION 'no such mailbox' USING ERRCODE = 'HR404';
    END IF;
    IF mailbox_find(p_account, p_to) IS NOT NULL THEN
        RAISE EXCEPTION 'the mailbox exists' USING ERRCODE = 'HR409';
    END IF;
    IF v_id <> 1 AND p_to[1:cardinality(p_from)] = p_from THEN
        RAISE EXCEPTION 'a mailbox cannot be below itself' USING ERRCODE = 'HR403';
    END IF;
    v_parent := mailbox_ensure(p_account, trim_array(p_to, 1), v_modseq);
    IF v_id = 1 THEN
        v_id := mailbox_add(p_account, v_parent, p_to[cardinality(p_to)], NULL, v_modseq);
        PERFORM inbox_empty_into(p_account, v_id, v_modseq);
        RETURN v_modseq;
    END IF;
    UPDATE mailbox SET parent_id = v_parent, name = p_to[cardinality(p_to)]
     WHERE account_id = p_account AND mailbox_id = v_id;
    INSERT INTO change (account_id, mailbox_id, modseq, kind) VALUES (p_account, v_id, v_modseq, 4);
    RETURN v_modseq;
END $$;

-- HR404, HR403 (INBOX), HR412 (mailboxes below it). Gives the modseq.
CREATE FUNCTION mailbox_delete(p_account bigint, p_path text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := account_bump(p_account);
    v_id int := mailbox_find(p_account, p_path);
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
    DELETE FROM mailbox WHERE account_id = p_account AND mailbox_id = v_id;
    DELETE FROM mailbox_state WHERE account_id = p_account AND mailbox_id = v_id
        RETURNING * INTO v_state;
    WITH gone AS (
        DELETE FROM mbox_msg WHERE account_id = p_account AND mailbox_id = v_id RETURNING msg_id
    )
    INSERT INTO outbox (kind, account_id, ref) SELECT 2, p_account, msg_id FROM gone;
    UPDATE account_state SET q_bytes = q_bytes - v_state.bytes, q_count = q_count - v_state.msgs
     WHERE account_id = p_account;
    DELETE FROM change WHERE account_id = p_account AND mailbox_id = v_id;
    INSERT INTO change (account_id, mailbox_id, modseq, kind) VALUES (p_account, v_id, v_modseq, 4);
    RETURN v_modseq;
END $$;

-- HR404 when the name is to be subscribed and no mailbox has it. Gives the modseq; p_name is the
-- path joined by '/'.
CREATE FUNCTION mailbox_subscribe(p_account bigint, p_path text[], p_name text, p_on boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := account_bump(p_account);
    v_id int := mailbox_find(p_account, p_path);
BEGIN
    IF p_on AND v_id IS NULL THEN
        RAISE EXCEPTION 'no such mailbox' USING ERRCODE = 'HR404';
    END IF;
    IF p_on THEN
        INSERT INTO subscription (account_id, name) VALUES (p_account, p_name)
            ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM subscription WHERE account_id = p_account AND name = p_name;
    END IF;
    IF v_id IS NOT NULL THEN
        INSERT INTO change (account_id, mailbox_id, modseq, kind)
        VALUES (p_account, v_id, v_modseq, 4);
    END IF;
    RETURN v_modseq;
END $$;
