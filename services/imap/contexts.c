/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping searches and telling ADDTO and REMOVEFROM. */
#include "services/imap/contexts.h"

#include "services/imap/order.h"
#include "services/imap/search_answer.h"

#include <stdlib.h>

struct context {
    struct context *next;
    struct arena a;               /* of the parsed command */
    struct imap_search_args args; /* sets of numbers are UIDs by now */
    str tag;
    bool is_uid;
    struct imap_rows *rows; /* what the results are of; held */
    uint32_t *uids;         /* the results in their order; on the heap */
    size_t n;
};

struct imap_contexts {
    struct context *first;
    unsigned n;
};

static bool is_sorted(const struct context *c)
{
    return c->args.n_sort > 0;
}

static void free_context(struct context *c)
{
    imap_rows_drop(&c->rows);
    arena_fini(&c->a);
    free(c->uids);
    free(c);
}

static struct context **find(const struct imap_view *v, str tag)
{
    struct context **at = v->contexts ? &v->contexts->first : NULL;
    while (at && *at && !str_eq((*at)->tag, tag))
        at = &(*at)->next;
    return at && *at ? at : NULL;
}

bool imap_contexts_has(const struct imap_view *v, str tag)
{
    return find(v, tag) != NULL;
}

void imap_contexts_cancel(struct imap_view *v, str tag)
{
    struct context **at = find(v, tag);
    if (!at)
        return;
    struct context *c = *at;
    *at = c->next;
    v->contexts->n--;
    free_context(c);
}

void imap_contexts_free(struct imap_view *v)
{
    struct context *c = v->contexts ? v->contexts->first : NULL;
    while (c) {
        struct context *next = c->next;
        free_context(c);
        c = next;
    }
    free(v->contexts);
    v->contexts = NULL;
}

/* ---- keeping ---- */

YIELDS static void refuse(struct imap_session *s, str tag, const char *why)
{
    (void)imap_sendf(s, "* NO [%s \"%.*s\"] %s\r\n", "NOUPDATE", STR_FMT(tag), why);
}

/* Parses the command once more, in memory that stays. */
static bool parse_again(struct imap_session *s, struct context *c)
{
    struct imap_command again;
    enum imap_search_refusal why;
    struct err e = ERR_CLEAR;
    str text = arena_str(&c->a, imap_framer_text(&s->framer));
    if (!imap_command_parse(text, &c->a, &again, &e))
        return false;
    c->tag = again.tag;
    bool is_sort = str_eq(again.name, STR("SORT"));
    bool is_esearch = str_eq(again.name, STR("ESEARCH"));
    c->is_uid = again.is_uid || is_esearch;
    return is_sort      ? imap_sort_parse(&again.args, &c->args, &why, &e)
           : is_esearch ? imap_esearch_parse(&again.args, &c->args, &why, &e)
                        : imap_search_parse(&again.args, &c->args, &why, &e);
}

static bool is_by_relevancy(const struct imap_search_args *args)
{
    bool is = false;
    for (size_t i = 0; i < args->n_sort; i++)
        is |= args->sort[i].by == IMAP_SORT_RELEVANCY;
    return is;
}

void imap_contexts_add(struct imap_session *s, const struct imap_command *c,
                       const struct imap_found *found)
{
    struct imap_view *v = s->view;
    struct imap_search search;
    if (v->contexts && v->contexts->n >= IMAP_CONTEXTS_MAX) {
        refuse(s, c->tag, "There are 16 contexts already, cancel one of them");
        return;
    }
    struct context *kept = HEAP_NEW(struct context);
    arena_init(&kept->a);
    if (!parse_again(s, kept) || is_by_relevancy(&kept->args)) {
        free_context(kept);
        refuse(s, c->tag, "Results of this search cannot be kept");
        return;
    }
    imap_search_begin(s, v, kept->args.root, &kept->a, &search);
    kept->rows = imap_rows_hold(v->rows);
    kept->n = found->n;
    kept->uids = heap_zalloc((found->n + 1) * sizeof(*kept->uids));
    for (size_t i = 0; i < found->n; i++)
        kept->uids[i] = imap_view_row(v, found->index[i])->uid;
    if (!v->contexts)
        v->contexts = HEAP_NEW(struct imap_contexts);
    kept->next = v->contexts->first;
    v->contexts->first = kept;
    v->contexts->n++;
}

/* ---- telling ---- */

