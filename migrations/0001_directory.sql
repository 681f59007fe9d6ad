-- SPDX-License-Identifier: Apache-2.0
-- Who is here: domains, accounts, their addresses, and the audit log. Small tables, read everywhere;
-- shared/account and shared/audit hold their SQL.

CREATE TABLE domain (
    domain_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name = lower(name)), -- A-labels
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account (
    account_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id     bigint NOT NULL REFERENCES domain,
    login         text NOT NULL UNIQUE,             -- its first address
    display_name  text NOT NULL DEFAULT '',
    password_hash text,                             -- PHC string; NULL: cannot log in
    quota_bytes   bigint NOT NULL DEFAULT 0 CHECK (quota_bytes >= 0), -- 0: unlimited
    is_admin      boolean NOT NULL DEFAULT false,
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX account_domain ON account (domain_id);

CREATE TABLE address (
    addr_lower text PRIMARY KEY CHECK (addr_lower = lower(addr_lower)), -- local@domain
    domain_id  bigint NOT NULL REFERENCES domain,
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    kind       smallint NOT NULL DEFAULT 0           -- 0 login, 1 further address
);
CREATE INDEX address_account ON address (account_id);

-- Append-only: the rules below make a change by any role without superuser rights impossible.
CREATE TABLE audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_id bigint,                                 -- NULL: the operator or the system
    actor    text NOT NULL,
    ip       text NOT NULL,
    action   text NOT NULL,
    object   text NOT NULL,
    detail   text NOT NULL,
    result   text NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_object ON audit_log (object, at);

CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'HR403';
END $$;
CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();

-- Errors of these functions: HR404 not found, HR403 denied, HR412 in the way, 23505 exists.

CREATE FUNCTION domain_create(p_name text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO domain (name) VALUES (p_name) RETURNING domain_id
$$;

CREATE FUNCTION domain_remove(p_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_name FOR UPDATE;
    IF v_domain IS NULL THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    IF EXISTS (SELECT 1 FROM address WHERE domain_id = v_domain) THEN
        RAISE EXCEPTION 'the domain has accounts' USING ERRCODE = 'HR412';
    END IF;
    DELETE FROM domain WHERE domain_id = v_domain;
    RETURN v_domain;
END $$;

-- The account of an address, locked.
CREATE FUNCTION account_lock(p_address text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
BEGIN
    SELECT c.account_id INTO v_account FROM address a JOIN account c USING (account_id)
     WHERE a.addr_lower = p_address FOR UPDATE OF c;
    IF v_account IS NULL THEN
        RAISE EXCEPTION 'no such account' USING ERRCODE = 'HR404';
    END IF;
    RETURN v_account;
END $$;

-- Refuses to leave the server without an enabled administrator. All rows of administrators are
-- locked, so that two of them cannot disable each other at the same moment.
CREATE FUNCTION account_guard_admin(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM account WHERE is_admin AND disabled_at IS NULL ORDER BY account_id FOR UPDATE;
    IF EXISTS (SELECT 1 FROM account WHERE account_id = p_account AND is_admin AND disabled_at IS NULL)
       AND NOT EXISTS (SELECT 1 FROM account
                        WHERE account_id <> p_account AND is_admin AND disabled_at IS NULL) THEN
        RAISE EXCEPTION 'the last administrator' USING ERRCODE = 'HR403';
    END IF;
END $$;

CREATE FUNCTION account_set_quota(p_address text, p_bytes bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    UPDATE account SET quota_bytes = p_bytes WHERE account_id = v_account;
    RETURN v_account;
END $$;

CREATE FUNCTION account_set_password_hash(p_address text, p_hash text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    UPDATE account SET password_hash = p_hash WHERE account_id = v_account;
    RETURN v_account;
END $$;

CREATE FUNCTION account_set_disabled(p_address text, p_disabled boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    IF p_disabled THEN
        PERFORM account_guard_admin(v_account);
    END IF;
    UPDATE account SET disabled_at = CASE WHEN p_disabled THEN coalesce(disabled_at, now()) END
     WHERE account_id = v_account;
    RETURN v_account;
END $$;

CREATE FUNCTION account_set_admin(p_address text, p_admin boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    IF NOT p_admin THEN
        PERFORM account_guard_admin(v_account);
    END IF;
    UPDATE account SET is_admin = p_admin WHERE account_id = v_account;
    RETURN v_account;
END $$;
