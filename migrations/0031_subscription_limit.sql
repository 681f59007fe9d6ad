-- SPDX-License-Identifier: Apache-2.0
-- Subscriptions outlive their mailboxes, so the limit of mailboxes does not limit them; and LSUB looks
-- at each one, whoever else waits.

-- HR413: more than 2000. The account's state row is locked, so that no two count at once.
CREATE FUNCTION subscription_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM subscription WHERE account_id = NEW.account_id) > 2000 THEN
        RAISE EXCEPTION 'too many subscriptions' USING ERRCODE = 'HR413';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER subscription_limit AFTER INSERT ON subscription
    FOR EACH ROW EXECUTE FUNCTION subscription_limit();
