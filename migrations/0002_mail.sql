-- SPDX-License-Identifier: Apache-2.0
-- Mail of accounts. Every key starts with account_id; big tables are hash partitions by it. No
-- foreign keys: the functions keep the tables in step, store_check recounts them.

-- Makes the 16 hash partitions of a table, with the storage parameters given.
CREATE FUNCTION partition_by_account(p_table text, p_options text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0..15 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 16, REMAINDER %s) '
                       'WITH (%s)', p_table || '_p' || lpad(i::text, 2, '0'), p_table, i, p_options);
    END LOOP;
END $$;

-- The ONE lock of whoever changes mail of an account, and what is counted for it.
CREATE TABLE account_state (
    account_id      bigint PRIMARY KEY,
    modseq          bigint NOT NULL DEFAULT 1,       -- of the last change; also the JMAP state
    q_bytes         bigint NOT NULL DEFAULT 0,       -- sum of mbox_msg.size
    q_count         bigint NOT NULL DEFAULT 0,
    chg_floor       bigint NOT NULL DEFAULT 0,       -- changes since an earlier modseq are unknown
    uidvalidity_seq bigint NOT NULL DEFAULT 0,       -- last one given out
    mailbox_seq     int NOT NULL DEFAULT 0           -- last mailbox_id given out
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Names form a tree; parent 0 is the root. Mailbox 1 is always INBOX. Renamed rarely.
CREATE TABLE mailbox (
    account_id     bigint NOT NULL,
    mailbox_id     int NOT NULL,
    parent_id      int NOT NULL,
    name           text NOT NULL,                    -- one level, without the separator
    role           text,                             -- inbox drafts sent archive junk trash
    created_modseq bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, mailbox_id),
    UNIQUE (account_id, parent_id, name)
);

