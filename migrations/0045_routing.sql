-- SPDX-License-Identifier: Apache-2.0
-- Addresses that lead to others: aliases and groups, with local and remote targets; catch-alls ("*@domain");
-- domains that are another name of a domain; who else may send as an address; secrets of the cluster.

ALTER TABLE domain ADD COLUMN alias_of bigint REFERENCES domain CHECK (alias_of <> domain_id);
CREATE INDEX domain_alias_of ON domain (alias_of) WHERE alias_of IS NOT NULL;

-- kind: 0 the login of its account, 1 a further address of an account, 2 leads to targets, 3 a group.
-- posting: who may send to it: 0 anyone, 1 accounts of its domain, 2 its members.
ALTER TABLE address ALTER COLUMN account_id DROP NOT NULL;
ALTER TABLE address ADD COLUMN posting smallint NOT NULL DEFAULT 0 CHECK (posting BETWEEN 0 AND 2);
ALTER TABLE address ADD CHECK ((account_id IS NULL) = (kind >= 2));

CREATE TABLE address_target (
    addr_lower  text NOT NULL REFERENCES address ON DELETE CASCADE,
    target      text NOT NULL,                       -- local@domain, quoted where it must be
    PRIMARY KEY (addr_lower, target)
);

CREATE TABLE address_sender (
    addr_lower  text NOT NULL REFERENCES address ON DELETE CASCADE,
    account_id  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    PRIMARY KEY (addr_lower, account_id)
);
CREATE INDEX address_sender_account ON address_sender (account_id);

