-- SPDX-License-Identifier: Apache-2.0
-- How much accounts, and all accounts of a domain together, may send elsewhere, what they have sent, and who may
-- not send at all for now. Four windows, in this order: messages an hour, recipients an hour, messages a day,
-- recipients a day. A row is of an account or of a domain.
CREATE TABLE sending (
    account_id  bigint UNIQUE REFERENCES account ON DELETE CASCADE,
    domain_id   bigint UNIQUE REFERENCES domain ON DELETE CASCADE,
    most        bigint[] NOT NULL DEFAULT '{-1,-1,-1,-1}', -- 0 no limit; -1 as the configuration says
    hour        timestamptz NOT NULL DEFAULT date_trunc('hour', now()),
    day         timestamptz NOT NULL DEFAULT date_trunc('day', now(), 'UTC'),
    used        bigint[] NOT NULL DEFAULT '{0,0,0,0}',  -- in this hour and this day
    before      bigint[] NOT NULL DEFAULT '{0,0,0,0}',  -- in the hour and the day before
    refused     int NOT NULL DEFAULT 0,                 -- times in this day, once in 5 minutes at most
    refused_at  timestamptz NOT NULL DEFAULT '-infinity', -- the last that was counted
    held_at     timestamptz,                            -- since then nothing may be sent; NULL: it may
    held_why    text NOT NULL DEFAULT '',
    CHECK ((account_id IS NULL) <> (domain_id IS NULL))
) WITH (fillfactor = 50);

-- The row with its hours and days brought to now.
CREATE FUNCTION sending_turn(r sending) RETURNS sending LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_hour timestamptz := date_trunc('hour', now());
    v_day timestamptz := date_trunc('day', now(), 'UTC');
BEGIN
    IF r.hour < v_hour THEN
        r.before[1:2] := CASE WHEN r.hour = v_hour - interval '1 hour' THEN r.used[1:2] ELSE '{0,0}' END;
        r.used[1:2] := '{0,0}';
        r.hour := v_hour;
    END IF;
    IF r.day < v_day THEN
        r.before[3:4] := CASE WHEN r.day = v_day - interval '1 day' THEN r.used[3:4] ELSE '{0,0}' END;
        r.used[3:4] := '{0,0}';
        r.day := v_day;
        r.refused := 0;
    END IF;
    RETURN r;
END $$;

-- What was sent in the last hour and the last 24 hours: of the window before, the part that is not past yet.
CREATE FUNCTION sending_used(r sending) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v sending := sending_turn(r);
    v_hour float8 := 1 - extract(epoch FROM now() - v.hour) / 3600;
    v_day float8 := 1 - extract(epoch FROM now() - v.day) / 86400;
BEGIN
    RETURN ARRAY[v.used[1] + ceil(v.before[1] * v_hour), v.used[2] + ceil(v.before[2] * v_hour),
                 v.used[3] + ceil(v.before[3] * v_day), v.used[4] + ceil(v.before[4] * v_day)]::bigint[];
END $$;

-- The first window that has no room for these; 0: all have.
CREATE FUNCTION sending_full(p_used bigint[], p_add bigint[], p_most bigint[]) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(min(i), 0) FROM generate_subscripts(p_most, 1) i
     WHERE p_most[i] > 0 AND p_used[i] + p_add[i] > p_most[i]
$$;

