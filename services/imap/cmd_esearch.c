/* SPDX-License-Identifier: Apache-2.0 */
/* ESEARCH: one search over several mailboxes (RFC 7377). Each mailbox is looked at as if it were
 * selected, one after the other; the time of a search counts for all of them. */
#include "services/imap/commands.h"
#include "services/imap/order.h"
#include "services/imap/resolve.h"
#include "services/imap/search_answer.h"
#include "services/imap/searching.h"
#include "services/imap/service.h"
#include "wire/imap_mailbox_name.h"

enum {
    MAILBOXES_MAX = 2000 /* of one ESEARCH */
};

/* One ESEARCH in work. */
struct esearch {
    struct imap_session *s;
    const struct imap_command *c;
    struct imap_lexer args; /* before its first argument: the tree is made anew for each mailbox */
    struct store_places all;
    struct store_place *places; /* to be searched, each once */
    size_t n;
    int64_t deadline_ms;
};

/* ---- which mailboxes ---- */

static bool has_place(const struct esearch *es, const struct store_place *place)
{
    for (size_t i = 0; i < es->n; i++) {
        if (es->places[i].account_id == place->account_id &&
            es->places[i].mailbox.mailbox_id == place->mailbox.mailbox_id)
            return true;
    }
    return false;
}

/* Mailboxes that the user may not read are passed over (RFC 7377 section 2.2). */
static bool add_place(struct esearch *es, const struct store_place *place, struct err *e)
{
    if (!(place->rights & STORE_MAY_READ) || has_place(es, place))
        return true;
    if (es->n == MAILBOXES_MAX)
        return ERR(e, ERR_LIMIT, "more than %d mailboxes to search", MAILBOXES_MAX);
    es->places[es->n++] = *place;
    return true;
}

/* How many levels `name` is below `top`: 0 for itself, -1 when it is elsewhere. */
static int levels_below(str top, str name)
{
    if (str_eq(name, top))
        return 0;
    if (!str_has_prefix(name, top) || name.n <= top.n || name.p[top.n] != '/')
        return -1;
    int levels = 0;
    for (size_t i = top.n; i < name.n; i++)
        levels += name.p[i] == '/';
    return levels;
}

static bool is_kind(enum imap_mailbox_filter_kind kind, const struct store_place *place)
{
    /* Mail may be delivered to any mailbox of the account (RFC 5465 section 6.3), as for NOTIFY. */
    if (kind == IMAP_FILTER_PERSONAL || kind == IMAP_FILTER_INBOXES)
        return place->space == STORE_SPACE_OWN;
    return kind == IMAP_FILTER_SUBSCRIBED && place->mailbox.is_subscribed;
}

static bool add_subtree(struct esearch *es, str top, int most_levels, struct err *e)
{
    for (size_t i = 0; i < es->all.n; i++) {
        int levels = levels_below(top, es->all.list[i].mailbox.name);
        if (levels >= 0 && levels <= most_levels && !add_place(es, &es->all.list[i], e))
            return false;
    }
    return true;
}

/* A mailbox that is named needs no right to be looked up. */
YIELDS static bool add_named(struct esearch *es, str name, struct err *e)
{
    struct store_place place;
    struct err why = ERR_CLEAR;
    if (imap_resolve(es->s, name, STORE_MAY_READ, &place, &why))
        return add_place(es, &place, e);
    if (why.kind == ERR_NOT_FOUND || why.kind == ERR_DENIED)
        return true;
    *e = why;
    return false;
}

YIELDS static bool add_names(struct esearch *es, const struct imap_mailbox_filter *filter,
                             struct err *e)
{
    struct imap_session *s = es->s;
    for (size_t i = 0; i < filter->n; i++) {
        str name;
        if (!imap_mailbox_parse(&s->arena, filter->names[i], imap_has_utf8(s), &name, e))
            return false;
        bool is_one = filter->kind == IMAP_FILTER_SUBTREE_ONE;
        bool ok = filter->kind == IMAP_FILTER_MAILBOXES
                      ? add_named(es, name, e)
                      : add_subtree(es, name, is_one ? 1 : IMAP_MAILBOX_DEPTH_MAX, e);
        if (!ok)
            return false;
    }
    return true;
}

static bool add_selected(struct esearch *es, struct err *e)
{
    const struct imap_view *v = es->s->view;
    for (size_t i = 0; i < es->all.n; i++) {
        const struct store_place *place = &es->all.list[i];
        if (place->account_id == v->account_id && place->mailbox.mailbox_id == v->mailbox_id)
            return add_place(es, place, e);
    }
    return true;
}

