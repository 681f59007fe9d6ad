-- SPDX-License-Identifier: Apache-2.0
-- Passwords for one program each, and keys that all processes share.

CREATE TABLE app_password (
    app_password_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    secret_hash     bytea NOT NULL,                  -- SHA-256: the secret has 140 random bits
    verifier        text NOT NULL,                   -- of SCRAM-SHA-256, with the account's salt
    label           text NOT NULL,
    protocols       int NOT NULL,                    -- bit set of AUTH_APP_*
    networks        text[] NOT NULL DEFAULT '{}',    -- none: from everywhere
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL DEFAULT 'infinity',
    last_used_at    timestamptz,                     -- to the minute
    last_used_ip    text NOT NULL DEFAULT '',
    UNIQUE (account_id, secret_hash)
);

-- Random keys made once. A SCRAM salt is made of this one and the login, so that names that nobody
-- has get the same salt from every process, and always.
CREATE TABLE auth_secret (
    name   text PRIMARY KEY,
    secret bytea NOT NULL
);
INSERT INTO auth_secret (name, secret)
VALUES ('scram-salt', sha256((gen_random_uuid()::text || gen_random_uuid()::text
                              || gen_random_uuid()::text)::bytea));
