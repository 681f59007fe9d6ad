-- SPDX-License-Identifier: Apache-2.0
-- Documents and header texts hold words as i;unicode-casemap (RFC 5051) compares them, accents
-- included. Those of the former form are a filter that lets too much through until they are indexed
-- anew, behind what is delivered meanwhile (rows of kind 3 in the outbox); so are those that a
-- frontend of the former version still writes.
ALTER TABLE fts ADD COLUMN form smallint NOT NULL DEFAULT 0;          -- 0 without accents, 1 exact
ALTER TABLE header_text ADD COLUMN form smallint NOT NULL DEFAULT 0;  -- likewise

CREATE FUNCTION fts_former() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (kind, account_id, ref) VALUES (3, NEW.account_id, NEW.msg_id);
    RETURN NULL;
END $$;
CREATE TRIGGER fts_former AFTER INSERT OR UPDATE ON fts
    FOR EACH ROW WHEN (NEW.form = 0) EXECUTE FUNCTION fts_former();