CREATE FUNCTION sending_most(p_own bigint[], p_else bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(CASE WHEN p_own[i] < 0 THEN p_else[i] ELSE p_own[i] END ORDER BY i) FROM generate_series(1, 4) i
$$;

-- An account is about to send to so many recipients elsewhere (0: to people here only). It counts when it may. `said`:
-- 0 it may, 1 its own limit is reached, 2 that of its domain, 3 it may send nothing, 4 likewise from now on, because
-- it was refused p_refusals times in a day. A program that comes again with all that waits is refused once, however
-- much that is: one refusal counts in 5 minutes, and none of what waits with us for its turn (p_waits). `full_window`: the
-- window that is, from 1 on. `is_ever`: it may at another time, for the limits are no smaller than it alone. What a
-- crash forgets of this is some messages too few, so nobody waits for the disk.
CREATE FUNCTION sending_take(p_account bigint, p_recipients bigint, p_most bigint[], p_refusals bigint, p_waits boolean,
                             OUT said int, OUT full_window int, OUT taken_at timestamptz,
                             OUT is_ever boolean) LANGUAGE plpgsql AS $$
DECLARE
    a sending;
    d sending;
    v_add bigint[] := ARRAY[1, p_recipients, 1, p_recipients];
    v_domain bigint;
BEGIN
    said := 0;
    full_window := 0;
    taken_at := now();
    is_ever := true;
    IF p_recipients = 0 THEN
        IF EXISTS (SELECT 1 FROM sending WHERE account_id = p_account AND held_at IS NOT NULL) THEN
            said := 3;
        END IF;
        RETURN;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT * INTO a FROM sending WHERE account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO sending (account_id) VALUES (p_account) ON CONFLICT DO NOTHING;
        SELECT * INTO a FROM sending WHERE account_id = p_account FOR UPDATE;
    END IF;
    IF a.held_at IS NOT NULL THEN
        said := 3;
        RETURN;
    END IF;
    SELECT domain_id INTO v_domain FROM account WHERE account_id = p_account;
    SELECT * INTO d FROM sending WHERE domain_id = v_domain FOR UPDATE;
    a := sending_turn(a);
    full_window := sending_full(sending_used(a), v_add, sending_most(a.most, p_most));
    IF full_window > 0 THEN
        said := 1;
    ELSIF d.domain_id IS NOT NULL THEN
        d := sending_turn(d);
        full_window := sending_full(sending_used(d), v_add, d.most);
        said := CASE WHEN full_window > 0 THEN 2 ELSE 0 END;
    END IF;
    IF sending_full('{0,0,0,0}', v_add, CASE said WHEN 1 THEN sending_most(a.most, p_most) WHEN 2 THEN d.most END) > 0 THEN
        is_ever := false;
    END IF;
    IF said = 0 THEN
        FOR i IN 1..4 LOOP
            a.used[i] := a.used[i] + v_add[i];
            d.used[i] := d.used[i] + v_add[i];
        END LOOP;
        UPDATE sending SET hour = d.hour, day = d.day, used = d.used, before = d.before WHERE domain_id = v_domain;
    ELSIF said = 1 AND NOT p_waits AND a.refused_at <= now() - interval '5 minutes' THEN
        a.refused := a.refused + 1;
        a.refused_at := now();
        IF p_refusals > 0 AND a.refused >= p_refusals THEN
            said := 4;
            a.held_at := now();
            a.held_why := format('more was to be sent than its limits allow, %s times in a day', a.refused);
        END IF;
    END IF;
    UPDATE sending SET hour = a.hour, day = a.day, used = a.used, before = a.before, refused = a.refused,
                       refused_at = a.refused_at, held_at = a.held_at, held_why = a.held_why WHERE account_id = p_account;
    IF said = 4 THEN
        INSERT INTO audit_log (actor, action, object, detail)
        SELECT 'system', 'sending.stop', login, a.held_why FROM account WHERE account_id = p_account;
    END IF;
END $$;

-- The row without a message that was counted at p_taken, in whichever window that is by now.
CREATE FUNCTION sending_less(r sending, p_recipients bigint, p_taken timestamptz) RETURNS sending LANGUAGE plpgsql
STABLE AS $$
DECLARE
    v_less bigint[] := ARRAY[1, p_recipients, 1, p_recipients];
    v_turn timestamptz;
    v_taken timestamptz;
BEGIN
    r := sending_turn(r);
    FOR i IN 1..4 LOOP
        v_turn := CASE WHEN i < 3 THEN r.hour ELSE r.day END;
        v_taken := CASE WHEN i < 3 THEN date_trunc('hour', p_taken) ELSE date_trunc('day', p_taken, 'UTC') END;
        IF v_taken >= v_turn THEN
            r.used[i] := greatest(r.used[i] - v_less[i], 0);
        ELSIF v_taken = v_turn - (CASE WHEN i < 3 THEN interval '1 hour' ELSE interval '1 day' END) THEN
            r.before[i] := greatest(r.before[i] - v_less[i], 0);
        END IF;
    END LOOP;
    RETURN r;
END $$;

-- What was counted at p_taken did not go after all. The rows are locked in the order of sending_take.
CREATE FUNCTION sending_give_back(p_account bigint, p_recipients bigint, p_taken timestamptz) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE sending s SET (hour, day, used, before, refused) =
        (SELECT l.hour, l.day, l.used, l.before, l.refused FROM sending_less(s, p_recipients, p_taken) l)
     WHERE account_id = p_account;
    UPDATE sending s SET (hour, day, used, before) =
        (SELECT l.hour, l.day, l.used, l.before FROM sending_less(s, p_recipients, p_taken) l)
     WHERE domain_id = (SELECT domain_id FROM account WHERE account_id = p_account);
END $$;

-- Sets the limits of an account (by any address of its own) or a domain: -1 for that of the configuration, -2 for what it
-- was. Gives the account, 0 for a domain. HR404.
CREATE FUNCTION sending_set(p_subject text, p_most bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_domain bigint;
BEGIN
    IF position('@' IN p_subject) > 0 THEN
        v_account := account_lock(p_subject);
    ELSE
        SELECT domain_id INTO v_domain FROM domain WHERE name = p_subject FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
        END IF;
    END IF;
    INSERT INTO sending (account_id, domain_id) VALUES (v_account, v_domain) ON CONFLICT DO NOTHING;
    UPDATE sending s SET most = (SELECT array_agg(CASE WHEN p_most[i] < -1 THEN s.most[i] ELSE p_most[i] END ORDER BY i)
                                   FROM generate_series(1, 4) i)
     WHERE account_id = v_account OR domain_id = v_domain;
    RETURN coalesce(v_account, 0);
END $$;

-- Stops an account from sending (p_why), or lets it send again (NULL), with what it was refused forgotten. HR404.
CREATE FUNCTION sending_hold(p_address text, p_why text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    INSERT INTO sending (account_id) VALUES (v_account) ON CONFLICT DO NOTHING;
    UPDATE sending SET held_at = CASE WHEN p_why IS NOT NULL THEN coalesce(held_at, now()) END,
                       held_why = coalesce(p_why, ''), refused = 0, refused_at = '-infinity'
     WHERE account_id = v_account;
    RETURN v_account;
END $$;

-- When a submission was first put off because of these limits: it comes back to its author when that lasts.
ALTER TABLE submission ADD COLUMN limited_at timestamptz;
