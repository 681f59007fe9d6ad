/* SPDX-License-Identifier: Apache-2.0 */
/* May this address, and this account, try again? Failures are counted in Redis for all processes,
 * and in this process as well: for the time without Redis (at a quarter of the numbers), and to
 * look again just before the work is done. Passwords are never seen here. */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "auth/counters.h"
#include "net/address.h"
#include "runtime/runtime.h"

struct redis;

struct throttle_limits {
    unsigned per_minute; /* failures of one address */
    unsigned per_day;
    unsigned per_account_hour;
};

struct throttle {
    struct redis *redis; /* may be NULL */
    struct throttle_limits limits;
    struct counters local;
};

enum {
    THROTTLE_LEVELS = 3,                     /* /32, /24, /16 or /64, /48, /32 */
    THROTTLE_KEYS = 2 * THROTTLE_LEVELS + 1, /* a minute and a day each, and the account */
    THROTTLE_ACCOUNT = THROTTLE_KEYS - 1,    /* index of the account's counter */
    THROTTLE_KEY_SIZE = NET_ADDRESS_TEXT + 16
};

/* The counters that one attempt falls under. */
struct throttle_subject {
    str keys[THROTTLE_KEYS]; /* empty where it does not apply (unix sockets) */
    char text[THROTTLE_KEYS][THROTTLE_KEY_SIZE];
};

/* Nothing counted here yet. Keeps redis. Release with throttle_fini. */
void throttle_init(struct throttle *t, struct redis *redis, const struct throttle_limits *limits);
void throttle_fini(struct throttle *t);

/* Names the counters for a login from `peer` (may be NULL). The name is kept as a hash. Pure. */
void throttle_subject_init(struct throttle_subject *s, const struct net_address *peer, str login);

/* Whether an attempt may go on; *over tells by how many failures the account is above its number
 * (0: it is not). Waits for Redis 200 ms at most. ERR_LIMIT, ERR_CANCELLED. Yields. */
YIELDS bool throttle_check(struct throttle *t, const struct throttle_subject *s, struct arena *a,
                           unsigned *over, struct err *e);
/* The same by what this process counted alone. ERR_LIMIT. */
bool throttle_check_again(struct throttle *t, const struct throttle_subject *s, struct err *e);
/* Counts a failure, here first and then in Redis; when that is away the count stays here. Yields.
 */
YIELDS void throttle_count(struct throttle *t, const struct throttle_subject *s, struct arena *a);

#endif
