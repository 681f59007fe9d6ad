/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY: what is asked for, the last picture of all mailboxes, and what differs from it. */
#include "services/imap/watch.h"

#include "obs/obs.h"
#include "services/imap/commands.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/special_use.h"
#include "services/imap/status.h"
#include "services/imap/updates.h"
#include "services/imap/watch_metadata.h"
#include "wire/imap_mailbox_name.h"
#include "wire/imap_status.h"

#include <stdlib.h>

enum {
    LOOK_GAP_MS = 500, /* between two looks: a busy account does not cost one a message */
    RETRY_MS = 5000,   /* after a look that the database did not answer */
    PLACES_MAX = 5000, /* mailboxes of a picture */
    SOURCES_MAX = 50,  /* other accounts whose mailboxes are watched */
    SOURCES_ALL = SOURCES_MAX + 2,
    POLL_MS = 20 * 1000, /* between looks at the server's annotations: nobody tells of them */
    OWN_NAMES_MAX = 2    /* that one command names */
};

/* One account whose changes concern us. */
struct source {
    int64_t account_id;
    struct notify_subscriber subscriber;
};

/* A mailbox as it was told. */
struct picture_row {
    struct store_place place; /* its name in the picture's arena */
    unsigned wanted;          /* events that were asked for */
    unsigned events;          /* those of them that may be told: none, while it may not be read */
};

struct picture {
    struct arena arena;
    struct picture_row *rows; /* by account and mailbox id */
    size_t n;
    struct store_annotation_marks marks; /* where they are asked for */
};

struct imap_watch {
    struct arena arena; /* of what was asked for */
    struct imap_notify_group *groups;
    size_t n_groups;
    unsigned events; /* of all groups */
    unsigned selected_events;
    bool is_delayed;
    str fetch;
    struct picture now;
    int64_t everybody; /* tells of what is shared with the whole domain */
    struct source *sources;
    size_t n_sources;
    bool is_stale;
    int64_t look_at;              /* monotonic ms: not before */
    str own_names[OWN_NAMES_MAX]; /* during a look: what the client did itself */
    size_t n_own;
};

/* ---- which events of which mailbox ---- */

static bool is_below(str name, str top)
{
    return str_has_prefix(name, top) && (name.n == top.n || name.p[top.n] == '/');
}

static bool is_named(const struct imap_notify_group *g, str name)
{
    for (size_t i = 0; i < g->n_names; i++) {
        if (g->filter == IMAP_FILTER_SUBTREE ? is_below(name, g->names[i])
                                             : str_eq(name, g->names[i]))
            return true;
    }
    return false;
}

/* Delivery may put mail into any mailbox of the account, so its inboxes are all of them
 * (RFC 5465 section 6.3). */
static bool is_meant(const struct imap_notify_group *g, const struct store_place *place)
{
    switch (g->filter) {
    case IMAP_FILTER_SELECTED:
    case IMAP_FILTER_SELECTED_DELAYED:
        return false;
    case IMAP_FILTER_INBOXES:
    case IMAP_FILTER_PERSONAL:
        return place->space == STORE_SPACE_OWN;
    case IMAP_FILTER_SUBSCRIBED:
        return place->mailbox.is_subscribed;
    case IMAP_FILTER_SUBTREE:
    case IMAP_FILTER_SUBTREE_ONE:
    case IMAP_FILTER_MAILBOXES:
        return is_named(g, place->mailbox.name);
    }
    return false;
}

/* Whether a mailbox of another account may be meant. */
static bool may_mean_others(const struct imap_watch *w)
{
    for (size_t i = 0; i < w->n_groups; i++) {
        switch (w->groups[i].filter) {
        case IMAP_FILTER_SELECTED:
        case IMAP_FILTER_SELECTED_DELAYED:
        case IMAP_FILTER_INBOXES:
        case IMAP_FILTER_PERSONAL:
            break;
        case IMAP_FILTER_SUBSCRIBED:
        case IMAP_FILTER_SUBTREE:
        case IMAP_FILTER_SUBTREE_ONE:
        case IMAP_FILTER_MAILBOXES:
            return true;
        }
    }
    return false;
}

static unsigned wanted_of(const struct imap_watch *w, const struct store_place *place)
{
    unsigned events = 0;
    for (size_t i = 0; i < w->n_groups; i++) {
        if (is_meant(&w->groups[i], place))
            events |= w->groups[i].events;
    }
    return events;
}

/* Events of messages and annotations need the rights l and r (RFC 5465 section 5); without l it is
 * in no list. Names are told to whoever sees them in lists. */
static bool is_open(const struct picture_row *row)
{
    return (row->place.rights & STORE_MAY_READ) != 0;
}

/* ---- the picture ---- */

