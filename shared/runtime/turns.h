/* SPDX-License-Identifier: Apache-2.0 */
/* A gate with some places that many come to, shared fairly by whom they come for: one of them with
 * much to do makes nobody else wait for all of it. It does not know what a place is.
 *
 * Nobody holds the last free place but one who holds no other: of several places, one is left for
 * somebody else. Of those who wait, whoever holds the fewest places is next, of these whoever was
 * served or began to wait the longest time ago, and of one holder who came first. */
#ifndef RUNTIME_TURNS_H
#define RUNTIME_TURNS_H

#include "runtime/runtime.h"

enum {
    TURNS_NOBODY = 0 /* a holder that may have all places, first come first served */
};

struct turns {
    unsigned limit;
    unsigned free;
    uint64_t clock;      /* counts the turns */
    struct list holders; /* private: those who hold or wait */
};

/* A gate with `limit` free places. fini: nobody holds or waits any more, or is heard of again. */
void turns_init(struct turns *t, unsigned limit);
void turns_fini(struct turns *t);
/* Waits for a place for the holder. ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool turns_acquire(struct turns *t, int64_t holder, int64_t deadline_ms, struct err *e);
/* Gives a place of the holder to whoever is next. */
void turns_release(struct turns *t, int64_t holder);

#endif
