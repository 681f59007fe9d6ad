/* SPDX-License-Identifier: Apache-2.0 */
/* Reads parenthesized lists (RFC 9051 section 9) without recursion. */
#include "services/api/imap_tree.h"

struct level {
    struct imap_node *list;
    struct imap_node *last;
};

struct reader {
    struct arena *a;
    str rest;
    struct level levels[IMAP_TREE_DEPTH_MAX];
    size_t depth;
    size_t n_nodes;
    struct imap_node *root;
};

/* A node behind the last one of the open list. */
static struct imap_node *append(struct reader *r, enum imap_node_kind kind)
{
    if (++r->n_nodes > IMAP_TREE_NODES_MAX || (r->depth == 0 && r->root))
        return NULL;
    struct imap_node *node = ARENA_NEW(r->a, struct imap_node);
    node->kind = kind;
    if (r->depth == 0) {
        r->root = node;
        return node;
    }
    struct level *level = &r->levels[r->depth - 1];
    if (level->last) {
        level->last->next = node;
    } else {
        level->list->first = node;
    }
    level->last = node;
    return node;
}

static bool open_list(struct reader *r)
{
    struct imap_node *node = append(r, IMAP_NODE_LIST);
    if (!node || r->depth == IMAP_TREE_DEPTH_MAX)
        return false;
    r->levels[r->depth++] = (struct level){ .list = node };
    r->rest = str_skip(r->rest, 1);
    return true;
}

/* "text" with \" and \\ inside. */
static bool read_quoted(struct reader *r)
{
    size_t n = 1;
    bool escaped = false;
    struct imap_node *node = append(r, IMAP_NODE_TEXT);
    while (n < r->rest.n && r->rest.p[n] != '"') {
        escaped = escaped || r->rest.p[n] == '\\';
        n += r->rest.p[n] == '\\' ? 2 : 1;
    }
    if (!node || n >= r->rest.n)
        return false;
    str raw = str_slice(r->rest, 1, n - 1);
    r->rest = str_skip(r->rest, n + 1);
    node->text = raw;
    if (!escaped)
        return true;
    char *text = arena_alloc(r->a, raw.n);
    size_t size = 0;
    for (size_t i = 0; i < raw.n; i++) {
        i += raw.p[i] == '\\';
        text[size++] = raw.p[i];
    }
    node->text = str_of(text, size);
    return true;
}

/* "{4}\r\ntext" */
static bool read_literal(struct reader *r)
{
    str head;
    str rest;
    uint64_t size;
    struct imap_node *node = append(r, IMAP_NODE_TEXT);
    if (!node || !str_cut(str_skip(r->rest, 1), '}', &head, &rest) ||
        !str_to_uint(head, r->rest.n, &size) || !str_has_prefix(rest, STR("\r\n")) ||
        rest.n - 2 < size)
        return false;
    node->text = str_slice(rest, 2, (size_t)size);
    r->rest = str_skip(rest, 2 + (size_t)size);
    return true;
}

/* NIL or a number. */
static bool read_atom(struct reader *r)
{
    size_t n = 0;
    while (n < r->rest.n && ascii_is_alnum(r->rest.p[n]))
        n++;
    str word = str_slice(r->rest, 0, n);
    struct imap_node *node = append(r, str_ieq(word, STR("NIL")) ? IMAP_NODE_NIL : IMAP_NODE_TEXT);
    if (!node || n == 0)
        return false;
    if (node->kind == IMAP_NODE_TEXT)
        node->text = word;
    r->rest = str_skip(r->rest, n);
    return true;
}

static bool read_one(struct reader *r)
{
    switch (r->rest.p[0]) {
    case ' ':
        r->rest = str_skip(r->rest, 1);
        return true;
    case '(':
        return open_list(r);
    case ')':
        r->rest = str_skip(r->rest, 1);
        return r->depth-- > 0;
    case '"':
        return read_quoted(r);
    case '{':
        return read_literal(r);
    default:
        return read_atom(r);
    }
}

bool imap_tree_parse(struct arena *a, str in, const struct imap_node **out)
{
    struct reader *r = ARENA_NEW(a, struct reader);
    r->a = a;
    r->rest = in;
    while (r->rest.n > 0) {
        if (!read_one(r) || (r->depth == 0 && r->rest.n > 0))
            return false;
    }
    *out = r->root;
    return r->depth == 0 && r->root && r->root->kind == IMAP_NODE_LIST;
}

const struct imap_node *imap_node_at(const struct imap_node *list, size_t i)
{
    const struct imap_node *node = list && list->kind == IMAP_NODE_LIST ? list->first : NULL;
    for (; node && i > 0; i--)
        node = node->next;
    return node;
}

str imap_node_text(const struct imap_node *node)
{
    return node && node->kind == IMAP_NODE_TEXT ? node->text : STR_EMPTY;
}

str imap_node_text_at(const struct imap_node *list, size_t i)
{
    return imap_node_text(imap_node_at(list, i));
}
