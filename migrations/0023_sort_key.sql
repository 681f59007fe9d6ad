-- SPDX-License-Identifier: Apache-2.0
-- What IMAP orders and threads messages by, made by the indexer with each document. Texts are in
-- the form of i;unicode-casemap (RFC 5051), so that they compare octet by octet.
CREATE TABLE sort_key (
    account_id   bigint NOT NULL,
    msg_id       bigint NOT NULL,
    sent_s       bigint,                             -- Date field, seconds since 1970 UTC
    id_key       bigint,                             -- hash of its Message-ID
    is_reply     boolean NOT NULL,                   -- the subject lost a "Re:" or the like
    subject      text NOT NULL,                      -- base subject (RFC 5256 section 2.1)
    from_key     text NOT NULL,                      -- local part of the first address
    to_key       text NOT NULL,
    cc_key       text NOT NULL,
    display_from text NOT NULL,                      -- its name, else the address (RFC 5957)
    display_to   text NOT NULL,
    refs         bytea NOT NULL,                     -- such hashes of its ancestors, 8 octets each
    PRIMARY KEY (account_id, msg_id)
) PARTITION BY HASH (account_id);
SELECT partition_by_account('sort_key', 'autovacuum_vacuum_insert_scale_factor = 0.05');

-- Keys live as long as the document.
CREATE FUNCTION sort_key_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sort_key k USING gone g WHERE k.account_id = g.account_id AND k.msg_id = g.msg_id;
    RETURN NULL;
END $$;
CREATE TRIGGER fts_gone AFTER DELETE ON fts REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION sort_key_follow();

-- Documents hold the words of all header fields now, and keys come with them: everything that was
-- indexed before is indexed again, behind what is delivered meanwhile.
INSERT INTO outbox (kind, account_id, ref)
SELECT 1, f.account_id, f.msg_id FROM fts f
 WHERE NOT EXISTS (SELECT 1 FROM outbox o
                    WHERE o.account_id = f.account_id AND o.kind = 1 AND o.ref = f.msg_id);
