/* SPDX-License-Identifier: Apache-2.0 */
/* A job in the batcher, on the heap, because its caller may give up while it is on its way. Private
 * to the module. */
#ifndef STORE_ITEM_H
#define STORE_ITEM_H

#include "runtime/runtime.h"
#include "store/batch.h"

enum {
    ITEM_GRACE_MS = 500 /* the caller waits longer than the job's deadline by this */
};

struct batch_item {
    struct list link;     /* in the batcher's waiting list, until is_taken */
    struct batch_job job; /* puts, messages and extra_arg are the caller's: not after is_orphan */
    struct placement *placements; /* own copy; `message` and `keywords` are the caller's */
    struct placed *placed;        /* the answer */
    size_t bytes;                 /* packed, all accounts */
    int64_t deadline_ms;
    bool is_taken;
    bool is_orphan; /* the caller is gone: item_done frees it */
    bool is_done;
    bool ok;
    struct err error;
    struct signal_point point;
};

/* The job ended: wakes its caller, or frees it. Publishes what was placed. `e` is read when not
 * ok. */
void item_done(struct store *s, struct batch_item *item, bool ok, const struct err *e);

/* How the first attempt at a job failed. */
struct single_cause {
    struct err why;
    size_t failed;   /* index of the statement that failed, when it was the job's own transaction */
    bool was_shared; /* with other jobs */
};

/* Stores a job alone after its first attempt failed, trying again where that helps until its
 * deadline, and ends it with item_done. A COMMIT whose outcome is unknown is resolved by
 * doing the same again: the delivery ids make it a duplicate when it was there, and wait for it
 * when the lost session is still at work. Yields. */
YIELDS void single_run(struct store *s, struct batch_item *item, const struct single_cause *cause);

#endif
