-- SPDX-License-Identifier: Apache-2.0
-- Forgets a pair that is still in the state that was seen: between that and now its records are taken out of the DNS, which
-- takes its time. HR404: no such pair. HR409: it signs by now, or does not any more.
CREATE FUNCTION dkim_key_remove(p_domain text, p_selector text, p_state text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_key   bigint;
    v_state text;
BEGIN
    SELECT k.dkim_key_id, k.state INTO v_key, v_state FROM dkim_key k JOIN domain d USING (domain_id)
     WHERE d.name = p_domain AND k.selector = p_selector FOR UPDATE OF k;
    IF v_key IS NULL THEN
        RAISE EXCEPTION 'no such key' USING ERRCODE = 'HR404';
    END IF;
    IF v_state <> p_state THEN
        RAISE EXCEPTION 'the key was changed in the meantime' USING ERRCODE = 'HR409';
    END IF;
    DELETE FROM dkim_key WHERE dkim_key_id = v_key;
    RETURN v_key;
END $$;
