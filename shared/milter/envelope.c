/* SPDX-License-Identifier: Apache-2.0 */
/* Applies changes to a list of recipients. */
#include "milter/envelope.h"

/* The place in the list, or its length. */
static size_t find(const struct milter_recipient *list, size_t n, str address)
{
    size_t i = 0;
    while (i < n && !str_ieq(list[i].address, address))
        i++;
    return i;
}

static void add(struct milter_recipient *list, size_t *n, const struct milter_envelope_change *c)
{
    if (find(list, *n, c->address) < *n)
        return;
    list[(*n)++] = (struct milter_recipient){
        .address = c->address, .has_notify = c->has_notify, .notify = c->notify, .orcpt = c->orcpt
    };
}

static void drop(struct milter_recipient *list, size_t *n, str address)
{
    size_t i = find(list, *n, address);
    while (i < *n) {
        memmove(list + i, list + i + 1, (*n - i - 1) * sizeof(*list));
        --*n;
        i = find(list, *n, address); /* as named, one may be there in two spellings */
    }
}

void milter_envelope_edit(struct arena *a, struct milter_envelope *envelope,
                          const struct milter_envelope_change *changes, size_t n)
{
    if (n == 0)
        return;
    struct milter_recipient *list = ARENA_ARRAY(a, struct milter_recipient, envelope->n + n);
    if (envelope->n > 0)
        memcpy(list, envelope->recipients, envelope->n * sizeof(*list));
    for (size_t i = 0; i < n; i++) {
        switch (changes[i].kind) {
        case MILTER_ADD_RECIPIENT:
            add(list, &envelope->n, &changes[i]);
            break;
        case MILTER_REMOVE_RECIPIENT:
            drop(list, &envelope->n, changes[i].address);
            break;
        case MILTER_SET_SENDER:
            envelope->sender = changes[i].address;
            break;
        }
    }
    envelope->recipients = list;
    envelope->is_changed = true;
}