-- Keys that all processes need, and that nobody has to know.
CREATE TABLE cluster_secret (
    name    text PRIMARY KEY,
    secret  bytea NOT NULL
);
INSERT INTO cluster_secret (name, secret)
VALUES ('srs', sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

-- Where one address (in lower case) leads, without following it. is_ours: the domain is of this
-- server. hit: the address of ours that it is, in `kind` and `posting`; NULL when there is none.
-- account: of that address. matched: 1 it is that address itself, 2 without its tag, 3 and 4 the same in the
-- domain that this one is another name of, 5 and 6 a catch-all, 7 whoever answers for the domain.
CREATE FUNCTION address_step(p_local text, p_domain text, OUT is_ours boolean, OUT hit text,
                             OUT account bigint, OUT kind smallint, OUT posting smallint,
                             OUT matched int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_domain bigint;
    v_real text;
    v_base text := p_local;
BEGIN
    SELECT coalesce(r.domain_id, d.domain_id), coalesce(r.name, d.name) INTO v_domain, v_real
      FROM domain d LEFT JOIN domain r ON r.domain_id = d.alias_of
     WHERE d.name = p_domain;
    is_ours := FOUND;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT a.addr_lower, a.account_id, a.kind, a.posting, 1 INTO hit, account, kind, posting, matched
      FROM address a WHERE a.addr_lower = p_local || '@' || p_domain;
    IF FOUND THEN
        RETURN;
    END IF;
    IF position('+' IN p_local) > 1 THEN
        v_base := split_part(p_local, '+', 1);
    END IF;
    SELECT a.addr_lower, a.account_id, a.kind, a.posting, n.rank
      INTO hit, account, kind, posting, matched
      FROM unnest(ARRAY[NULL, v_base || '@' || p_domain, p_local || '@' || v_real,
                        v_base || '@' || v_real, '*@' || p_domain, '*@' || v_real])
           WITH ORDINALITY AS n (name, rank)
      JOIN address a ON a.addr_lower = n.name
     ORDER BY n.rank LIMIT 1;
    IF FOUND OR p_local NOT IN ('postmaster', 'abuse') THEN
        RETURN;
    END IF;
    account := coalesce(
        (SELECT min(c.account_id) FROM account c WHERE c.domain_id = v_domain AND c.is_admin),
        (SELECT min(c.account_id) FROM account c WHERE c.is_admin),
        (SELECT min(c.account_id) FROM account c WHERE c.domain_id = v_domain AND NOT c.is_shared));
    matched := 7;
END $$;

-- All that an address leads to. No row: the domain is not ours. Else the first row says what the address itself
-- is, as address_step; where it leads to others, each further row is an account, or an address elsewhere in
-- `target`. Targets are followed over at most ten addresses; one that was met before is not followed again, and
-- what does not exist is left out. HR413: longer ways, or more than a thousand ends.
CREATE FUNCTION address_route(p_local text, p_domain text)
RETURNS TABLE (hit text, account bigint, kind smallint, posting smallint, matched int, target text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_first record;
    v_level text[];
    v_seen text[];
    v_accounts bigint[] := '{}';
    v_remote text[] := '{}';
    v_more_accounts bigint[];
    v_more_remote text[];
    v_depth int := 0;
BEGIN
    SELECT * INTO v_first FROM address_step(p_local, p_domain);
    IF NOT v_first.is_ours THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT v_first.hit, v_first.account, v_first.kind, v_first.posting,
                        v_first.matched, NULL::text;
    IF v_first.kind IS NULL OR v_first.kind < 2 THEN
        RETURN;
    END IF;
    v_level := ARRAY[v_first.hit];
    v_seen := v_level;
    WHILE v_level IS NOT NULL LOOP
        v_depth := v_depth + 1;
        IF v_depth > 10 THEN
            RAISE EXCEPTION 'the way from %@% is too long', p_local, p_domain
                  USING ERRCODE = 'HR413';
        END IF;
        SELECT array_agg(DISTINCT s.account) FILTER (WHERE s.account IS NOT NULL),
               array_agg(DISTINCT t.target) FILTER (WHERE NOT s.is_ours),
               array_agg(DISTINCT s.hit) FILTER (WHERE s.kind >= 2 AND s.hit <> ALL (v_seen))
          INTO v_more_accounts, v_more_remote, v_level
          FROM (SELECT DISTINCT target FROM address_target WHERE addr_lower = ANY (v_level)) t,
               LATERAL address_step(lower(regexp_replace(t.target, '@[^@]*$', '')),
                                    substring(t.target FROM '[^@]*$')) s;
        v_accounts := v_accounts || coalesce(v_more_accounts, '{}');
        v_remote := v_remote || coalesce(v_more_remote, '{}');
        v_seen := v_seen || coalesce(v_level, '{}');
        IF cardinality(v_accounts) + cardinality(v_remote) > 4000 THEN
            EXIT; -- more than can be left when each is counted once
        END IF;
    END LOOP;
    v_accounts := ARRAY(SELECT DISTINCT unnest(v_accounts) ORDER BY 1);
    v_remote := ARRAY(SELECT DISTINCT ON (lower(r)) r FROM unnest(v_remote) r ORDER BY lower(r), r);
    IF cardinality(v_accounts) + cardinality(v_remote) > 1000 THEN
        RAISE EXCEPTION '%@% leads to more than 1000', p_local, p_domain USING ERRCODE = 'HR413';
    END IF;
    RETURN QUERY SELECT NULL::text, a, NULL::smallint, NULL::smallint, NULL::int, NULL::text
                   FROM unnest(v_accounts) a;
    RETURN QUERY SELECT NULL::text, NULL::bigint, NULL::smallint, NULL::smallint, NULL::int, r
                   FROM unnest(v_remote) r;
END $$;

-- Whether the account may send as the address: it is its own, with or without a tag or by its catch-all, or it
-- was allowed to. Nobody who is disabled may.
CREATE FUNCTION address_may_send(p_account bigint, p_local text, p_domain text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM account WHERE account_id = p_account AND disabled_at IS NULL)
       AND EXISTS (SELECT 1 FROM address_step(p_local, p_domain) s
                    WHERE s.hit IS NOT NULL
                      AND (s.account = p_account
                           OR EXISTS (SELECT 1 FROM address_sender g
                                       WHERE g.addr_lower = s.hit AND g.account_id = p_account)))
$$;

-- What was changed has to lead somewhere. HR412: nowhere; HR413 as address_route.
CREATE FUNCTION address_check(p_address text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM address_route(regexp_replace(p_address, '@[^@]*$', ''),
                                           substring(p_address FROM '[^@]*$'))) < 2 THEN
        RAISE EXCEPTION '% leads nowhere', p_address USING ERRCODE = 'HR412';
    END IF;
END $$;

-- Makes an address that leads to others. HR404 (domain), 23505 (taken), HR412, HR413.
CREATE FUNCTION address_lead(p_address text, p_domain text, p_kind int, p_posting int,
                             p_targets text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_domain FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    INSERT INTO address (addr_lower, domain_id, kind, posting)
    VALUES (p_address, v_domain, p_kind, p_posting);
    INSERT INTO address_target (addr_lower, target) SELECT p_address, unnest(p_targets)
        ON CONFLICT DO NOTHING;
    PERFORM address_check(p_address);
    RETURN 0;
END $$;

-- Changes what is not NULL. Gives the address's account, 0 when it has none. HR404: no such address, or one of
-- the senders; HR403: targets or posting of an address of an account; HR412, HR413.
CREATE FUNCTION address_update(p_address text, p_posting int, p_targets text[], p_senders text[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
BEGIN
    SELECT account_id INTO v_account FROM address WHERE addr_lower = p_address FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such address' USING ERRCODE = 'HR404';
    END IF;
    IF v_account IS NOT NULL AND (p_posting IS NOT NULL OR p_targets IS NOT NULL) THEN
        RAISE EXCEPTION 'it belongs to an account' USING ERRCODE = 'HR403';
    END IF;
    UPDATE address SET posting = p_posting WHERE addr_lower = p_address AND p_posting IS NOT NULL;
    IF p_targets IS NOT NULL THEN
        DELETE FROM address_target WHERE addr_lower = p_address AND target <> ALL (p_targets);
        INSERT INTO address_target (addr_lower, target) SELECT p_address, unnest(p_targets)
            ON CONFLICT DO NOTHING;
        PERFORM address_check(p_address);
    END IF;
    IF p_senders IS NOT NULL THEN
        IF EXISTS (SELECT 1 FROM unnest(p_senders) s WHERE NOT EXISTS
                   (SELECT 1 FROM address a WHERE a.addr_lower = s AND a.account_id IS NOT NULL)) THEN
            RAISE EXCEPTION 'no such account' USING ERRCODE = 'HR404';
        END IF;
        DELETE FROM address_sender WHERE addr_lower = p_address;
        INSERT INTO address_sender (addr_lower, account_id)
        SELECT DISTINCT p_address, a.account_id FROM address a WHERE a.addr_lower = ANY (p_senders);
    END IF;
    RETURN coalesce(v_account, 0);
END $$;

-- Gives the account that it belonged to, 0 for none. HR404; HR412: it is the login of its account.
CREATE OR REPLACE FUNCTION address_remove(p_address text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_kind smallint;
BEGIN
    SELECT account_id, kind INTO v_account, v_kind FROM address
     WHERE addr_lower = p_address FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such address' USING ERRCODE = 'HR404';
    END IF;
    IF v_kind = 0 THEN
        RAISE EXCEPTION 'the login of its account' USING ERRCODE = 'HR412';
    END IF;
    DELETE FROM address WHERE addr_lower = p_address;
    RETURN coalesce(v_account, 0);
END $$;

-- HR404; HR412: it has accounts or addresses, or is what another domain is a name of.
CREATE OR REPLACE FUNCTION domain_remove(p_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
BEGIN
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    IF EXISTS (SELECT 1 FROM account WHERE domain_id = v_domain)
       OR EXISTS (SELECT 1 FROM address WHERE domain_id = v_domain)
       OR EXISTS (SELECT 1 FROM domain WHERE alias_of = v_domain) THEN
        RAISE EXCEPTION 'the domain has accounts' USING ERRCODE = 'HR412';
    END IF;
    DELETE FROM domain WHERE domain_id = v_domain;
    RETURN v_domain;
END $$;

-- Makes a domain another name of p_of, or its own again (p_of empty). HR404; HR412: one of both is in such a pair
-- the other way round.
CREATE FUNCTION domain_set_alias(p_name text, p_of text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
    v_of bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('heronry.domain_alias', 0));
    SELECT domain_id INTO v_domain FROM domain WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    SELECT domain_id INTO v_of FROM domain WHERE name = p_of AND p_of <> '';
    IF NOT FOUND AND p_of <> '' THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    IF v_of = v_domain OR EXISTS (SELECT 1 FROM domain WHERE domain_id = v_of AND alias_of IS NOT NULL)
       OR (v_of IS NOT NULL AND EXISTS (SELECT 1 FROM domain WHERE alias_of = v_domain)) THEN
        RAISE EXCEPTION 'a name of a name' USING ERRCODE = 'HR412';
    END IF;
    UPDATE domain SET alias_of = v_of WHERE domain_id = v_domain;
    RETURN v_domain;
END $$;
