/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY: what is asked for, the last picture of all mailboxes, and what differs from it. */
#include "services/imap/watch_picture.h"

#include "obs/obs.h"
#include "services/imap/commands.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/status.h"
#include "services/imap/updates.h"
#include "services/imap/watch_metadata.h"
#include "wire/imap_mailbox_name.h"
#include "wire/imap_status.h"

#include <stdlib.h>

enum {
    LOOK_GAP_MS = 500,  /* between two looks: a busy account does not cost one a message */
    RETRY_MS = 5000,    /* after a look that the database did not answer */
    PLACES_MAX = 5000,  /* mailboxes of a picture */
    POLL_MS = 20 * 1000 /* between looks at the server's annotations: nobody tells of them */
};

/* ---- the picture ---- */

/* Accounts with a mailbox whose annotations are asked for, and the server. */
static size_t accounts_to_mark(const struct imap_watch *w, const struct watch_picture *p,
                               int64_t *out)
{
    size_t n = 0;
    if (w->events & IMAP_EVENT_SERVER_METADATA)
        out[n++] = 0;
    for (size_t i = 0; i < p->n; i++) {
        bool is_new = n == 0 || out[n - 1] != p->rows[i].place.account_id;
        if (is_new && (p->rows[i].events & IMAP_EVENT_MAILBOX_METADATA))
            out[n++] = p->rows[i].place.account_id;
    }
    return n;
}

YIELDS static bool read_marks(struct imap_session *s, struct watch_picture *p, struct err *e)
{
    struct store_annotation_marks marks = { .n = 0 };
    int64_t *accounts = ARENA_ARRAY(&s->arena, int64_t, p->n + 1);
    const struct store_marked of = { s->account_id, accounts,
                                     accounts_to_mark(s->watch, p, accounts) };
    if (of.n && !store_annotations_mark(s->app->store, &of, &s->arena, imap_deadline(), &marks, e))
        return false;
    p->marks = imap_marks_copy(&p->arena, &marks);
    return true;
}

YIELDS static bool read_picture(struct imap_session *s, struct watch_picture *out, struct err *e)
{
    struct store_places places = { .n = 0 };
    arena_init(&out->arena);
    if (!store_place_list(s->app->store, s->account_id, &s->arena, imap_deadline(), &places, e))
        return false;
    if (places.n > PLACES_MAX)
        return ERR(e, ERR_LIMIT, "more than %d mailboxes", PLACES_MAX);
    out->n = places.n;
    out->rows = ARENA_ARRAY(&out->arena, struct watch_row, places.n);
    for (size_t i = 0; i < places.n; i++) {
        struct watch_row *row = &out->rows[i];
        row->place = places.list[i];
        row->place.mailbox.name = arena_str(&out->arena, places.list[i].mailbox.name);
        row->wanted = imap_watch_wanted_of(s->watch, &row->place);
        row->events = imap_watch_is_open(row) ? row->wanted : 0;
    }
    if (out->n)
        qsort(out->rows, out->n, sizeof(*out->rows), imap_watch_by_id);
    return read_marks(s, out, e);
}

/* More than we can keep: from here on the client is told nothing, and knows it. Yields. */
YIELDS static void overflow(struct imap_session *s, const struct err *e)
{
    struct imap_watch *w = s->watch;
    (void)imap_sendf(s, "* OK [NOTIFICATIONOVERFLOW] NOTIFY ends: %s\r\n", e->msg);
    imap_watch_forget_sources(s);
    w->n_groups = 0;
    w->events = 0;
    w->selected_events = 0;
    w->is_stale = false;
}

YIELDS static void look(struct imap_session *s)
{
    struct imap_watch *w = s->watch;
    struct watch_picture next = { .n = 0 };
    struct err e = ERR_CLEAR;
    w->is_stale = false;
    w->look_at = clock_deadline_in(LOOK_GAP_MS);
    bool ok = read_picture(s, &next, &e);
    if (ok) {
        struct watch_picture before = w->now;
        w->now = next;
        imap_watch_tell(s, &before, &w->now);
        imap_watch_tell_server(s, &before);
        next = before;
        ok = imap_watch_listen(s, &e);
    }
    arena_fini(&next.arena);
    if (ok)
        return;
    if (imap_is_refusal(&e, ERR_LIMIT)) {
        overflow(s, &e);
        return;
    }
    w->is_stale = true;
    w->look_at = clock_deadline_in(RETRY_MS);
}

