/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, reading and keeping boxes. */
#include "services/imap/box.h"

#include <stdlib.h>

enum {
    BOXES_MAX = 1000000,
    NAMES_MAX = (STORE_MAX_KEYWORD + 1) * STORE_MAX_KEYWORDS /* octets of a list of keywords */
};

static str key_of(const struct imap_box_key *key)
{
    return str_of((const char *)key, sizeof(*key));
}

static char *copy(str s)
{
    char *p = heap_alloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

/* ---- all boxes ---- */

void imap_boxes_init(struct imap_boxes *boxes, struct store *store)
{
    boxes->store = store;
    map_init(&boxes->map, BOXES_MAX);
    list_init(&boxes->unused);
    boxes->unused_bytes = 0;
    imap_columns_all_init(&boxes->columns);
}

/* A box that ended is not found any more; whoever holds it still has its rows. */
static void forget(struct imap_box *box)
{
    if (map_find(&box->boxes->map, key_of(&box->key)) == box)
        (void)map_remove(&box->boxes->map, key_of(&box->key));
}

static void free_box(struct imap_box *box)
{
    forget(box);
    imap_rows_drop(&box->rows);
    imap_columns_clear(&box->columns);
    for (size_t i = 0; i < box->n_keywords; i++)
        free(box->keywords[i]);
    free(box->keywords);
    free(box->more_keywords);
    free(box);
}

static size_t bytes_of(const struct imap_box *box)
{
    return sizeof(*box) + box->bytes + box->n_keywords * sizeof(*box->keywords);
}

/* From those without holders: it is entered again, or ends. */
static void take_out(struct imap_box *box)
{
    if (list_is_empty(&box->link))
        return;
    list_remove(&box->link);
    box->boxes->unused_bytes -= bytes_of(box);
}

void imap_boxes_expire(struct imap_boxes *boxes, int64_t now_ms)
{
    LIST_FOR_EACH (item, &boxes->unused) {
        struct imap_box *box = CONTAINER_OF(item, struct imap_box, link);
        if (boxes->unused_bytes <= IMAP_BOX_KEEP_BYTES && now_ms - box->left_ms < IMAP_BOX_KEEP_MS)
            return;
        take_out(box);
        free_box(box);
    }
}

void imap_boxes_fini(struct imap_boxes *boxes)
{
    imap_boxes_expire(boxes, INT64_MAX);
    INVARIANT(boxes->map.n == 0);
    map_fini(&boxes->map);
}

struct imap_box *imap_box_enter(struct imap_boxes *boxes, int64_t viewer_id, int64_t account_id,
                                int mailbox_id)
{
    const struct imap_box_key key = { account_id, mailbox_id, viewer_id };
    struct imap_box *box = map_find(&boxes->map, key_of(&key));
    if (!box) {
        box = HEAP_NEW(struct imap_box);
        box->key = key;
        box->boxes = boxes;
        list_init(&box->link);
        imap_columns_init(&box->columns, &boxes->columns);
        signal_point_init(&box->read);
        (void)map_put(&boxes->map, key_of(&box->key), box, NULL);
    }
    take_out(box);
    box->holders++;
    return box;
}

void imap_box_leave(struct imap_box **held)
{
    struct imap_box *box = *held;
    *held = NULL;
    if (!box || --box->holders > 0)
        return;
    struct imap_boxes *boxes = box->boxes;
    bool is_worth_keeping = box->rows && box->end == IMAP_BOX_LIVES;
    if (!is_worth_keeping || map_find(&boxes->map, key_of(&box->key)) != box) {
        free_box(box);
        return;
    }
    box->left_ms = clock_monotonic_ms();
    list_add_tail(&boxes->unused, &box->link);
    boxes->unused_bytes += bytes_of(box);
    imap_boxes_expire(boxes, box->left_ms);
}

/* ---- keywords ---- */

static void take_names(struct imap_box *box, const struct store_keywords *keywords)
{
    size_t n = keywords->n < STORE_KEYWORD_BITS ? keywords->n : STORE_KEYWORD_BITS;
    if (n > box->n_keywords) {
        box->keywords = heap_realloc(box->keywords, n * sizeof(*box->keywords));
        while (box->n_keywords < n)
            box->keywords[box->n_keywords++] = NULL;
    }
    for (size_t bit = 0; bit < n; bit++) {
        if (!box->keywords[bit] && keywords->names[bit].n)
            box->keywords[bit] = copy(keywords->names[bit]);
    }
}

void imap_box_take_keywords(struct imap_box *box, const struct store_keywords *keywords)
{
    struct buf names;
    take_names(box, keywords);
    box->used_keywords |= keywords->used;
    buf_init(&names, NAMES_MAX);
    for (size_t i = 0; i < keywords->n_more; i++)
        (void)buf_addf(&names, " %.*s", STR_FMT(keywords->more[i]));
    if (names.n > (box->more_keywords ? strlen(box->more_keywords) : 0)) {
        free(box->more_keywords);
        box->more_keywords = copy(buf_str(&names));
    }
    buf_fini(&names);
}

/* ---- what changed ---- */

static void end_box(struct imap_box *box, enum imap_box_end end)
{
    box->end = end;
    forget(box);
}

static void apply(struct imap_box *box, const struct imap_rows_change *change)
{
    struct imap_rows *former = box->rows;
    box->rows = imap_rows_apply(former, change);
    imap_rows_drop(&former);
}

void imap_box_take_change(struct imap_box *box, const struct imap_rows_change *change,
                          int64_t former, int64_t modseq)
{
    if (!box->rows || box->modseq != former || box->end != IMAP_BOX_LIVES)
        return;
    apply(box, change);
    box->modseq = modseq;
    if (change->takes_new && change->n)
        box->uidnext = change->rows[change->n - 1].uid + 1;
}

/* Whether the state still belongs to the mailbox that the box knows at `former`; else ends it. */
static bool is_same_mailbox(struct imap_box *box, const struct store_state *state, int64_t former)
{
    if (state->uidvalidity != box->uidvalidity) {
        end_box(box, IMAP_BOX_DELETED);
    } else if (state->modseq < former) {
        end_box(box, IMAP_BOX_WENT_BACK);
    }
    return box->end == IMAP_BOX_LIVES;
}

static void take_state(struct imap_box *box, const struct store_state *state)
{
    box->uidvalidity = state->uidvalidity;
    box->uidnext = state->uidnext;
    box->modseq = state->modseq;
}

void imap_box_take_snapshot(struct imap_box *box, const struct store_snapshot *snapshot)
{
    const struct imap_rows_change change = { .rows = snapshot->rows,
                                             .n = snapshot->n,
                                             .overflows = snapshot->overflows,
                                             .n_overflows = snapshot->n_overflows,
                                             .takes_new = true };
    imap_rows_drop(&box->rows);
    box->rows = imap_rows_new(&box->bytes);
    apply(box, &change);
    take_state(box, &snapshot->state);
    imap_box_take_keywords(box, &snapshot->keywords);
}

static void take_delta(struct imap_box *box, const struct store_delta *delta)
{
    const struct imap_rows_change change = { .rows = delta->rows,
                                             .n = delta->n,
                                             .overflows = delta->overflows,
                                             .n_overflows = delta->n_overflows,
                                             .vanished = delta->vanished,
                                             .takes_new = true };
    if (delta->n || delta->vanished.n)
        apply(box, &change);
    take_state(box, &delta->state);
    imap_box_take_keywords(box, &delta->keywords);
}

/* ---- reading ---- */

static struct store_viewed viewed(const struct imap_box *box)
{
    return (struct store_viewed){ box->key.viewer_id, box->key.account_id,
                                  (int)box->key.mailbox_id };
}

/* Answers may be older than what a session of ours changed while they were on their way; an answer
 * that is not holds that change too. */
static bool read_all(struct imap_box *box, struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct store_snapshot snapshot = { 0 };
    int64_t former = box->modseq;
    const struct store_viewed of = viewed(box);
    if (!store_snapshot_load(box->boxes->store, &of, a, deadline_ms, &snapshot, e))
        return false;
    if (!box->rows ||
        (is_same_mailbox(box, &snapshot.state, former) && snapshot.state.modseq > box->modseq))
        imap_box_take_snapshot(box, &snapshot);
    return true;
}

static bool read_new(struct imap_box *box, struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct store_delta delta = { 0 };
    int64_t former = box->modseq;
    const struct store_viewed of = viewed(box);
    if (!store_delta_load(box->boxes->store, &of, former, a, deadline_ms, &delta, e))
        return false;
    if (!is_same_mailbox(box, &delta.state, former))
        return true;
    if (delta.is_too_old)
        return read_all(box, a, deadline_ms, e);
    if (delta.state.modseq > box->modseq)
        take_delta(box, &delta);
    return true;
}

/* One statement for all that asked so far. */
static bool read_once(struct imap_box *box, struct arena *a, int64_t deadline_ms, struct err *e)
{
    uint64_t covers = box->asked;
    struct err why = ERR_CLEAR;
    box->is_reading = true;
    bool ok = box->rows ? read_new(box, a, deadline_ms, &why) : read_all(box, a, deadline_ms, &why);
    box->is_reading = false;
    if (!ok && why.kind == ERR_NOT_FOUND) {
        end_box(box, IMAP_BOX_DELETED);
        ok = true;
    }
    if (ok) {
        box->covered = covers;
    } else {
        *e = why;
    }
    signal_point_all(&box->read);
    return ok;
}

bool imap_box_refresh(struct imap_box *box, struct arena *a, int64_t deadline_ms, struct err *e)
{
    uint64_t number = ++box->asked;
    while (box->end == IMAP_BOX_LIVES && box->covered < number) {
        bool ok = box->is_reading ? signal_point_wait(&box->read, deadline_ms, e)
                                  : read_once(box, a, deadline_ms, e);
        if (!ok)
            return false;
    }
    return true;
}

bool imap_box_refresh_to(struct imap_box *box, const struct store_state *state, struct arena *a,
                         int64_t deadline_ms, struct err *e)
{
    bool is_up = box->rows && box->end == IMAP_BOX_LIVES && !box->is_reading &&
                 box->uidvalidity == state->uidvalidity && box->modseq >= state->modseq;
    return is_up || imap_box_refresh(box, a, deadline_ms, e);
}
