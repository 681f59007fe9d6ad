/* SPDX-License-Identifier: Apache-2.0 */
/* The column of message ids, which THREAD needs: a part of column.h. */
#ifndef IMAP_COLUMN_IDS_H
#define IMAP_COLUMN_IDS_H

#include "services/imap/column.h"

/* imap_column_join of IMAP_COLUMN_IDS: `items` ascend by UID, and `old` (which may be empty) has
 * none of them. Scratch in `a`. */
struct imap_column *imap_column_join_ids(struct arena *a, const struct imap_column *old,
                                         const struct imap_column_item *const *items, uint32_t n);

#endif
