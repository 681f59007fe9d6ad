-- SPDX-License-Identifier: Apache-2.0
-- MTA-STS policies (RFC 8461) that we publish for our own domains. No row: the domain has none.

CREATE TABLE mta_sts_own (
    domain_id bigint PRIMARY KEY REFERENCES domain ON DELETE CASCADE,
    mode      text NOT NULL CHECK (mode IN ('none', 'testing', 'enforce')),
    max_age   bigint NOT NULL CHECK (max_age > 0),  -- seconds
    mx        text[] NOT NULL,                      -- names and patterns of servers
    id        text NOT NULL,                        -- of the record at _mta-sts: another one with each change
    changed   timestamptz NOT NULL DEFAULT now()
);

-- HR404: no such domain.
CREATE FUNCTION mta_sts_own_set(p_domain text, p_mode text, p_max_age bigint, p_mx text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
    v_id     text := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS');
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_domain FOR UPDATE;
    IF v_domain IS NULL THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    INSERT INTO mta_sts_own AS o (domain_id, mode, max_age, mx, id)
    VALUES (v_domain, p_mode, p_max_age, p_mx, v_id)
    ON CONFLICT (domain_id) DO UPDATE
       SET mode = p_mode, max_age = p_max_age, mx = p_mx, id = v_id, changed = now()
     WHERE (o.mode, o.max_age, o.mx) IS DISTINCT FROM (p_mode, p_max_age, p_mx);
END $$;

-- HR404: no such domain, or it has none.
CREATE FUNCTION mta_sts_own_remove(p_domain text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM mta_sts_own o USING domain d WHERE o.domain_id = d.domain_id AND d.name = p_domain;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such policy' USING ERRCODE = 'HR404';
    END IF;
END $$;
