-- SPDX-License-Identifier: Apache-2.0
-- The search index, filled behind the deliveries, and the outbox that tells what to do.

CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Work that follows a commit. Consumers take rows by DELETE ... WHERE id IN (SELECT ... FOR UPDATE
-- SKIP LOCKED LIMIT n), never by "id above the last one": ids commit out of order.
CREATE TABLE outbox (
    kind       smallint NOT NULL,                    -- 1 index message ref, 2 purge message ref
    id         bigint GENERATED ALWAYS AS IDENTITY,
    account_id bigint NOT NULL,
    ref        bigint NOT NULL,                      -- msg_id
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX outbox_account ON outbox (account_id, kind, ref);

CREATE TABLE fts (
    account_id bigint NOT NULL,
    msg_id     bigint NOT NULL,
    tsv        tsvector NOT NULL,
    PRIMARY KEY (account_id, msg_id)
) PARTITION BY HASH (account_id);
-- fastupdate=on stalls an insert for seconds when its list is full.
CREATE INDEX fts_words ON fts USING gin (account_id, tsv) WITH (fastupdate = off);
SELECT partition_by_account('fts', 'autovacuum_vacuum_insert_scale_factor = 0.05');

-- All words of the index, for searches by a part of a word. Only ever grows; rebuilt to shrink.
CREATE TABLE vocab (
    word text PRIMARY KEY
);
CREATE INDEX vocab_part ON vocab USING gin (word gin_trgm_ops);
