-- SPDX-License-Identifier: Apache-2.0
-- Rights go to accounts of the owner's domain only: an answer to SETACL must not tell which logins
-- other domains have.

-- As before, but an account of another domain is none. Entries that such an account has already can
-- still be changed and taken away.
CREATE OR REPLACE FUNCTION acl_set(p_account bigint, p_mailbox int, p_grantee text,
                                   p_denied boolean, p_how int, p_rights int) RETURNS bigint
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
        SELECT g.account_id INTO v_grantee FROM account g
         WHERE g.login = p_grantee AND NOT g.is_shared
           AND (g.domain_id = (SELECT o.domain_id FROM account o WHERE o.account_id = p_account)
                OR EXISTS (SELECT 1 FROM mailbox_acl l
                            WHERE l.account_id = p_account AND l.mailbox_id = p_mailbox
                              AND l.grantee = g.account_id));
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
