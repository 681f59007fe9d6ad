/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that fall back to nothing when their window ends, in the memory of this process: what
 * the throttle knows without Redis. Bounded; the oldest are forgotten first. */
#ifndef AUTH_COUNTERS_H
#define AUTH_COUNTERS_H

#include "base/list.h"
#include "base/map.h"

struct counters {
    struct map by_key;
    struct list oldest_first;
};

/* No counters; release with counters_fini. */
void counters_init(struct counters *c);
void counters_fini(struct counters *c);

/* Adds one; a counter that is new, or whose window is over, begins a window of `window_ms`. */
void counters_add(struct counters *c, str key, int64_t window_ms, int64_t now_ms);
/* How often it was added to in its window. */
unsigned counters_get(const struct counters *c, str key, int64_t now_ms);

#endif
