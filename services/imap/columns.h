/* SPDX-License-Identifier: Apache-2.0 */
/* The columns that are kept beside the rows of a box (box.h): those of a process together take no
 * more than IMAP_COLUMNS_BYTES; the boxes that were ordered longest ago lose theirs first. */
#ifndef IMAP_COLUMNS_H
#define IMAP_COLUMNS_H

#include "base/list.h"
#include "services/imap/column.h"

enum {
    IMAP_COLUMNS_BYTES = 64 * 1024 * 1024 /* about 0.5 to 6 MB for a kind of key and 100,000
                                             messages */
};

/* Those of all boxes of a process. */
struct imap_columns_all {
    struct list used; /* struct imap_columns, the one used longest ago first */
    size_t bytes;
};

/* Those of one box. */
struct imap_columns {
    struct imap_column *of[IMAP_COLUMN_COUNT]; /* NULL: not kept */
    struct imap_columns_all *all;
    struct list link;
    size_t bytes;
};

void imap_columns_all_init(struct imap_columns_all *all);
/* A box without columns (keeps `all`). */
void imap_columns_init(struct imap_columns *columns, struct imap_columns_all *all);
/* Gives up what is kept; who holds a column still has it. */
void imap_columns_clear(struct imap_columns *columns);

/* The column that is kept, held for the caller, or NULL. One that knows more than `most` messages
 * knows mostly such as are gone: it is given up. */
struct imap_column *imap_columns_get(struct imap_columns *columns, enum imap_column_kind kind,
                                     size_t most);
/* Keeps the column (holds), unless the one that is kept knows more messages. */
void imap_columns_put(struct imap_columns *columns, struct imap_column *c);

#endif
