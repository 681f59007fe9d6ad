-- SPDX-License-Identifier: Apache-2.0
-- As 0102, of what has left the queue. What was written before, and by programs of the version before, has none. The index holds
-- what has one, so that making it takes no more than reading the table once; meanwhile what was delivered is noted later.
ALTER TABLE q_attempt ADD COLUMN session text NOT NULL DEFAULT '';
CREATE INDEX q_attempt_session ON q_attempt (split_part(session, '.', 1)) WHERE session <> '';
