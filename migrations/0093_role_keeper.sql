-- SPDX-License-Identifier: Apache-2.0
-- postmaster and abuse of a domain where nobody is find the same people as a postmaster without a domain. All else is
-- as in 0072_role_addresses.sql.

-- Who reads what comes to the one who answers for a domain; p_domain is empty for the whole server. NULL: there is no
-- account at all.
CREATE FUNCTION address_keeper(p_domain text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT min(c.account_id) FROM account c
          WHERE c.domain_id = o.domain_id AND c.is_admin AND c.disabled_at IS NULL),
        (SELECT a.account_id FROM address a
          WHERE p_domain = '' AND a.addr_lower LIKE 'postmaster@%' AND a.account_id IS NOT NULL
          ORDER BY a.addr_lower LIMIT 1),
        (SELECT min(c.account_id) FROM account c WHERE c.is_admin AND c.disabled_at IS NULL),
        (SELECT min(c.account_id) FROM account c
          WHERE c.domain_id = o.domain_id AND NOT c.is_shared AND c.disabled_at IS NULL),
        (SELECT min(c.account_id) FROM account c WHERE c.domain_id = o.domain_id AND NOT c.is_shared),
        (SELECT a.account_id FROM address a
          WHERE a.addr_lower LIKE 'postmaster@%' AND a.account_id IS NOT NULL
          ORDER BY a.addr_lower LIMIT 1),
        (SELECT min(c.account_id) FROM account c WHERE NOT c.is_shared AND c.disabled_at IS NULL),
        (SELECT min(c.account_id) FROM account c WHERE NOT c.is_shared))
      FROM (SELECT (SELECT coalesce(d.alias_of, d.domain_id) FROM domain d WHERE d.name = p_domain) AS domain_id) o
$$;

-- All names of the domain of this name: its own, and those that are another name of it.
CREATE FUNCTION domain_names(p_domain text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT n.name FROM domain n,
           (SELECT coalesce(d.alias_of, d.domain_id) AS domain_id FROM domain d WHERE d.name = p_domain) o
     WHERE n.domain_id = o.domain_id OR n.alias_of = o.domain_id
$$;

CREATE OR REPLACE FUNCTION address_step(p_local text, p_domain text, OUT is_ours boolean, OUT hit text,
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
    account := address_keeper(p_domain);
    matched := 7;
END $$;
