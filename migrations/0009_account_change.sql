-- SPDX-License-Identifier: Apache-2.0
-- Changes of an account in one function instead of one for each column, and a number that tells
-- sessions that the password they were opened with is another now.

-- Grows when somebody sets the password; a better hash of the same password does not count.
ALTER TABLE account ADD COLUMN password_serial bigint NOT NULL DEFAULT 0;

DROP FUNCTION account_set_quota(text, bigint);
DROP FUNCTION account_set_password_hash(text, text);
DROP FUNCTION account_set_disabled(text, boolean);
DROP FUNCTION account_set_admin(text, boolean);

-- Changes what is not NULL of the account that the address belongs to, and gives its id. HR404;
-- HR403 when nobody would be left who is an enabled administrator.
CREATE FUNCTION account_change(p_address text, p_quota bigint DEFAULT NULL, p_password_hash text DEFAULT NULL,
                               p_disabled boolean DEFAULT NULL, p_admin boolean DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    IF p_disabled OR NOT p_admin THEN
        PERFORM account_keep_an_admin(v_account);
    END IF;
    UPDATE account
       SET quota_bytes = coalesce(p_quota, quota_bytes),
           password_hash = CASE WHEN p_password_hash IS NULL THEN password_hash
                                ELSE nullif(p_password_hash, '') END,
           password_serial = password_serial + (p_password_hash IS NOT NULL)::int,
           disabled_at = CASE WHEN p_disabled IS NULL THEN disabled_at
                              WHEN p_disabled THEN coalesce(disabled_at, now()) END,
           is_admin = coalesce(p_admin, is_admin)
     WHERE account_id = v_account;
    RETURN v_account;
END $$;

-- Replaces the hash by a better one of the same password, if it is still the one that was verified.
-- HR412 when it is another by now.
CREATE FUNCTION account_rehash(p_account bigint, p_old text, p_new text) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account SET password_hash = p_new WHERE account_id = p_account AND password_hash = p_old;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the password is another by now' USING ERRCODE = 'HR412';
    END IF;
    RETURN p_account;
END $$;
