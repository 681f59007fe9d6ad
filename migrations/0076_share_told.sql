-- SPDX-License-Identifier: Apache-2.0
-- Whoever is given rights on a mailbox, or loses them, is told: sessions of an account look at what
-- they may see when its modseq rises, so that of the grantee rises with that of the owner.

-- Everybody of a domain is told by one row of account_state, -domain_id: it belongs to no account,
-- and only its modseq means something. It goes with the domain.
CREATE FUNCTION domain_state_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM account_state WHERE account_id = -OLD.domain_id;
    RETURN NULL;
END $$;
CREATE TRIGGER domain_state_follow AFTER DELETE ON domain
    FOR EACH ROW EXECUTE FUNCTION domain_state_follow();

-- As acl_set, whose errors it has. told is the grantee, or -domain_id for everybody, and told_modseq
-- what it is at now: to be published beside the owner's. Where the rights are as they were nobody is told,
-- and it is 0: whoever gives again what is given does not make a whole domain look.
CREATE FUNCTION acl_change(p_account bigint, p_mailbox int, p_grantee text, p_denied boolean,
                           p_how int, p_rights int,
                           OUT modseq bigint, OUT told bigint, OUT told_modseq bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_old int := 0;
    v_new int;
BEGIN
    IF p_grantee = '' THEN
        SELECT -o.domain_id INTO told FROM account o WHERE o.account_id = p_account;
        INSERT INTO account_state (account_id) SELECT told WHERE told IS NOT NULL
            ON CONFLICT DO NOTHING;
    ELSE
        SELECT g.account_id INTO told FROM account g
         WHERE g.login = p_grantee AND NOT g.is_shared AND g.account_id <> p_account
           AND (g.domain_id = (SELECT o.domain_id FROM account o WHERE o.account_id = p_account)
                OR EXISTS (SELECT 1 FROM mailbox_acl l
                            WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox
                              AND l.grantee = g.account_id));
    END IF;
    -- Both at once in the order of everybody who locks two; the row of a domain comes before all.
    PERFORM 1 FROM account_state s WHERE s.account_id IN (p_account, told)
      ORDER BY s.account_id FOR NO KEY UPDATE;
    modseq := account_bump(p_account);
    PERFORM mailbox_lock(p_account, p_mailbox);
    told_modseq := 0;
    IF NOT EXISTS (SELECT 1 FROM account_state s WHERE s.account_id = told) THEN
        RAISE EXCEPTION 'no account to give rights to' USING ERRCODE = 'HR403';
    END IF;
    SELECT CASE WHEN p_denied THEN l.denied ELSE l.granted END INTO v_old FROM mailbox_acl l
     WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox AND l.grantee = told;
    v_old := coalesce(v_old, 0);
    v_new := CASE p_how WHEN 0 THEN p_rights WHEN 1 THEN v_old | p_rights
                        ELSE v_old & ~p_rights END;
    IF v_new <> v_old THEN
        UPDATE account_state s SET modseq = s.modseq + 1 WHERE s.account_id = told
            RETURNING s.modseq INTO told_modseq;
    END IF;
    -- A row without rights is none; so it goes before the new one comes.
    DELETE FROM mailbox_acl l
     WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox AND l.grantee = told
       AND v_new = 0 AND CASE WHEN p_denied THEN l.granted ELSE l.denied END = 0;
    IF NOT FOUND AND (v_new <> 0 OR v_old <> 0) THEN
        UPDATE mailbox_acl l
           SET granted = CASE WHEN p_denied THEN l.granted ELSE v_new END,
               denied = CASE WHEN p_denied THEN v_new ELSE l.denied END
         WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox AND l.grantee = told;
        IF NOT FOUND THEN
            IF (SELECT count(*) FROM mailbox_acl l
                 WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox) >= 1000 THEN
                RAISE EXCEPTION 'too many entries' USING ERRCODE = 'HR413';
            END IF;
            INSERT INTO mailbox_acl (account_id, mailbox_id, grantee, granted, denied)
            VALUES (p_account, p_mailbox, told, CASE WHEN p_denied THEN 0 ELSE v_new END,
                    CASE WHEN p_denied THEN v_new ELSE 0 END);
        END IF;
    END IF;
    -- HIGHESTMODSEQ rises, so that sessions look at their rights again.
    UPDATE mailbox_state s SET modseq = acl_change.modseq
     WHERE s.account_id = p_account AND s.mailbox_id = p_mailbox;
    INSERT INTO change (account_id, mailbox_id, modseq, kind)
    VALUES (p_account, p_mailbox, acl_change.modseq, 4);
END $$;

-- For frontends that do not publish what is told; their sessions find it by looking.
CREATE OR REPLACE FUNCTION acl_set(p_account bigint, p_mailbox int, p_grantee text,
                                   p_denied boolean, p_how int, p_rights int) RETURNS bigint
LANGUAGE sql AS $$
    SELECT c.modseq
      FROM acl_change(p_account, p_mailbox, p_grantee, p_denied, p_how, p_rights) c
$$;
