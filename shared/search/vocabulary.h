/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary only grows while messages are indexed; here it loses the words that no document
 * holds any more. */
#ifndef SEARCH_VOCABULARY_H
#define SEARCH_VOCABULARY_H

#include "base/base.h"

struct db;
struct db_tx;

struct search_swept {
    size_t looked_at; /* words */
    size_t removed;
    bool finished; /* a pass over all words came to its end, or it is not time for one */
};

enum {
    SEARCH_SWEEP_EVERY_S = 7 * 24 * 3600 /* from the start of one pass to the next */
};

/* Goes on with the pass over the vocabulary where the last call stopped, in batches, until the end
 * or shortly before the deadline; begins a new pass when the last one began `every_s` seconds ago.
 * For one process at a time; searches and indexing go on meanwhile. Errors: those of db_query; what
 * was done until then is done. Yields. */
YIELDS bool search_sweep_vocabulary(struct db *db, int64_t every_s, int64_t deadline_ms,
                                    struct search_swept *out, struct err *e);

/* For the indexer, before it writes words: keeps the sweep from removing one of them until the
 * transaction ends, when the documents that hold it can be seen. Errors: those of db_tx_query.
 * Yields. */
YIELDS bool search_hold_vocabulary(struct db_tx *tx, struct arena *a, struct err *e);

#endif
