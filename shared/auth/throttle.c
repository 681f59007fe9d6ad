/* SPDX-License-Identifier: Apache-2.0 */
/* Counting of failed logins, together over all processes. */
#include "auth/throttle.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "redis/redis.h"

enum {
    MINUTE_MS = 60000,
    HOUR_MS = 3600000,
    DAY_MS = 86400000,
    WITHOUT_REDIS = 4, /* divides the limits: nobody knows what the other processes saw */
    LOGIN_MAX = 1024,  /* octets of a login that are looked at */
    NAME_BYTES = 16    /* of the hash of a login: enough to tell accounts apart */
};

/* How much more a bigger network may fail, by level. */
static const unsigned multiples[THROTTLE_LEVELS] = { 1, 3, 9 };

/* INCR and EXPIRE in one step, so that no counter stays for ever. KEYS count, ARGV their windows.
 */
static const struct redis_script count_script = {
    "for i, key in ipairs(KEYS) do\n"
    "  if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[i]) end\n"
    "end\n"
    "return 1\n"
};

static int64_t window_ms(size_t key)
{
    if (key == THROTTLE_ACCOUNT)
        return HOUR_MS;
    return key % 2 ? DAY_MS : MINUTE_MS;
}

static unsigned limit_of(const struct throttle *t, size_t key)
{
    if (key == THROTTLE_ACCOUNT)
        return t->limits.per_account_hour;
    return (key % 2 ? t->limits.per_day : t->limits.per_minute) * multiples[key / 2];
}

void throttle_init(struct throttle *t, struct redis *redis, const struct throttle_limits *limits)
{
    t->redis = redis;
    t->limits = *limits;
    counters_init(&t->local);
}

void throttle_fini(struct throttle *t)
{
    counters_fini(&t->local);
}

static void name_key(struct throttle_subject *s, size_t key, const char *what, str value)
{
    int n = snprintf(s->text[key], THROTTLE_KEY_SIZE, "auth:%s:%.*s", what, STR_FMT(value));
    s->keys[key] = str_of(s->text[key], (size_t)n);
}

void throttle_subject_init(struct throttle_subject *s, const struct net_address *peer, str login)
{
    uint8_t octets[16];
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct buf name;
    memset(s->keys, 0, sizeof(s->keys));
    bool has_ip = peer && net_address_octets(peer, octets) > 0;
    for (unsigned level = 0; has_ip && level < THROTTLE_LEVELS; level++) {
        char text[NET_ADDRESS_TEXT];
        str group = net_address_group(peer, level, text);
        name_key(s, (size_t)2 * level, "m", group);
        name_key(s, (size_t)2 * level + 1, "d", group);
    }
    buf_init(&name, LOGIN_MAX);
    (void)buf_add_lower(&name, str_slice(login, 0, LOGIN_MAX));
    crypto_sha256(buf_str(&name), hash);
    buf_clear(&name);
    (void)hex_encode(str_of((const char *)hash, NAME_BYTES), &name);
    name_key(s, THROTTLE_ACCOUNT, "a", buf_str(&name));
    buf_fini(&name);
}

/* Compares the counts with the limits divided by `divisor`. The account's number only slows down:
 * else anybody could lock anybody out. */
static bool judge(const struct throttle *t, const struct throttle_subject *s,
                  const unsigned counts[THROTTLE_KEYS], unsigned divisor, unsigned *over,
                  struct err *e)
{
    for (size_t i = 0; i < THROTTLE_KEYS; i++) {
        unsigned limit = (limit_of(t, i) + divisor - 1) / divisor;
        if (i == THROTTLE_ACCOUNT) {
            *over = counts[i] >= limit ? counts[i] - limit + 1 : 0;
        } else if (s->keys[i].n && counts[i] >= limit) {
            return ERR(e, ERR_LIMIT, "%u failures of %s", counts[i], s->text[i]);
        }
    }
    return true;
}

static void count_locally(const struct throttle *t, const struct throttle_subject *s,
                          unsigned counts[THROTTLE_KEYS])
{
    int64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < THROTTLE_KEYS; i++)
        counts[i] = s->keys[i].n ? counters_get(&t->local, s->keys[i], now) : 0;
}

/* The counts that Redis has; false when it cannot be asked. */
static bool ask_redis(struct throttle *t, const struct throttle_subject *s, struct arena *a,
                      unsigned counts[THROTTLE_KEYS], struct err *e)
{
    str args[1 + THROTTLE_KEYS] = { STR("MGET") };
    struct redis_value reply;
    for (size_t i = 0; i < THROTTLE_KEYS; i++)
        args[1 + i] = s->keys[i].n ? s->keys[i] : STR("auth:none");
    if (!t->redis)
        return ERR(e, ERR_UNAVAILABLE, "no Redis is configured");
    if (!redis_command(t->redis, args, COUNT_OF(args), a, &reply, e))
        return false;
    if (reply.type != REDIS_ARRAY || reply.n != THROTTLE_KEYS)
        return ERR(e, ERR_INTERNAL, "MGET was not answered by a list");
    for (size_t i = 0; i < THROTTLE_KEYS; i++) {
        uint64_t count = 0;
        if (reply.items[i].type == REDIS_BULK)
            (void)str_to_uint(reply.items[i].text, UINT32_MAX, &count);
        counts[i] = (unsigned)count;
    }
    return true;
}

bool throttle_check(struct throttle *t, const struct throttle_subject *s, struct arena *a,
                    unsigned *over, struct err *e)
{
    unsigned counts[THROTTLE_KEYS] = { 0 };
    struct err away = ERR_CLEAR;
    if (ask_redis(t, s, a, counts, &away))
        return judge(t, s, counts, 1, over, e);
    if (away.kind == ERR_CANCELLED)
        return ERR(e, ERR_CANCELLED, "%s", away.msg);
    count_locally(t, s, counts);
    return judge(t, s, counts, WITHOUT_REDIS, over, e);
}

bool throttle_check_again(struct throttle *t, const struct throttle_subject *s, struct err *e)
{
    unsigned counts[THROTTLE_KEYS];
    unsigned ignored = 0;
    count_locally(t, s, counts);
    return judge(t, s, counts, 1, &ignored, e);
}

void throttle_count(struct throttle *t, const struct throttle_subject *s, struct arena *a)
{
    str keys[THROTTLE_KEYS];
    str windows[THROTTLE_KEYS];
    size_t n = 0;
    int64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < THROTTLE_KEYS; i++) {
        if (!s->keys[i].n)
            continue;
        counters_add(&t->local, s->keys[i], window_ms(i), now);
        keys[n] = s->keys[i];
        windows[n++] = arena_printf(a, "%lld", (long long)window_ms(i));
    }
    struct redis_value ignored;
    struct err away = ERR_CLEAR; /* counted here; whoever looks without Redis sees it */
    if (t->redis)
        (void)redis_eval(t->redis, &count_script, keys, n, windows, n, a, &ignored, &away);
}
