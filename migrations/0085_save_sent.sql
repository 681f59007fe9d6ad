-- SPDX-License-Identifier: Apache-2.0
-- Whether what an account's programs submit is put into its Sent, too: many programs do that by themselves.
ALTER TABLE account ADD COLUMN saves_sent boolean NOT NULL DEFAULT false;

-- One more value; a program of the former version calls the one before.
CREATE FUNCTION account_update(p_address text, p_name text, p_quota bigint, p_disabled boolean, p_admin boolean,
                               p_pop3_keeps_deleted boolean, p_saves_sent boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_update(p_address, p_name, p_quota, p_disabled, p_admin, p_pop3_keeps_deleted);
BEGIN
    UPDATE account SET saves_sent = p_saves_sent WHERE account_id = v_account AND saves_sent <> p_saves_sent;
    RETURN v_account;
END $$;
