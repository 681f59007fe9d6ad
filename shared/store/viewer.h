/* SPDX-License-Identifier: Apache-2.0 */
/* What a viewer has read, in the very statement that reads or changes the rows: in one of its own
 * it would be of another moment, and one modseq would be told with two sets of flags. Private to
 * the module. */
#ifndef STORE_VIEWER_H
#define STORE_VIEWER_H

#include "store/internal.h"

/* One row (firsts, lasts) of the ranges that `viewer` (an SQL expression) has read in mailbox $2 of
 * account $1; NULLs where it has read nothing, and for the owner. */
#define STORE_SEEN_OF(viewer)                                                                      \
    "SELECT array_agg(lower(r) ORDER BY r) AS firsts, array_agg(upper(r) - 1 ORDER BY r) AS lasts" \
    "  FROM mailbox_seen s, unnest(s.uids) r"                                                      \
    " WHERE s.account_id = $1 AND s.mailbox_id = $2 AND s.viewer = " viewer

static inline bool store_is_owner(const struct store_viewed *of)
{
    return of->viewer_id == of->account_id;
}

/* Puts \Seen of the viewer into `list` (by uid), from the ranges in `column` and the next one of
 * the first row. Nothing for the owner. */
void store_put_seen(const struct store_viewed *of, const struct db_rows *rows, size_t column,
                    struct arena *a, struct store_row *list, size_t n);

/* The parameters of mailbox_store_flags. */
enum {
    STORE_FLAG_PARAMS = 9,
    STORE_FLAG_COLUMNS = 13 /* of its result */
};

/* Checks the change and writes its parameters, which point into `a`, `set` and `change`. ERR_SYNTAX
 * (a keyword). */
bool store_flag_params(const struct store_viewed *of, const struct store_ranges *set,
                       const struct store_flag_change *change, struct arena *a,
                       struct db_param params[STORE_FLAG_PARAMS], struct err *e);

/* Reads the columns of mailbox_store_flags. ERR_INTERNAL. In arena. */
bool store_flag_read(const struct db_rows *rows, struct arena *a, struct store_flag_result *out,
                     struct err *e);

#endif