static int by_id(const void *a, const void *b)
{
    const struct store_place *x = &((const struct picture_row *)a)->place;
    const struct store_place *y = &((const struct picture_row *)b)->place;
    if (x->account_id != y->account_id)
        return x->account_id < y->account_id ? -1 : 1;
    return (x->mailbox.mailbox_id > y->mailbox.mailbox_id) -
           (x->mailbox.mailbox_id < y->mailbox.mailbox_id);
}

/* Accounts with a mailbox whose annotations are asked for, and the server. */
static size_t accounts_to_mark(const struct imap_watch *w, const struct picture *p, int64_t *out)
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

YIELDS static bool read_marks(struct imap_session *s, struct picture *p, struct err *e)
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

YIELDS static bool read_picture(struct imap_session *s, struct picture *out, struct err *e)
{
    struct store_places places = { .n = 0 };
    arena_init(&out->arena);
    if (!store_place_list(s->app->store, s->account_id, &s->arena, imap_deadline(), &places, e))
        return false;
    if (places.n > PLACES_MAX)
        return ERR(e, ERR_LIMIT, "more than %d mailboxes", PLACES_MAX);
    out->n = places.n;
    out->rows = ARENA_ARRAY(&out->arena, struct picture_row, places.n);
    for (size_t i = 0; i < places.n; i++) {
        struct picture_row *row = &out->rows[i];
        row->place = places.list[i];
        row->place.mailbox.name = arena_str(&out->arena, places.list[i].mailbox.name);
        row->wanted = wanted_of(s->watch, &row->place);
        row->events = is_open(row) ? row->wanted : 0;
    }
    if (out->n)
        qsort(out->rows, out->n, sizeof(*out->rows), by_id);
    return read_marks(s, out, e);
}

/* ---- being told ---- */

/* Called by notify, outside any fiber. */
static void source_changed(int64_t account_id, int64_t modseq, void *arg)
{
    struct imap_session *s = arg;
    (void)account_id;
    (void)modseq;
    s->watch->is_stale = true;
    net_conn_wake(s->conn);
}

