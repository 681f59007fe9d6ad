-- SPDX-License-Identifier: Apache-2.0
-- Who was told to come again later (greylisting, RFC 6647), and who need not be told any more.

-- A sender who writes to a recipient from a host. Until it came again in time, last_seen is first_seen.
CREATE TABLE greylist (
    key        bytea PRIMARY KEY,     -- 16 octets of a hash of the three
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL   -- to the day
);
CREATE INDEX greylist_last_seen ON greylist (last_seen);

-- Hosts that came again in time: for how many pairs of sender and recipient.
CREATE TABLE greylist_host (
    host      text PRIMARY KEY,       -- "192.0.2.0/24", or "spf example.net" for those that SPF allows
    passed    int NOT NULL,
    last_seen timestamptz NOT NULL    -- to the day
);

-- Addresses that people of ours wrote to: their answers do not wait.
CREATE TABLE correspondent (
    key          bytea PRIMARY KEY,   -- 16 octets of a hash of the address
    last_written timestamptz NOT NULL -- to the day
);
CREATE INDEX correspondent_last_written ON correspondent (last_written);
