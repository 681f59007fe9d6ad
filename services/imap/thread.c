/* SPDX-License-Identifier: Apache-2.0 */
/* Threads in steps: who is whose parent (step 1 of RFC 5256), without ancestors that are not there
 * (steps 2 and 3), gathered by subject (step 5). Siblings are never sorted: messages are put under
 * their parents in the order of their dates (steps 4 and 6). */
#include "services/imap/thread.h"

#include "base/map.h"

#include <stdlib.h>

enum {
    /* Ancestors that are looked at for a loop. A deeper reply begins a thread of its own: else a
     * hostile chain of 100,000 would cost their square. */
    DEPTH_MAX = 1000
};

struct dated {
    int64_t at_s;
    uint32_t node;
};

struct threading {
    struct arena *a;
    const struct imap_thread_item *items;
    struct imap_thread_node *nodes;
    struct map ids;       /* octets of an id -> its node */
    struct dated *order;  /* the messages by date, then by their place in the mailbox */
    uint32_t n;           /* messages */
    uint32_t n_nodes;     /* and ancestors that are not there */
    uint32_t room;        /* of nodes */
    uint32_t first, last; /* threads */
};

static const uint32_t no_node = IMAP_THREAD_NONE;

static int by_date(const void *left, const void *right)
{
    const struct dated *l = left, *r = right;
    if (l->at_s != r->at_s)
        return l->at_s < r->at_s ? -1 : 1;
    return (l->node > r->node) - (l->node < r->node);
}

static uint32_t new_node(struct threading *t)
{
    INVARIANT(t->n_nodes < t->room);
    t->nodes[t->n_nodes] = (struct imap_thread_node){ no_node, no_node, no_node, no_node };
    return t->n_nodes++;
}

/* ---- step 1: parents ---- */

static str id_octets(const int64_t *id)
{
    const void *p = id;
    return str_of(p, sizeof(*id));
}

/* The node of an id; a new one when no message has it. */
static uint32_t node_of(struct threading *t, const int64_t *id)
{
    struct imap_thread_node *node = map_find(&t->ids, id_octets(id));
    if (node)
        return (uint32_t)(node - t->nodes);
    uint32_t made = new_node(t);
    (void)map_put(&t->ids, id_octets(id), &t->nodes[made], NULL);
    return made;
}

/* Whether `node` is `other` or one of its ancestors; also when there are too many to tell. */
static bool is_above(const struct threading *t, uint32_t node, uint32_t other)
{
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        if (other == node)
            return true;
        other = t->nodes[other].parent;
        if (other == no_node)
            return false;
    }
    return true;
}

static void link_message(struct threading *t, uint32_t message)
{
    const struct search_keys *keys = t->items[message].keys;
    uint32_t parent = no_node;
    for (size_t i = 0; i < keys->n_refs; i++) {
        uint32_t child = node_of(t, &keys->refs[i]);
        bool is_free = parent != no_node && t->nodes[child].parent == no_node;
        if (is_free && !is_above(t, child, parent))
            t->nodes[child].parent = parent;
        parent = child;
    }
    t->nodes[message].parent = no_node;
    if (parent != no_node && !is_above(t, message, parent))
        t->nodes[message].parent = parent;
}

/* The first message with an id has it. */
static void link_all(struct threading *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct search_keys *keys = t->items[i].keys;
        if (keys->has_id && !map_find(&t->ids, id_octets(&keys->id)))
            (void)map_put(&t->ids, id_octets(&keys->id), &t->nodes[i], NULL);
    }
    for (uint32_t i = 0; i < t->n; i++)
        link_message(t, i);
}

/* ---- steps 2 and 3: without those that are not there ---- */

/* The nearest ancestor that is there, else the topmost one of those that are not. What was found is
 * remembered as their parent, so that all walks together are linear. */
static uint32_t anchor_of(struct threading *t, uint32_t node)
{
    uint32_t at = node;
    while (at >= t->n && t->nodes[at].parent != no_node)
        at = t->nodes[at].parent;
    while (node >= t->n && node != at) {
        uint32_t parent = t->nodes[node].parent;
        t->nodes[node].parent = at;
        node = parent;
    }
    return at;
}

/* Puts messages directly under messages; at the top a node that is not there stays while it holds
 * several of them together. */
