-- SPDX-License-Identifier: Apache-2.0
-- Mailboxes that several accounts see: who may do what with a mailbox (RFC 4314), and where the
-- mailboxes of others stand in the tree of an account.

-- One account of a domain may hold its "Shared Folders". It has no address and no password.
ALTER TABLE account ADD COLUMN is_shared boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX account_shared ON account (domain_id) WHERE is_shared;

-- Rights are bits: 1 l, 2 r, 4 s, 8 w, 16 i, 32 p, 64 k, 128 x, 256 t, 512 e, 1024 a. The owner has
-- all of them without a row here.
CREATE TABLE mailbox_acl (
    account_id bigint NOT NULL,                      -- the owner
    mailbox_id int NOT NULL,
    grantee    bigint NOT NULL,                      -- an account; -domain_id: every account of the
                                                     -- owner's domain ("anyone")
    granted    int NOT NULL DEFAULT 0,
    denied     int NOT NULL DEFAULT 0,               -- taken away, whoever gives them
    PRIMARY KEY (account_id, mailbox_id, grantee),
    CHECK (granted | denied <> 0 AND (granted | denied) & ~2047 = 0)
);
CREATE INDEX mailbox_acl_grantee ON mailbox_acl (grantee);

-- THE place that decides: the rights of an account on a mailbox.
CREATE FUNCTION acl_rights(p_viewer bigint, p_account bigint, p_mailbox int) RETURNS int
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_viewer = p_account THEN 2047 ELSE (
        SELECT coalesce(bit_or(l.granted) & ~bit_or(l.denied), 0)
          FROM mailbox_acl l
         WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox
           AND l.grantee IN (p_viewer,
                             (SELECT -v.domain_id FROM account v WHERE v.account_id = p_viewer)))
        END
$$;

