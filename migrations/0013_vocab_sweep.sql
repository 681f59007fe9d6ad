-- SPDX-License-Identifier: Apache-2.0
-- Where the sweep of the vocabulary stands: one row. A pass looks at all words in their order and
-- removes those that no document holds.

CREATE TABLE vocab_sweep (
    one_row    boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    began      timestamptz NOT NULL DEFAULT now(),
    is_running boolean NOT NULL DEFAULT false,
    after_word text NOT NULL DEFAULT '',
    removed    bigint NOT NULL DEFAULT 0             -- since ever
);
INSERT INTO vocab_sweep DEFAULT VALUES;
