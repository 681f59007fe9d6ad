-- SPDX-License-Identifier: Apache-2.0
-- The outbound queue. Keyed by queue_id, not by account. Its dead rows come fast, so it has vacuum
-- settings of its own.

CREATE TABLE q_msg (
    queue_id      bigint PRIMARY KEY,                -- 48 bits of ms since 1970, 16 of node, counter
    account_id    bigint NOT NULL DEFAULT 0,         -- who submitted it, 0 the system
    envelope_from text NOT NULL,                     -- '' null sender
    envelope_id   text NOT NULL DEFAULT '',
    is_8bit       boolean NOT NULL DEFAULT false,
    is_utf8       boolean NOT NULL DEFAULT false,
    return_full   boolean NOT NULL DEFAULT false,
    session       text NOT NULL DEFAULT '',
    created       timestamptz NOT NULL DEFAULT now(),
    expires       timestamptz NOT NULL,
    size          int NOT NULL,
    codec         smallint NOT NULL,                 -- as in blob
    frames        int[],
    data          bytea NOT NULL
);
ALTER TABLE q_msg ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE q_rcpt (
    queue_id     bigint NOT NULL,
    rcpt         text NOT NULL,
    domain       text NOT NULL,                      -- lower-case A-labels
    orcpt        text NOT NULL DEFAULT '',
    notify       smallint NOT NULL,
    status       smallint NOT NULL DEFAULT 0,        -- 0 waits for a try, 1 failed, to be reported
    due          timestamptz NOT NULL DEFAULT now(),
    attempts     int NOT NULL DEFAULT 0,
    delay        smallint NOT NULL DEFAULT 0,        -- report of a delay: 1 to be sent, 2 sent
    last_attempt timestamptz,
    code         text NOT NULL DEFAULT '',           -- enhanced status of the last try
    reply        text NOT NULL DEFAULT '',
    remote       text NOT NULL DEFAULT '',
    PRIMARY KEY (queue_id, rcpt)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX q_rcpt_due ON q_rcpt (domain, due) WHERE status = 0;
CREATE INDEX q_rcpt_report ON q_rcpt (queue_id) WHERE status = 1 OR delay = 1;

-- A destination: its lease, its breaker. next_due is a hint that is never too late by more than the
-- sweep's minute: an enqueueing transaction lowers it only when it is later than what it adds, so
-- that many of them do not wait for one row.
CREATE TABLE q_domain (
    domain        text PRIMARY KEY,
    next_due      timestamptz NOT NULL,
    lease_owner   text NOT NULL DEFAULT '',
    lease_until   timestamptz NOT NULL DEFAULT '-infinity',
    token         bigint NOT NULL DEFAULT 0,
    failures      int NOT NULL DEFAULT 0,            -- in a row
    successes     int NOT NULL DEFAULT 0,            -- in a row while half open
    breaker_until timestamptz NOT NULL DEFAULT '-infinity',
    breaker_open  boolean NOT NULL DEFAULT false,
    reason        text NOT NULL DEFAULT '',
    used          timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX q_domain_due ON q_domain (next_due);
