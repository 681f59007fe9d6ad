/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers from the kernel, good enough for keys. They never fail: without them the process
 * ends. */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include "base/base.h"

/* Fills `n` bytes. */
void crypto_random_fill(void *out, size_t n);
uint64_t crypto_random_u64(void);
/* A number below `limit` (not 0), all equally likely: for jitter. */
uint64_t crypto_random_below(uint64_t limit);

#endif
