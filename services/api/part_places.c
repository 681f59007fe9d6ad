/* SPDX-License-Identifier: Apache-2.0 */
/* A few places of parts. They are looked through one by one: that is nothing beside the query that
 * comes next. */
#include "services/api/part_places.h"

enum {
    PLACES = 64,
    TEXTS_MAX = 2048 /* octets of number, type and name; longer ones are not remembered */
};

struct slot {
    struct arena texts;
    struct part_id id;
    struct part_place place;
    uint64_t used; /* when it was asked for last, on a clock of its own; 0: it is empty */
};

struct part_places {
    struct slot slots[PLACES];
    uint64_t clock;
};

struct part_places *part_places_new(void)
{
    struct part_places *places = HEAP_NEW(struct part_places);
    for (size_t i = 0; i < PLACES; i++)
        arena_init(&places->slots[i].texts);
    return places;
}

void part_places_free(struct part_places **places)
{
    if (!*places)
        return;
    for (size_t i = 0; i < PLACES; i++)
        arena_fini(&(*places)->slots[i].texts);
    free(*places);
    *places = NULL;
}

static struct part_place copy_place(const struct part_place *from, struct arena *a)
{
    struct part_place to = *from;
    to.type = arena_str(a, from->type);
    to.name = arena_str(a, from->name);
    return to;
}

bool part_places_find(struct part_places *places, const struct part_id *id, struct arena *a,
                      struct part_place *out)
{
    for (size_t i = 0; i < PLACES; i++) {
        struct slot *one = &places->slots[i];
        if (!one->used || one->id.msg_id != id->msg_id || one->id.account_id != id->account_id ||
            !str_eq(one->id.number, id->number))
            continue;
        one->used = ++places->clock;
        *out = copy_place(&one->place, a);
        return true;
    }
    return false;
}

void part_places_add(struct part_places *places, const struct part_id *id,
                     const struct part_place *place)
{
    struct slot *oldest = &places->slots[0];
    if (id->number.n + place->type.n + place->name.n > TEXTS_MAX)
        return;
    for (size_t i = 1; i < PLACES; i++) {
        if (places->slots[i].used < oldest->used)
            oldest = &places->slots[i];
    }
    arena_reset(&oldest->texts);
    oldest->id = *id;
    oldest->id.number = arena_str(&oldest->texts, id->number);
    oldest->place = copy_place(place, &oldest->texts);
    oldest->used = ++places->clock;
}
