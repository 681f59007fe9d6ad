-- SPDX-License-Identifier: Apache-2.0
-- Lists of conversations: a mailbox by date, newest first. The date never changes, so updates of
-- flags stay heap-only.
CREATE INDEX mbox_msg_date ON mbox_msg (account_id, mailbox_id, idate, uid);
