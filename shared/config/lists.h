/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the file that are no single parameters: listeners, ports, certificates, domains and
 * accounts; and the checks of nodes that all readers share. Private to config. */
#ifndef CONFIG_LISTS_H
#define CONFIG_LISTS_H

#include "config/table.h"

enum {
    CONFIG_MAX_ITEMS = 1000 /* of one list */
};

/* `ok`, with the place in front of the sentence when it is false. */
bool config_at(const struct config *c, int line, bool ok, struct err *e);

#define CONFIG_FAIL(c, line, e, ...) config_at((c), (line), ERR((e), ERR_SYNTAX, __VA_ARGS__), (e))

/* Whether the node is a list (nothing written counts as an empty one), and how long. ERR_SYNTAX. */
bool config_count_items(const struct config *c, const struct tree_node *list, size_t *n,
                        struct err *e);
/* Whether the node is a single value. ERR_SYNTAX. */
bool config_check_scalar(const struct config *c, const struct tree_node *node, const char *key,
                         struct err *e);

/* Reads the node when `path` is one of these parts; *is_one tells. ERR_SYNTAX with the place. */
bool config_read_part(struct config *c, const char *path, const struct tree_node *node,
                      bool *is_one, struct err *e);
/* Rules between these parts. ERR_SYNTAX with the place. */
bool config_check_parts(const struct config *c, struct err *e);

#endif
