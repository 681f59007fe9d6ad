-- SPDX-License-Identifier: Apache-2.0
-- Annotations of mailboxes and of the server (RFC 5464), and changes of a mailbox's role.

CREATE TABLE annotation (
    account_id bigint NOT NULL,                      -- the mailbox's owner; 0: of the server
    mailbox_id int NOT NULL,                         -- 0: of the server
    viewer     bigint NOT NULL,                      -- whose private one; 0: shared
    name       text COLLATE "C" NOT NULL,            -- lower case, "/private/..." or "/shared/..."
    value      bytea NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, viewer, name)
);

-- The entries of the names, and those up to p_depth levels below. A value longer than p_maxsize is
-- NULL.
CREATE FUNCTION annotation_get(p_viewer bigint, p_account bigint, p_mailbox int, p_names text[],
                               p_depth int, p_maxsize bigint)
RETURNS TABLE (name text, size int, value bytea) LANGUAGE sql STABLE AS $$
    SELECT n.name, length(n.value), CASE WHEN length(n.value) > p_maxsize THEN NULL ELSE n.value END
      FROM annotation n
     WHERE n.account_id = p_account AND n.mailbox_id = p_mailbox AND n.viewer IN (0, p_viewer)
       AND EXISTS (
           SELECT 1 FROM unnest(p_names) w (name)
            WHERE n.name = w.name
               OR p_depth > 0 AND starts_with(n.name, w.name || '/')
                  AND length(n.name) - length(replace(n.name, '/', ''))
                    - length(w.name) + length(replace(w.name, '/', '')) <= p_depth)
     ORDER BY n.name COLLATE "C"
$$;

-- Sets entries, and removes those with p_removed 1; private ones are p_viewer's. Gives the modseq of
-- the mailbox's account, 0 for the server. HR404 (account, mailbox), HR413 (more than 100 of a kind).
CREATE FUNCTION annotation_set(p_viewer bigint, p_account bigint, p_mailbox int, p_names text[],
                               p_values bytea[], p_removed bigint[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := 0;
BEGIN
    IF p_account <> 0 THEN
        v_modseq := account_bump(p_account);
        PERFORM mailbox_lock(p_account, p_mailbox);
    ELSE
        PERFORM pg_advisory_xact_lock(hashtextextended('heronry.annotations', 0));
    END IF;
    DELETE FROM annotation n
     USING unnest(p_names, p_removed) AS c (name, removed)
     WHERE n.account_id = p_account AND n.mailbox_id = p_mailbox AND n.name = c.name
       AND n.viewer = CASE WHEN starts_with(c.name, '/private/') THEN p_viewer ELSE 0 END
       AND c.removed = 1;
    INSERT INTO annotation (account_id, mailbox_id, viewer, name, value)
    SELECT p_account, p_mailbox,
           CASE WHEN starts_with(c.name, '/private/') THEN p_viewer ELSE 0 END, c.name, c.value
      FROM unnest(p_names, p_values, p_removed) AS c (name, value, removed) WHERE c.removed = 0
        ON CONFLICT (account_id, mailbox_id, viewer, name) DO UPDATE SET value = excluded.value;
    IF EXISTS (SELECT 1 FROM annotation n
                WHERE n.account_id = p_account AND n.mailbox_id = p_mailbox
                  AND n.viewer IN (0, p_viewer)
                GROUP BY n.viewer HAVING count(*) > 100) THEN
        RAISE EXCEPTION 'too many annotations' USING ERRCODE = 'HR413';
    END IF;
    RETURN v_modseq;
END $$;

-- Those of a mailbox go with it.
CREATE FUNCTION annotation_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM annotation n
     WHERE n.account_id = OLD.account_id AND n.mailbox_id = OLD.mailbox_id;
    RETURN NULL;
END $$;
CREATE TRIGGER annotation_follow AFTER DELETE ON mailbox
    FOR EACH ROW EXECUTE FUNCTION annotation_follow();

-- Gives the mailbox a role, or none (NULL). Gives the modseq. HR404, HR403 (INBOX), HR409 (another
-- mailbox has it).
CREATE FUNCTION mailbox_set_role(p_account bigint, p_mailbox int, p_role text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint := account_bump(p_account);
BEGIN
    PERFORM mailbox_lock(p_account, p_mailbox);
    IF p_mailbox = 1 THEN
        RAISE EXCEPTION 'INBOX keeps its role' USING ERRCODE = 'HR403';
    END IF;
    IF EXISTS (SELECT 1 FROM mailbox m WHERE m.account_id = p_account AND m.role = p_role
                  AND m.mailbox_id <> p_mailbox) THEN
        RAISE EXCEPTION 'another mailbox has the role' USING ERRCODE = 'HR409';
    END IF;
    UPDATE mailbox SET role = p_role WHERE account_id = p_account AND mailbox_id = p_mailbox;
    INSERT INTO change (account_id, mailbox_id, modseq, kind)
    VALUES (p_account, p_mailbox, v_modseq, 4);
    RETURN v_modseq;
END $$;
