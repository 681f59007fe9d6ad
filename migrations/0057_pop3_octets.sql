-- SPDX-License-Identifier: Apache-2.0
-- What messages gain on their way to a POP3 client: the indexer counts it, so that LIST tells exact
-- sizes without reading. Few gain any, so the index is small. What was indexed before is indexed
-- anew.
ALTER TABLE header_text
    ADD COLUMN pop3_header_gain int NOT NULL DEFAULT 0,  -- octets of words that have to be encoded
    ADD COLUMN pop3_end_gain int NOT NULL DEFAULT 0;     -- octets of a line end that is missing
CREATE INDEX header_text_gains ON header_text (account_id) WHERE pop3_header_gain + pop3_end_gain > 0;

DROP TRIGGER fts_former ON fts;
CREATE TRIGGER fts_former AFTER INSERT ON fts
    FOR EACH ROW WHEN (NEW.form < 2) EXECUTE FUNCTION fts_former();

INSERT INTO outbox (kind, account_id, ref)
SELECT 3, f.account_id, f.msg_id FROM fts f
 WHERE NOT EXISTS (SELECT 1 FROM outbox o
                    WHERE o.account_id = f.account_id AND o.kind IN (1, 3) AND o.ref = f.msg_id);
