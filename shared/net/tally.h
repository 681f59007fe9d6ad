/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of open and new connections, and of requests, by name ("smtp 192.0.2.1/32"), in memory
 * that all workers of a machine share: the supervisor makes the tally before it forks, each worker
 * counts in a column of its own, and a limit looks at the sum of the row. What a worker counted
 * goes when the supervisor clears its column, so a worker that is killed leaves nothing behind. It
 * asks no other process and waits for none, apart from a lock that is held for some hundred
 * nanoseconds.
 *
 * A name is kept as 64 bits of a keyed hash. When a row is needed and none is free, one that counts
 * nothing open gives way, whose minute began first or whose bucket owes least: its name's new
 * connections of the last minute, or its requests, are forgotten then. */
#ifndef NET_TALLY_H
#define NET_TALLY_H

#include "base/base.h"

struct net_tally;

/* What one process counts under one name. */
struct net_count;

enum {
    NET_TALLY_COLUMNS_MAX = 1024
};

/* An empty tally for `columns` processes (1 to NET_TALLY_COLUMNS_MAX) and about `names` names that
 * count something at one time. Memory is taken as it is used. ERR_UNAVAILABLE. Gives; a forked
 * child may use its copy of the struct, which counts in column 0 until net_tally_use. */
struct net_tally *net_tally_new(size_t columns, size_t names, struct err *e);
/* Lets go of it in this process. Harmless for NULL. */
void net_tally_free(struct net_tally **t);

/* This process counts in `column` from now on. */
void net_tally_use(struct net_tally *t, size_t column);
/* Forgets what the process of `column` counts as open. It must have ended, or not have begun. */
void net_tally_clear(struct net_tally *t, size_t column);

struct net_tally_limit {
    unsigned max_open;       /* over all columns, 0 = no limit */
    unsigned max_per_minute; /* new ones, over all columns, 0 = no limit */
    bool is_shared;          /* counted over all machines that tell each other (tally_share.h) */
};

/* Counts one more under the name, at monotonic time `now_ms`. NULL when a limit is reached; such a
 * one counts among the new ones all the same. Give it back with net_tally_leave. */
struct net_count *net_tally_enter(struct net_tally *t, str name,
                                  const struct net_tally_limit *limit, int64_t now_ms);
/* One less; nulls. Harmless for NULL. */
void net_tally_leave(struct net_count **count);

/* What a bucket holds is time: it is full after `window_us` at most, and what was taken comes back
 * as time passes, evenly. */
struct net_tally_want {
    int64_t cost_us;   /* to take, not more than the window */
    int64_t window_us; /* all that the bucket holds */
    int64_t now_us;    /* monotonic clock */
    bool is_shared;    /* as above: what others took is taken here, too */
};

enum net_tally_result {
    NET_TALLY_TAKEN,
    NET_TALLY_TOO_LITTLE, /* nothing was taken */
    NET_TALLY_NO_PLACE    /* all rows that it could have count something open */
};

/* Takes from the name's bucket, which all columns share; *full_us is when it will be full, at or
 * before now_us when it is; not set without a place. A name is either entered or taken from. */
enum net_tally_result net_tally_take(struct net_tally *t, str name,
                                     const struct net_tally_want *want, int64_t *full_us);

/* How many are open under the name, over all columns, and elsewhere: for tests and reports. */
unsigned net_tally_open(struct net_tally *t, str name);

#endif
