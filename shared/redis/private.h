/* SPDX-License-Identifier: Apache-2.0 */
/* struct redis, shared by the files of redis. Private to redis. */
#ifndef REDIS_PRIVATE_H
#define REDIS_PRIVATE_H

#include "base/map.h"
#include "redis/link.h"
#include "redis/redis.h"

enum {
    REDIS_SCRIPTS_MAX = 256,
    REDIS_WATCHERS_MAX = 16
};

/* Who wants to know whether the subscriber is connected; fn NULL: a free place. */
struct redis_watcher {
    void (*fn)(bool up, void *arg);
    void *arg;
};

struct redis {
    struct runtime *rt;
    struct redis_url url;
    struct redis_tls *tls; /* NULL without TLS */
    int64_t command_ms;
    int64_t breaker_ms;

    struct redis_link commands;
    struct list requests; /* struct redis_request, in the order of sending */
    size_t n_requests;
    struct timer overdue;        /* looks whether the first of them waits for too long */
    struct signal_point changed; /* the link came up or went down */
    uint64_t attempts;           /* how often it did */
    struct map scripts;          /* struct loaded by the address of its redis_script */

    struct redis_link subscriber;
    struct map channels; /* struct redis_channel by name */
    struct timer probe;  /* is the subscriber's server still answering? */
    bool is_probed;      /* a PING is on its way */
    bool is_told_up;
    struct redis_watcher watchers[REDIS_WATCHERS_MAX];
};

/* subscribe.c */
void subscriber_init(struct redis *r, int64_t connect_ms);
void subscriber_fini(struct redis *r);

#endif
