-- SPDX-License-Identifier: Apache-2.0
-- Addresses that an account, or a whole domain, is not to write to: added by hand, or because another server refused
-- them for good. Rows of the second kind are kept for every account, since many of them within an hour, like logins
-- from many networks, are what a stolen password looks like.
CREATE TABLE suppression (
    suppression_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint REFERENCES account ON DELETE CASCADE,
    domain_id   bigint REFERENCES domain ON DELETE CASCADE,
    address     text NOT NULL,                          -- local@domain in lower case
    is_manual   boolean NOT NULL,
    status      text NOT NULL DEFAULT '',               -- "5.1.1"
    reason      text NOT NULL DEFAULT '',               -- of who added it, or the reply
    created     timestamptz NOT NULL DEFAULT now(),     -- or refused the last time
    expires     timestamptz NOT NULL DEFAULT 'infinity',
    CHECK ((account_id IS NULL) <> (domain_id IS NULL))
);
CREATE UNIQUE INDEX suppression_account ON suppression (account_id, address) WHERE account_id IS NOT NULL;
CREATE UNIQUE INDEX suppression_domain ON suppression (domain_id, address) WHERE domain_id IS NOT NULL;
CREATE INDEX suppression_expires ON suppression (expires) WHERE expires <> 'infinity'; -- those that end are swept

-- Whence an account logged in to send, for a day: older rows are swept.
CREATE TABLE sending_network (
    account_id  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    network     cidr NOT NULL,                          -- a /16, or a /32 of IPv6: about a provider
    seen        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, network)
);
CREATE INDEX sending_network_seen ON sending_network (seen);

ALTER TABLE sending ADD COLUMN released_at timestamptz NOT NULL DEFAULT '-infinity'; -- what was before does not count

-- Stops the account when it still may send; whether it does.
CREATE FUNCTION sending_stop_now(p_account bigint, p_why text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sending (account_id) VALUES (p_account) ON CONFLICT DO NOTHING;
    UPDATE sending SET held_at = now(), held_why = p_why WHERE account_id = p_account AND held_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO audit_log (actor, action, object, detail)
    SELECT 'system', 'sending.stop', login, p_why FROM account WHERE account_id = p_account;
    RETURN true;
END $$;

-- Other servers refused these recipients of the account for good. More than p_most different ones within an hour (0: any
-- number) stop it; true from this time on. They are remembered for p_keep seconds.
CREATE FUNCTION sending_refused(p_account bigint, p_addresses text[], p_statuses text[], p_reasons text[], p_keep bigint,
                                p_most bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_refused bigint;
BEGIN
    INSERT INTO suppression (account_id, address, is_manual, status, reason, expires)
    SELECT DISTINCT ON (lower(u.address)) c.account_id, lower(u.address), false, u.status, left(u.reason, 500),
           now() + p_keep * interval '1 second'
      FROM unnest(p_addresses, p_statuses, p_reasons) AS u (address, status, reason), account c
     WHERE c.account_id = p_account ORDER BY lower(u.address)
        ON CONFLICT (account_id, address) WHERE account_id IS NOT NULL DO UPDATE
       SET status = EXCLUDED.status, reason = EXCLUDED.reason, created = now(), expires = EXCLUDED.expires
     WHERE NOT suppression.is_manual;
    IF p_most = 0 THEN
        RETURN false;
    END IF;
    SELECT count(*) INTO v_refused FROM suppression
     WHERE account_id = p_account AND NOT is_manual AND created > now() - interval '1 hour'
       AND created > coalesce((SELECT released_at FROM sending WHERE account_id = p_account), '-infinity');
    RETURN v_refused > p_most AND
           sending_stop_now(p_account, format('other servers refused %s recipients within an hour', v_refused));
END $$;

-- The account logged in from there, to send. More than p_most networks within an hour stop it; true from this time on. What a
-- crash forgets of it is one network too few, so nobody waits for the disk.
CREATE FUNCTION sending_seen(p_account bigint, p_ip text, p_most bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_ip inet := p_ip::inet;
    v_networks bigint;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO sending_network AS n (account_id, network)
    SELECT account_id, network(set_masklen(v_ip, CASE family(v_ip) WHEN 4 THEN 16 ELSE 32 END)) FROM account
     WHERE account_id = p_account
        ON CONFLICT (account_id, network) DO UPDATE SET seen = now() WHERE n.seen < now() - interval '5 minutes';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT count(*) INTO v_networks FROM sending_network
     WHERE account_id = p_account AND seen > now() - interval '1 hour'
       AND seen > coalesce((SELECT released_at FROM sending WHERE account_id = p_account), '-infinity');
    RETURN v_networks > p_most AND
           sending_stop_now(p_account, format('it logged in from %s networks within an hour', v_networks));
END $$;

-- As before; who is let go is judged by what comes after.
CREATE OR REPLACE FUNCTION sending_hold(p_address text, p_why text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    INSERT INTO sending (account_id) VALUES (v_account) ON CONFLICT DO NOTHING;
    UPDATE sending SET held_at = CASE WHEN p_why IS NOT NULL THEN coalesce(held_at, now()) END,
                       held_why = coalesce(p_why, ''), refused = 0, refused_at = '-infinity',
                       released_at = CASE WHEN p_why IS NULL THEN now() ELSE released_at END
     WHERE account_id = v_account;
    RETURN v_account;
END $$;
