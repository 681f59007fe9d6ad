-- SPDX-License-Identifier: Apache-2.0
-- Who is stopped and stopped again: that is no change, and the audit says nothing of it.

-- As before; gives NULL where nothing changed.
CREATE OR REPLACE FUNCTION sending_hold(p_address text, p_why text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    INSERT INTO sending (account_id) VALUES (v_account) ON CONFLICT DO NOTHING;
    UPDATE sending SET held_at = CASE WHEN p_why IS NOT NULL THEN now() END, held_why = coalesce(p_why, ''),
                       refused = 0, refused_at = '-infinity',
                       released_at = CASE WHEN p_why IS NULL THEN now() ELSE released_at END
     WHERE account_id = v_account AND (p_why IS NULL OR held_at IS NULL);
    RETURN CASE WHEN FOUND THEN v_account END;
END $$;
