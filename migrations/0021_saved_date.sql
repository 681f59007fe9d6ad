-- SPDX-License-Identifier: Apache-2.0
-- When a message came into its mailbox (RFC 8514), by delivery, APPEND, COPY or MOVE. NULL: not
-- known, of messages that were there before this column. The default makes it the time of the
-- transaction that inserts the row.
ALTER TABLE mbox_msg ADD COLUMN saved_at timestamptz;
ALTER TABLE mbox_msg ALTER COLUMN saved_at SET DEFAULT now();