-- Whose mailboxes stand in a namespace of an account: 0 its own, 1 those of the account p_owner, 2
-- the shared folders of its domain. NULL when there is nobody.
CREATE FUNCTION space_account(p_viewer bigint, p_space int, p_owner text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE p_space
        WHEN 0 THEN p_viewer
        WHEN 1 THEN (SELECT o.account_id FROM account o
                      WHERE o.login = p_owner AND NOT o.is_shared AND o.account_id <> p_viewer)
        ELSE (SELECT o.account_id FROM account o JOIN account v USING (domain_id)
               WHERE v.account_id = p_viewer AND o.is_shared) END
$$;

-- The mailbox of a path in a namespace, as mailbox_get gives it, with its owner and the rights of
-- the account on it (0: none). Subscriptions are by p_name, the full name in the tree of p_viewer.
-- Children are those that p_viewer may look up.
CREATE FUNCTION mailbox_reach(p_viewer bigint, p_space int, p_owner text, p_path text[],
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
           g.uidvalidity, g.uidnext, g.modseq, g.msgs, g.unseen, g.deleted, g.bytes, o.id,
           acl_rights(p_viewer, o.id, g.mailbox_id)
      FROM (SELECT space_account(p_viewer, p_space, p_owner) AS id) o,
           LATERAL mailbox_get(o.id, mailbox_find(o.id, p_path)) g
$$;

-- The owner of a namespace, and the rights of the account on the deepest mailbox above the path that
-- is there: what CREATE and RENAME ask. 0 at the top of somebody else's tree.
CREATE FUNCTION mailbox_reach_above(p_viewer bigint, p_space int, p_owner text, p_path text[],
                                    OUT account_id bigint, OUT rights int)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_id int;
BEGIN
    account_id := space_account(p_viewer, p_space, p_owner);
    rights := CASE WHEN account_id = p_viewer THEN 2047 ELSE 0 END;
    IF account_id IS NULL OR account_id = p_viewer THEN
        RETURN;
    END IF;
    FOR i IN REVERSE cardinality(p_path) - 1 .. 1 LOOP
        v_id := mailbox_find(account_id, p_path[1:i]);
        IF v_id IS NOT NULL THEN
            rights := acl_rights(p_viewer, account_id, v_id);
            RETURN;
        END IF;
    END LOOP;
END $$;

-- The mailboxes of others that an account may look up, in the order of nothing.
CREATE FUNCTION mailbox_list_shared(p_viewer bigint)
RETURNS TABLE (space int, login text, account_id bigint, mailbox_id int, path text, role text,
               rights int, uidvalidity bigint, uidnext bigint, modseq bigint, msgs int, unseen int,
               deleted int, bytes bigint)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN o.is_shared THEN 2 ELSE 1 END, o.login, g.account_id, g.mailbox_id,
           mailbox_path(g.account_id, g.mailbox_id), m.role, g.rights, s.uidvalidity, s.uidnext,
           s.modseq, s.msgs, s.unseen, s.deleted, s.bytes
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

-- Subscribes to a name outside the own mailboxes, or ends that: whether it is there was looked at.
-- Gives the modseq.
CREATE FUNCTION subscription_set(p_account bigint, p_name text, p_on boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := account_bump(p_account);
BEGIN
    IF p_on THEN
        INSERT INTO subscription (account_id, name) VALUES (p_account, p_name)
            ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM subscription WHERE account_id = p_account AND name = p_name;
    END IF;
    RETURN v_modseq;
END $$;

-- Changes one entry: p_how 0 sets the rights, 1 adds, 2 takes away; of what is granted, or of what is
-- denied. p_grantee: an account, or '' for everybody of the owner's domain. Gives the modseq. HR404:
-- the mailbox; HR403: there is no such account, or it is the owner, who has all rights for good;
-- HR413: more than 1000 entries.
CREATE FUNCTION acl_set(p_account bigint, p_mailbox int, p_grantee text, p_denied boolean, p_how int,
                        p_rights int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := account_bump(p_account);
    v_grantee bigint;
    v_old int := 0;
    v_new int;
BEGIN
    PERFORM mailbox_lock(p_account, p_mailbox);
    IF p_grantee = '' THEN
        SELECT -domain_id INTO v_grantee FROM account WHERE account_id = p_account;
    ELSE
        SELECT account_id INTO v_grantee FROM account WHERE login = p_grantee AND NOT is_shared;
    END IF;
    IF v_grantee IS NULL OR v_grantee = p_account THEN
        RAISE EXCEPTION 'no account to give rights to' USING ERRCODE = 'HR403';
    END IF;
    SELECT CASE WHEN p_denied THEN l.denied ELSE l.granted END INTO v_old FROM mailbox_acl l
     WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox AND l.grantee = v_grantee;
    v_old := coalesce(v_old, 0);
    v_new := CASE p_how WHEN 0 THEN p_rights WHEN 1 THEN v_old | p_rights
                        ELSE v_old & ~p_rights END;
    -- A row without rights is none; so it goes before the new one comes.
    DELETE FROM mailbox_acl l
     WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox AND l.grantee = v_grantee
       AND v_new = 0 AND CASE WHEN p_denied THEN l.granted ELSE l.denied END = 0;
    IF NOT FOUND AND (v_new <> 0 OR v_old <> 0) THEN
        UPDATE mailbox_acl l
           SET granted = CASE WHEN p_denied THEN l.granted ELSE v_new END,
               denied = CASE WHEN p_denied THEN v_new ELSE l.denied END
         WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox AND l.grantee = v_grantee;
        IF NOT FOUND THEN
            IF (SELECT count(*) FROM mailbox_acl l
                 WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox) >= 1000 THEN
                RAISE EXCEPTION 'too many entries' USING ERRCODE = 'HR413';
            END IF;
            INSERT INTO mailbox_acl (account_id, mailbox_id, grantee, granted, denied)
            VALUES (p_account, p_mailbox, v_grantee, CASE WHEN p_denied THEN 0 ELSE v_new END,
                    CASE WHEN p_denied THEN v_new ELSE 0 END);
        END IF;
    END IF;
    -- HIGHESTMODSEQ rises, so that sessions look at their rights again.
    UPDATE mailbox_state SET modseq = v_modseq
     WHERE account_id = p_account AND mailbox_id = p_mailbox;
    INSERT INTO change (account_id, mailbox_id, modseq, kind)
    VALUES (p_account, p_mailbox, v_modseq, 4);
    RETURN v_modseq;
END $$;

-- Entries of a mailbox by grantee; login '' is everybody of the owner's domain.
CREATE FUNCTION acl_list(p_account bigint, p_mailbox int)
RETURNS TABLE (login text, granted int, denied int) LANGUAGE sql STABLE AS $$
    SELECT coalesce(g.login, ''), l.granted, l.denied
      FROM mailbox_acl l LEFT JOIN account g ON g.account_id = l.grantee
     WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox ORDER BY 1
$$;

-- A new mailbox has the entries of the one above it; those of a mailbox go with it.
CREATE FUNCTION mailbox_acl_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO mailbox_acl (account_id, mailbox_id, grantee, granted, denied)
        SELECT l.account_id, NEW.mailbox_id, l.grantee, l.granted, l.denied
          FROM mailbox_acl l
         WHERE l.account_id = NEW.account_id AND l.mailbox_id = NEW.parent_id;
    ELSE
        DELETE FROM mailbox_acl l
         WHERE l.account_id = OLD.account_id AND l.mailbox_id = OLD.mailbox_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER mailbox_acl_follow AFTER INSERT OR DELETE ON mailbox
    FOR EACH ROW EXECUTE FUNCTION mailbox_acl_follow();
