-- SPDX-License-Identifier: Apache-2.0
-- Mail is found by the id that our reply and the Received field tell (queue trace), also when it has left the queue: a session
-- ("35a4bpw601dc"), and of what came by SMTP the number of the transfer in it ("35a4bpw601dc.1"). What was written before, and
-- by programs of the version before, has none in the history, or no number. The indexes hold what has one, so that making
-- that of the history takes no more than reading the table once.
ALTER TABLE q_attempt ADD COLUMN session text NOT NULL DEFAULT '';
CREATE INDEX q_attempt_session ON q_attempt (split_part(session, '.', 1)) WHERE session <> '';
CREATE INDEX q_msg_session ON q_msg (split_part(session, '.', 1)) WHERE session <> '';
