/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY: whose changes wake a session. */
#include "services/imap/watch_picture.h"

#include <stdlib.h>

enum {
    SOURCES_MAX = 50, /* other accounts whose mailboxes are watched */
    SOURCES_ALL = SOURCES_MAX + 2
};

/* Called by notify, outside any fiber. */
static void source_changed(int64_t account_id, int64_t modseq, void *arg)
{
    struct imap_session *s = arg;
    (void)account_id;
    (void)modseq;
    s->watch->is_stale = true;
    net_conn_wake(s->conn);
}

void imap_watch_forget_sources(struct imap_session *s)
{
    struct imap_watch *w = s->watch;
    for (size_t i = 0; i < w->n_sources; i++)
        notify_unsubscribe(s->app->notify, &w->sources[i].subscriber);
    free(w->sources);
    w->sources = NULL;
    w->n_sources = 0;
}

/* The part of our tree that shows one account: "Other Users/ada@example.org", "Shared Folders". */
static str tree_of(const struct store_place *place)
{
    str name = place->mailbox.name;
    size_t levels = place->space == STORE_SPACE_OTHERS ? 2 : 1;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '/' && --levels == 0)
            return str_of(name.p, i);
    }
    return name;
}

/* A mailbox of the same owner may become one that is asked for: by a new name, or below one that
 * is shared. The owner's account tells of both. */
static bool is_akin_to_named(const struct imap_watch *w, const struct store_place *place)
{
    str tree = tree_of(place);
    for (size_t i = 0; i < w->n_groups; i++) {
        const struct imap_notify_group *g = &w->groups[i];
        for (size_t j = 0; j < g->n_names; j++) {
            if (imap_watch_is_below(g->names[j], tree))
                return true;
        }
    }
    return false;
}

/* Accounts of the picture, which is sorted by them, that have a mailbox which is watched, or will
 * be when its owner allows it. In front of them what tells of the first one of another account:
 * the own account, and that of everybody, where others are asked for. */
static size_t find_sources(const struct imap_session *s, int64_t *out)
{
    const struct imap_watch *w = s->watch;
    size_t n = 0;
    if (w->n_groups == 0)
        return 0;
    if (imap_watch_may_mean_others(w))
        out[n++] = w->everybody;
    out[n++] = s->account_id;
    for (size_t i = 0; i < w->now.n && n < SOURCES_ALL + 1; i++) {
        const struct watch_row *row = &w->now.rows[i];
        bool is_ours = row->place.account_id == s->account_id;
        bool is_new = out[n - 1] != row->place.account_id;
        if (is_new && !is_ours && (row->wanted || is_akin_to_named(w, &row->place)))
            out[n++] = row->place.account_id;
    }
    return n;
}

static bool has_sources(const struct imap_watch *w, const int64_t *ids, size_t n)
{
    bool same = w->n_sources == n;
    for (size_t i = 0; same && i < n; i++)
        same = w->sources[i].account_id == ids[i];
    return same;
}

bool imap_watch_listen(struct imap_session *s, struct err *e)
{
    struct imap_watch *w = s->watch;
    int64_t ids[SOURCES_ALL + 1];
    size_t n = find_sources(s, ids);
    if (n > SOURCES_ALL)
        return ERR(e, ERR_LIMIT, "mailboxes of more than %d accounts", SOURCES_MAX);
    if (has_sources(w, ids, n))
        return true;
    imap_watch_forget_sources(s);
    w->sources = n ? heap_zalloc(n * sizeof(*w->sources)) : NULL;
    w->n_sources = n;
    for (size_t i = 0; i < n; i++) {
        w->sources[i].account_id = ids[i];
        w->sources[i].subscriber = (struct notify_subscriber){ .fn = source_changed, .arg = s };
        notify_subscribe(s->app->notify, ids[i], 0, &w->sources[i].subscriber);
    }
    return true;
}
