/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a tally as its files see it. Private to net. */
#ifndef NET_TALLY_PRIVATE_H
#define NET_TALLY_PRIVATE_H

#include "net/tally_share.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    ROWS_A_SET = 64,  /* as many as a word has bits */
    SETS_MAX = 16384, /* a million rows */
    SPARE = 2,        /* rows for each name that is expected */
    MINUTE_US = 60000000,
    LOCK_MS = 100 /* a holder that was stopped (SIGSTOP, a debugger) must not stop us */
};

struct net_count {
    _Atomic uint32_t n;
};

struct row {
    uint64_t name;     /* 0: never used */
    int64_t moment_us; /* when its minute began, or when its bucket is full */
    uint32_t in_minute;
    uint32_t elsewhere;             /* open on other machines */
    uint32_t told;                  /* the leader's own: place in its list and 1; 0: none */
    uint32_t fresh;                 /* new ones that others were not told of */
    int64_t cost_us;                /* taken, likewise */
    char text[NET_TALLY_NAME_SIZE]; /* the name; empty: it is not shared */
    struct net_count open[];        /* one a column */
};

/* Apart from the rows, so that looking at all sets does not touch the memory of unused ones. */
struct set {
    pthread_mutex_t lock;
    _Atomic bool is_used;
    _Atomic uint64_t news; /* a bit for each row that others are to be told of */
};

/* What is shared apart from the counts. */
struct leading {
    uint64_t machine; /* at random */
    _Atomic uint64_t pictures;
    _Atomic uint32_t leader; /* its column and 1; 0: none */
    _Atomic int64_t seen_ms; /* when it led last */
};

struct net_tally {
    void *memory;
    size_t size;
    struct leading *leading;
    struct set *sets;
    char *rows;
    size_t row_size;
    size_t n_sets; /* a power of two */
    size_t columns;
    size_t column; /* of this process */
    uint8_t key[16];
};

/* The hash that stands for a name; never 0. */
uint64_t tally_name(const struct net_tally *t, str name);
/* Locks the set of a name. False: somebody holds it for too long. */
bool tally_lock(struct set *set);
struct row *tally_row(const struct net_tally *t, size_t set, size_t i);
/* The row of the name in the locked set, made when there is none; NULL: no place. */
struct row *tally_find_or_add(const struct net_tally *t, size_t set, uint64_t name, int64_t now_us);
/* Open ones of this machine. */
unsigned tally_own(const struct net_tally *t, const struct row *row);
/* Notes in the locked set that the row has news for others, under the name. */
void tally_share_row(const struct net_tally *t, size_t set, struct row *row, str name);
/* Begins the row's next minute when it is time. */
void tally_turn_minute(struct row *row, int64_t now_us);

#endif
