-- SPDX-License-Identifier: Apache-2.0
-- Reports of success (RFC 3461) to senders whom nobody proved, counted by address and by domain, so that a forged sender
-- is not flooded with them. A row counts for an hour from its first report. Programs of the version before count nothing.
CREATE TABLE q_told (
    subject text PRIMARY KEY,           -- an address or a domain, in lower case
    since timestamptz NOT NULL,
    n bigint NOT NULL
);
CREATE INDEX q_told_since ON q_told (since); -- what is over goes
