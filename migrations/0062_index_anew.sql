-- SPDX-License-Identifier: Apache-2.0
-- What was indexed in the former form is indexed anew (0055). In a file of its own: it takes long
-- where there is much mail, and no table is locked meanwhile.
INSERT INTO outbox (kind, account_id, ref)
SELECT 3, f.account_id, f.msg_id FROM fts f
 WHERE f.form = 0 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.account_id = f.account_id
                                     AND o.kind IN (1, 3) AND o.ref = f.msg_id);
