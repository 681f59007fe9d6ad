/* SPDX-License-Identifier: Apache-2.0 */
/* struct map: a hash table from byte strings to pointers, with a maximum. The hash (SipHash-1-3) is
 * keyed at random in each map, so that a peer who chooses the keys cannot make it slow. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/base.h"

struct map_entry {
    str key;
    void *value; /* NULL: the slot is free, or was emptied */
    uint64_t hash;
};

struct map {
    struct map_entry *slots; /* NULL until the first map_put */
    size_t capacity;         /* slots, a power of two */
    size_t n;                /* entries */
    size_t used;             /* entries and emptied slots */
    size_t max;              /* map_put never lets n pass this */
    uint64_t seed[2];
};

/* An empty map for at most `max` entries. Nothing is allocated yet. */
void map_init(struct map *m, size_t max);
/* Releases the table; the keys and values stay the caller's. The map is empty again. */
void map_fini(struct map *m);

/* The value of the key, or NULL. */
void *map_find(const struct map *m, str key);
/* Sets the value (not NULL) of the key and gives the former one, or NULL, in *old (may be NULL).
 * Keeps the key's bytes: they must live as long as the entry, so most often inside the value; a
 * replaced entry keeps the new key. False when the map is full; nothing is changed then. */
bool map_put(struct map *m, str key, void *value, void **old);
/* Takes the entry out and gives its value, or NULL when there is none. */
void *map_remove(struct map *m, str key);

/* The first entry and the one after `entry`, in no useful order; NULL at the end. */
struct map_entry *map_first(const struct map *m);
struct map_entry *map_next(const struct map *m, const struct map_entry *entry);

/* Visits each struct map_entry; entries may be removed inside, none may be put. No yield inside. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a name that is declared cannot stand in parentheses. */
#define MAP_FOR_EACH(entry, m) \
    for (struct map_entry *entry = map_first(m); entry; entry = map_next((m), entry))
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
