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
    -- What is known of the servers of a destination says nothing of this one. That a sender has a relay tells nothing
    -- of theirs: they are asked again, by one message at a time.
    UPDATE q_domain d
       SET breaker_open = b.is_of_sender AND d.breaker_open, failures = CASE WHEN b.is_of_sender THEN d.failures ELSE 0 END,
           successes = 0, breaker_until = CASE WHEN b.is_of_sender THEN now() ELSE '-infinity' END,
           next_due = least(d.next_due, now())
      FROM (SELECT domain, p_domain LIKE '%@%' AS is_of_sender FROM q_domain
             WHERE p_host <> '' AND (domain = p_domain OR p_domain = '*' OR p_domain LIKE '%@%') AND breaker_open
             ORDER BY domain FOR UPDATE) b
     WHERE d.domain = b.domain;
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
    next_at     timestamptz NOT NULL,
    promised_at timestamptz NOT NULL                    -- the times before it were told to those who wait
) WITH (fillfactor = 50);

-- How many of p_n messages may go now, at p_per_minute at most and no more than a second's at once, and in how
-- many milliseconds the first of the others is to ask again; each further one a step later. Each who waits is told a
-- time of his own, so that they do not ask all at once; nobody is sent away for more than ten minutes, as those before
-- him may be dropped. Who asks a little late, as queues do, does not lose the time for those after him.
CREATE FUNCTION transport_take(p_key text, p_per_minute int, p_n int, OUT granted int, OUT wait_ms bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_step  interval := interval '1 minute' / p_per_minute;
    v_burst int := greatest(1, p_per_minute / 60);
    v_now   timestamptz;
    v_next  timestamptz;
    v_told  timestamptz;
    v_most  interval := interval '10 minutes';
BEGIN
    INSERT INTO transport_pace VALUES (p_key, '-infinity', '-infinity') ON CONFLICT DO NOTHING;
    IF FOUND THEN
        DELETE FROM transport_pace WHERE key IN (SELECT key FROM transport_pace
            WHERE next_at < now() - interval '1 day' AND key <> p_key FOR UPDATE SKIP LOCKED);
    END IF;
    SELECT next_at, promised_at INTO v_next, v_told FROM transport_pace WHERE key = p_key FOR UPDATE;
    v_now := clock_timestamp();
    -- A clock that was set back must not stop the mail.
    IF v_next > v_now + greatest(v_step, interval '1 minute') THEN
        v_next := v_now;
        v_told := v_now;
    END IF;
    v_next := greatest(v_next, v_now - greatest((v_burst - 1) * v_step, least(0.9 * v_step, interval '2 seconds')));
    granted := 0;
    IF v_next <= v_now THEN
        granted := least(p_n, 1 + floor(extract(epoch FROM v_now - v_next) / extract(epoch FROM v_step))::int);
        v_next := v_next + granted * v_step;
    END IF;
    v_told := greatest(v_told, v_next);
    wait_ms := greatest(0, ceil(extract(epoch FROM v_told - v_now) * 1000))::bigint;
    IF v_told > v_now + greatest(v_most, v_step) THEN
        wait_ms := (extract(epoch FROM v_most) * 1000 * (1 + random()) / 2)::bigint;
    ELSE
        v_told := v_told + (p_n - granted) * v_step;
    END IF;
    UPDATE transport_pace SET next_at = v_next, promised_at = v_told WHERE key = p_key;
END $$;
