-- SPDX-License-Identifier: Apache-2.0
-- The account that holds the shared folders of a domain is made when the first folder is.

-- That account; NULL when there is none and p_make is false. Nobody logs in to it: it has no address
-- and no password. HR404 (domain).
CREATE FUNCTION domain_shared(p_domain text, p_make boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
    v_account bigint;
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_domain FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    SELECT account_id INTO v_account FROM account WHERE domain_id = v_domain AND is_shared;
    IF v_account IS NOT NULL OR NOT p_make THEN
        RETURN v_account;
    END IF;
    INSERT INTO account (domain_id, login, display_name, is_shared)
    VALUES (v_domain, '#shared@' || p_domain, 'Shared Folders', true)
        ON CONFLICT DO NOTHING RETURNING account_id INTO v_account;
    IF v_account IS NULL THEN -- somebody else was faster, and has committed
        RETURN (SELECT account_id FROM account WHERE domain_id = v_domain AND is_shared);
    END IF;
    INSERT INTO account_state (account_id) VALUES (v_account);
    PERFORM mailbox_add(v_account, 0, 'INBOX', 'inbox', 1);
    RETURN v_account;
END $$;
