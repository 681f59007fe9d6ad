/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text as a tree of maps, lists and scalars with line numbers. The only file that sees
 * libyaml; it knows no parameter. Pure. */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "config/config.h"

enum tree_kind {
    TREE_SCALAR,
    TREE_LIST,
    TREE_MAP
};

struct tree_node {
    enum tree_kind kind;
    int line;                /* 1-based */
    const char *text;        /* scalar, variables replaced */
    bool is_null;            /* scalar: nothing is written there */
    const char *key;         /* when it is in a map */
    int key_line;            /* line of the key */
    struct tree_node *child; /* first of a list or map, in the order of the text */
    struct tree_node *next;
};

/* Where text comes from, for messages and ${NAME}. */
struct tree_source {
    const char *file;
    config_variable_fn variable;
    void *arg;
};

/* Parses one document; an empty text is an empty map. Refuses anchors, aliases, tags, further
 * documents, repeated keys, keys that are no scalars, NUL, and more than 8 levels or 10,000 nodes.
 * The tree is in the arena. ERR_SYNTAX, with "file:line: " in front. */
bool tree_parse(str text, const struct tree_source *source, struct arena *a,
                struct tree_node **root, struct err *e);

#endif
