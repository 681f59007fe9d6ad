/* SPDX-License-Identifier: Apache-2.0 */
/* The indexer: a fiber that takes the rows of kind index from the outbox and puts their messages
 * into the index, in batches, without holding deliveries up. Any number may run in a cluster. */
#ifndef SEARCH_INDEXER_H
#define SEARCH_INDEXER_H

#include "runtime/runtime.h"

struct db;
struct notify;
struct search_indexer;

struct search_indexer_options {
    struct runtime *runtime;
    struct db *db;
    struct notify *notify; /* NULL: only the poll and search_indexer_wake start it */
    unsigned batch;        /* messages of one transaction, 0 = 300, at most 500 */
    unsigned poll_ms;      /* between looks when nobody wakes it, 0 = 1000 */
};

/* Starts the fiber. ERR_LIMIT when no fiber is left. Gives. */
bool search_indexer_start(const struct search_indexer_options *options, struct search_indexer **out,
                          struct err *e);
/* Makes it look now: something was delivered. Cheap; may be called for each delivery. */
void search_indexer_wake(struct search_indexer *indexer);
/* Asks the fiber to end; the batch in work is rolled back or finished. The fiber frees the rest
 * when it ends. */
void search_indexer_stop(struct search_indexer **indexer);

/* Indexes one batch in the calling fiber; *done is the number of outbox rows consumed, 0 when there
 * were none. A message that cannot be read or indexed never stops the batch: it is counted and gets
 * an empty document that searches look at by reading. Yields. */
YIELDS bool search_index_batch(struct db *db, unsigned batch, int64_t deadline_ms, size_t *done,
                               struct err *e);

#endif
