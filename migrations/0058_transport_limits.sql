-- SPDX-License-Identifier: Apache-2.0
-- What a transport says beside the server: how much may go at a time and in a minute, from which addresses, and
-- how we are called. One without a server only says that; frontends of the version before see port 0 as none.
ALTER TABLE transport DROP CONSTRAINT transport_port_check;
ALTER TABLE transport
    ADD COLUMN connections int NOT NULL DEFAULT 0,      -- 0: as configured
    ADD COLUMN per_minute int NOT NULL DEFAULT 0,       -- messages; 0: no limit
    ADD COLUMN pool text NOT NULL DEFAULT '',           -- of delivery.pools; '': delivery.source
    ADD COLUMN ehlo_name text NOT NULL DEFAULT '',      -- '': delivery.ehlo_name
    ADD CONSTRAINT transport_port_check CHECK (port BETWEEN 0 AND 65535 AND (port = 0) = (host = '')),
    ADD CONSTRAINT transport_limits_check CHECK (connections >= 0 AND per_minute >= 0);

CREATE FUNCTION transport_set(p_domain text, p_host text, p_port int, p_tls int, p_login text, p_password bytea,
                              p_connections int, p_per_minute int, p_pool text, p_ehlo_name text)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO transport AS t (domain, host, port, tls, login, password, connections, per_minute, pool, ehlo_name)
    VALUES (p_domain, p_host, p_port, p_tls, p_login, p_password, p_connections, p_per_minute, p_pool, p_ehlo_name)
        ON CONFLICT (domain) DO UPDATE
        SET host = p_host, port = p_port, tls = p_tls, login = p_login, password = p_password,
            connections = p_connections, per_minute = p_per_minute, pool = p_pool, ehlo_name = p_ehlo_name
    RETURNING 0::bigint
$$;

-- When the next message of a limited transport may go. A row that is lost lets a second's messages go too early.
CREATE UNLOGGED TABLE transport_pace (
    key         text PRIMARY KEY,
    next_at     timestamptz NOT NULL
) WITH (fillfactor = 50);

-- How many of p_n messages may go now, at p_per_minute at most and no more than a second's at once, and in how
-- many milliseconds the next one may.
CREATE FUNCTION transport_take(p_key text, p_per_minute int, p_n int, OUT granted int, OUT wait_ms bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_step  interval := interval '1 minute' / p_per_minute;
    v_burst int := greatest(1, p_per_minute / 60);
    v_now   timestamptz;
    v_next  timestamptz;
BEGIN
    INSERT INTO transport_pace VALUES (p_key, '-infinity') ON CONFLICT DO NOTHING;
    IF FOUND THEN
        DELETE FROM transport_pace WHERE key IN (SELECT key FROM transport_pace
            WHERE next_at < now() - interval '1 day' AND key <> p_key FOR UPDATE SKIP LOCKED);
    END IF;
    SELECT next_at INTO v_next FROM transport_pace WHERE key = p_key FOR UPDATE;
    v_now := clock_timestamp();
    -- A clock that was set back must not stop the mail.
    IF v_next > v_now + greatest(v_step, interval '1 minute') THEN
        v_next := v_now;
    END IF;
    v_next := greatest(v_next, v_now - (v_burst - 1) * v_step);
    granted := 0;
    IF v_next <= v_now THEN
        granted := least(p_n, 1 + floor(extract(epoch FROM v_now - v_next) / extract(epoch FROM v_step))::int);
        v_next := v_next + granted * v_step;
        UPDATE transport_pace SET next_at = v_next WHERE key = p_key;
    END IF;
    wait_ms := greatest(0, ceil(extract(epoch FROM v_next - v_now) * 1000))::bigint;
END $$;
