/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody has read in a mailbox of somebody else. \Seen is each reader's own: the flag of a
 * row is the owner's, that of another reader is kept beside it. For the owner everything here is
 * what store.h does. */
#ifndef STORE_SEEN_H
#define STORE_SEEN_H

#include "store/store.h"

/* A mailbox in the eyes of one account. */
struct store_viewed {
    int64_t viewer_id; /* the owner, or another */
    int64_t account_id;
    int mailbox_id;
};

/* Puts the viewer's \Seen into rows that were just read (by uid). Yields. */
YIELDS bool store_seen_apply(struct store *s, const struct store_viewed *of, struct store_row *rows,
                             size_t n, struct arena *a, int64_t deadline_ms, struct err *e);

/* As store_change_flags, where \Seen is the viewer's. Yields. */
YIELDS bool store_seen_change_flags(struct store *s, const struct store_viewed *of,
                                    const struct store_ranges *set,
                                    const struct store_flag_change *change, struct arena *a,
                                    int64_t deadline_ms, struct store_flag_result *out,
                                    struct err *e);

/* Marks messages that the viewer put into the mailbox itself as read; nothing for the owner.
 * Yields.
 */
YIELDS bool store_seen_mark(struct store *s, const struct store_viewed *of,
                            const struct store_ranges *set, int64_t deadline_ms, struct err *e);

#endif
