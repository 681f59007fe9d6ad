/* SPDX-License-Identifier: Apache-2.0 */
/* Gets the keys by which found messages are ordered: columns that are kept beside the rows of the
 * mailbox, joined with the keys of messages that they lack. Those are read from the index, and from
 * headers where it has none yet. */
#ifndef IMAP_ORDER_KEYS_H
#define IMAP_ORDER_KEYS_H

#include "services/imap/columns.h"
#include "services/imap/search_run.h"

/* Columns by their kind; NULL where none was wanted. */
struct imap_order_columns {
    struct imap_column *of[IMAP_COLUMN_COUNT]; /* held */
};

/* Columns of the wanted kinds (bits 1 << IMAP_COLUMN_*) which know every message that was found
 * (ascending). Held until imap_order_columns_drop. ERR_LIMIT: it took too long; those of store and
 * search. Yields. */
YIELDS bool imap_order_columns_get(const struct imap_search *search, const struct imap_found *found,
                                   unsigned wanted, struct imap_order_columns *out, struct err *e);
void imap_order_columns_drop(struct imap_order_columns *columns);

#endif
