/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all mailboxes: names are put together from the tree here, not in the database. */
#include "store/internal.h"

#include <stdlib.h>

/* Subscriptions come once, with INBOX. */
static const struct db_stmt list_all = {
    "SELECT *, CASE WHEN mailbox_id = 1 THEN (SELECT array_agg(name ORDER BY name COLLATE \"C\")"
    "  FROM subscription WHERE account_id = $1) END"
    "  FROM mailbox_list($1) ORDER BY mailbox_id"
};

enum {
    LIST_MAX_DEPTH = 200 /* renaming makes trees deeper than STORE_MAX_DEPTH; a circle ends here */
};

/* A mailbox with what its name is made of. Rows are ordered by id. */
struct node {
    int id;
    int parent;
    str level;
};

static struct node *find_node(struct node *nodes, size_t n, int id, size_t *index)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (nodes[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *index = low;
    return low < n && nodes[low].id == id ? &nodes[low] : NULL;
}

static str full_name(struct arena *a, struct node *nodes, size_t n, const struct node *leaf)
{
    const struct node *way[LIST_MAX_DEPTH];
    size_t depth = 0;
    size_t total = 0;
    size_t index;
    for (const struct node *at = leaf; at && depth < LIST_MAX_DEPTH;
         at = find_node(nodes, n, at->parent, &index)) {
        way[depth++] = at;
        total += at->level.n + 1;
    }
    char *bytes = arena_alloc(a, total);
    size_t used = 0;
    while (depth > 0) {
        str level = way[--depth]->level;
        memcpy(bytes + used, level.p, level.n);
        used += level.n;
        if (depth)
            bytes[used++] = '/';
    }
    return str_of(bytes, used);
}

static int compare_mailboxes(const void *one, const void *two)
{
    const struct store_mailbox *a = one;
    const struct store_mailbox *b = two;
    if (a->mailbox_id == STORE_INBOX || b->mailbox_id == STORE_INBOX)
        return (b->mailbox_id == STORE_INBOX) - (a->mailbox_id == STORE_INBOX);
    return str_cmp(a->name, b->name);
}

/* Looks a name up among the mailboxes that follow INBOX, which are ordered. */
static struct store_mailbox *find_name(struct store_mailboxes *boxes, str name)
{
    size_t low = 1;
    size_t high = boxes->n;
    if (str_eq(name, STR("INBOX")))
        return &boxes->list[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(boxes->list[middle].name, name);
        if (order == 0)
            return &boxes->list[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static void mark_subscriptions(struct arena *a, str *names, size_t n, struct store_mailboxes *out)
{
    str *gone = ARENA_ARRAY(a, str, n);
    for (size_t i = 0; i < n; i++) {
        struct store_mailbox *box = find_name(out, names[i]);
        if (box) {
            box->is_subscribed = true;
        } else {
            gone[out->n_gone++] = arena_str(a, names[i]);
        }
    }
    out->gone = gone;
}

static void read_boxes(const struct db_rows *rows, struct arena *a, struct store_mailboxes *out)
{
    size_t index;
    struct node *nodes = ARENA_ARRAY(a, struct node, out->n);
    for (size_t i = 0; i < out->n; i++) {
        nodes[i] = (struct node){ .id = (int)db_int(rows, i, 1),
                                  .parent = (int)db_int(rows, i, 2),
                                  .level = db_str(rows, i, 3) };
    }
    for (size_t i = 0; i < out->n; i++) {
        struct store_mailbox *box = &out->list[i];
        box->mailbox_id = nodes[i].id;
        box->parent_id = nodes[i].parent;
        box->name = full_name(a, nodes, out->n, &nodes[i]);
        box->role = store_role_find(db_str(rows, i, 4));
        box->state.mailbox_id = nodes[i].id;
        store_read_state(rows, i, 5, &box->state);
        if (find_node(nodes, out->n, nodes[i].parent, &index))
            out->list[index].has_children = true;
    }
}

bool store_mailbox_list(struct store *s, int64_t account_id, struct arena *a, int64_t deadline_ms,
                        struct store_mailboxes *out, struct err *e)
{
    str *subscribed;
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(s->options.db, DB_READ, &list_all, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    if (db_row_count(rows) == 0 || db_int(rows, 0, 1) != STORE_INBOX)
        return ERR(e, ERR_NOT_FOUND, "there is no account %lld", (long long)account_id);
    *out = (struct store_mailboxes){ .n = db_row_count(rows), .modseq = db_int(rows, 0, 0) };
    out->list = ARENA_ARRAY(a, struct store_mailbox, out->n);
    read_boxes(rows, a, out);
    qsort(out->list, out->n, sizeof(*out->list), compare_mailboxes);
    size_t n = store_strs(rows, 0, 12, a, &subscribed);
    mark_subscriptions(a, subscribed, n, out);
    return true;
}
