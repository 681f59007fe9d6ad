-- SPDX-License-Identifier: Apache-2.0
-- The directory: domains, accounts, addresses; the audit log; leases of singleton jobs.
-- Small tables, the only ones with foreign keys. Functions raise SQLSTATEs of class HR:
-- HR404 not found, HR409 exists, HR403 denied, HR413 limit, HR412 conflict.

CREATE TABLE domain (
    domain_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name = lower(name)), -- A-labels
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account (
    account_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id     bigint NOT NULL REFERENCES domain,
    login         text NOT NULL UNIQUE CHECK (login = lower(login)), -- its first address
    display_name  text NOT NULL DEFAULT '',
    password_hash text,                              -- PHC string; NULL: cannot log in
    quota_bytes   bigint NOT NULL DEFAULT 0 CHECK (quota_bytes >= 0), -- 0 = unlimited
    is_admin      boolean NOT NULL DEFAULT false,
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX account_domain ON account (domain_id, login);

CREATE TABLE address (
    addr_lower  text PRIMARY KEY CHECK (addr_lower = lower(addr_lower)), -- local@domain
    domain_id   bigint NOT NULL REFERENCES domain,
    account_id  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    kind        smallint NOT NULL DEFAULT 0,         -- 0 the login, 1 a further address
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX address_account ON address (account_id);
CREATE INDEX address_domain ON address (domain_id);

-- Who did what. Rows only ever grow: the trigger refuses changes.
CREATE TABLE audit_log (
    audit_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_id  bigint,                                -- account; NULL: operator or system
    actor     text NOT NULL,
    ip        text NOT NULL DEFAULT '',
    action    text NOT NULL,
    object    text NOT NULL DEFAULT '',
    detail    text NOT NULL DEFAULT '',
    result    text NOT NULL DEFAULT 'ok'
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_object ON audit_log (object, at);

CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'HR403';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();

-- Singleton jobs: who may run one now. `token` grows with each new holder (fencing).
CREATE TABLE job_lease (
    name   text PRIMARY KEY,
    owner  text NOT NULL,
    token  bigint NOT NULL DEFAULT 1,
    until  timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Takes or extends the lease for p_ms milliseconds. Gives its token; NULL while another holds it.
CREATE FUNCTION job_lease_acquire(p_name text, p_owner text, p_ms bigint) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO job_lease AS l (name, owner, until)
    VALUES (p_name, p_owner, clock_timestamp() + p_ms * interval '1 millisecond')
    ON CONFLICT (name) DO UPDATE
        SET owner = p_owner,
            until = clock_timestamp() + p_ms * interval '1 millisecond',
            token = l.token + (l.owner <> p_owner)::int
        WHERE l.owner = p_owner OR l.until < clock_timestamp()
    RETURNING token
$$;

CREATE FUNCTION job_lease_release(p_name text, p_owner text) RETURNS boolean
LANGUAGE sql AS $$
    WITH ended AS (UPDATE job_lease SET until = clock_timestamp() - interval '1 second'
                    WHERE name = p_name AND owner = p_owner RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM ended)
$$;

CREATE FUNCTION domain_create(p_name text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO domain (name) VALUES (p_name) RETURNING domain_id
$$;

CREATE FUNCTION domain_remove(p_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    IF EXISTS (SELECT 1 FROM account WHERE domain_id = v_domain)
       OR EXISTS (SELECT 1 FROM address WHERE domain_id = v_domain) THEN
        RAISE EXCEPTION 'the domain has accounts' USING ERRCODE = 'HR412';
    END IF;
    DELETE FROM domain WHERE domain_id = v_domain;
    RETURN v_domain;
END $$;

-- The account that an address belongs to, locked for a change. HR404.
CREATE FUNCTION account_lock(p_address text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
BEGIN
    SELECT c.account_id INTO v_account
      FROM address a JOIN account c USING (account_id)
     WHERE a.addr_lower = p_address FOR UPDATE OF c;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such account' USING ERRCODE = 'HR404';
    END IF;
    RETURN v_account;
END $$;

CREATE FUNCTION account_set_quota(p_address text, p_bytes bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    UPDATE account SET quota_bytes = p_bytes WHERE account_id = v_account;
    RETURN v_account;
END $$;

CREATE FUNCTION account_set_password_hash(p_address text, p_hash text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    UPDATE account SET password_hash = nullif(p_hash, '') WHERE account_id = v_account;
    RETURN v_account;
END $$;

-- HR403 when nobody but this account is an enabled administrator. The lock makes two such changes
-- one after the other.
CREATE FUNCTION account_keep_an_admin(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('heronry.admins', 0));
    IF EXISTS (SELECT 1 FROM account
                WHERE account_id = p_account AND is_admin AND disabled_at IS NULL)
       AND NOT EXISTS (SELECT 1 FROM account
                        WHERE account_id <> p_account AND is_admin AND disabled_at IS NULL) THEN
        RAISE EXCEPTION 'the last administrator' USING ERRCODE = 'HR403';
    END IF;
END $$;

CREATE FUNCTION account_set_disabled(p_address text, p_disabled boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    IF p_disabled THEN
        PERFORM account_keep_an_admin(v_account);
    END IF;
    UPDATE account SET disabled_at = CASE WHEN p_disabled THEN coalesce(disabled_at, now()) END
     WHERE account_id = v_account;
    RETURN v_account;
END $$;

CREATE FUNCTION account_set_admin(p_address text, p_admin boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    IF NOT p_admin THEN
        PERFORM account_keep_an_admin(v_account);
    END IF;
    UPDATE account SET is_admin = p_admin WHERE account_id = v_account;
    RETURN v_account;
END $$;
