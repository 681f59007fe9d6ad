/* SPDX-License-Identifier: Apache-2.0 */
/* A tally as several machines keep it together: what each tells of its own counts, and what it
 * hears of those of others. Decisions stay in net_tally_enter and net_tally_take, which ask nobody:
 * they look at what was heard so far. How it is told is not known here (cluster/counts.h).
 *
 * One process of a machine tells for all of its workers (the leader). What was heard is in the
 * shared memory, so that each worker regards it. */
#ifndef NET_TALLY_SHARE_H
#define NET_TALLY_SHARE_H

#include "net/tally.h"

enum {
    NET_TALLY_NAME_SIZE = 64 /* a longer name, with its NUL, is counted on its machine alone */
};

/* One name, as it is told. */
struct net_tally_told {
    str name;
    unsigned open;   /* now, on the machine that tells */
    unsigned fresh;  /* new ones since it told last */
    int64_t cost_us; /* taken from its bucket since then */
};

/* Numbers of a machine, the same in all of its processes. */
uint64_t net_tally_machine(const struct net_tally *t);
/* The next number of a whole picture; grows for as long as the machine has this tally. */
uint64_t net_tally_next_picture(struct net_tally *t);

/* Whether this process leads at monotonic time `now_ms`: it does, or nobody does or did for three
 * seconds. *is_new: it did not before; what was heard of others is forgotten then. Call it a few
 * times a second. */
bool net_tally_lead(struct net_tally *t, int64_t now_ms, bool *is_new);

/* What the leader keeps of the names it tells of. */
struct net_tally_teller;
/* Watches at most `max` names. Gives; keeps the tally. */
struct net_tally_teller *net_tally_teller_new(struct net_tally *t, size_t max);
/* Harmless for NULL. */
void net_tally_teller_free(struct net_tally_teller **teller);
/* Calls fn for each shared name whose counts changed since it was told, or with `all` for each that
 * counts something open. Names live for the call. Gives how many. */
size_t net_tally_tell(struct net_tally_teller *teller, bool all,
                      void (*fn)(const struct net_tally_told *told, void *arg), void *arg);

/* Another machine tells of a name; its count of open ones changes by `change` with that, at
 * monotonic time `now_us`. False, and nothing was noted: there is no place for the name, or another
 * process leads, which hears the same (this one hung for so long that it was replaced). */
bool net_tally_hear(struct net_tally *t, const struct net_tally_told *told, int64_t change,
                    int64_t now_us);

#endif