static void forget_sources(struct imap_session *s)
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
            if (is_below(g->names[j], tree))
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
    if (may_mean_others(w))
        out[n++] = w->everybody;
    out[n++] = s->account_id;
    for (size_t i = 0; i < w->now.n && n < SOURCES_ALL + 1; i++) {
        const struct picture_row *row = &w->now.rows[i];
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

static bool listen_to_sources(struct imap_session *s, struct err *e)
{
    struct imap_watch *w = s->watch;
    int64_t ids[SOURCES_ALL + 1];
    size_t n = find_sources(s, ids);
    if (n > SOURCES_ALL)
        return ERR(e, ERR_LIMIT, "mailboxes of more than %d accounts", SOURCES_MAX);
    if (has_sources(w, ids, n))
        return true;
    forget_sources(s);
    w->sources = n ? heap_zalloc(n * sizeof(*w->sources)) : NULL;
    w->n_sources = n;
    for (size_t i = 0; i < n; i++) {
        w->sources[i].account_id = ids[i];
        w->sources[i].subscriber = (struct notify_subscriber){ .fn = source_changed, .arg = s };
        notify_subscribe(s->app->notify, ids[i], 0, &w->sources[i].subscriber);
    }
    return true;
}

/* ---- telling ---- */

static bool is_own_doing(const struct imap_watch *w, str name)
{
    for (size_t i = 0; i < w->n_own; i++) {
        if (str_eq(name, w->own_names[i]) || is_below(w->own_names[i], name) ||
            is_below(name, w->own_names[i]))
            return true;
    }
    return false;
}

static bool add_word(struct buf *out, str word)
{
    return (out->p[out->n - 1] == '(' || buf_add_byte(out, ' ')) && buf_add(out, word);
}

/* What a LIST line says of a mailbox apart from its place in the tree. */
enum listed {
    LISTED,
    LISTED_NO_ACCESS, /* may be seen, but not read */
    LISTED_GONE
};

/* "* LIST (\HasNoChildren) "/" name ("OLDNAME" ("former"))". Yields. */
YIELDS static void send_list(struct imap_session *s, const struct store_mailbox *m,
                             enum listed listed, str former)
{
    struct buf *out = &s->out;
    bool utf8 = imap_has_utf8(s);
    str use = imap_special_use_attribute(m->role);
    bool exists = listed != LISTED_GONE;
    bool ok = buf_add(out, STR("* LIST ("));
    if (exists) {
        ok = ok && add_word(out, m->has_children ? STR("\\HasChildren") : STR("\\HasNoChildren")) &&
             (use.n == 0 || add_word(out, use));
    } else {
        ok = ok && add_word(out, STR("\\NonExistent"));
    }
    if (exists && m->is_subscribed)
        ok = ok && add_word(out, STR("\\Subscribed"));
    if (listed == LISTED_NO_ACCESS)
        ok = ok && add_word(out, STR("\\NoAccess"));
    ok = ok && buf_add(out, STR(") \"/\" ")) && imap_mailbox_format(out, m->name, utf8);
    if (former.n) {
        ok = ok && buf_add(out, STR(" (\"OLDNAME\" (")) && imap_mailbox_format(out, former, utf8) &&
             buf_add(out, STR("))"));
    }
    if (ok && buf_add(out, STR("\r\n")))
        (void)imap_send_out(s);
}

static str leaf_of(str name)
{
    size_t from = name.n;
    while (from > 0 && name.p[from - 1] != '/')
        from--;
    return str_skip(name, from);
}

/* Renamed itself, not with one above it (RFC 5465 section 5.4). */
static bool is_renamed(const struct store_mailbox *old, const struct store_mailbox *new)
{
    return !str_eq(old->name, new->name) &&
           (old->parent_id != new->parent_id || !str_eq(leaf_of(old->name), leaf_of(new->name)));
}

static void tell_name(struct imap_session *s, const struct picture_row *old,
                      const struct picture_row *new)
{
    const struct store_mailbox *a = &old->place.mailbox;
    const struct store_mailbox *b = &new->place.mailbox;
    unsigned events = old->wanted | new->wanted;
    bool renamed = (events & IMAP_EVENT_MAILBOX_NAME) && is_renamed(a, b);
    bool parent = (events & IMAP_EVENT_MAILBOX_NAME) && a->has_children != b->has_children;
    bool subscribed =
        (events & IMAP_EVENT_SUBSCRIPTION_CHANGE) && a->is_subscribed != b->is_subscribed;
    if ((renamed || parent || subscribed) && !is_own_doing(s->watch, b->name))
        send_list(s, b, is_open(new) ? LISTED : LISTED_NO_ACCESS, renamed ? a->name : STR_EMPTY);
}

/* The items of STATUS that tell what happened in a mailbox; 0 for nothing that is wanted. */
static unsigned status_items(const struct imap_session *s, unsigned events,
                             const struct store_state *old, const struct store_state *new)
{
    unsigned items = 0;
    if (old->modseq == new->modseq && old->uidvalidity == new->uidvalidity)
        return 0;
    bool moved = old->uidnext != new->uidnext || old->messages != new->messages;
    if (moved && (events & (IMAP_EVENT_MESSAGE_NEW | IMAP_EVENT_MESSAGE_EXPUNGE)))
        items |= IMAP_STATUS_UIDNEXT | IMAP_STATUS_MESSAGES;
    if (events & IMAP_EVENT_FLAG_CHANGE) {
        items |= old->unseen != new->unseen ? IMAP_STATUS_UNSEEN : 0;
        items |= s->is_condstore ? IMAP_STATUS_HIGHESTMODSEQ : 0;
    }
    if (items && s->is_condstore)
        items |= IMAP_STATUS_HIGHESTMODSEQ;
    if (events && (items || old->uidvalidity != new->uidvalidity))
        items |= IMAP_STATUS_UIDVALIDITY;
    return items;
}

static bool is_selected(const struct imap_session *s, const struct store_place *place)
{
    return s->view && s->view->account_id == place->account_id &&
           s->view->mailbox_id == place->mailbox.mailbox_id;
}

YIELDS static void tell_messages(struct imap_session *s, const struct picture_row *old,
                                 const struct picture_row *new)
{
    unsigned items = status_items(s, old->events & new->events &IMAP_EVENTS_OF_MESSAGES,
                                  &old->place.mailbox.state, &new->place.mailbox.state);
    if (items && !is_selected(s, &new->place))
        (void)imap_send_status(s, &new->place, items, NULL);
}

/* The mailbox's role is an annotation, too (RFC 6154 section 4). Yields. */
YIELDS static void tell_metadata(struct imap_session *s,
                                 const struct store_annotation_marks *before,
                                 const struct picture_row *old, const struct picture_row *new)
{
    const struct store_place *place = &new->place;
    if (!(old->events & new->events &IMAP_EVENT_MAILBOX_METADATA) ||
        is_own_doing(s->watch, place->mailbox.name))
        return;
    int id = place->mailbox.mailbox_id;
    struct store_annotation_marks was = imap_marks_of(before, place->account_id, id);
    struct store_annotation_marks is = imap_marks_of(&s->watch->now.marks, place->account_id, id);
    bool has_new_role = old->place.mailbox.role != place->mailbox.role;
    imap_marks_tell(s, place->mailbox.name, &was, &is,
                    has_new_role ? STR("/private/specialuse") : STR_EMPTY);
}

/* Yields. */
static void tell_server_metadata(struct imap_session *s, const struct picture *old)
{
    struct imap_watch *w = s->watch;
    struct store_annotation_marks was = imap_marks_of(&old->marks, 0, 0);
    struct store_annotation_marks is = imap_marks_of(&w->now.marks, 0, 0);
    bool is_own = w->n_own > 0 && w->own_names[0].n == 0;
    if ((w->events & IMAP_EVENT_SERVER_METADATA) && !is_own)
        imap_marks_tell(s, STR_EMPTY, &was, &is, STR_EMPTY);
}

/* A mailbox that came or went, as those do whose right l is given or taken (RFC 5465 section 5.4).
 * Of one that came and is closed tell_access has said so. Yields. */
static void tell_existence(struct imap_session *s, const struct picture_row *row, bool exists)
{
    const struct store_mailbox *m = &row->place.mailbox;
    bool is_told = exists && !is_open(row);
    if ((row->wanted & IMAP_EVENT_MAILBOX_NAME) && !is_told && !is_own_doing(s->watch, m->name))
        send_list(s, m, exists ? LISTED : LISTED_GONE, STR_EMPTY);
}

/* One that is asked for and was closed to the user, or is open now (RFC 5465 sections 3.1 and 5.9):
 * whoever sees it may know that nothing will be told of it. Yields. */
static void tell_access(struct imap_session *s, const struct picture_row *row, bool was_open)
{
    if (row->wanted && is_open(row) != was_open) {
        send_list(s, &row->place.mailbox, was_open ? LISTED_NO_ACCESS : LISTED, STR_EMPTY);
    }
}

/* Yields. */
static void tell_row(struct imap_session *s, const struct picture *before,
                     const struct picture_row *old, const struct picture_row *new)
{
    if (new)
        tell_access(s, new, old ? is_open(old) : true);
    if (old && new) {
        tell_name(s, old, new);
        tell_messages(s, old, new);
        tell_metadata(s, &before->marks, old, new);
    }
    if (old && !new)
        tell_existence(s, old, false);
    if (new && !old)
        tell_existence(s, new, true);
}

/* Both pictures are sorted by id. Yields. */
static void tell_differences(struct imap_session *s, const struct picture *old,
                             const struct picture *new)
{
    size_t i = 0;
    size_t j = 0;
    while ((i < old->n || j < new->n) && !s->is_broken) {
        int order = i == old->n ? 1 : j == new->n ? -1 : by_id(&old->rows[i], &new->rows[j]);
        tell_row(s, old, order <= 0 ? &old->rows[i] : NULL, order >= 0 ? &new->rows[j] : NULL);
        i += order <= 0;
        j += order >= 0;
    }
}

/* More than we can keep: from here on the client is told nothing, and knows it. Yields. */
YIELDS static void overflow(struct imap_session *s, const struct err *e)
{
    struct imap_watch *w = s->watch;
    (void)imap_sendf(s, "* OK [NOTIFICATIONOVERFLOW] NOTIFY ends: %s\r\n", e->msg);
    forget_sources(s);
    w->n_groups = 0;
    w->events = 0;
    w->selected_events = 0;
    w->is_stale = false;
}

YIELDS static void look(struct imap_session *s)
{
    struct imap_watch *w = s->watch;
    struct picture next = { .n = 0 };
    struct err e = ERR_CLEAR;
    w->is_stale = false;
    w->look_at = clock_deadline_in(LOOK_GAP_MS);
    bool ok = read_picture(s, &next, &e);
    if (ok) {
        struct picture before = w->now;
        w->now = next;
        tell_differences(s, &before, &w->now);
        tell_server_metadata(s, &before);
        next = before;
        ok = listen_to_sources(s, &e);
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
    forget_sources(s);
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
    const struct picture *p = &s->watch->now;
    for (size_t i = 0; i < p->n && !s->is_broken; i++)
        tell_access(s, &p->rows[i], true);
}

/* The same, where it was asked for. Yields. */
YIELDS static void send_all_status(struct imap_session *s)
{
    const struct picture *p = &s->watch->now;
    for (size_t i = 0; i < p->n && !s->is_broken; i++) {
        unsigned events = p->rows[i].events & IMAP_EVENTS_OF_MESSAGES;
        unsigned items = IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT | IMAP_STATUS_UIDVALIDITY;
        if (events & IMAP_EVENT_FLAG_CHANGE)
            items |= IMAP_STATUS_HIGHESTMODSEQ;
        if (events && !is_selected(s, &p->rows[i].place))
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
                                   read_picture(s, &w->now, e) && listen_to_sources(s, e));
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