YIELDS static bool gather_places(struct esearch *es, const struct imap_search_args *args,
                                 struct err *e)
{
    struct imap_session *s = es->s;
    if (!store_place_list(s->app->store, s->account_id, &s->arena, imap_deadline(), &es->all, e))
        return false;
    es->places = ARENA_ARRAY(&s->arena, struct store_place, MAILBOXES_MAX);
    for (size_t i = 0; i < args->n_sources; i++) {
        const struct imap_mailbox_filter *filter = &args->sources[i];
        if (filter->kind == IMAP_FILTER_SELECTED && !add_selected(es, e))
            return false;
        if (filter->n && !add_names(es, filter, e))
            return false;
        for (size_t k = 0; k < es->all.n; k++) {
            if (is_kind(filter->kind, &es->all.list[k]) && !add_place(es, &es->all.list[k], e))
                return false;
        }
    }
    return true;
}

/* ---- searching ---- */

YIELDS static bool search_view(const struct esearch *es, struct imap_view *view, struct err *e)
{
    struct imap_session *s = es->s;
    struct imap_lexer l = es->args;
    struct imap_search_args args;
    struct imap_search search;
    struct imap_found found;
    enum imap_search_refusal why;
    if (!imap_esearch_parse(&l, &args, &why, e))
        return false;
    imap_search_begin(s, view, args.root, &s->arena, &search);
    search.deadline_ms = es->deadline_ms;
    if (!imap_search_find(&search, &found, e))
        return false;
    struct imap_answer answer = { .s = s,
                                  .search = &search,
                                  .args = &args,
                                  .found = &found,
                                  .is_uid = true,
                                  .names_mailbox = true,
                                  .tag = es->c->tag };
    if (found.n)
        imap_answer_send(&answer);
    return true;
}

/* Looks at a mailbox without selecting it. One that is gone meanwhile has no matches. */
YIELDS static bool search_place(const struct esearch *es, const struct store_place *place,
                                struct err *e)
{
    struct imap_session *s = es->s;
    struct imap_box *box = imap_box_enter(&s->service->boxes, s->account_id, place->account_id,
                                          place->mailbox.mailbox_id);
    bool ok = imap_box_refresh_to(box, &place->mailbox.state, &s->arena, imap_deadline(), e);
    if (ok && box->end == IMAP_BOX_LIVES && box->rows) {
        struct imap_view view = { .account_id = place->account_id,
                                  .mailbox_id = place->mailbox.mailbox_id,
                                  .name = arena_cstr(&s->arena, place->mailbox.name),
                                  .rights = place->rights,
                                  .is_read_only = true,
                                  .uidvalidity = box->uidvalidity,
                                  .modseq = box->modseq,
                                  .box = box };
        imap_view_show(&view, box->rows);
        ok = search_view(es, &view, e);
        imap_rows_drop(&view.rows);
    }
    imap_box_leave(&box);
    return ok;
}

YIELDS static bool search_places(struct esearch *es, const struct imap_search_args *args,
                                 struct err *e)
{
    if (!gather_places(es, args, e))
        return false;
    es->deadline_ms = imap_search_deadline(es->s);
    for (size_t i = 0; i < es->n && !es->s->is_broken; i++) {
        if (!search_place(es, &es->places[i], e))
            return false;
    }
    return true;
}

/* ---- the command ---- */

static bool names_selected(const struct imap_search_args *args)
{
    for (size_t i = 0; i < args->n_sources; i++) {
        if (args->sources[i].kind == IMAP_FILTER_SELECTED)
            return true;
    }
    return !args->has_sources;
}

YIELDS static bool esearch(struct imap_session *s, struct imap_command *c,
                           struct imap_search_args *args, struct err *e)
{
    const unsigned of_selected = IMAP_RETURN_SAVE | IMAP_RETURN_UPDATE;
    enum imap_search_refusal why;
    struct esearch es = { .s = s, .c = c, .args = c->args };
    if (!imap_esearch_parse(&c->args, args, &why, e))
        return imap_search_refuse(s, why);
    if (!imap_search_admit_charset(s, args) || !imap_search_admit(s, args))
        return true;
    bool is_selected = names_selected(args);
    bool is_only = is_selected && args->n_sources <= 1;
    if (is_selected && !s->view)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "No mailbox is selected");
    if ((args->returns & of_selected) && !is_only)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "SAVE and UPDATE are for the selected mailbox");
    return is_only ? imap_search_perform(s, c, args, true, e) : search_places(&es, args, e);
}

bool imap_cmd_esearch(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_search_args args = { .returns = 0 };
    return imap_search_end(s, &args, esearch(s, c, &args, e), e);
}
