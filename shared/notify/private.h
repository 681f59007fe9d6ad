/* SPDX-License-Identifier: Apache-2.0 */
/* struct notify, shared by the files of notify. Private to notify. */
#ifndef NOTIFY_PRIVATE_H
#define NOTIFY_PRIVATE_H

#include "base/map.h"
#include "base/vec.h"
#include "db/db.h"
#include "notify/notify.h"
#include "redis/redis.h"
#include "runtime/runtime.h"

enum {
    NOTIFY_POLL_MS = 20 * 1000,
    NOTIFY_POLL_AWAY_MS = 10 * 1000,
    NOTIFY_FRESH_MS = 200, /* an account that is newly watched is polled after this */
    NOTIFY_CHANNEL_MAX = 64
};

/* An account that at least one subscriber watches. */
struct notify_account {
    struct notify *notify;
    int64_t account_id;  /* also the key */
    int64_t latest;      /* modseq, as far as known; 0: nothing is known yet */
    int64_t before_poll; /* `latest` when the running poll began */
    bool is_fresh;       /* to be polled soon */
    bool is_waking;      /* its callbacks run: not to be freed */
    struct list subscribers;
    struct list pending; /* notify->pending: subscribers are to be woken */
};

struct notify_told {
    enum notify_topic topic;
    int64_t id;
};

struct notify {
    struct runtime *rt;
    struct db *db;
    struct redis *redis;
    char node[17]; /* random; marks our own messages */
    struct map accounts;
    struct list pending; /* struct notify_account */
    struct timer pending_timer;
    struct list listeners[NOTIFY_TOPIC_COUNT];
    struct vec told; /* struct notify_told: topics told here, for our own listeners */
    struct timer told_timer;

    int64_t poll_ms;
    int64_t poll_away_ms;
    struct timer poll_timer;
    int64_t full_at_ms;  /* next poll of all accounts */
    int64_t fresh_at_ms; /* next poll of new accounts; DEADLINE_NONE when there are none */
    bool is_polling;     /* a fiber is at it */
    bool is_freed;       /* that fiber frees the rest */
};

/* The database says the account is at this modseq: wakes who is behind, soon. */
void notify_account_is_at(struct notify *n, struct notify_account *acc, int64_t modseq);
/* The database says a smaller modseq than was known. */
void notify_account_went_back(struct notify *n, struct notify_account *acc, int64_t modseq);

/* poll.c */
void notify_poll_init(struct notify *n);
/* Frees n, now or when the running poll ends. */
void notify_poll_fini(struct notify *n);
void notify_poll_fresh(struct notify *n, struct notify_account *acc);
void notify_poll_redis_changed(struct notify *n, bool up);

#endif