/* A change of results: position (from 1; 0 where the order is that of the mailbox) and name. */
struct result_step {
    size_t position;
    uint32_t name;
};

static bool put_steps(struct imap_session *s, const char *item, const struct result_step *steps,
                      size_t n)
{
    struct buf *out = &s->out;
    uint32_t *names = ARENA_ARRAY(&s->arena, uint32_t, n + 1);
    bool ok = buf_addf(out, " %s (", item);
    for (size_t i = 0; ok && i < n;) {
        size_t count = 0;
        do {
            names[count] = steps[i + count].name;
            count++;
        } while (i + count < n && steps[i].position == 0);
        ok = buf_addf(out, "%s%zu ", i ? " " : "", steps[i].position) &&
             imap_answer_add_set(out, names, count);
        i += count;
    }
    return ok && buf_add_byte(out, ')');
}

YIELDS static void send_steps(struct imap_session *s, const struct context *c, const char *item,
                              const struct result_step *steps, size_t n)
{
    if (n == 0)
        return;
    bool ok =
        buf_addf(&s->out, "* ESEARCH (TAG \"%.*s\")%s", STR_FMT(c->tag), c->is_uid ? " UID" : "");
    ok = ok && put_steps(s, item, steps, n) && buf_add(&s->out, STR("\r\n"));
    (void)(ok && imap_send_out(s));
}

static uint32_t name_in(const struct context *c, const struct imap_rows *rows, uint32_t uid)
{
    return c->is_uid ? uid : (uint32_t)imap_rows_lower_bound(rows, uid) + 1;
}

static int by_number(const void *left, const void *right)
{
    const uint32_t *l = left, *r = right;
    return (*l > *r) - (*l < *r);
}

static bool has_uid(const uint32_t *uids, size_t n, uint32_t uid)
{
    return n && bsearch(&uid, uids, n, sizeof(*uids), by_number);
}

/* Takes results out, those last in the order first, so that positions stay right; names are those
 * in `rows`. `gone` ascends. */
YIELDS static void remove_results(struct imap_session *s, struct context *c,
                                  const struct imap_rows *rows, const uint32_t *gone, size_t n_gone)
{
    struct result_step *steps = ARENA_ARRAY(&s->arena, struct result_step, c->n + 1);
    size_t n = 0;
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        size_t at = is_sorted(c) ? c->n - 1 - i : i;
        if (has_uid(gone, n_gone, c->uids[at])) {
            steps[n++] =
                (struct result_step){ is_sorted(c) ? at + 1 : 0, name_in(c, rows, c->uids[at]) };
        }
    }
    for (size_t i = 0; i < c->n; i++) {
        if (!has_uid(gone, n_gone, c->uids[i]))
            c->uids[kept++] = c->uids[i];
    }
    c->n = kept;
    send_steps(s, c, "REMOVEFROM", steps, n);
}

/* The results with new ones, in their order; `index` are those of the view. */
YIELDS static bool order_results(struct imap_session *s, const struct imap_search *search,
                                 const struct context *c, struct imap_found *all, struct err *e)
{
    if (is_sorted(c))
        return imap_order_sort(search, &c->args, all, e);
    if (all->n)
        qsort(all->index, all->n, sizeof(*all->index), by_number);
    (void)s;
    return true;
}

/* Puts new results in their places. `added` ascends. */
YIELDS static bool add_results(struct imap_session *s, const struct imap_search *search,
                               struct context *c, const uint32_t *added, size_t n_added,
                               struct err *e)
{
    struct arena *a = &s->arena;
    const struct imap_view *v = s->view;
    struct imap_found all = { ARENA_ARRAY(a, uint32_t, c->n + n_added + 1), 0 };
    struct result_step *steps = ARENA_ARRAY(a, struct result_step, n_added + 1);
    size_t n = 0;
    if (n_added == 0)
        return true;
    for (size_t i = 0; i < c->n + n_added; i++) {
        ptrdiff_t at = imap_view_find(v, i < c->n ? c->uids[i] : added[i - c->n]);
        if (at >= 0)
            all.index[all.n++] = (uint32_t)at;
    }
    if (!order_results(s, search, c, &all, e))
        return false;
    c->uids = heap_realloc(c->uids, (all.n + 1) * sizeof(*c->uids));
    c->n = all.n;
    for (size_t i = 0; i < all.n; i++) {
        c->uids[i] = imap_view_row(v, all.index[i])->uid;
        if (has_uid(added, n_added, c->uids[i])) {
            steps[n++] =
                (struct result_step){ is_sorted(c) ? i + 1 : 0, name_in(c, v->rows, c->uids[i]) };
        }
    }
    send_steps(s, c, "ADDTO", steps, n);
    return true;
}

