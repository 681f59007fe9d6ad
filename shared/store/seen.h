/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody has read in a mailbox of somebody else. \Seen is each reader's own: the flag of a
 * row is the owner's, that of another reader is kept beside it. For the owner everything here is
 * what store.h does. */
#ifndef STORE_SEEN_H
#define STORE_SEEN_H

#include "store/store.h"

/* As store_change_flags, where \Seen is the viewer's; one change, that nobody else comes between.
 * The modseqs of the rows may be two. Yields. */
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
