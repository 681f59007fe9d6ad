-- SPDX-License-Identifier: Apache-2.0
-- Domains of others that we take mail for and pass it on to (FEATURES 26), and what their servers said of
-- recipients.

CREATE TABLE relay_domain (
    name          text PRIMARY KEY,                  -- A-labels; never the name of a row of domain
    verification  smallint NOT NULL CHECK (verification BETWEEN 0 AND 2), -- 0 none, 1 callout, 2 list
    when_down     smallint NOT NULL CHECK (when_down BETWEEN 0 AND 1),    -- 0 accept, 1 defer
    down_until    timestamptz NOT NULL DEFAULT '-infinity', -- its servers do not tell: not asked before that
    down_reason   text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- The recipients of a domain with verification by list, in lower case, without the domain.
CREATE TABLE relay_recipient (
    name   text NOT NULL REFERENCES relay_domain ON DELETE CASCADE,
    local  text NOT NULL,
    PRIMARY KEY (name, local)
);

-- Questions to the servers of relay domains and their answers; it may be lost.
CREATE UNLOGGED TABLE relay_probe (
    local          text NOT NULL,                    -- as it was written: "Mia" and "mia" may be two there
    name           text NOT NULL,
    verdict        smallint,                         -- 0 no such recipient, 1 there is one; NULL: not known
    reply          text NOT NULL DEFAULT '',
    answered_at    timestamptz NOT NULL DEFAULT '-infinity',
    is_open        boolean NOT NULL,                 -- the question is to be asked
    asked_by       text NOT NULL,                    -- network of the client that had us ask last
    asked_at       timestamptz NOT NULL,
    claimed_until  timestamptz NOT NULL DEFAULT '-infinity',
    quiet_until    timestamptz NOT NULL DEFAULT '-infinity', -- they did not tell: not asked again before that
    PRIMARY KEY (name, local)
);
CREATE INDEX relay_probe_open ON relay_probe (name, asked_at) WHERE is_open;
CREATE INDEX relay_probe_client ON relay_probe (asked_by, asked_at);

-- One name is of one kind.
CREATE FUNCTION domain_not_relayed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('heronry.relay_domain', 0));
    IF EXISTS (SELECT 1 FROM relay_domain r WHERE r.name = NEW.name) THEN
        RAISE EXCEPTION 'mail for % is relayed', NEW.name USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER domain_not_relayed BEFORE INSERT ON domain
    FOR EACH ROW EXECUTE FUNCTION domain_not_relayed();

-- Makes or changes one. p_locals: all recipients of the list, in lower case; NULL leaves them. 23505: it is a
-- domain of our own.
CREATE FUNCTION relay_domain_set(p_name text, p_verification int, p_when_down int, p_locals text[])
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('heronry.relay_domain', 0));
    IF EXISTS (SELECT 1 FROM domain d WHERE d.name = p_name) THEN
        RAISE EXCEPTION '% is our own', p_name USING ERRCODE = 'unique_violation';
    END IF;
    INSERT INTO relay_domain AS r (name, verification, when_down)
    VALUES (p_name, p_verification, p_when_down)
        ON CONFLICT (name) DO UPDATE SET verification = p_verification, when_down = p_when_down;
    IF p_locals IS NOT NULL THEN
        DELETE FROM relay_recipient r WHERE r.name = p_name AND r.local <> ALL (p_locals);
        INSERT INTO relay_recipient (name, local) SELECT p_name, unnest(p_locals) ON CONFLICT DO NOTHING;
    END IF;
    RETURN 0;
END $$;