void imap_watch_look(struct imap_session *s)
{
    if (imap_watch_due(s) <= clock_monotonic_ms() && !s->is_closing && !s->is_broken)
        look(s);
}

void imap_watch_look_after(struct imap_session *s, struct imap_lexer args)
{
    struct imap_watch *w = s->watch;
    if (!w || !w->n_groups)
        return;
    for (w->n_own = 0; w->n_own < OWN_NAMES_MAX;) {
        str sent;
        str *own = &w->own_names[w->n_own];
        *own = STR_EMPTY; /* the server, in SETMETADATA */
        if (!imap_lexer_try_byte(&args, ' ') || !imap_lexer_astring(&args, &sent, NULL) ||
            (sent.n && !imap_mailbox_parse(&s->arena, sent, imap_has_utf8(s), own, NULL)))
            break;
        w->n_own++;
    }
    look(s);
    w->n_own = 0;
}

int64_t imap_watch_due(const struct imap_session *s)
{
    const struct imap_watch *w = s->watch;
    if (w && w->is_stale)
        return w->look_at;
    return w && (w->events & IMAP_EVENT_SERVER_METADATA) ? w->look_at + POLL_MS : DEADLINE_NONE;
}

/* ---- the selected mailbox ---- */

unsigned imap_watch_selected_events(const struct imap_session *s)
{
    return s->watch ? s->watch->selected_events : IMAP_EVENTS_OF_MESSAGES;
}

bool imap_watch_is_prompt(const struct imap_session *s)
{
    const struct imap_watch *w = s->watch;
    return s->is_idling || (w && w->selected_events && !w->is_delayed);
}

/* What NOTIFY asked for of the messages with these UIDs, as if the client fetched it. Yields. */
YIELDS static void fetch_range(struct imap_session *s, uint64_t first, uint64_t last)
{
    struct err e = ERR_CLEAR;
    bool ok = true;
    /* MESSAGELIMIT is for commands of clients: what it leaves out is fetched next. */
    while (ok && first <= last && !s->is_broken) {
        struct imap_command c;
        str text = arena_printf(&s->arena, "n UID FETCH %u:%u %.*s", (unsigned)first,
                                (unsigned)last, STR_FMT(s->watch->fetch));
        s->limited_at = 0;
        ok = imap_command_parse(text, &s->arena, &c, &e) && imap_cmd_fetch(s, &c, &e);
        last = s->limited_at ? s->limited_at - 1 : 0;
    }
    if (!ok) {
        obs_log(EV_IMAP_COMMAND_FAILED, net_conn_id(s->conn), OBS_CSTR("command", "NOTIFY"),
                OBS_ERR(&e));
    }
}

/* Those behind `known`, but not what the running command made (RFC 5465 section 5.2). Yields. */
YIELDS static void fetch_new(struct imap_session *s, uint32_t known)
{
    const struct imap_reply reply = s->reply;
    uint32_t limited_at = s->limited_at;
    uint64_t last = imap_view_last_uid(s->view);
    uint64_t own_first = s->made_n ? s->made_first : last + 1;
    fetch_range(s, (uint64_t)known + 1, own_first - 1);
    fetch_range(s, own_first + s->made_n, last);
    s->reply = reply;
    s->limited_at = limited_at;
}

