/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the delivery service share: its state, and outcomes as values. */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include "base/list.h"
#include "notify/notify.h"
#include "queue/queue.h"
#include "services/app/app.h"

enum {
    DELIVERY_ADDRESSES_MAX = 5, /* tried for one destination (PROMISES, queue) */
    DELIVERY_MESSAGES_A_CLAIM = 100,
    DELIVERY_CONVERSIONS = 4,        /* messages re-encoded at a time: each is in memory twice */
    DELIVERY_DATABASE_MS = 10 * 1000 /* for one call of the queue */
};

struct mta_sts_store;

/* Addresses that mail leaves from. */
struct delivery_pool {
    str name;
    const struct net_address *list;
    size_t n; /* 0: as the system chooses */
    bool
        is_turned; /* each connection has the next one; else each domain of senders keeps its own */
    size_t turn;
};

/* Connections that are open and serve nobody now (share.h). */
struct delivery_shared {
    struct list kept;         /* the newest first */
    struct timer expiry;      /* of the oldest */
    struct signal_point left; /* one of them has ended */
    unsigned n_coming;        /* destinations that were claimed, and have no connection yet */
    bool is_dry;              /* nothing was due when the queue was asked last */
};

struct delivery {
    struct app *app;
    struct tls_client *tls;
    struct mta_sts_store *policies; /* of other domains; NULL: they do not count */
    struct signal_point work;       /* there may be something due */
    struct signal_point reports;    /* there may be something to tell a sender */
    struct semaphore claiming;      /* one worker asks the queue, the others wait for their turn */
    struct semaphore converting;    /* messages that are held in memory whole */
    struct list sessions;           /* all of them (crowd.c) */
    struct list servers;            /* that carriers are connected to (place.c) */
    struct delivery_shared shared;
    unsigned n_slow;              /* destinations that take long, beside the workers' own */
    unsigned n_unnoted;           /* messages sent whose results could not be written yet */
    struct signal_point noted;    /* one of them is done with */
    struct signal_point callouts; /* there may be questions about recipients of relay domains */
    unsigned n_callouts;          /* under way */
    struct notify_listener queue_hint;
    struct notify_listener callout_hint;
    const struct net_address *own; /* addresses of this machine */
    size_t n_own;
    struct delivery_pool *pools; /* source addresses; the first is that of mail without a pool */
    size_t n_pools;
    struct list uses;   /* of transports whose connections are limited (way.c) */
    struct arena arena; /* lives as long as the service */
};

/* All that sessions need, without workers. ERR_SYNTAX, ERR_INTERNAL. Gives; end with
 * delivery_free when no fiber uses it any more. */
struct delivery *delivery_new(struct app *app, struct err *e);
/* Harmless for NULL; sets it to NULL. */
void delivery_free(struct delivery **d);

/* Serves until the drain: a worker (delivery.workers of them), and the one that tells senders. */
YIELDS void delivery_work(void *arg);
YIELDS void delivery_report(void *arg);

#endif
