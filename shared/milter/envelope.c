/* SPDX-License-Identifier: Apache-2.0 */
/* Applies changes to a list of recipients: what they come to for each address first, and then one
 * pass over the list, which may be long. */
#include "milter/envelope.h"

#include "base/map.h"

/* What the changes come to for one address. */
struct wish {
    const struct milter_envelope_change *added; /* NULL: it is not, or no more */
    bool is_removed;                            /* where it was named, in whatever spelling */
    bool is_there;                              /* named, and not removed */
};

struct edit {
    struct map wishes; /* struct wish by the address in lower case */
    size_t longest;    /* octets of an address among them */
    struct arena *a;
    char *folded; /* room for the longest */
};

static void wish(struct edit *w, const struct milter_envelope_change *c)
{
    str key = arena_lower(w->a, c->address);
    struct wish *found = map_find(&w->wishes, key);
    if (!found) {
        found = ARENA_NEW(w->a, struct wish);
        INVARIANT(map_put(&w->wishes, key, found, NULL));
        if (key.n > w->longest)
            w->longest = key.n;
    }
    if (c->kind == MILTER_REMOVE_RECIPIENT) {
        *found = (struct wish){ .is_removed = true };
    } else if (!found->added) {
        found->added = c;
    }
}

static struct wish *wish_of(const struct edit *w, str address)
{
    return address.n > w->longest ? NULL : map_find(&w->wishes, str_lower(address, w->folded));
}

/* Those of the envelope that stay, in front of those that come. Gives how many there are. */
static size_t fill(const struct edit *w, const struct milter_envelope *envelope,
                   const struct milter_envelope_change *changes, size_t n_changes,
                   struct milter_recipient *list)
{
    size_t n = 0;
    for (size_t i = 0; i < envelope->n; i++) {
        struct wish *of = wish_of(w, envelope->recipients[i].address);
        if (of && of->is_removed)
            continue;
        if (of)
            of->is_there = true;
        list[n++] = envelope->recipients[i];
    }
    for (const struct milter_envelope_change *c = changes; c < changes + n_changes; c++) {
        const struct wish *of = c->kind == MILTER_ADD_RECIPIENT ? wish_of(w, c->address) : NULL;
        if (of && of->added == c && !of->is_there) {
            list[n++] = (struct milter_recipient){ .address = c->address,
                                                   .has_notify = c->has_notify,
                                                   .notify = c->notify,
                                                   .orcpt = c->orcpt };
        }
    }
    return n;
}

void milter_envelope_edit(struct arena *a, struct milter_envelope *envelope,
                          const struct milter_envelope_change *changes, size_t n)
{
    struct edit w = { .a = a };
    if (n == 0)
        return;
    map_init(&w.wishes, n);
    for (size_t i = 0; i < n; i++) {
        if (changes[i].kind == MILTER_SET_SENDER) {
            envelope->sender = changes[i].address;
        } else {
            wish(&w, &changes[i]);
        }
    }
    struct milter_recipient *list = ARENA_ARRAY(a, struct milter_recipient, envelope->n + n);
    w.folded = arena_alloc(a, w.longest);
    envelope->n = fill(&w, envelope, changes, n, list);
    envelope->recipients = list;
    envelope->is_changed = true;
    map_fini(&w.wishes);
}
