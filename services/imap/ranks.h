/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting many numbers fast: by their digits, without comparing. */
#ifndef IMAP_RANKS_H
#define IMAP_RANKS_H

#include "base/base.h"

struct imap_rank {
    uint64_t value; /* what is sorted by */
    uint32_t at;    /* what it is of */
};

/* Sorts by ascending value; what has the same one stays in its order. `spare` has room for n. */
void imap_ranks_sort(struct imap_rank *ranks, struct imap_rank *spare, size_t n);

#endif
