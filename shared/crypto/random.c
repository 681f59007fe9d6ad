/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes by getrandom(2). */
#include "crypto/random.h"

#include <errno.h>
#include <sys/random.h>

void crypto_random_fill(void *out, size_t n)
{
    char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        INVARIANT(got > 0 || (got < 0 && errno == EINTR));
        if (got < 0)
            continue;
        p += got;
        n -= (size_t)got;
    }
}

uint64_t crypto_random_u64(void)
{
    uint64_t value = 0;
    crypto_random_fill(&value, sizeof(value));
    return value;
}

uint64_t crypto_random_below(uint64_t limit)
{
    INVARIANT(limit > 0);
    /* Values below 2^64 mod limit would make small results likelier: draw again. */
    uint64_t least = (0 - limit) % limit;
    uint64_t value = crypto_random_u64();
    while (value < least)
        value = crypto_random_u64();
    return value % limit;
}
