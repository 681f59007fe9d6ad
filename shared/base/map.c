/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; removed entries leave a mark until the next rehash. */
#include "base/map.h"

#include <sys/random.h>

enum {
    FIRST_CAPACITY = 16
};

/* The key of an emptied slot: probing goes on behind it. A free slot has a NULL key pointer. */
static const char emptied[] = "";

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein): a keyed hash made for tables with keys of an enemy. */
static uint64_t sip_hash(const uint64_t seed[2], str s)
{
    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575ULL, seed[1] ^ 0x646f72616e646f6dULL,
                      seed[0] ^ 0x6c7967656e657261ULL, seed[1] ^ 0x7465646279746573ULL };
    size_t whole = s.n - s.n % 8;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = 0;
        memcpy(&word, s.p + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)s.n << 56;
    for (size_t i = whole; i < s.n; i++)
        last |= (uint64_t)(unsigned char)s.p[i] << (8 * (i - whole));
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, size_t max)
{
    *m = (struct map){ .max = max };
    /* 16 bytes from an initialised pool never fail; before that a fixed seed still works. */
    if (getrandom(m->seed, sizeof(m->seed), 0) != (ssize_t)sizeof(m->seed))
        m->seed[0] = (uint64_t)(uintptr_t)m;
}

void map_fini(struct map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->capacity = m->n = m->used = 0;
}

/* The entry of the key, or NULL. There is always a free slot, so the probing ends. */
static struct map_entry *find_entry(const struct map *m, str key, uint64_t hash)
{
    if (m->capacity == 0)
        return NULL;
    for (size_t i = hash & (m->capacity - 1);; i = (i + 1) & (m->capacity - 1)) {
        struct map_entry *entry = &m->slots[i];
        if (!entry->value && !entry->key.p)
            return NULL;
        if (entry->value && entry->hash == hash && str_eq(entry->key, key))
            return entry;
    }
}

static void place(struct map *m, struct map_entry entry)
{
    size_t i = entry.hash & (m->capacity - 1);
    while (m->slots[i].value)
        i = (i + 1) & (m->capacity - 1);
    if (!m->slots[i].key.p)
        m->used++;
    m->slots[i] = entry;
    m->n++;
}

/* Makes room for one more entry: at most 3/4 of the slots are in use, so probing stays short. */
static void make_room(struct map *m)
{
    if ((m->used + 1) * 4 <= m->capacity * 3)
        return;
    struct map old = *m;
    m->capacity = FIRST_CAPACITY;
    while ((old.n + 1) * 2 > m->capacity)
        m->capacity *= 2;
    m->slots = heap_zalloc(m->capacity * sizeof(*m->slots));
    m->n = m->used = 0;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].value)
            place(m, old.slots[i]);
    }
    free(old.slots);
}

void *map_find(const struct map *m, str key)
{
    struct map_entry *entry = find_entry(m, key, sip_hash(m->seed, key));
    return entry ? entry->value : NULL;
}

bool map_put(struct map *m, str key, void *value, void **old)
{
    INVARIANT(value);
    /* An empty key needs an address too: a NULL one marks a free slot. */
    str kept = key.p ? key : str_of(emptied, 0);
    uint64_t hash = sip_hash(m->seed, kept);
    struct map_entry *entry = find_entry(m, kept, hash);
    if (old)
        *old = entry ? entry->value : NULL;
    if (entry) {
        entry->key = kept;
        entry->value = value;
        return true;
    }
    if (m->n >= m->max)
        return false;
    make_room(m);
    place(m, (struct map_entry){ .key = kept, .value = value, .hash = hash });
    return true;
}

void *map_remove(struct map *m, str key)
{
    struct map_entry *entry = find_entry(m, key, sip_hash(m->seed, key));
    if (!entry)
        return NULL;
    void *value = entry->value;
    *entry = (struct map_entry){ .key = str_of(emptied, 0) };
    m->n--;
    return value;
}

static struct map_entry *entry_from(const struct map *m, size_t i)
{
    for (; i < m->capacity; i++) {
        if (m->slots[i].value)
            return &m->slots[i];
    }
    return NULL;
}

struct map_entry *map_first(const struct map *m)
{
    return entry_from(m, 0);
}

struct map_entry *map_next(const struct map *m, const struct map_entry *entry)
{
    return entry_from(m, (size_t)(entry - m->slots) + 1);
}
