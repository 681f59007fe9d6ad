/* SPDX-License-Identifier: Apache-2.0 */
/* Session ids: 60 bits as 12 characters of base32. 49 bits are a clock of 1/256 ms that never gives
 * the same value twice in a process, 11 bits tell the processes of a machine apart. They sort by
 * time. */
#include "obs/obs.h"

#include "base/clock.h"
#include "base/hex.h"

#include <stdatomic.h>

#define MS_OF_2020 INT64_C(1577836800000)

void obs_session_id(char out[OBS_SESSION_ID_SIZE])
{
    static atomic_uint_fast64_t last; /* of this process; survives a clock that steps back */
    uint_fast64_t now = (uint_fast64_t)(clock_utc_ms() - MS_OF_2020) << 8;
    uint_fast64_t former = atomic_load(&last);
    uint_fast64_t next = 0;
    do {
        next = now > former ? now : former + 1;
    } while (!atomic_compare_exchange_weak(&last, &former, next));
    uint64_t value = (uint64_t)next << 11 | ((uint64_t)getpid() & 0x7ff);
    base32_encode(value, out, OBS_SESSION_ID_SIZE - 1);
    out[OBS_SESSION_ID_SIZE - 1] = '\0';
}
