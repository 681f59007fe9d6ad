/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the index about the keys of a search; the answers become its hints. */
#ifndef IMAP_SEARCH_ASK_H
#define IMAP_SEARCH_ASK_H

#include "services/imap/search_run.h"

/* Asks about those keys only that no look at a message answers: fuzzy ones and threads. Yields. */
YIELDS bool imap_search_ask_needed(struct imap_search *search, struct err *e);
/* Asks about all keys that the index can answer for the messages that are open. What is too much
 * for it has no hint: then messages are read. Errors: those of search; ERR_LIMIT only for keys that
 * no reading answers. Yields. */
YIELDS bool imap_search_ask(struct imap_search *search, const struct imap_found *open,
                            struct err *e);

enum {
    IMAP_SEARCH_STACK = IMAP_SEARCH_DEPTH_MAX * 2 + 4
};

/* Walks the tree depth first without recursion: `stack` has room for its depth, *depth is 0 at
 * first. NULL at the end. */
struct imap_search_key *imap_search_next_key(struct imap_search_key *key,
                                             struct imap_search_key **stack, size_t *depth);

#endif
