-- SPDX-License-Identifier: Apache-2.0
-- Tenants: groups of domains with a name, which may have limits of sending as a whole (0051).
CREATE TABLE tenant (
    tenant_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,                   -- lower-case letters, digits, '-', '_' and '.'
    created_at  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE domain ADD COLUMN tenant_id bigint REFERENCES tenant;
CREATE INDEX domain_tenant ON domain (tenant_id);

CREATE FUNCTION tenant_create(p_name text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO tenant (name) VALUES (p_name) RETURNING tenant_id
$$;

-- HR404.
CREATE FUNCTION tenant_rename(p_name text, p_new text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_tenant bigint;
BEGIN
    UPDATE tenant SET name = p_new WHERE name = p_name RETURNING tenant_id INTO v_tenant;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such tenant' USING ERRCODE = 'HR404';
    END IF;
    RETURN v_tenant;
END $$;

-- HR404; HR412: it has domains. Who is giving it one waits for the lock.
CREATE FUNCTION tenant_remove(p_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_tenant bigint;
BEGIN
    SELECT tenant_id INTO v_tenant FROM tenant WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such tenant' USING ERRCODE = 'HR404';
    END IF;
    IF EXISTS (SELECT 1 FROM domain WHERE tenant_id = v_tenant) THEN
        RAISE EXCEPTION 'the tenant has domains' USING ERRCODE = 'HR412';
    END IF;
    DELETE FROM tenant WHERE tenant_id = v_tenant;
    RETURN v_tenant;
END $$;

-- Puts a domain into a tenant, out of the one that it was in; into none (p_tenant empty). HR404: one of both.
CREATE FUNCTION domain_set_tenant(p_name text, p_tenant text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
    v_tenant bigint;
BEGIN
    IF p_tenant <> '' THEN
        SELECT tenant_id INTO v_tenant FROM tenant WHERE name = p_tenant FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such tenant' USING ERRCODE = 'HR404';
        END IF;
    END IF;
    UPDATE domain SET tenant_id = v_tenant WHERE name = p_name RETURNING domain_id INTO v_domain;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    RETURN v_domain;
END $$;

-- ---- limits of sending ----

-- A row is of an account, of a domain or of a tenant.
ALTER TABLE sending ADD COLUMN tenant_id bigint UNIQUE REFERENCES tenant ON DELETE CASCADE;
ALTER TABLE sending DROP CONSTRAINT sending_check;
ALTER TABLE sending ADD CONSTRAINT sending_check CHECK (num_nonnulls(account_id, domain_id, tenant_id) = 1);

-- sending_take as it was, and the limits of the tenant after those of the domain. `said`: 5 that one of these is
-- reached. The rows are locked in this order: account, domain, tenant.
CREATE FUNCTION sending_count(p_account bigint, p_recipients bigint, p_most bigint[], p_refusals bigint, p_waits boolean,
                              OUT said int, OUT full_window int, OUT taken_at timestamptz,
                              OUT is_ever boolean) LANGUAGE plpgsql AS $$
DECLARE
    a sending;
    d sending;
    t sending;
    v_add bigint[] := ARRAY[1, p_recipients, 1, p_recipients];
    v_domain bigint;
    v_tenant bigint;
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
    SELECT c.domain_id, o.tenant_id INTO v_domain, v_tenant FROM account c JOIN domain o USING (domain_id)
     WHERE c.account_id = p_account;
    SELECT * INTO d FROM sending WHERE domain_id = v_domain FOR UPDATE;
    IF v_tenant IS NOT NULL THEN
        SELECT * INTO t FROM sending WHERE tenant_id = v_tenant FOR UPDATE;
    END IF;
    a := sending_turn(a);
    full_window := sending_full(sending_used(a), v_add, sending_most(a.most, p_most));
    IF full_window > 0 THEN
        said := 1;
    END IF;
    IF said = 0 AND d.domain_id IS NOT NULL THEN
        d := sending_turn(d);
        full_window := sending_full(sending_used(d), v_add, d.most);
        said := CASE WHEN full_window > 0 THEN 2 ELSE 0 END;
    END IF;
    IF said = 0 AND t.tenant_id IS NOT NULL THEN
        t := sending_turn(t);
        full_window := sending_full(sending_used(t), v_add, t.most);
        said := CASE WHEN full_window > 0 THEN 5 ELSE 0 END;
    END IF;
    IF sending_full('{0,0,0,0}', v_add, CASE said WHEN 1 THEN sending_most(a.most, p_most) WHEN 2 THEN d.most
                                                  WHEN 5 THEN t.most END) > 0 THEN
        is_ever := false;
    END IF;
    IF said = 0 THEN
        FOR i IN 1..4 LOOP
            a.used[i] := a.used[i] + v_add[i];
            d.used[i] := d.used[i] + v_add[i];
            t.used[i] := t.used[i] + v_add[i];
        END LOOP;
        UPDATE sending SET hour = d.hour, day = d.day, used = d.used, before = d.before WHERE domain_id = d.domain_id;
        UPDATE sending SET hour = t.hour, day = t.day, used = t.used, before = t.before WHERE tenant_id = t.tenant_id;
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

-- For frontends of the version before, which know of no tenants: to them it is a limit of the domain.
CREATE OR REPLACE FUNCTION sending_take(p_account bigint, p_recipients bigint, p_most bigint[], p_refusals bigint, p_waits boolean,
                                        OUT said int, OUT full_window int, OUT taken_at timestamptz,
                                        OUT is_ever boolean) LANGUAGE sql AS $$
    SELECT CASE c.said WHEN 5 THEN 2 ELSE c.said END, c.full_window, c.taken_at, c.is_ever
      FROM sending_count(p_account, p_recipients, p_most, p_refusals, p_waits) c
$$;

-- As before; of the tenant, too. The rows are locked in the order of sending_count.
CREATE OR REPLACE FUNCTION sending_give_back(p_account bigint, p_recipients bigint, p_taken timestamptz) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE sending s SET (hour, day, used, before, refused) =
        (SELECT l.hour, l.day, l.used, l.before, l.refused FROM sending_less(s, p_recipients, p_taken) l)
     WHERE account_id = p_account;
    UPDATE sending s SET (hour, day, used, before) =
        (SELECT l.hour, l.day, l.used, l.before FROM sending_less(s, p_recipients, p_taken) l)
     WHERE domain_id = (SELECT domain_id FROM account WHERE account_id = p_account);
    UPDATE sending s SET (hour, day, used, before) =
        (SELECT l.hour, l.day, l.used, l.before FROM sending_less(s, p_recipients, p_taken) l)
     WHERE tenant_id = (SELECT o.tenant_id FROM account c JOIN domain o USING (domain_id) WHERE c.account_id = p_account);
END $$;

-- As before; a tenant is called "tenant:" and its name, which no domain is.
CREATE OR REPLACE FUNCTION sending_set(p_subject text, p_most bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_domain bigint;
    v_tenant bigint;
BEGIN
    IF position('@' IN p_subject) > 0 THEN
        v_account := account_lock(p_subject);
    ELSIF starts_with(p_subject, 'tenant:') THEN
        SELECT tenant_id INTO v_tenant FROM tenant WHERE name = substr(p_subject, 8) FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such tenant' USING ERRCODE = 'HR404';
        END IF;
    ELSE
        SELECT domain_id INTO v_domain FROM domain WHERE name = p_subject FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
        END IF;
    END IF;
    INSERT INTO sending (account_id, domain_id, tenant_id) VALUES (v_account, v_domain, v_tenant) ON CONFLICT DO NOTHING;
    UPDATE sending s SET most = (SELECT array_agg(CASE WHEN p_most[i] < -1 THEN s.most[i] ELSE p_most[i] END ORDER BY i)
                                   FROM generate_series(1, 4) i),
                         per_message = CASE WHEN p_most[5] >= -1 THEN p_most[5] ELSE s.per_message END
     WHERE account_id = v_account OR domain_id = v_domain OR tenant_id = v_tenant;
    RETURN coalesce(v_account, 0);
END $$;
