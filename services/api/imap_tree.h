/* SPDX-License-Identifier: Apache-2.0 */
/* The literal IMAP texts that are kept of each message (ENVELOPE, BODYSTRUCTURE) as a tree, so that
 * lists of people and attachments need no look at the message itself. Pure. */
#ifndef API_IMAP_TREE_H
#define API_IMAP_TREE_H

#include "base/base.h"

enum imap_node_kind {
    IMAP_NODE_NIL,
    IMAP_NODE_TEXT, /* a quoted string, a literal or a number */
    IMAP_NODE_LIST
};

struct imap_node {
    enum imap_node_kind kind;
    str text;                      /* unescaped */
    const struct imap_node *first; /* of a list; NULL when it is empty */
    const struct imap_node *next;  /* the one behind it in the same list */
};

enum {
    IMAP_TREE_DEPTH_MAX = 128,
    IMAP_TREE_NODES_MAX = 200000
};

/* Reads one list: the whole of `in`. False when it is not one, or past a limit. In arena; texts may
 * borrow `in`. */
bool imap_tree_parse(struct arena *a, str in, const struct imap_node **out);

/* The i-th node of a list (0-based), or NULL. `list` may be NULL or no list. */
const struct imap_node *imap_node_at(const struct imap_node *list, size_t i);
/* Its text; empty for NIL, a list, or NULL. */
str imap_node_text(const struct imap_node *node);
/* Text of the i-th node. */
str imap_node_text_at(const struct imap_node *list, size_t i);

#endif
