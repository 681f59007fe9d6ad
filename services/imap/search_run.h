/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the messages of a mailbox that match a tree of keys: first by what is in memory, then by
 * the index, then by reading, newest first, until the time of a search is over. */
#ifndef IMAP_SEARCH_RUN_H
#define IMAP_SEARCH_RUN_H

#include "services/imap/search_eval.h"

/* Messages by their index in the view, ascending; in the command's arena. */
struct imap_found {
    uint32_t *index;
    size_t n;
};

/* When a search that begins now has to end (ATTACKS I4): a monotonic time. */
int64_t imap_search_deadline(const struct imap_session *s);

/* Begins a search of the messages of `view`: message numbers, "$", "*" and object ids in the tree
 * become UIDs and numbers, in `a` where they need room (the tree's own memory). The tree is kept
 * and changed; to begin with it again later is fine. */
void imap_search_begin(struct imap_session *s, const struct imap_view *view,
                       struct imap_search_key *root, struct arena *a, struct imap_search *out);

/* Finds all matches; with search->enough only so many as are asked for, the newest. The view must
 * not change meanwhile. ERR_LIMIT: it took too long; those of store and search. Yields. */
YIELDS bool imap_search_find(struct imap_search *search, struct imap_found *out, struct err *e);
/* The same among the given messages only (ascending). Yields. */
YIELDS bool imap_search_find_among(struct imap_search *search, const struct imap_found *among,
                                   struct imap_found *out, struct err *e);

/* UIDs of messages that were found, ascending. */
struct imap_sequence imap_found_uids(const struct imap_search *search,
                                     const struct imap_found *found);

#endif