/* ---- what changed ---- */

/* UIDs of the results, ascending; in the arena. */
static uint32_t *sorted_results(struct imap_session *s, const struct context *c)
{
    uint32_t *uids = ARENA_ARRAY(&s->arena, uint32_t, c->n + 1);
    if (c->n) {
        memcpy(uids, c->uids, c->n * sizeof(*uids));
        qsort(uids, c->n, sizeof(*uids), by_number);
    }
    return uids;
}

YIELDS static void tell_gone(struct imap_session *s, struct context *c,
                             const struct imap_rows *from, const struct imap_rows *to)
{
    struct imap_rows_diff d;
    enum imap_difference what;
    const uint32_t *results = sorted_results(s, c);
    uint32_t *gone = ARENA_ARRAY(&s->arena, uint32_t, c->n + 1);
    size_t n = 0;
    imap_rows_diff_init(&d, from, to);
    while ((what = imap_rows_diff_next(&d)) != IMAP_SAME) {
        uint32_t uid = what == IMAP_GONE ? imap_rows_at(from, d.old_index)->uid : 0;
        if (uid && has_uid(results, c->n, uid))
            gone[n++] = uid;
    }
    if (n)
        remove_results(s, c, from, gone, n);
}

void imap_contexts_before(struct imap_session *s, const struct imap_rows *from,
                          const struct imap_rows *to)
{
    struct context *c = s->view->contexts ? s->view->contexts->first : NULL;
    for (; c && from != to; c = c->next)
        tell_gone(s, c, from, to);
}

/* Messages that are new or changed since the context looked, by index in the view. */
static struct imap_found changed_since(struct imap_session *s, const struct context *c)
{
    struct imap_rows_diff d;
    enum imap_difference what;
    struct imap_found out = { ARENA_ARRAY(&s->arena, uint32_t, s->view->n + 1), 0 };
    imap_rows_diff_init(&d, c->rows, s->view->rows);
    while ((what = imap_rows_diff_next(&d)) != IMAP_SAME) {
        if (what != IMAP_GONE)
            out.index[out.n++] = (uint32_t)d.new_index;
    }
    return out;
}

YIELDS static bool tell_changes(struct imap_session *s, struct context *c, struct err *e)
{
    struct imap_search search;
    struct imap_found matches;
    struct imap_found among = changed_since(s, c);
    uint32_t *added = ARENA_ARRAY(&s->arena, uint32_t, among.n + 1);
    uint32_t *gone = ARENA_ARRAY(&s->arena, uint32_t, among.n + 1);
    size_t n_added = 0;
    size_t n_gone = 0;
    size_t at = 0;
    imap_search_begin(s, s->view, c->args.root, &s->arena, &search);
    if (!imap_search_find_among(&search, &among, &matches, e))
        return false;
    const uint32_t *results = sorted_results(s, c);
    for (size_t i = 0; i < among.n; i++) {
        uint32_t uid = imap_view_row(s->view, among.index[i])->uid;
        bool was = has_uid(results, c->n, uid);
        bool is = at < matches.n && matches.index[at] == among.index[i];
        at += is;
        if (is && !was)
            added[n_added++] = uid;
        if (was && !is)
            gone[n_gone++] = uid;
    }
    if (n_gone)
        remove_results(s, c, s->view->rows, gone, n_gone);
    return add_results(s, &search, c, added, n_added, e);
}

void imap_contexts_tell(struct imap_session *s)
{
    struct imap_view *v = s->view;
    struct context **at = v->contexts ? &v->contexts->first : NULL;
    while (at && *at && !s->is_broken) {
        struct context *c = *at;
        struct err e = ERR_CLEAR;
        bool ok = c->rows == v->rows || tell_changes(s, c, &e);
        if (ok) {
            imap_rows_drop(&c->rows);
            c->rows = imap_rows_hold(v->rows);
            at = &c->next;
        } else {
            refuse(s, c->tag, "The results cannot be kept up any more");
            *at = c->next;
            v->contexts->n--;
            free_context(c);
        }
    }
}