static void prune(struct threading *t)
{
    uint32_t *children = ARENA_ARRAY(t->a, uint32_t, t->n_nodes + 1);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t parent = t->nodes[i].parent;
        if (parent == no_node)
            continue;
        t->nodes[i].parent = anchor_of(t, parent);
        children[t->nodes[i].parent]++;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t parent = t->nodes[i].parent;
        if (parent != no_node && parent >= t->n && children[parent] == 1)
            t->nodes[i].parent = no_node;
    }
}

/* ---- steps 4 and 6: by date ---- */

static void add_thread(struct threading *t, uint32_t node)
{
    if (t->last == no_node) {
        t->first = node;
    } else {
        t->nodes[t->last].next = node;
    }
    t->last = node;
}

static void add_child(struct threading *t, uint32_t parent, uint32_t child)
{
    struct imap_thread_node *p = &t->nodes[parent];
    if (p->first_child == no_node) {
        p->first_child = child;
    } else {
        t->nodes[p->last_child].next = child;
    }
    p->last_child = child;
}

/* Makes all lists from the parents. A node that is not there has the date of its first child. */
static void arrange(struct threading *t)
{
    t->first = t->last = no_node;
    for (uint32_t i = 0; i < t->n_nodes; i++)
        t->nodes[i].first_child = t->nodes[i].last_child = t->nodes[i].next = no_node;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t node = t->order[i].node;
        uint32_t parent = t->nodes[node].parent;
        if (parent == no_node) {
            add_thread(t, node);
            continue;
        }
        if (parent >= t->n && t->nodes[parent].first_child == no_node)
            add_thread(t, parent);
        add_child(t, parent, node);
    }
}

/* ---- step 5: by subject ---- */

/* What stands in the subject table. */
struct subject {
    uint32_t node;
};

static uint32_t speaker_of(const struct threading *t, uint32_t thread)
{
    return thread < t->n ? thread : t->nodes[thread].first_child;
}

static str subject_of(const struct threading *t, uint32_t thread)
{
    return t->items[speaker_of(t, thread)].keys->subject;
}

static bool is_reply(const struct threading *t, uint32_t thread)
{
    return thread < t->n && t->items[thread].keys->is_reply;
}

/* 5.B: one thread stands for each subject. */
static void fill_table(const struct threading *t, struct map *table, struct subject *subjects)
{
    for (uint32_t at = t->first; at != no_node; at = t->nodes[at].next) {
        str text = subject_of(t, at);
        if (text.n == 0)
            continue;
        struct subject *known = map_find(table, text);
        if (!known) {
            subjects->node = at;
            (void)map_put(table, text, subjects++, NULL);
        } else if (known->node < t->n &&
                   (at >= t->n || (is_reply(t, known->node) && !is_reply(t, at)))) {
            known->node = at;
        }
    }
}

/* 5.C for one thread. Only parents change; lists are made anew afterwards. */
static void merge_thread(struct threading *t, struct subject *known, uint32_t at)
{
    bool is_there = at < t->n;
    if (known->node >= t->n && !is_there) {
        for (uint32_t c = t->nodes[at].first_child; c != no_node; c = t->nodes[c].next)
            t->nodes[c].parent = known->node;
    } else if (known->node >= t->n || (is_reply(t, at) && !is_reply(t, known->node))) {
        t->nodes[at].parent = known->node;
    } else {
        uint32_t both = new_node(t);
        t->nodes[at].parent = t->nodes[known->node].parent = both;
        known->node = both;
    }
}

static void gather_subjects(struct threading *t)
{
    struct map table;
    struct subject *subjects = ARENA_ARRAY(t->a, struct subject, t->n + 1);
    map_init(&table, t->n + 1);
    fill_table(t, &table, subjects);
    for (uint32_t at = t->first; at != no_node; at = t->nodes[at].next) {
        str text = subject_of(t, at);
        struct subject *known = text.n ? map_find(&table, text) : NULL;
        if (known && known->node != at)
            merge_thread(t, known, at);
    }
    map_fini(&table);
    arrange(t);
}

/* ---- the other algorithms ---- */

/* Each message under the first one with its subject. */
static void thread_by_subject(struct threading *t)
{
    struct map table;
    struct subject *subjects = ARENA_ARRAY(t->a, struct subject, t->n + 1);
    map_init(&table, t->n + 1);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t node = t->order[i].node;
        str text = t->items[node].keys->subject;
        struct subject *known = map_find(&table, text);
        if (known) {
            t->nodes[node].parent = known->node;
        } else {
            subjects->node = node;
            (void)map_put(&table, text, subjects++, NULL);
        }
    }
    map_fini(&table);
    arrange(t);
}

