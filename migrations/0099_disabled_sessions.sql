-- SPDX-License-Identifier: Apache-2.0
-- A browser's session ends for good when its account is disabled: one that nobody used meanwhile would go on when the
-- account is enabled again, with whoever it was disabled for.
CREATE FUNCTION account_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM session WHERE account_id = NEW.account_id;
    RETURN NULL;
END $$;

CREATE TRIGGER account_disabled AFTER UPDATE OF disabled_at ON account FOR EACH ROW
    WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL) EXECUTE FUNCTION account_disabled();
