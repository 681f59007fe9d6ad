/* SPDX-License-Identifier: Apache-2.0 */
/* The live streams of a process: one feed an account, shared by all its streams. Owned by events.c.
 */
#ifndef API_EVENT_STREAMS_H
#define API_EVENT_STREAMS_H

#include "base/list.h"
#include "base/map.h"
#include "runtime/runtime.h"

struct event_streams {
    struct map feeds;    /* struct event_feed by account id */
    struct list streams; /* struct event_stream, all of them */
    struct timer timer;  /* ends streams whose session ends; looks at the queue */
    unsigned ticks;
    unsigned checks; /* number of the last check of all streams of an account */
    bool is_looking; /* a fiber looks at the queue now */
    uint64_t queue_seen;
};

#endif
