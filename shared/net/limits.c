/* SPDX-License-Identifier: Apache-2.0 */
/* Counts connections by IP. Entries that say nothing any more are swept now and then; the table has
 * a maximum, because an attacker has many addresses. */
#include "net/limits.h"

enum {
    LIMITS_MAX_ENTRIES = 200000,
    MINUTE_MS = 60000
};

struct limits_entry {
    unsigned open;
    unsigned in_minute;
    int64_t minute_ms; /* when the minute began */
    size_t key_n;
    char key[NET_ADDRESS_TEXT];
};

void limits_init(struct limits *l, unsigned max_open, unsigned max_per_minute)
{
    *l = (struct limits){ .max_open = max_open, .max_per_minute = max_per_minute };
    map_init(&l->entries, LIMITS_MAX_ENTRIES);
}

void limits_fini(struct limits *l)
{
    MAP_FOR_EACH (entry, &l->entries)
        free(entry->value);
    map_fini(&l->entries);
}

static void sweep(struct limits *l, int64_t now_ms)
{
    if (now_ms - l->swept_ms < MINUTE_MS)
        return;
    l->swept_ms = now_ms;
    MAP_FOR_EACH (slot, &l->entries) {
        struct limits_entry *entry = slot->value;
        if (entry->open > 0 || now_ms - entry->minute_ms < MINUTE_MS)
            continue;
        (void)map_remove(&l->entries, slot->key);
        free(entry);
    }
}

static struct limits_entry *find_or_add(struct limits *l, const struct net_address *peer,
                                        int64_t now_ms)
{
    char text[NET_ADDRESS_TEXT];
    str key = net_address_group(peer, 0, text);
    struct limits_entry *entry = map_find(&l->entries, key);
    if (entry)
        return entry;
    entry = HEAP_NEW(struct limits_entry);
    memcpy(entry->key, key.p, key.n);
    entry->key_n = key.n;
    entry->minute_ms = now_ms;
    if (map_put(&l->entries, str_of(entry->key, entry->key_n), entry, NULL))
        return entry;
    free(entry);
    return NULL;
}

bool limits_enter(struct limits *l, const struct net_address *peer, int64_t now_ms,
                  struct limits_entry **counted)
{
    *counted = NULL;
    if (l->max_open == 0 && l->max_per_minute == 0)
        return true;
    sweep(l, now_ms);
    struct limits_entry *entry = find_or_add(l, peer, now_ms);
    if (!entry)
        return false;
    if (now_ms - entry->minute_ms >= MINUTE_MS) {
        entry->minute_ms = now_ms;
        entry->in_minute = 0;
    }
    if (l->max_per_minute && entry->in_minute >= l->max_per_minute)
        return false;
    entry->in_minute++;
    if (l->max_open && entry->open >= l->max_open)
        return false;
    entry->open++;
    *counted = entry;
    return true;
}

void limits_leave(struct limits_entry *counted)
{
    if (counted)
        counted->open--;
}
