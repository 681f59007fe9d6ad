/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all mailboxes: names are put together from the tree here, not in the database. */
#include "store/internal.h"
#include "store/share.h"

#include <stdlib.h>

/* Subscriptions come once, with INBOX. */
#define OWN_COLUMNS                                                                             \
    "SELECT l.*, CASE WHEN l.mailbox_id = 1 THEN (SELECT array_agg(name ORDER BY name COLLATE " \
    "\"C\") FROM subscription WHERE account_id = $1) END"

static const struct db_stmt list_all = { OWN_COLUMNS
                                         "  FROM mailbox_list($1) l ORDER BY mailbox_id" };

static const struct db_stmt list_places = {
    OWN_COLUMNS ", 0 AS space, '' AS login, $1 AS account_id, 2047 AS rights"
                "  FROM mailbox_list($1) l UNION ALL"
                " SELECT 0, mailbox_id, 0, path, role, uidvalidity, uidnext, modseq, msgs, unseen,"
                "        deleted, bytes, NULL, space, login, account_id, rights"
                "  FROM mailbox_list_shared($1) ORDER BY space, mailbox_id"
};

/* Columns behind those of mailbox_list. */
enum list_column {
    LIST_SUBSCRIPTIONS = 12,
    LIST_SPACE,
    LIST_LOGIN,
    LIST_ACCOUNT,
    LIST_RIGHTS
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

/* The first `n` rows, which are the own mailboxes by id. */
static bool read_own(const struct db_rows *rows, size_t n, struct arena *a,
                     struct store_mailboxes *out, struct err *e)
{
    str *subscribed;
    if (n == 0 || db_int(rows, 0, 1) != STORE_INBOX)
        return ERR(e, ERR_NOT_FOUND, "there is no such account");
    *out = (struct store_mailboxes){ .n = n, .modseq = db_int(rows, 0, 0) };
    out->list = ARENA_ARRAY(a, struct store_mailbox, out->n);
    read_boxes(rows, a, out);
    qsort(out->list, out->n, sizeof(*out->list), compare_mailboxes);
    size_t n_names = store_strs(rows, 0, LIST_SUBSCRIPTIONS, a, &subscribed);
    mark_subscriptions(a, subscribed, n_names, out);
    return true;
}

bool store_mailbox_list(struct store *s, int64_t account_id, struct arena *a, int64_t deadline_ms,
                        struct store_mailboxes *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    return db_query(s->options.db, DB_READ, &list_all, params, COUNT_OF(params), a, deadline_ms,
                    &rows, e) &&
           read_own(rows, db_row_count(rows), a, out, e);
}

/* ---- with the mailboxes of others ---- */

static int compare_places(const void *one, const void *two)
{
    const struct store_place *a = one;
    const struct store_place *b = two;
    return str_cmp(a->mailbox.name, b->mailbox.name);
}

static void read_place(const struct db_rows *rows, size_t row, struct arena *a,
                       struct store_place *out)
{
    struct store_mailbox *box = &out->mailbox;
    out->space = db_int(rows, row, LIST_SPACE) == STORE_SPACE_SHARED ? STORE_SPACE_SHARED
                                                                     : STORE_SPACE_OTHERS;
    out->account_id = db_int(rows, row, LIST_ACCOUNT);
    out->rights = (unsigned)db_int(rows, row, LIST_RIGHTS);
    str path = db_str(rows, row, 3);
    box->mailbox_id = (int)db_int(rows, row, 1);
    box->name = out->space == STORE_SPACE_SHARED
                    ? arena_printf(a, STORE_SHARED_FOLDERS "/%.*s", STR_FMT(path))
                    : arena_printf(a, STORE_OTHER_USERS "/%.*s/%.*s",
                                   STR_FMT(db_str(rows, row, LIST_LOGIN)), STR_FMT(path));
    box->role = store_role_find(db_str(rows, row, 4));
    box->state.mailbox_id = box->mailbox_id;
    store_read_state(rows, row, 5, &box->state);
}

/* Of places by name: what stands below another follows it, perhaps behind names that only begin as
 * it does ("a", "a b", "a/b"). */
static void mark_children(struct store_place *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct store_mailbox *box = &list[i].mailbox;
        for (size_t k = i + 1; k < n && !box->has_children; k++) {
            str below = list[k].mailbox.name;
            if (!str_has_prefix(below, box->name))
                break;
            box->has_children = below.p[box->name.n] == '/';
        }
    }
}

/* Of the own mailboxes, the subscriptions are marked; what is `gone` there may be others'. */
static void mark_place_subscriptions(struct arena *a, const struct store_mailboxes *own,
                                     struct store_place *others, size_t n, struct store_places *out)
{
    str *gone = ARENA_ARRAY(a, str, own->n_gone);
    for (size_t i = 0; i < own->n_gone; i++) {
        const struct store_place key = { .mailbox.name = own->gone[i] };
        struct store_place *hit =
            n ? bsearch(&key, others, n, sizeof(*others), compare_places) : NULL;
        if (hit) {
            hit->mailbox.is_subscribed = true;
        } else {
            gone[out->n_gone++] = own->gone[i];
        }
    }
    out->gone = gone;
}

static size_t count_own(const struct db_rows *rows)
{
    size_t n = 0;
    while (n < db_row_count(rows) && db_int(rows, n, LIST_SPACE) == STORE_SPACE_OWN)
        n++;
    return n;
}

bool store_place_list(struct store *s, int64_t viewer_id, struct arena *a, int64_t deadline_ms,
                      struct store_places *out, struct err *e)
{
    struct db_rows *rows = NULL;
    struct store_mailboxes own = { 0 };
    const struct db_param params[] = { DB_INT8(viewer_id) };
    if (!db_query(s->options.db, DB_READ, &list_places, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e) ||
        !read_own(rows, count_own(rows), a, &own, e))
        return false;
    *out = (struct store_places){ .n = db_row_count(rows) };
    out->list = ARENA_ARRAY(a, struct store_place, out->n);
    for (size_t i = 0; i < own.n; i++) {
        out->list[i] = (struct store_place){ .account_id = viewer_id,
                                             .rights = STORE_RIGHTS_ALL,
                                             .mailbox = own.list[i] };
    }
    struct store_place *others = out->list + own.n;
    size_t n = out->n - own.n;
    for (size_t i = 0; i < n; i++) {
        others[i] = (struct store_place){ 0 };
        read_place(rows, own.n + i, a, &others[i]);
    }
    if (n)
        qsort(others, n, sizeof(*others), compare_places);
    mark_children(others, n);
    mark_place_subscriptions(a, &own, others, n, out);
    return true;
}
