-- SPDX-License-Identifier: Apache-2.0
-- Mail of the accounts that were stopped before their mail was held with them. Apart from 0070, which holds the table for
-- its index; all rows of q_domain are locked in one order first, as everywhere.
SELECT 1 FROM q_domain WHERE domain IN (SELECT r.domain FROM q_rcpt r JOIN q_msg m USING (queue_id)
                                          JOIN sending s ON s.account_id = m.account_id
                                         WHERE s.held_at IS NOT NULL AND r.status IN (-1, 0))
 ORDER BY domain FOR UPDATE;
SELECT sending_queue_hold(account_id) FROM sending WHERE held_at IS NOT NULL AND account_id IS NOT NULL
 ORDER BY account_id;
