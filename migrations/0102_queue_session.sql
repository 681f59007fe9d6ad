-- SPDX-License-Identifier: Apache-2.0
-- Mail is found by the id that our reply and the Received field tell (queue trace): a session ("35a4bpw601dc"), and of what came by
-- SMTP the number of the transfer in it ("35a4bpw601dc.1"). What was written before has no number.
CREATE INDEX q_msg_session ON q_msg (split_part(session, '.', 1)) WHERE session <> '';
