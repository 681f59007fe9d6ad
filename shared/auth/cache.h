/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords that were right a moment ago, for clients that reconnect in bursts. Kept as an HMAC
 * under a key that this process made at its start, in memory only. Failures are never kept. */
#ifndef AUTH_CACHE_H
#define AUTH_CACHE_H

#include "auth/auth.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/hmac.h"

enum {
    CACHE_KEY_SIZE = 32
};

struct auth_cache {
    struct map by_mac;
    struct list oldest_first;
    int64_t life_ms; /* 0: keeps nothing */
    uint8_t key[CACHE_KEY_SIZE];
};

struct cache_entry {
    struct list link;
    uint8_t mac[CRYPTO_HMAC_SIZE];
    int64_t end_ms;
    struct auth_identity who; /* its login points to `login` */
    char login[];
};

/* An empty cache with a fresh key; entries live `life_ms`. */
void cache_init(struct auth_cache *c, int64_t life_ms);
/* Wipes the key. */
void cache_fini(struct auth_cache *c);

/* The HMAC under which this name and password are kept; ASCII letters of the name fold. */
void cache_mac(const struct auth_cache *c, str login, str password, uint8_t out[CRYPTO_HMAC_SIZE]);
/* The entry, borrowed until the next call, or NULL. */
const struct cache_entry *cache_find(struct auth_cache *c, const uint8_t mac[CRYPTO_HMAC_SIZE],
                                     int64_t now_ms);
void cache_put(struct auth_cache *c, const uint8_t mac[CRYPTO_HMAC_SIZE],
               const struct auth_identity *who, int64_t now_ms);
/* Drops the entries of the account; 0 drops all. */
void cache_forget(struct auth_cache *c, int64_t account_id);

#endif
