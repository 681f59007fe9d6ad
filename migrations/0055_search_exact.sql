-- SPDX-License-Identifier: Apache-2.0
-- Documents and header texts hold words as i;unicode-casemap (RFC 5051) compares them, accents
-- included. Documents of the former form are indexed anew, behind what is delivered meanwhile (rows
-- of kind 3 in the outbox), and read until then; so are those that a frontend of the former version
-- still writes.
ALTER TABLE fts ADD COLUMN form smallint NOT NULL DEFAULT 0;  -- 0 without accents, 1 exact

CREATE FUNCTION fts_former() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (kind, account_id, ref) VALUES (3, NEW.account_id, NEW.msg_id);
    RETURN NULL;
END $$;
CREATE TRIGGER fts_former AFTER INSERT ON fts
    FOR EACH ROW WHEN (NEW.form = 0) EXECUTE FUNCTION fts_former();

INSERT INTO outbox (kind, account_id, ref) SELECT 3, account_id, msg_id FROM fts;
