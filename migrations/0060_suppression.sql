-- SPDX-License-Identifier: Apache-2.0
-- Changes of the list of addresses that an account, or a domain, is not to write to (table suppression).

-- An account by any address of its own, or a domain; one of the two is NULL. HR404.
CREATE FUNCTION suppression_subject(p_subject text, OUT account bigint, OUT domain bigint) LANGUAGE plpgsql AS $$
BEGIN
    IF position('@' IN p_subject) > 0 THEN
        account := account_lock(p_subject);
        RETURN;
    END IF;
    SELECT d.domain_id INTO domain FROM domain d WHERE d.name = p_subject;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
END $$;

-- By hand, so until it is removed. HR404.
CREATE FUNCTION suppression_add(p_subject text, p_address text, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s record;
BEGIN
    SELECT * INTO s FROM suppression_subject(p_subject);
    DELETE FROM suppression WHERE address = lower(p_address) AND (account_id = s.account OR domain_id = s.domain);
    INSERT INTO suppression (account_id, domain_id, address, is_manual, reason)
    VALUES (s.account, s.domain, lower(p_address), true, p_reason);
END $$;

-- Also one that a server had refused. HR404: it is not there.
CREATE FUNCTION suppression_remove(p_subject text, p_address text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s record;
BEGIN
    SELECT * INTO s FROM suppression_subject(p_subject);
    DELETE FROM suppression WHERE address = lower(p_address) AND (account_id = s.account OR domain_id = s.domain);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'it is not on the list' USING ERRCODE = 'HR404';
    END IF;
END $$;
