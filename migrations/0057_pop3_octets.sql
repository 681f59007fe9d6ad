-- SPDX-License-Identifier: Apache-2.0
-- What messages gain on their way to a POP3 client: the indexer counts it, so that LIST tells exact
-- sizes without reading. NULL: the message could not be read. Few gain any, so the index is small.
ALTER TABLE header_text
    ADD COLUMN pop3_header_gain int DEFAULT 0,  -- octets of words that have to be encoded
    ADD COLUMN pop3_end_gain int DEFAULT 0;     -- octets of a line end that is missing
CREATE INDEX header_text_gains ON header_text (account_id)
 WHERE (pop3_header_gain + pop3_end_gain) IS DISTINCT FROM 0;
