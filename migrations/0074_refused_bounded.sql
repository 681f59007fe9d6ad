-- SPDX-License-Identifier: Apache-2.0
-- What is asked for each recipient, and at each refusal, reads few rows however many an account has.
CREATE INDEX suppression_manual ON suppression (account_id, created) WHERE is_manual;
CREATE INDEX suppression_refused ON suppression (account_id, created) WHERE NOT is_manual;

-- As before; more than 1000 above the bound are not counted.
CREATE OR REPLACE FUNCTION sending_refused(p_account bigint, p_addresses text[], p_statuses text[], p_reasons text[],
                                           p_keep bigint, p_most bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_since timestamptz;
    v_refused bigint;
BEGIN
    INSERT INTO suppression (account_id, address, is_manual, status, reason, expires)
    SELECT DISTINCT ON (lower(u.address)) c.account_id, lower(u.address), false, u.status, left(u.reason, 500),
           now() + p_keep * interval '1 second'
      FROM unnest(p_addresses, p_statuses, p_reasons) AS u (address, status, reason), account c
     WHERE c.account_id = p_account ORDER BY lower(u.address)
        ON CONFLICT (account_id, address) WHERE account_id IS NOT NULL DO UPDATE
       SET status = EXCLUDED.status, reason = EXCLUDED.reason, created = now(), expires = EXCLUDED.expires
     WHERE NOT suppression.is_manual;
    IF p_most = 0 THEN
        RETURN false;
    END IF;
    SELECT greatest(now() - interval '1 hour',
                    (SELECT released_at FROM sending WHERE account_id = p_account)) INTO v_since;
    SELECT count(*) INTO v_refused FROM (
        SELECT 1 FROM suppression WHERE account_id = p_account AND NOT is_manual AND created > v_since
         LIMIT p_most + 1000) s;
    RETURN v_refused > p_most AND
           sending_stop_now(p_account, format('other servers refused %s recipients within an hour', v_refused));
END $$;
