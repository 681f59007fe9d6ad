-- SPDX-License-Identifier: Apache-2.0
-- The records that this server put into the DNS by itself: it takes out no others.
CREATE TABLE dns_made (
    domain_id bigint NOT NULL REFERENCES domain ON DELETE CASCADE,
    name      text NOT NULL,
    type      text NOT NULL,
    value     text NOT NULL,
    made      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain_id, name, type, value)
);
