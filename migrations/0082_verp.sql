-- SPDX-License-Identifier: Apache-2.0
-- Whether each recipient has a sender of its own (VERP). Programs of the version before send it by the plain one.
ALTER TABLE q_msg ADD COLUMN is_verp boolean NOT NULL DEFAULT false;