-- HR404.
CREATE FUNCTION relay_domain_remove(p_name text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM relay_domain r WHERE r.name = p_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such relay domain' USING ERRCODE = 'HR404';
    END IF;
    DELETE FROM relay_probe r WHERE r.name = p_name;
    RETURN 0;
END $$;

-- What is known of a recipient of a domain with verification by callout, and has its servers asked where that is
-- not enough. An address that was good is believed for 31 days and asked for again after 7; one that was not, for
-- 3 days and 3 hours. verdict: 0 no such recipient, 1 there is one, NULL not known. is_open: an answer is to come.
-- is_refused: this client had us ask for too many that are not there, or has too many questions open; those that
-- the servers do not tell of are not counted: they may all be there. down: why nobody is asked.
-- is_full: too many questions about this domain wait for an answer. answers: its servers did the last time, so
-- that an answer which does not come in time is late, and they are not down.
CREATE FUNCTION relay_probe_ask(p_name text, p_local text, p_client text, p_hourly int, p_most_open int,
                                OUT verdict smallint, OUT reply text, OUT is_open boolean,
                                OUT is_refused boolean, OUT down text, OUT is_new boolean,
                                OUT is_full boolean, OUT answers boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_at timestamptz;
    v_quiet timestamptz;
    v_hour timestamptz := now() - interval '1 hour';
BEGIN
    is_refused := false;
    is_new := false;
    is_full := false;
    answers := NOT EXISTS (SELECT 1 FROM relay_domain r WHERE r.name = p_name AND r.down_until > '-infinity');
    SELECT p.verdict, p.reply, p.is_open, p.answered_at, p.quiet_until INTO verdict, reply, is_open, v_at, v_quiet
      FROM relay_probe p WHERE p.name = p_name AND p.local = p_local;
    is_open := coalesce(is_open, false);
    IF v_at < now() - (CASE verdict WHEN 1 THEN interval '31 days' ELSE interval '3 days' END) THEN
        verdict := NULL;
    END IF;
    IF is_open OR v_quiet > now() OR
       (verdict IS NOT NULL AND
        v_at > now() - (CASE verdict WHEN 1 THEN interval '7 days' ELSE interval '3 hours' END)) THEN
        RETURN;
    END IF;
    SELECT r.down_reason INTO down FROM relay_domain r WHERE r.name = p_name AND r.down_until > now();
    IF FOUND THEN
        RETURN;
    END IF;
    is_full := (SELECT count(*) FROM relay_probe p WHERE p.is_open AND p.name = p_name) >= p_most_open;
    IF is_full THEN
        RETURN;
    END IF;
    is_refused := (SELECT count(*) FROM relay_probe p WHERE p.asked_by = p_client AND p.asked_at > v_hour
                      AND (p.is_open OR p.verdict = 0)) >= p_hourly;
    IF is_refused THEN
        RETURN;
    END IF;
    INSERT INTO relay_probe AS p (local, name, is_open, asked_by, asked_at)
    VALUES (p_local, p_name, true, p_client, now())
        ON CONFLICT (name, local) DO UPDATE SET is_open = true, asked_by = p_client, asked_at = now();
    is_open := true;
    is_new := true;
END $$;

-- Open questions about one domain that nobody else asks about now; they are the caller's for a while. One claims
-- at a time: of two at once the second would not see yet that the domain is asked.
CREATE FUNCTION relay_probe_claim(p_most int, p_ms bigint) RETURNS TABLE (name text, local text)
LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('heronry.relay_probe_claim', 0));
    UPDATE relay_probe u SET claimed_until = now() + p_ms * interval '1 millisecond'
      FROM (SELECT p.name, p.local FROM relay_probe p
             WHERE p.is_open
               AND p.name = (SELECT o.name FROM relay_probe o
                              WHERE o.is_open AND NOT EXISTS (SELECT 1 FROM relay_probe c
                                                               WHERE c.name = o.name AND c.claimed_until > now())
                              ORDER BY o.asked_at LIMIT 1)
             ORDER BY p.asked_at LIMIT p_most FOR UPDATE SKIP LOCKED) s
     WHERE u.name = s.name AND u.local = s.local
    RETURNING u.name, u.local
$$;

-- What came of it: p_verdicts as in relay_probe, -1 where the servers did not tell, -2 where they were not asked
-- yet: these stay open. What was known before stays then until it is too old. p_down: why the domain as a whole is
-- not to be asked for a minute; NULL: it answered.
CREATE FUNCTION relay_probe_answer(p_name text, p_locals text[], p_verdicts int[], p_replies text[], p_down text)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE relay_probe p
       SET is_open = a.verdict = -2, claimed_until = '-infinity',
           quiet_until = CASE WHEN a.verdict = -1 THEN now() + interval '1 minute' ELSE '-infinity' END,
           verdict = CASE WHEN a.verdict < 0 THEN p.verdict ELSE a.verdict END,
           reply = CASE WHEN a.verdict < 0 THEN p.reply ELSE a.reply END,
           answered_at = CASE WHEN a.verdict < 0 THEN p.answered_at ELSE now() END
      FROM unnest(p_locals, p_verdicts, p_replies) AS a (local, verdict, reply)
     WHERE p.name = p_name AND p.local = a.local;
    UPDATE relay_domain r
       SET down_until = CASE WHEN p_down IS NULL THEN '-infinity' ELSE now() + interval '1 minute' END,
           down_reason = coalesce(p_down, '')
     WHERE r.name = p_name AND (p_down IS NOT NULL OR r.down_until > '-infinity');
    RETURN 0;
END $$;
