-- SPDX-License-Identifier: Apache-2.0
-- What the server of a transport is spoken to by: SMTP, or LMTP (RFC 2033). Programs of the version before speak SMTP to
-- it, which a server of LMTP refuses for now, and leave the column as it is.
ALTER TABLE transport ADD COLUMN protocol text NOT NULL DEFAULT 'smtp' CHECK (protocol IN ('smtp', 'lmtp'));

CREATE FUNCTION transport_set(p_domain text, p_host text, p_port int, p_tls int, p_login text, p_password bytea,
                              p_connections int, p_per_minute int, p_pool text, p_ehlo_name text, p_auth text,
                              p_protocol text)
RETURNS bigint LANGUAGE sql AS $$
    SELECT transport_set(p_domain, p_host, p_port, p_tls, p_login, p_password, p_connections, p_per_minute, p_pool,
                         p_ehlo_name, p_auth);
    UPDATE transport SET protocol = p_protocol WHERE domain = p_domain;
    SELECT 0::bigint
$$;
