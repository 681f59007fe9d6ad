/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to Redis: dialing, greeting (AUTH, SELECT, PING), sending, replies in order,
 * coming back after a loss. Driven from the loop; it knows no commands beyond the greeting. Private
 * to redis. */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "redis/dial.h"
#include "redis/reply.h"

enum {
    LINK_OUT_MAX = 16 * 1024 * 1024, /* bytes waiting to be sent */
    LINK_EARLY_MAX = 256 * 1024,
    LINK_BACKOFF_MIN_MS = 50,
    LINK_BACKOFF_MAX_MS = 2000,
};

enum link_state {
    LINK_DOWN, /* waits for its next attempt, or was never wanted */
    LINK_DIALING,
    LINK_GREETING,
    LINK_READY
};

struct redis_link {
    struct runtime *rt;
    const struct redis_url *url;
    struct redis_tls *tls;
    const char *name; /* "commands", "subscriber"; for the log */
    int64_t connect_ms;
    enum link_state state;
    bool was_wanted;
    bool is_told; /* that it is lost: the log gets one line, not one each attempt */
    unsigned failures;
    unsigned greetings; /* replies to come */
    int fd;
    struct redis_dial *dial;
    struct watch *watch;
    unsigned watched;
    struct timer timer;
    struct buf out;
    size_t sent;      /* of out */
    struct buf early; /* commands given while dialing: sent behind the greeting */
    struct reply_reader *reader;
    /* All called from the loop. A value is valid during the call. */
    void (*on_up)(void *arg);
    void (*on_down)(void *arg, const char *reason);
    void (*on_reply)(void *arg, const struct redis_value *v);
    void *arg;
};

/* The fields of settings and callbacks must be set; fini closes without calling any of them. */
void link_init(struct redis_link *l);
void link_fini(struct redis_link *l);
/* Connects, unless it is connected, connecting, or waiting for its next attempt. */
void link_want(struct redis_link *l);
/* The server is known to answer: does not wait for the next attempt. */
void link_retry(struct redis_link *l);
/* Appends a command and sends what the socket takes. False when the link is not ready, or too much
 * waits already. */
bool link_send(struct redis_link *l, const str *args, size_t n);
/* The same for a command whose reply nobody waits for: while the link connects it is kept and sent
 * with the greeting. False when it would be lost. */
bool link_send_early(struct redis_link *l, const str *args, size_t n);
/* Gives the connection up; the next attempt is made after `pause_ms`. */
void link_drop(struct redis_link *l, const char *reason, int64_t pause_ms);

#endif
