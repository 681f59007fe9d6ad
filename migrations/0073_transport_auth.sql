-- SPDX-License-Identifier: Apache-2.0
-- How to log in to the server of a transport: '' by the strongest way that it offers. Programs of the version before log
-- in so, and leave the column as it is.
ALTER TABLE transport ADD COLUMN auth text NOT NULL DEFAULT '' CHECK (auth IN ('', 'scram-sha-256', 'plain', 'login'));

CREATE FUNCTION transport_set(p_domain text, p_host text, p_port int, p_tls int, p_login text, p_password bytea,
                              p_connections int, p_per_minute int, p_pool text, p_ehlo_name text, p_auth text)
RETURNS bigint LANGUAGE sql AS $$
    SELECT transport_set(p_domain, p_host, p_port, p_tls, p_login, p_password, p_connections, p_per_minute, p_pool,
                         p_ehlo_name);
    UPDATE transport SET auth = p_auth WHERE domain = p_domain;
    SELECT 0::bigint
$$;
