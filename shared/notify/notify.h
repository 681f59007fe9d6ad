/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of notify: who should look at the database now. Hints only: they go through Redis
 * (ids, never names), may be lost or doubled, and are healed by a poll of account_state. It does
 * not know how a client is told, nor what changed.
 *
 * Guarantee: a change that is committed reaches every subscriber of its account. At once while
 * Redis works; within 20 s when a hint was lost; within 10 s while Redis is away; and one poll
 * follows each reconnect of Redis at once (R8). */
#ifndef NOTIFY_NOTIFY_H
#define NOTIFY_NOTIFY_H

#include "base/base.h"
#include "base/list.h"

struct db;
struct redis;
struct runtime;
struct notify;

struct notify_options {
    int64_t poll_ms;      /* 0 = 20000: account_state is read this often while Redis works */
    int64_t poll_away_ms; /* 0 = 10000: the same while Redis is away */
};

/* `redis` may be NULL (hints then stay in this process and the poll does the rest), `db` too (no
 * poll: for tests of hints). `options` may be NULL. Keeps rt, db and redis. Gives. */
struct notify *notify_new(struct runtime *rt, struct db *db, struct redis *redis,
                          const struct notify_options *options);
/* No subscriber may be left. Before redis_free and db_free. */
void notify_free(struct notify **n);

/* Keys and channels in Redis: mail:account:<account id> carries the modseq, mail:notify:<topic>
 * carries an id. */

/* True while hints of other processes arrive (the Redis subscription stands). */
bool notify_is_live(const struct notify *n);

/* ---- mail of an account ---- */

/* A subscription, in the caller's storage (a session). One of them may be in use once only. */
struct notify_subscriber {
    /* Called in the loop, outside any fiber, never from inside notify_publish or
     * notify_subscribe. `modseq` is the account's present one, as far as known. May unsubscribe
     * itself or others. Typical: net_conn_wake. */
    void (*fn)(int64_t account_id, int64_t modseq, void *arg);
    void *arg;
    int64_t seen_modseq; /* fn is called for a modseq above this only; notify raises it */
    struct list link;    /* private */
    struct notify_account *account; /* private */
};

/* Subscribes to changes of the account after `seen_modseq`, which is the account's modseq that the
 * caller read last (0: tell me once in any case). A change committed between that read and this
 * call is found by a poll of new accounts about 0.2 s later, and one that is published before Redis
 * has read the subscription by another one 0.2 s after it says so. Many subscribers an account
 * share one Redis subscription. fn and arg must be set. Does not yield. */
void notify_subscribe(struct notify *n, int64_t account_id, int64_t seen_modseq,
                      struct notify_subscriber *s);
/* Harmless for a zeroed or already removed subscriber. fn is not called any more afterwards. */
void notify_unsubscribe(struct notify *n, struct notify_subscriber *s);
/* Tells what the caller has read by itself, so that it is not woken for it. */
void notify_seen(struct notify_subscriber *s, int64_t modseq);

/* Tells all processes that the account's state is now at `modseq`. Call after the commit, never
 * before. Subscribers of this process are woken directly. Does not wait or fail. */
void notify_publish(struct notify *n, int64_t account_id, int64_t modseq);

/* ---- things that concern the whole process ---- */

enum notify_topic {
    NOTIFY_QUEUE,     /* there is new outbound mail; id is 0 (queue_announce publishes it) */
    NOTIFY_ACCOUNT,   /* account `id` changed (password, disabled, quota): drop what is cached */
    NOTIFY_DIRECTORY, /* domains or addresses changed: drop what is cached; id is 0 */
    NOTIFY_INDEX,     /* there is something to index; id is 0 */
    NOTIFY_CALLOUT,   /* id 0: there are questions about recipients of relay domains; else: one is
                         answered (account/relay_probe.h) */
    NOTIFY_TOPIC_COUNT
};

/* A listener, in the caller's storage. fn runs in the loop, outside any fiber, in every process
 * that listens, this one included. With `id` -1: hints may have been lost (Redis was away), so
 * everything may have changed. */
struct notify_listener {
    void (*fn)(enum notify_topic topic, int64_t id, void *arg);
    void *arg;
    struct list link; /* private */
};

/* Begins to tell; fn and arg must be set. */
void notify_listen(struct notify *n, enum notify_topic topic, struct notify_listener *l);
/* Harmless for a zeroed or already removed listener. */
void notify_unlisten(struct notify_listener *l);
/* After the commit. Does not wait or fail. */
void notify_tell(struct notify *n, enum notify_topic topic, int64_t id);

#endif
