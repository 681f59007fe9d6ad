/* SPDX-License-Identifier: Apache-2.0 */
/* Figures about all mail of the server, for administrators. */
#ifndef STORE_FIGURES_H
#define STORE_FIGURES_H

#include "store/store.h"

enum {
    STORE_BUCKETS_MAX = 1000
};

/* What came for all accounts in each of `n` intervals, and is still there. */
struct store_received {
    int64_t from_us; /* UTC; beginning of the first interval */
    int64_t step_s;  /* length of each */
    size_t n;        /* up to STORE_BUCKETS_MAX */
    int64_t *counts; /* messages; n of them, filled */
    int64_t *bytes;  /* octets of them; the same */
};

/* Errors: those of store.h, ERR_LIMIT (statement timeout). Yields. */
YIELDS bool store_received_load(struct store *s, const struct store_received *wanted,
                                struct arena *a, int64_t deadline_ms, struct err *e);

#endif
