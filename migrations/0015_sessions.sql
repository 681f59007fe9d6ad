-- SPDX-License-Identifier: Apache-2.0
-- Who is signed in over HTTP, tokens of programs, and what people set for themselves.

-- Of secrets only the SHA-256 is kept: they are random, so nothing slower is needed.
CREATE TABLE session (
    session_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    secret_hash     bytea NOT NULL UNIQUE,
    password_serial bigint NOT NULL,                 -- another one of the account ends it
    ip              text NOT NULL,                   -- when it was last used
    user_agent      text NOT NULL,
    idle_limit      interval NOT NULL,               -- it ends when not used for so long
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz NOT NULL DEFAULT now(), -- to the minute
    expires_at      timestamptz NOT NULL
);
CREATE INDEX session_account ON session (account_id, last_used_at DESC, session_id DESC);
CREATE INDEX session_end ON session (expires_at);

CREATE TABLE api_token (
    token_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    secret_hash  bytea NOT NULL UNIQUE,
    prefix       text NOT NULL,                      -- how the secret begins
    name         text NOT NULL,
    scopes       int NOT NULL,                       -- bit set of AUTH_SCOPE_*
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,                        -- to the minute
    expires_at   timestamptz NOT NULL DEFAULT 'infinity'
);
CREATE INDEX api_token_account ON api_token (account_id, token_id DESC);

-- Settings of the apps: what was set, as a JSON object; the rest has its default.
CREATE TABLE account_setting (
    account_id bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    settings   text NOT NULL
);

-- As whom mail is written. The first one is made from the account when they are first listed.
CREATE TABLE identity (
    account_id     bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    identity_id    int NOT NULL,
    name           text NOT NULL,
    address        text NOT NULL,                    -- as written; checked when it is used
    reply_to       text,
    signature_html text NOT NULL DEFAULT '',
    signature_text text NOT NULL DEFAULT '',
    is_default     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, identity_id)
);

-- POST requests that were answered, for clients that ask again.
CREATE TABLE idempotency (
    account_id   bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    key          text NOT NULL,
    request_hash bytea NOT NULL,                     -- SHA-256 of path and body
    status       int NOT NULL DEFAULT 0,             -- 0: still at work
    location     text NOT NULL DEFAULT '',
    body         text NOT NULL DEFAULT '',
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

-- Locks the identities of an account against other changes, and makes the first one.
CREATE FUNCTION identity_ensure(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    INSERT INTO identity (account_id, identity_id, name, address, is_default)
    SELECT account_id, 1, display_name, login, true FROM account
     WHERE account_id = p_account
       AND NOT EXISTS (SELECT 1 FROM identity WHERE account_id = p_account);
END $$;

-- Adds (p_id 0) or replaces an identity and gives its id. HR404, HR413 above 100.
CREATE FUNCTION identity_put(p_account bigint, p_id int, p_name text, p_address text,
                             p_reply_to text, p_html text, p_text text, p_default boolean)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_id int := p_id;
    v_count int;
BEGIN
    PERFORM identity_ensure(p_account);
    IF p_id = 0 THEN
        SELECT count(*), max(identity_id) + 1 INTO v_count, v_id FROM identity
         WHERE account_id = p_account;
        IF v_count >= 100 THEN
            RAISE EXCEPTION 'too many identities' USING ERRCODE = 'HR413';
        END IF;
        INSERT INTO identity (account_id, identity_id, name, address)
        VALUES (p_account, v_id, p_name, p_address);
    END IF;
    UPDATE identity SET name = p_name, address = p_address, reply_to = nullif(p_reply_to, ''),
           signature_html = p_html, signature_text = p_text, is_default = is_default OR p_default
     WHERE account_id = p_account AND identity_id = v_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such identity' USING ERRCODE = 'HR404';
    END IF;
    IF p_default THEN
        UPDATE identity SET is_default = false
         WHERE account_id = p_account AND identity_id <> v_id AND is_default;
    END IF;
    RETURN v_id;
END $$;

-- HR404; HR412 for the last one.
CREATE FUNCTION identity_remove(p_account bigint, p_id int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_default boolean;
BEGIN
    PERFORM identity_ensure(p_account);
    DELETE FROM identity WHERE account_id = p_account AND identity_id = p_id
        RETURNING is_default INTO v_default;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such identity' USING ERRCODE = 'HR404';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM identity WHERE account_id = p_account) THEN
        RAISE EXCEPTION 'the last identity stays' USING ERRCODE = 'HR412';
    END IF;
    IF v_default THEN
        UPDATE identity SET is_default = true WHERE account_id = p_account
           AND identity_id = (SELECT min(identity_id) FROM identity WHERE account_id = p_account);
    END IF;
    RETURN p_id;
END $$;
