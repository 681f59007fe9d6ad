-- SPDX-License-Identifier: Apache-2.0
-- What a role needs that may change no table: the one act of the upkeep that makes and drops tables
-- is done with the rights of their owner.

ALTER FUNCTION delivered_rotate() SECURITY DEFINER;
ALTER FUNCTION delivered_rotate() SET search_path = public, pg_temp;

-- Nobody makes tables of their own here, not even temporary ones.
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'the database belongs to another role: it keeps its rights to temporary tables';
END $$;
