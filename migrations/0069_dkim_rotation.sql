-- SPDX-License-Identifier: Apache-2.0
-- How old a key of a domain may become before it is changed over by itself: NULL as the configuration
-- says (dkim.rotate_after), 0 any age.
ALTER TABLE domain ADD COLUMN dkim_rotate_ms bigint CHECK (dkim_rotate_ms BETWEEN 0 AND 63072000000);

-- HR404: no such domain.
CREATE FUNCTION domain_set_dkim_rotation(p_domain text, p_ms bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
BEGIN
    UPDATE domain SET dkim_rotate_ms = p_ms WHERE name = p_domain RETURNING domain_id INTO v_domain;
    IF v_domain IS NULL THEN
        RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
    END IF;
    RETURN v_domain;
END $$;
