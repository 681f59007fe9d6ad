-- SPDX-License-Identifier: Apache-2.0
-- How many recipients one message of an account may have: a limit of its own, else that of its domain for each of its
-- accounts, else that of the server alone. Nothing is counted for it.
ALTER TABLE sending ADD COLUMN per_message bigint NOT NULL DEFAULT -1; -- 0 as many as the server takes; -1 not said here

-- As before; the fifth number is the one above, which a caller who knows four leaves alone.
CREATE OR REPLACE FUNCTION sending_set(p_subject text, p_most bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
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
                                   FROM generate_series(1, 4) i),
                         per_message = CASE WHEN p_most[5] >= -1 THEN p_most[5] ELSE s.per_message END
     WHERE account_id = v_account OR domain_id = v_domain;
    RETURN coalesce(v_account, 0);
END $$;
