-- SPDX-License-Identifier: Apache-2.0
-- Merging the change log sorts in a temporary table, which the role of the workers may not make (0014):
-- the function does it with the rights of the owner of the tables.

ALTER FUNCTION change_compact(bigint, int, int) SECURITY DEFINER;
ALTER FUNCTION change_compact(bigint, int, int) SET search_path = public, pg_temp;
