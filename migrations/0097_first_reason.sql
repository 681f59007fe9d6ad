-- SPDX-License-Identifier: Apache-2.0
-- What somebody said first stays until it is taken back: whoever says it again is told the first reason, and overwrites none.

-- As suppression_add; gives the one by hand that is there already, which stays as it is. HR404.
CREATE FUNCTION suppression_put(p_subject text, p_address text, p_reason text)
RETURNS TABLE (was_sender text, was_address text, was_reason text, was_created timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    s record;
BEGIN
    SELECT * INTO s FROM suppression_subject(p_subject);
    RETURN QUERY
    SELECT coalesce(c.login, d.name), m.address, m.reason, m.created
      FROM suppression m LEFT JOIN account c ON c.account_id = m.account_id LEFT JOIN domain d ON d.domain_id = m.domain_id
     WHERE m.address = lower(p_address) AND (m.account_id = s.account OR m.domain_id = s.domain) AND m.is_manual;
    IF NOT FOUND THEN
        PERFORM suppression_add(p_subject, p_address, p_reason);
    END IF;
END $$;

-- As before; who is stopped already keeps the time and the reason.
CREATE OR REPLACE FUNCTION sending_hold(p_address text, p_why text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint := account_lock(p_address);
BEGIN
    INSERT INTO sending (account_id) VALUES (v_account) ON CONFLICT DO NOTHING;
    UPDATE sending SET held_at = CASE WHEN p_why IS NOT NULL THEN coalesce(held_at, now()) END,
                       held_why = CASE WHEN p_why IS NOT NULL AND held_at IS NOT NULL THEN held_why ELSE coalesce(p_why, '') END,
                       refused = 0, refused_at = '-infinity',
                       released_at = CASE WHEN p_why IS NULL THEN now() ELSE released_at END
     WHERE account_id = v_account;
    RETURN v_account;
END $$;
