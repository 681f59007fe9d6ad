-- SPDX-License-Identifier: Apache-2.0
-- POP3 whose deletions only hide.

-- What DELE of this account's POP3 clients does: false, the message is expunged; true, it stays in
-- INBOX with the keyword $POP3Deleted, and POP3 shows it no more.
ALTER TABLE account ADD COLUMN pop3_keeps_deleted boolean NOT NULL DEFAULT false;

-- One more value; a program of the former version calls it without.
DROP FUNCTION account_update(text, text, bigint, boolean, boolean);
CREATE FUNCTION account_update(p_address text, p_name text, p_quota bigint, p_disabled boolean,
                               p_admin boolean, p_pop3_keeps_deleted boolean DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_change(p_address, p_quota => p_quota, p_disabled => p_disabled,
                                       p_admin => p_admin);
BEGIN
    UPDATE account SET display_name = coalesce(p_name, display_name),
           pop3_keeps_deleted = coalesce(p_pop3_keeps_deleted, pop3_keeps_deleted)
     WHERE account_id = v_account AND (p_name IS NOT NULL OR p_pop3_keeps_deleted IS NOT NULL);
    RETURN v_account;
END $$;

-- The keywords that the server gives by itself. They never stop anything: the limits of keywords do
-- not count them.
CREATE OR REPLACE FUNCTION keyword_is_own(p_name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT lower(p_name) IN ('$hasattachment', '$pop3deleted')
$$;
