/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping columns, and giving up those that nobody used for long. */
#include "services/imap/columns.h"

void imap_columns_all_init(struct imap_columns_all *all)
{
    list_init(&all->used);
    all->bytes = 0;
}

void imap_columns_init(struct imap_columns *columns, struct imap_columns_all *all)
{
    *columns = (struct imap_columns){ .all = all };
    list_init(&columns->link);
}

static void give_up(struct imap_columns *columns, enum imap_column_kind kind)
{
    struct imap_column **kept = &columns->of[kind];
    if (!*kept)
        return;
    columns->bytes -= (*kept)->bytes;
    columns->all->bytes -= (*kept)->bytes;
    imap_column_drop(kept);
}

void imap_columns_clear(struct imap_columns *columns)
{
    for (size_t i = 0; i < IMAP_COLUMN_COUNT; i++)
        give_up(columns, (enum imap_column_kind)i);
    list_remove(&columns->link);
}

static void mark_used(struct imap_columns *columns)
{
    list_remove(&columns->link);
    list_add_tail(&columns->all->used, &columns->link);
}

static void keep_bounds(struct imap_columns_all *all)
{
    LIST_FOR_EACH (item, &all->used) {
        if (all->bytes <= IMAP_COLUMNS_BYTES)
            return;
        imap_columns_clear(CONTAINER_OF(item, struct imap_columns, link));
    }
}

struct imap_column *imap_columns_get(struct imap_columns *columns, enum imap_column_kind kind,
                                     size_t most)
{
    struct imap_column *kept = columns->of[kind];
    if (!kept)
        return NULL;
    if (kept->n > most) {
        give_up(columns, kind);
        return NULL;
    }
    mark_used(columns);
    return imap_column_hold(kept);
}

void imap_columns_put(struct imap_columns *columns, struct imap_column *c)
{
    const struct imap_column *kept = columns->of[c->kind];
    if (kept && kept->n > c->n)
        return;
    give_up(columns, c->kind);
    columns->of[c->kind] = imap_column_hold(c);
    columns->bytes += c->bytes;
    columns->all->bytes += c->bytes;
    mark_used(columns);
    keep_bounds(columns->all);
}
