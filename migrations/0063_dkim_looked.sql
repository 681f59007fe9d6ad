-- SPDX-License-Identifier: Apache-2.0
-- When the rotation of keys last looked at one: those that it has not come to for long are looked at first.
ALTER TABLE dkim_key ADD COLUMN looked_at timestamptz NOT NULL DEFAULT '-infinity';
