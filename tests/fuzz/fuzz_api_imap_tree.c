/* SPDX-License-Identifier: Apache-2.0 */
/* Kept IMAP texts, whole and as attachments: never past the input, never deeper than the limits. */
#include "services/api/imap_tree.h"
#include "services/api/shape_message.h"

static size_t count_nodes(const struct imap_node *node, size_t depth)
{
    size_t n = 0;
    INVARIANT(depth <= IMAP_TREE_DEPTH_MAX + 1);
    for (; node; node = node->next)
        n += 1 + (node->kind == IMAP_NODE_LIST ? count_nodes(node->first, depth + 1) : 0);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    const struct imap_node *root = NULL;
    struct shape_attachment *list;
    str in = str_of((const char *)data, size);
    arena_init(&a);
    if (imap_tree_parse(&a, in, &root))
        INVARIANT(count_nodes(root, 0) <= IMAP_TREE_NODES_MAX);
    size_t n = shape_attachments(in, &a, &list);
    for (size_t i = 0; i < n; i++)
        INVARIANT(list[i].name.n > 0 && list[i].part.n > 0);
    arena_fini(&a);
    return 0;
}
