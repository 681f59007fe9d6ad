/* SPDX-License-Identifier: Apache-2.0 */
/* Threads in steps: who is whose parent (step 1 of RFC 5256), without ancestors that are not there
 * (steps 2 and 3), gathered by subject (step 5). Siblings are never sorted: messages are put under
 * their parents in the order of their dates (steps 4 and 6). */
#include "services/imap/thread.h"

#include "services/imap/ranks.h"

enum {
    /* Ancestors that are looked at for a loop. A deeper reply begins a thread of its own: else a
     * hostile chain of 100,000 would cost their square. */
    DEPTH_MAX = 1000
};

struct threading {
    struct arena *a;
    const struct imap_thread_input *input;
    const struct imap_thread_item *items;
    struct imap_thread_node *nodes;
    uint32_t *node_of;       /* id -> its node, or IMAP_THREAD_NONE */
    struct imap_rank *order; /* the messages by date, then by their place in the mailbox */
    struct imap_rank *spare; /* room for as many */
    uint32_t n;              /* messages */
    uint32_t n_nodes;        /* and ancestors that are not there */
    uint32_t room;           /* of nodes */
    uint32_t first, last;    /* threads */
};

static const uint32_t no_node = IMAP_THREAD_NONE;

static uint64_t sortable(int64_t at_s)
{
    return (uint64_t)at_s ^ (uint64_t)1 << 63;
}

static uint32_t new_node(struct threading *t)
{
    INVARIANT(t->n_nodes < t->room);
    t->nodes[t->n_nodes] = (struct imap_thread_node){ no_node, no_node, no_node, no_node };
    return t->n_nodes++;
}

/* `n` places without a node. */
static uint32_t *no_nodes(struct arena *a, uint32_t n)
{
    uint32_t *nodes = ARENA_ARRAY(a, uint32_t, n + 1U);
    memset(nodes, 0xff, n * sizeof(*nodes));
    return nodes;
}

/* ---- step 1: parents ---- */

/* The node of an id; a new one when no message has it. */
static uint32_t node_of(struct threading *t, uint32_t id)
{
    if (t->node_of[id] == no_node)
        t->node_of[id] = new_node(t);
    return t->node_of[id];
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
    const struct imap_thread_item *item = &t->items[message];
    uint32_t parent = no_node;
    for (uint32_t i = 0; i < item->n_refs; i++) {
        uint32_t child = node_of(t, item->refs[i]);
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
        uint32_t id = t->items[i].id;
        if (id != IMAP_COLUMN_NO_ID && t->node_of[id] == no_node)
            t->node_of[id] = i;
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
        uint32_t node = t->order[i].at;
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

/* The message whose subject counts for the thread. */
static const struct imap_thread_item *speaker_of(const struct threading *t, uint32_t thread)
{
    return &t->items[thread < t->n ? thread : t->nodes[thread].first_child];
}

static bool is_reply(const struct threading *t, uint32_t thread)
{
    return thread < t->n && t->items[thread].is_reply;
}

/* 5.B: one thread stands for each subject. */
static void fill_table(const struct threading *t, uint32_t *table)
{
    for (uint32_t at = t->first; at != no_node; at = t->nodes[at].next) {
        const struct imap_thread_item *speaker = speaker_of(t, at);
        uint32_t *known = &table[speaker->subject];
        if (!speaker->has_subject)
            continue;
        if (*known == no_node ||
            (*known < t->n && (at >= t->n || (is_reply(t, *known) && !is_reply(t, at)))))
            *known = at;
    }
}

/* 5.C for one thread; `known` stands for its subject. Only parents change; lists are made anew
 * afterwards. */
static void merge_thread(struct threading *t, uint32_t *known, uint32_t at)
{
    bool is_there = at < t->n;
    if (*known >= t->n && !is_there) {
        for (uint32_t c = t->nodes[at].first_child; c != no_node; c = t->nodes[c].next)
            t->nodes[c].parent = *known;
    } else if (*known >= t->n || (is_reply(t, at) && !is_reply(t, *known))) {
        t->nodes[at].parent = *known;
    } else {
        uint32_t both = new_node(t);
        t->nodes[at].parent = t->nodes[*known].parent = both;
        *known = both;
    }
}

static void gather_subjects(struct threading *t)
{
    uint32_t *table = no_nodes(t->a, t->input->n_subjects);
    fill_table(t, table);
    for (uint32_t at = t->first; at != no_node; at = t->nodes[at].next) {
        const struct imap_thread_item *speaker = speaker_of(t, at);
        uint32_t *known = &table[speaker->subject];
        if (speaker->has_subject && *known != at)
            merge_thread(t, known, at);
    }
    arrange(t);
}

/* ---- the other algorithms ---- */

/* Each message under the first one with its subject. */
static void thread_by_subject(struct threading *t)
{
    uint32_t *table = no_nodes(t->a, t->input->n_subjects);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t node = t->order[i].at;
        uint32_t *known = &table[t->items[node].subject];
        if (*known == no_node) {
            *known = node;
        } else {
            t->nodes[node].parent = *known;
        }
    }
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

/* When the newest message of a thread came. */
static int64_t newest_of(const struct threading *t, uint32_t thread)
{
    int64_t newest_s = INT64_MIN;
    for (uint32_t at = thread; at != no_node; at = next_in_thread(t->nodes, thread, at)) {
        if (at < t->n && t->items[at].arrived_s > newest_s)
            newest_s = t->items[at].arrived_s;
    }
    return newest_s;
}

/* REFS: threads by their newest message, then by the first one's place in the mailbox. */
static void sort_by_newest(struct threading *t)
{
    size_t n = 0;
    for (uint32_t top = t->first; top != no_node; top = t->nodes[top].next)
        t->order[n++] = (struct imap_rank){ top, top };
    imap_ranks_sort(t->order, t->spare, n);
    for (size_t i = 0; i < n; i++)
        t->order[i].value = sortable(newest_of(t, t->order[i].at));
    imap_ranks_sort(t->order, t->spare, n);
    t->first = t->last = no_node;
    for (size_t i = 0; i < n; i++) {
        t->nodes[t->order[i].at].next = no_node;
        add_thread(t, t->order[i].at);
    }
}

static void begin(struct threading *t, bool has_references)
{
    size_t room = t->n;
    for (uint32_t i = 0; i < t->n; i++)
        room += 1 + (has_references ? t->items[i].n_refs : 0);
    INVARIANT(room < no_node);
    t->room = (uint32_t)room;
    t->nodes = ARENA_ARRAY(t->a, struct imap_thread_node, room + 1);
    t->node_of = no_nodes(t->a, has_references ? t->input->n_ids : 0);
    t->order = ARENA_ARRAY(t->a, struct imap_rank, t->n + 1);
    t->spare = ARENA_ARRAY(t->a, struct imap_rank, t->n + 1);
    for (uint32_t i = 0; i < t->n; i++)
        t->order[i] = (struct imap_rank){ sortable(t->items[i].sent_s), new_node(t) };
    imap_ranks_sort(t->order, t->spare, t->n);
}

void imap_thread_make(struct arena *a, enum imap_thread_by by,
                      const struct imap_thread_input *input, struct imap_threads *out)
{
    struct threading t = { .a = a, .input = input, .items = input->items, .n = input->n };
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
    *out = (struct imap_threads){ .nodes = t.nodes, .n = t.n, .first = t.first };
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
