-- SPDX-License-Identifier: Apache-2.0
-- postmaster and abuse without an address of their own find somebody who can read it: accounts that are disabled come
-- last. All else is as in 0045_routing.sql.
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
    account := coalesce(
        (SELECT min(c.account_id) FROM account c
          WHERE c.domain_id = v_domain AND c.is_admin AND c.disabled_at IS NULL),
        (SELECT min(c.account_id) FROM account c WHERE c.is_admin AND c.disabled_at IS NULL),
        (SELECT min(c.account_id) FROM account c
          WHERE c.domain_id = v_domain AND NOT c.is_shared AND c.disabled_at IS NULL),
        (SELECT min(c.account_id) FROM account c WHERE c.domain_id = v_domain AND NOT c.is_shared));
    matched := 7;
END $$;
