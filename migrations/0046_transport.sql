-- SPDX-License-Identifier: Apache-2.0
-- Mail for a domain that goes to a server of the operator's choice instead of the domain's own; "*" is the
-- smarthost of all other mail.
CREATE TABLE transport (
    domain      text PRIMARY KEY,                    -- A-labels, or '*'
    host        text NOT NULL,
    port        int NOT NULL CHECK (port BETWEEN 1 AND 65535),
    tls         smallint NOT NULL CHECK (tls BETWEEN 0 AND 2), -- 0 verify, 1 encrypt, 2 may
    login       text NOT NULL DEFAULT '',
    password    bytea,                               -- sealed; NULL without a login
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((login = '') = (password IS NULL)),
    CHECK (login = '' OR tls = 0)                    -- never a password to whom we do not know
);

CREATE FUNCTION transport_set(p_domain text, p_host text, p_port int, p_tls int, p_login text, p_password bytea)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO transport AS t (domain, host, port, tls, login, password)
    VALUES (p_domain, p_host, p_port, p_tls, p_login, p_password)
        ON CONFLICT (domain) DO UPDATE
        SET host = p_host, port = p_port, tls = p_tls, login = p_login, password = p_password
    RETURNING 0::bigint
$$;

-- HR404.
CREATE FUNCTION transport_remove(p_domain text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM transport WHERE domain = p_domain;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such transport' USING ERRCODE = 'HR404';
    END IF;
    RETURN 0;
END $$;