/* The node after `node` in a walk through all of a thread; IMAP_THREAD_NONE behind the last. */
static uint32_t next_in_thread(const struct imap_thread_node *nodes, uint32_t thread, uint32_t node)
{
    if (nodes[node].first_child != no_node)
        return nodes[node].first_child;
    while (node != thread && nodes[node].next == no_node)
        node = nodes[node].parent;
    return node == thread ? no_node : nodes[node].next;
}

/* REFS: threads by their newest message. */
static void sort_by_newest(struct threading *t)
{
    struct dated *tops = ARENA_ARRAY(t->a, struct dated, t->n + 1);
    size_t n = 0;
    for (uint32_t top = t->first; top != no_node; top = t->nodes[top].next) {
        int64_t newest_s = INT64_MIN;
        for (uint32_t at = top; at != no_node; at = next_in_thread(t->nodes, top, at)) {
            int64_t at_s = at < t->n ? t->items[at].arrived_s : INT64_MIN;
            newest_s = at_s > newest_s ? at_s : newest_s;
        }
        tops[n++] = (struct dated){ newest_s, top };
    }
    qsort(tops, n, sizeof(*tops), by_date);
    t->first = t->last = no_node;
    for (size_t i = 0; i < n; i++) {
        t->nodes[tops[i].node].next = no_node;
        add_thread(t, tops[i].node);
    }
}

static void begin(struct threading *t, bool has_references)
{
    size_t room = t->n;
    for (uint32_t i = 0; i < t->n; i++)
        room += 1 + (has_references ? t->items[i].keys->n_refs : 0);
    INVARIANT(room < no_node);
    t->room = (uint32_t)room;
    t->nodes = ARENA_ARRAY(t->a, struct imap_thread_node, room + 1);
    t->order = ARENA_ARRAY(t->a, struct dated, t->n + 1);
    map_init(&t->ids, room + 1);
    for (uint32_t i = 0; i < t->n; i++)
        t->order[i] = (struct dated){ t->items[i].sent_s, new_node(t) };
    if (t->n)
        qsort(t->order, t->n, sizeof(*t->order), by_date);
}

void imap_thread_make(struct arena *a, enum imap_thread_by by, const struct imap_thread_item *items,
                      uint32_t n, struct imap_threads *out)
{
    struct threading t = { .a = a, .items = items, .n = n };
    begin(&t, by != IMAP_THREAD_ORDEREDSUBJECT);
    if (by == IMAP_THREAD_ORDEREDSUBJECT) {
        thread_by_subject(&t);
    } else {
        link_all(&t);
        prune(&t);
        arrange(&t);
        if (by == IMAP_THREAD_REFERENCES) {
            gather_subjects(&t);
        } else {
            sort_by_newest(&t);
        }
    }
    map_fini(&t.ids);
    *out = (struct imap_threads){ .nodes = t.nodes, .n = n, .first = t.first };
}

/* ---- writing ---- */

static bool has_siblings(const struct imap_threads *t, uint32_t node)
{
    uint32_t parent = t->nodes[node].parent;
    return t->nodes[t->nodes[parent].first_child].next != no_node;
}

/* Leaves `node` and those above it that end with it, up to the next one to enter; IMAP_THREAD_NONE
 * at the end of the thread. */
static uint32_t leave(const struct imap_threads *t, uint32_t thread, uint32_t node, struct buf *out,
                      bool *fits)
{
    while (node != thread) {
        if (has_siblings(t, node))
            *fits = *fits && buf_add_byte(out, ')');
        if (t->nodes[node].next != no_node)
            return t->nodes[node].next;
        node = t->nodes[node].parent;
    }
    return no_node;
}

bool imap_thread_format(const struct imap_threads *t, uint32_t thread, const uint32_t *names,
                        struct buf *out)
{
    bool fits = buf_add_byte(out, '(');
    bool needs_space = false;
    uint32_t node = thread;
    while (node != no_node && fits) {
        if (node != thread && has_siblings(t, node)) {
            bool is_first = t->nodes[t->nodes[node].parent].first_child == node;
            fits = buf_add(out, is_first && needs_space ? STR(" (") : STR("("));
            needs_space = false;
        }
        if (node < t->n) {
            fits =
                fits && (!needs_space || buf_add_byte(out, ' ')) && buf_add_uint(out, names[node]);
            needs_space = true;
        }
        uint32_t child = t->nodes[node].first_child;
        node = child != no_node ? child : leave(t, thread, node, out, &fits);
    }
    return fits && buf_add_byte(out, ')');
}
