-- SPDX-License-Identifier: Apache-2.0
-- Who may write on behalf of an address: it is the author (From), and who wrote is told (Sender, RFC 5322 3.6.2).

ALTER TABLE address_sender ADD COLUMN on_behalf boolean NOT NULL DEFAULT false;

-- 0 the account may not send as the address, 1 it may on its behalf, 2 it may as if it were its own: it is, with or
-- without a tag or by its catch-all, or it was allowed to. Nobody who is disabled may.
CREATE FUNCTION address_send_right(p_account bigint, p_local text, p_domain text) RETURNS int
LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(CASE WHEN s.account = p_account THEN 2
                             WHEN g.on_behalf THEN 1
                             WHEN g.account_id IS NOT NULL THEN 2
                             ELSE 0 END), 0)
      FROM address_step(p_local, p_domain) s
      LEFT JOIN address_sender g ON g.addr_lower = s.hit AND g.account_id = p_account
     WHERE s.hit IS NOT NULL
       AND EXISTS (SELECT 1 FROM account WHERE account_id = p_account AND disabled_at IS NULL)
$$;

-- For frontends that would not tell who wrote: those grants do not exist for them.
CREATE OR REPLACE FUNCTION address_may_send(p_account bigint, p_local text, p_domain text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT address_send_right(p_account, p_local, p_domain) = 2
$$;

-- The accounts that have these addresses. HR404: one of them is of none.
CREATE FUNCTION address_accounts(p_addresses text[]) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM unnest(p_addresses) s WHERE NOT EXISTS
               (SELECT 1 FROM address a WHERE a.addr_lower = s AND a.account_id IS NOT NULL)) THEN
        RAISE EXCEPTION 'no such account' USING ERRCODE = 'HR404';
    END IF;
    RETURN QUERY SELECT DISTINCT a.account_id FROM address a WHERE a.addr_lower = ANY (p_addresses);
END $$;

-- As in 0045, but who may write on behalf of the address stays so: frontends that know of no such grant must not make
-- a full one of it.
CREATE OR REPLACE FUNCTION address_update(p_address text, p_posting int, p_targets text[], p_senders text[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
BEGIN
    SELECT account_id INTO v_account FROM address WHERE addr_lower = p_address FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such address' USING ERRCODE = 'HR404';
    END IF;
    IF v_account IS NOT NULL AND (p_posting IS NOT NULL OR p_targets IS NOT NULL) THEN
        RAISE EXCEPTION 'it belongs to an account' USING ERRCODE = 'HR403';
    END IF;
    UPDATE address SET posting = p_posting WHERE addr_lower = p_address AND p_posting IS NOT NULL;
    IF p_targets IS NOT NULL THEN
        DELETE FROM address_target WHERE addr_lower = p_address AND target <> ALL (p_targets);
        INSERT INTO address_target (addr_lower, target) SELECT p_address, unnest(p_targets)
            ON CONFLICT DO NOTHING;
        PERFORM address_check(p_address);
    END IF;
    IF p_senders IS NOT NULL THEN
        DELETE FROM address_sender WHERE addr_lower = p_address AND NOT on_behalf;
        INSERT INTO address_sender (addr_lower, account_id)
        SELECT p_address, account FROM address_accounts(p_senders) account
            ON CONFLICT DO NOTHING;
    END IF;
    RETURN coalesce(v_account, 0);
END $$;

-- address_update, and who may write on behalf of the address. Who may send as it needs no such grant.
CREATE FUNCTION address_update(p_address text, p_posting int, p_targets text[], p_senders text[], p_on_behalf text[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := address_update(p_address, p_posting, p_targets, p_senders);
BEGIN
    UPDATE address_sender SET on_behalf = false
     WHERE addr_lower = p_address AND on_behalf AND account_id IN (SELECT address_accounts(p_senders));
    IF p_on_behalf IS NOT NULL THEN
        DELETE FROM address_sender WHERE addr_lower = p_address AND on_behalf;
        INSERT INTO address_sender (addr_lower, account_id, on_behalf)
        SELECT p_address, account, true FROM address_accounts(p_on_behalf) account
            ON CONFLICT DO NOTHING;
    END IF;
    RETURN v_account;
END $$;
