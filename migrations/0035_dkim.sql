-- SPDX-License-Identifier: Apache-2.0
-- Keys that outgoing mail of a domain is signed with (DKIM, RFC 6376; RFC 8463). A row is a pair: an RSA
-- key at <selector>._domainkey and an Ed25519 key at <selector>-ed._domainkey. The private halves are
-- sealed under the server's key.

CREATE TABLE dkim_key (
    dkim_key_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id    bigint NOT NULL REFERENCES domain ON DELETE CASCADE,
    selector     text NOT NULL CHECK (selector ~ '^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$'),
    state        text NOT NULL CHECK (state IN ('waiting', 'signing', 'retired')),
    rsa_public   bytea NOT NULL,                 -- SubjectPublicKeyInfo
    rsa_private  bytea NOT NULL,
    ed_public    bytea NOT NULL,                 -- 32 octets
    ed_private   bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    signing_at   timestamptz,
    retired_at   timestamptz,                    -- verifiers ask for it still: mail travels for days
    UNIQUE (domain_id, selector)
);
CREATE UNIQUE INDEX dkim_key_signing ON dkim_key (domain_id) WHERE state = 'signing';

-- The first pair of a domain signs at once; a later one waits until its records are published.
-- HR404: no such domain; a unique violation: the selector is taken.
CREATE FUNCTION dkim_key_create(p_domain text, p_selector text, p_rsa_public bytea, p_rsa_private bytea,
                                p_ed_public bytea, p_ed_private bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain  bigint;
    v_is_first boolean;
    v_key     bigint;
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_domain FOR UPDATE;
    IF v_domain IS NULL THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    v_is_first := NOT EXISTS (SELECT 1 FROM dkim_key WHERE domain_id = v_domain AND state = 'signing');
    INSERT INTO dkim_key (domain_id, selector, state, rsa_public, rsa_private, ed_public, ed_private, signing_at)
    VALUES (v_domain, p_selector, CASE WHEN v_is_first THEN 'signing' ELSE 'waiting' END, p_rsa_public,
            p_rsa_private, p_ed_public, p_ed_private, CASE WHEN v_is_first THEN now() END)
    RETURNING dkim_key_id INTO v_key;
    RETURN v_key;
END $$;

-- Signs with this pair from now on; the one that did is retired. HR404: no such pair.
CREATE FUNCTION dkim_key_activate(p_domain text, p_selector text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
    v_key    bigint;
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_domain FOR UPDATE;
    SELECT dkim_key_id INTO v_key FROM dkim_key WHERE domain_id = v_domain AND selector = p_selector;
    IF v_key IS NULL THEN
        RAISE EXCEPTION 'no such key' USING ERRCODE = 'HR404';
    END IF;
    UPDATE dkim_key SET state = 'retired', retired_at = now()
     WHERE domain_id = v_domain AND state = 'signing' AND dkim_key_id <> v_key;
    UPDATE dkim_key SET state = 'signing', signing_at = now(), retired_at = NULL
     WHERE dkim_key_id = v_key AND state <> 'signing';
    RETURN v_key;
END $$;

-- HR404: no such pair.
CREATE FUNCTION dkim_key_remove(p_domain text, p_selector text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_key bigint;
BEGIN
    DELETE FROM dkim_key USING domain d
     WHERE dkim_key.domain_id = d.domain_id AND d.name = p_domain AND selector = p_selector
    RETURNING dkim_key_id INTO v_key;
    IF v_key IS NULL THEN
        RAISE EXCEPTION 'no such key' USING ERRCODE = 'HR404';
    END IF;
    RETURN v_key;
END $$;