-- The hot half of a mailbox: its counters. UIDs come from this row, so that the order of commits
-- is the order of UIDs.
CREATE TABLE mailbox_state (
    account_id  bigint NOT NULL,
    mailbox_id  int NOT NULL,
    uidvalidity bigint NOT NULL,
    uidnext     bigint NOT NULL DEFAULT 1,
    modseq      bigint NOT NULL,                     -- HIGHESTMODSEQ
    msgs        int NOT NULL DEFAULT 0,
    unseen      int NOT NULL DEFAULT 0,
    deleted     int NOT NULL DEFAULT 0,              -- with \Deleted
    bytes       bigint NOT NULL DEFAULT 0,
    kw          bigint NOT NULL DEFAULT 0,           -- keyword bits ever used here
    kwx         text[],                              -- keywords without a bit ever used here
    PRIMARY KEY (account_id, mailbox_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Subscriptions are names, not mailboxes: they outlive them (RFC 9051 section 6.3.7).
CREATE TABLE subscription (
    account_id bigint NOT NULL,
    name       text NOT NULL,                        -- full, levels joined by '/'
    PRIMARY KEY (account_id, name)
);

-- Keywords of an account: the first 62 have a bit, later ones are spelled out in kwx.
CREATE TABLE keyword (
    account_id bigint NOT NULL,
    name_lower text NOT NULL,
    name       text NOT NULL,                        -- as first seen
    bit        smallint,                             -- 0-61, NULL: in kwx
    PRIMARY KEY (account_id, name_lower)
);

-- The hot, narrow row of a message in a mailbox. No index on flags or modseq, so that updates of
-- flags stay heap-only.
CREATE TABLE mbox_msg (
    account_id bigint NOT NULL,
    mailbox_id int NOT NULL,
    uid        bigint NOT NULL,
    msg_id     bigint NOT NULL,
    modseq     bigint NOT NULL,
    idate      timestamptz NOT NULL,
    size       int NOT NULL,                         -- octets as sent to clients
    flags      int NOT NULL,                         -- 1 seen 2 answered 4 flagged 8 deleted 16 draft
    kw         bigint NOT NULL,
    kwx        text[],
    PRIMARY KEY (account_id, mailbox_id, uid)
) PARTITION BY HASH (account_id);
CREATE INDEX mbox_msg_id ON mbox_msg (account_id, msg_id);
SELECT partition_by_account('mbox_msg', 'fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02');

-- The wide row: written once. Columns made from the content may be empty, never wrong to miss.
CREATE TABLE message (
    account_id     bigint NOT NULL,
    msg_id         bigint NOT NULL,                  -- 48 bits of ms since 1970, 16 of node, counter
    thread_id      bigint NOT NULL,
    size           int NOT NULL,
    idate          timestamptz NOT NULL,             -- when it came; mbox_msg has APPEND's date
    sent_at        timestamptz,
    hdr_end        int NOT NULL,                     -- offset of the body
    hash           bytea NOT NULL,                   -- SHA-256 of the raw message
    envelope       bytea,                            -- literal IMAP ENVELOPE; NULL: not derived
    bodystructure  bytea,                            -- literal IMAP BODYSTRUCTURE
    from_addr      text,
    from_name      text,
    to_text        text,
    subject        text,
    message_id     text,
    message_id_key bigint,                           -- hash of message_id, for threads
    refs           bigint[],                         -- such hashes of References, In-Reply-To
    preview        text,
    has_attachment boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, msg_id)
) PARTITION BY HASH (account_id);
CREATE INDEX message_thread ON message (account_id, thread_id);
CREATE INDEX message_key ON message (account_id, message_id_key) WHERE message_id_key IS NOT NULL;
SELECT partition_by_account('message', 'autovacuum_vacuum_insert_scale_factor = 0.02');

-- The bytes. Apart from the rest, so that they can live elsewhere.
CREATE TABLE blob (
    account_id bigint NOT NULL,
    msg_id     bigint NOT NULL,
    codec      smallint NOT NULL,                    -- 0 raw, 1 one zstd frame, 2 zstd frames
    size       int NOT NULL,                         -- octets when unpacked
    header     int NOT NULL,                         -- octets of the header when unpacked
    head       int NOT NULL,                         -- leading bytes of data that hold it
    frames     int[],                                -- codec 2: where each frame begins, and the end
    data       bytea NOT NULL,
    PRIMARY KEY (account_id, msg_id)
) PARTITION BY HASH (account_id);
ALTER TABLE blob ALTER COLUMN data SET STORAGE EXTERNAL;
SELECT partition_by_account('blob', 'autovacuum_vacuum_insert_scale_factor = 0.02');

-- What changed, one row a command: 1 flags, 2 expunged, 3 appended, 4 the mailbox itself.
CREATE TABLE change (
    account_id bigint NOT NULL,
    mailbox_id int NOT NULL,
    modseq     bigint NOT NULL,
    kind       smallint NOT NULL,
    uids       int8multirange NOT NULL DEFAULT '{}',
    msg_ids    bigint[],                             -- of expunged messages
    PRIMARY KEY (account_id, mailbox_id, modseq, kind)
) PARTITION BY HASH (account_id);
SELECT partition_by_account('change', 'autovacuum_vacuum_insert_scale_factor = 0.05');

-- Deliveries done, so that a retry after an unknown COMMIT is no second copy. One partition a day
-- (of the delivery's first attempt), dropped after 8 days; the default one catches the rest.
CREATE TABLE delivered (
    account_id  bigint NOT NULL,
    day         date NOT NULL,
    delivery_id bytea NOT NULL,                      -- 16 octets
    msg_id      bigint NOT NULL,
    PRIMARY KEY (account_id, day, delivery_id)
) PARTITION BY RANGE (day);
CREATE TABLE delivered_default PARTITION OF delivered DEFAULT;

-- Makes the partitions from yesterday to 3 days ahead and drops those older than 8 days. A day
-- whose rows are in the default partition already gets none. Gives the number made and dropped.
CREATE FUNCTION delivered_rotate() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_day date;
    v_name text;
    v_done int := 0;
BEGIN
    -- Both acts wait for every transaction on the table; better later than a stall of deliveries.
    PERFORM set_config('lock_timeout', '1s', true);
    DELETE FROM delivered_default WHERE day < current_date - 8;
    FOR v_day IN SELECT current_date + i FROM generate_series(-1, 3) i LOOP
        v_name := 'delivered_' || to_char(v_day, 'YYYYMMDD');
        IF to_regclass(v_name) IS NULL
           AND NOT EXISTS (SELECT 1 FROM delivered_default WHERE day = v_day) THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF delivered FOR VALUES FROM (%L) TO (%L)',
                           v_name, v_day, v_day + 1);
            v_done := v_done + 1;
        END IF;
    END LOOP;
    FOR v_name IN SELECT inhrelid::regclass::text FROM pg_inherits
                   WHERE inhparent = 'delivered'::regclass
                     AND inhrelid::regclass::text ~ '^delivered_[0-9]{8}$' LOOP
        IF to_date(right(v_name, 8), 'YYYYMMDD') < current_date - 8 THEN
            EXECUTE format('DROP TABLE %I', v_name);
            v_done := v_done + 1;
        END IF;
    END LOOP;
    RETURN v_done;
END $$;
SELECT delivered_rotate();
