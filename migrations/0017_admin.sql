-- SPDX-License-Identifier: Apache-2.0
-- Further addresses of accounts, changes of several things at once; indexes for the lists and figures of administrators.

-- HR404: no such domain. An address that is taken violates the key.
CREATE FUNCTION address_add(p_address text, p_domain text, p_account bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_domain FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    INSERT INTO address (addr_lower, domain_id, account_id, kind)
    VALUES (p_address, v_domain, p_account, 1);
    RETURN p_account;
END $$;

-- Gives the account that it belonged to. HR404; HR412: it is the login of its account.
CREATE FUNCTION address_remove(p_address text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_kind smallint;
BEGIN
    SELECT account_id, kind INTO v_account, v_kind FROM address
     WHERE addr_lower = p_address FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such address' USING ERRCODE = 'HR404';
    END IF;
    IF v_kind = 0 THEN
        RAISE EXCEPTION 'the login of its account' USING ERRCODE = 'HR412';
    END IF;
    DELETE FROM address WHERE addr_lower = p_address;
    RETURN v_account;
END $$;

-- Changes what is not NULL of the account, all or nothing, and gives its id. HR404; HR403 as
-- account_change.
CREATE FUNCTION account_update(p_address text, p_name text, p_quota bigint, p_disabled boolean,
                               p_admin boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_change(p_address, p_quota => p_quota, p_disabled => p_disabled,
                                       p_admin => p_admin);
BEGIN
    UPDATE account SET display_name = p_name
     WHERE account_id = v_account AND p_name IS NOT NULL;
    RETURN v_account;
END $$;

-- Mail comes in the order of its time, so a few blocks tell where an interval is.
CREATE INDEX message_idate ON message USING brin (idate) WITH (autosummarize = on);
CREATE INDEX audit_log_actor ON audit_log (actor, audit_id);
CREATE INDEX audit_log_action ON audit_log (action text_pattern_ops, audit_id);
