/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. Deadlines are points on the monotonic clock, in milliseconds; the wall clock is
 * for dates that people or peers see. Not for calendar arithmetic (base/date.h). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* "Never": the deadline of a wait without a limit. */
#define DEADLINE_NONE INT64_MAX

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t clock_monotonic_ms(void);
/* The deadline `ms` milliseconds from now. */
int64_t clock_deadline_in(int64_t ms);
/* Milliseconds (microseconds) since 1970-01-01 UTC. */
int64_t clock_utc_ms(void);
int64_t clock_utc_us(void);

#endif
