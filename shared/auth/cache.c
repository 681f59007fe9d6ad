/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of right passwords. All entries live equally long, so the oldest end first. */
#include "auth/cache.h"

#include "crypto/random.h"
#include "crypto/secret.h"

enum {
    MAX_ENTRIES = 20000,
    LOGIN_MAX = 1024
};

static str mac_str(const uint8_t mac[CRYPTO_HMAC_SIZE])
{
    return str_of((const char *)mac, CRYPTO_HMAC_SIZE);
}

static struct cache_entry *entry_of(struct list *link)
{
    return CONTAINER_OF(link, struct cache_entry, link);
}

static void drop(struct auth_cache *c, struct cache_entry *entry)
{
    (void)map_remove(&c->by_mac, mac_str(entry->mac));
    list_remove(&entry->link);
    free(entry);
}

void cache_init(struct auth_cache *c, int64_t life_ms)
{
    map_init(&c->by_mac, MAX_ENTRIES);
    list_init(&c->oldest_first);
    c->life_ms = life_ms;
    crypto_random_fill(c->key, sizeof(c->key));
}

void cache_fini(struct auth_cache *c)
{
    cache_forget(c, 0);
    map_fini(&c->by_mac);
    secret_wipe_memory(c->key, sizeof(c->key));
}

void cache_mac(const struct auth_cache *c, str login, str password, uint8_t out[CRYPTO_HMAC_SIZE])
{
    struct buf folded;
    buf_init(&folded, LOGIN_MAX);
    (void)buf_add_lower(&folded, str_slice(login, 0, LOGIN_MAX));
    const str parts[] = { buf_str(&folded), password };
    crypto_hmac_sha256_parts(str_of((const char *)c->key, sizeof(c->key)), parts, COUNT_OF(parts),
                             out);
    buf_fini(&folded);
}

const struct cache_entry *cache_find(struct auth_cache *c, const uint8_t mac[CRYPTO_HMAC_SIZE],
                                     int64_t now_ms)
{
    struct cache_entry *entry = map_find(&c->by_mac, mac_str(mac));
    if (!entry || entry->end_ms > now_ms)
        return entry;
    drop(c, entry);
    return NULL;
}

/* Makes room: what is over goes, and the oldest when the cache is full. */
static void make_room(struct auth_cache *c, int64_t now_ms)
{
    LIST_FOR_EACH (link, &c->oldest_first) {
        if (entry_of(link)->end_ms > now_ms && c->by_mac.n < MAX_ENTRIES)
            break;
        drop(c, entry_of(link));
    }
}

void cache_put(struct auth_cache *c, const uint8_t mac[CRYPTO_HMAC_SIZE],
               const struct auth_identity *who, int64_t now_ms)
{
    struct cache_entry *former = map_find(&c->by_mac, mac_str(mac));
    if (c->life_ms <= 0)
        return;
    if (former)
        drop(c, former);
    make_room(c, now_ms);
    struct cache_entry *entry = heap_zalloc(sizeof(*entry) + who->login.n);
    *entry = (struct cache_entry){ .end_ms = now_ms + c->life_ms, .who = *who };
    memcpy(entry->mac, mac, sizeof(entry->mac));
    memcpy(entry->login, who->login.p, who->login.n);
    entry->who.login = str_of(entry->login, who->login.n);
    list_add_tail(&c->oldest_first, &entry->link);
    bool ok = map_put(&c->by_mac, mac_str(entry->mac), entry, NULL);
    INVARIANT(ok);
}

void cache_forget(struct auth_cache *c, int64_t account_id)
{
    LIST_FOR_EACH (link, &c->oldest_first) {
        if (account_id == 0 || entry_of(link)->who.account_id == account_id)
            drop(c, entry_of(link));
    }
}
