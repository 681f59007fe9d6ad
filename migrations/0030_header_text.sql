-- SPDX-License-Identifier: Apache-2.0
-- The header fields that people search most, in the normal form of shared/search, made by the
-- indexer with each document. Narrow, so that a mailbox of 100,000 messages is looked through for
-- any piece of text in one pass; NULL where a message has no such field.
CREATE TABLE header_text (
    account_id bigint NOT NULL,
    msg_id     bigint NOT NULL,
    is_partial boolean NOT NULL,                     -- the rest is missing: read the message
    sent_day   bigint,                               -- Date field as written, days since 1970
    subject    text COLLATE "C",                     -- several fields have a line end between them
    from_text  text COLLATE "C",
    to_text    text COLLATE "C",
    cc_text    text COLLATE "C",
    bcc_text   text COLLATE "C",
    PRIMARY KEY (account_id, msg_id)
) PARTITION BY HASH (account_id);
SELECT partition_by_account('header_text', 'autovacuum_vacuum_insert_scale_factor = 0.05');

-- They live as long as the document, as the sort keys do.
CREATE OR REPLACE FUNCTION sort_key_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sort_key k USING gone g WHERE k.account_id = g.account_id AND k.msg_id = g.msg_id;
    DELETE FROM header_text h USING gone g
     WHERE h.account_id = g.account_id AND h.msg_id = g.msg_id;
    RETURN NULL;
END $$;

-- The index of words takes new documents into a list first; the indexer has them put into the index
-- itself once for each batch, so that a word of many documents is looked for once. The limit is far
-- above a batch: nobody else's insert ever does it.
DO $$
DECLARE
    v_index regclass;
BEGIN
    FOR v_index IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'fts_words'::regclass LOOP
        EXECUTE format('ALTER INDEX %s SET (fastupdate = on, gin_pending_list_limit = 65536)', v_index);
    END LOOP;
END $$;

-- Only the owner of an index may do it.
CREATE FUNCTION fts_settle() RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(gin_clean_pending_list(inhrelid)) FROM pg_inherits
     WHERE inhparent = 'public.fts_words'::regclass
$$;

-- What was indexed before is indexed again, behind what is delivered meanwhile.
INSERT INTO outbox (kind, account_id, ref)
SELECT 1, f.account_id, f.msg_id FROM fts f
 WHERE NOT EXISTS (SELECT 1 FROM outbox o
                    WHERE o.account_id = f.account_id AND o.kind = 1 AND o.ref = f.msg_id);
