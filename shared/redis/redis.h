/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of redis: commands, scripts and subscriptions for fibers, over our own connection with
 * hiredis as codec only. It does not know what a key means. Redis holds hints: every caller must
 * have a way that works without it.
 *
 * Two connections a process: commands (pipelined) and the subscriber. Both reconnect with jittered
 * back-off; after a reconnect all channels are subscribed again. A circuit opens after a failure,
 * so that a stalled Redis costs 200 ms once, not each call. */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include "runtime/runtime.h"

struct redis;

struct redis_options {
    /* redis://[[user]:pass@]host[:port][/db], rediss://... (TLS, verified with the system's
     * anchors), unix://[[user]:pass@]/path[?db=N]; percent-encoding is understood. */
    const char *url;
    const char *ca_file; /* for rediss: anchors of its own, or NULL; keeps */
    int64_t connect_ms;  /* 0 = 200 (1000 with TLS): until the server has answered a PING */
    int64_t command_ms;  /* 0 = 200 */
    int64_t breaker_ms;  /* 0 = 5000 */
};

/* ERR_SYNTAX for a bad URL or anchors that cannot be read. Connects when first needed. Gives. */
struct redis *redis_new(struct runtime *rt, const struct redis_options *options, struct err *e);
void redis_free(struct redis **r);

enum redis_type {
    REDIS_NIL,
    REDIS_STATUS,
    REDIS_INT,
    REDIS_BULK,
    REDIS_ARRAY,
    REDIS_ERROR /* inside arrays only: one of several commands failed */
};

struct redis_value {
    enum redis_type type;
    int64_t number;            /* REDIS_INT */
    str text;                  /* REDIS_STATUS, REDIS_BULK, REDIS_ERROR; in the arena */
    struct redis_value *items; /* REDIS_ARRAY */
    size_t n;
};

/* Sends one command as separate arguments (never formatted text) and waits for its reply. An error
 * reply is ERR_INTERNAL with its text; LOADING, READONLY, OOM, MOVED are ERR_UNAVAILABLE. Also
 * ERR_UNAVAILABLE (no connection, circuit open), ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool redis_command(struct redis *r, const str *args, size_t n, struct arena *a,
                          struct redis_value *out, struct err *e);

/* A Lua script; its address is its identity. It is loaded once and run by its digest. Static. */
struct redis_script {
    const char *source;
};
YIELDS bool redis_eval(struct redis *r, const struct redis_script *script, const str *keys,
                       size_t n_keys, const str *args, size_t n_args, struct arena *a,
                       struct redis_value *out, struct err *e);

/* Sends without waiting for the reply; lost when there is no connection (one is wanted then). May
 * be called from the loop. */
void redis_send(struct redis *r, const str *args, size_t n);

/* Subscribes: fn(channel, message, arg) runs in the loop, outside any fiber, for each message. It
 * may subscribe and unsubscribe. Works (later) while there is no connection. One fn a channel (a
 * second call replaces it); keeps arg. */
typedef void (*redis_message_fn)(str channel, str message, void *arg);
void redis_subscribe(struct redis *r, str channel, redis_message_fn fn, void *arg);
/* The same, and confirmed(channel, arg) is called likewise each time Redis says that it has read
 * the subscription, anew for each connection: what is published from then on arrives. What was
 * published before is lost, so who may have missed it looks then. */
typedef void (*redis_confirmed_fn)(str channel, void *arg);
void redis_subscribe_confirmed(struct redis *r, str channel, redis_message_fn fn,
                               redis_confirmed_fn confirmed, void *arg);
void redis_unsubscribe(struct redis *r, str channel);
/* fn(up, arg) is called each time the subscriber is connected anew, and each time it is lost (`up`
 * false): messages between were lost, so look at the truth again. May not yield. Up to 16 of them;
 * redis_off_subscriber takes those with this arg out. */
void redis_on_subscriber(struct redis *r, void (*fn)(bool up, void *arg), void *arg);
void redis_off_subscriber(struct redis *r, const void *arg);
bool redis_subscriber_is_up(const struct redis *r);

/* A leased lock: SET NX PX with a random token; release and extend only with the token. A hint: the
 * truth needs a fencing token in the database. *got is false when somebody else holds it. Yields.
 */
enum {
    REDIS_LOCK_TOKEN = 33
};
YIELDS bool redis_lock(struct redis *r, str key, int64_t ttl_ms, char token[REDIS_LOCK_TOKEN],
                       bool *got, struct err *e);
YIELDS bool redis_unlock(struct redis *r, str key, const char token[REDIS_LOCK_TOKEN],
                         struct err *e);

#endif