bool imap_watch_tell_selected(struct imap_session *s, bool may_renumber, bool is_own, struct err *e)
{
    if (!imap_watch_selected_events(s) && !is_own) {
        s->is_stale = false;
        if (imap_view_recheck(s, e))
            return true;
        s->is_stale = true;
        return false;
    }
    /* Numbers are for clients that can use them: one that asked for prompt news takes UIDs. */
    bool may = may_renumber || (s->watch && imap_watch_is_prompt(s));
    uint32_t last = imap_view_last_uid(s->view);
    if (!imap_updates_send(s, may, e))
        return false;
    bool has_new = s->view && imap_view_last_uid(s->view) > last;
    if (has_new && s->watch && s->watch->fetch.n && !s->is_closing)
        fetch_new(s, last);
    return true;
}

/* ---- setting ---- */

void imap_watch_end(struct imap_session *s)
{
    struct imap_watch *w = s->watch;
    if (!w)
        return;
    imap_watch_forget_sources(s);
    arena_fini(&w->now.arena);
    arena_fini(&w->arena);
    free(w);
    s->watch = NULL;
}

/* Copies the groups with their names decoded. A name that cannot be one is left out, as one that no
 * mailbox has. */
static void copy_groups(struct imap_session *s, struct imap_watch *w,
                        const struct imap_notify_args *args)
{
    w->groups = ARENA_ARRAY(&w->arena, struct imap_notify_group, args->n);
    for (size_t i = 0; i < args->n; i++) {
        struct imap_notify_group g = args->groups[i];
        if (g.filter == IMAP_FILTER_SELECTED || g.filter == IMAP_FILTER_SELECTED_DELAYED) {
            w->selected_events = g.events;
            w->is_delayed = g.filter == IMAP_FILTER_SELECTED_DELAYED;
            continue;
        }
        str *names = ARENA_ARRAY(&w->arena, str, g.n_names);
        size_t kept = 0;
        for (size_t j = 0; j < g.n_names; j++) {
            str name;
            if (imap_mailbox_parse(&s->arena, g.names[j], imap_has_utf8(s), &name, NULL))
                names[kept++] = arena_str(&w->arena, name);
        }
        g.names = names;
        g.n_names = kept;
        w->groups[w->n_groups++] = g;
    }
    w->events = args->events;
    w->fetch = args->fetch.n ? arena_str(&w->arena, args->fetch) : STR_EMPTY;
}

/* What a client that sets up must know of each mailbox (RFC 5465 section 3.1). Yields. */
YIELDS static void send_all_access(struct imap_session *s)
{
    const struct watch_picture *p = &s->watch->now;
    for (size_t i = 0; i < p->n && !s->is_broken; i++)
        imap_watch_tell_access(s, &p->rows[i], true);
}

/* The same, where it was asked for. Yields. */
YIELDS static void send_all_status(struct imap_session *s)
{
    const struct watch_picture *p = &s->watch->now;
    for (size_t i = 0; i < p->n && !s->is_broken; i++) {
        unsigned events = p->rows[i].events & IMAP_EVENTS_OF_MESSAGES;
        unsigned items = IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT | IMAP_STATUS_UIDVALIDITY;
        if (events & IMAP_EVENT_FLAG_CHANGE)
            items |= IMAP_STATUS_HIGHESTMODSEQ;
        if (events && !imap_watch_is_selected(s, &p->rows[i].place))
            (void)imap_send_status(s, &p->rows[i].place, items, NULL);
    }
}

bool imap_watch_set(struct imap_session *s, const struct imap_notify_args *args, struct err *e)
{
    struct imap_watch *before = s->watch;
    struct imap_watch *w = HEAP_NEW(struct imap_watch);
    arena_init(&w->arena);
    arena_init(&w->now.arena);
    copy_groups(s, w, args);
    s->watch = w;
    bool ok = w->n_groups == 0 || (store_grants_everybody(s->app->store, s->account_id,
                                                          imap_deadline(), &w->everybody, e) &&
                                   read_picture(s, &w->now, e) && imap_watch_listen(s, e));
    if (!ok) {
        imap_watch_end(s);
        s->watch = before;
        return false;
    }
    s->watch = before;
    imap_watch_end(s);
    s->watch = w;
    w->look_at = clock_deadline_in(LOOK_GAP_MS);
    send_all_access(s);
    if (args->wants_status)
        send_all_status(s);
    return true;
}
