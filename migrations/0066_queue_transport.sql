-- SPDX-License-Identifier: Apache-2.0
-- A transport that an administrator named for mail in the queue: the key of one, 'mx' for the servers of the destination,
-- '' as the transports say. Programs of the version before send it as these say.
ALTER TABLE q_rcpt ADD COLUMN transport text NOT NULL DEFAULT '';
