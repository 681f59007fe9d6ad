/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5465 section 8. */
#include "wire/imap_notify.h"

#include "wire/imap_fetch.h"

/* One NOTIFY in work. */
struct reading {
    struct imap_lexer *l;
    struct imap_notify_args *out;
    str *names; /* of all groups */
    size_t n_names;
    bool has_selected;
};

/* ---- events ---- */

static const struct {
    str name;
    unsigned event;
} events[] = {
    { STR_INIT("MessageNew"), IMAP_EVENT_MESSAGE_NEW },
    { STR_INIT("MessageExpunge"), IMAP_EVENT_MESSAGE_EXPUNGE },
    { STR_INIT("FlagChange"), IMAP_EVENT_FLAG_CHANGE },
    { STR_INIT("MailboxName"), IMAP_EVENT_MAILBOX_NAME },
    { STR_INIT("SubscriptionChange"), IMAP_EVENT_SUBSCRIPTION_CHANGE },
};

static bool is_of_selected(const struct imap_notify_group *g)
{
    return g->filter == IMAP_FILTER_SELECTED || g->filter == IMAP_FILTER_SELECTED_DELAYED;
}

/* " (UID FLAGS)" behind MessageNew. */
static bool read_fetch(struct reading *r, const struct imap_notify_group *g, struct err *e)
{
    struct imap_lexer *l = r->l;
    struct imap_fetch_args checked = { .items = 0 };
    str rest = str_skip(l->in, l->at);
    if (!str_has_prefix(rest, STR(" (")))
        return true;
    if (!is_of_selected(g))
        return ERR(e, ERR_SYNTAX, "only the selected mailbox has attributes of new messages");
    l->at++;
    size_t from = l->at;
    if (!imap_fetch_items_parse(l, &checked, e))
        return false;
    r->out->fetch = str_slice(l->in, from, l->at - from);
    return true;
}

static bool read_event(struct reading *r, struct imap_notify_group *g, struct err *e)
{
    str name;
    unsigned event = IMAP_EVENT_OTHER;
    if (!imap_lexer_atom(r->l, &name, e))
        return false;
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        if (str_ieq(name, events[i].name))
            event = events[i].event;
    }
    g->events |= event;
    return event != IMAP_EVENT_MESSAGE_NEW || read_fetch(r, g, e);
}

/* Which events may be without which (RFC 5465 section 5). */
static bool check_events(const struct imap_notify_group *g, struct err *e)
{
    bool has_new = g->events & IMAP_EVENT_MESSAGE_NEW;
    bool has_expunge = g->events & IMAP_EVENT_MESSAGE_EXPUNGE;
    if (has_new != has_expunge)
        return ERR(e, ERR_SYNTAX, "MessageNew and MessageExpunge come together");
    if ((g->events & IMAP_EVENT_FLAG_CHANGE) && !has_new)
        return ERR(e, ERR_SYNTAX, "FlagChange needs MessageNew and MessageExpunge");
    unsigned others = IMAP_EVENT_MAILBOX_NAME | IMAP_EVENT_SUBSCRIPTION_CHANGE;
    if (is_of_selected(g) && (g->events & others))
        return ERR(e, ERR_SYNTAX, "the selected mailbox has events of messages only");
    return true;
}

static bool read_events(struct reading *r, struct imap_notify_group *g, struct err *e)
{
    if (imap_lexer_try_word(r->l, STR("NONE")))
        return true;
    if (!imap_lexer_byte(r->l, '(', e))
        return false;
    do {
        if (!read_event(r, g, e))
            return false;
    } while (imap_lexer_try_byte(r->l, ' '));
    return imap_lexer_byte(r->l, ')', e) && check_events(g, e);
}

/* ---- mailboxes ---- */

static bool read_name(struct reading *r, struct err *e)
{
    if (r->n_names == IMAP_NOTIFY_NAMES_MAX)
        return ERR(e, ERR_LIMIT, "more than %d mailbox names", IMAP_NOTIFY_NAMES_MAX);
    return imap_lexer_astring(r->l, &r->names[r->n_names++], e);
}

static bool read_names(struct reading *r, struct imap_notify_group *g, struct err *e)
{
    size_t from = r->n_names;
    if (!imap_lexer_space(r->l, e))
        return false;
    if (imap_lexer_try_byte(r->l, '(')) {
        do {
            if (!read_name(r, e))
                return false;
        } while (imap_lexer_try_byte(r->l, ' '));
        if (!imap_lexer_byte(r->l, ')', e))
            return false;
    } else if (!read_name(r, e)) {
        return false;
    }
    g->names = r->names + from;
    g->n_names = r->n_names - from;
    return true;
}

static bool read_filter(struct reading *r, struct imap_notify_group *g, struct err *e)
{
    static const struct {
        str name;
        enum imap_notify_filter filter;
        bool has_names;
    } filters[] = {
        { STR_INIT("SELECTED-DELAYED"), IMAP_FILTER_SELECTED_DELAYED, false },
        { STR_INIT("SELECTED"), IMAP_FILTER_SELECTED, false },
        { STR_INIT("INBOXES"), IMAP_FILTER_INBOXES, false },
        { STR_INIT("PERSONAL"), IMAP_FILTER_PERSONAL, false },
        { STR_INIT("SUBSCRIBED"), IMAP_FILTER_SUBSCRIBED, false },
        { STR_INIT("SUBTREE"), IMAP_FILTER_SUBTREE, true },
        { STR_INIT("MAILBOXES"), IMAP_FILTER_MAILBOXES, true },
    };
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        if (!imap_lexer_try_word(r->l, filters[i].name))
            continue;
        g->filter = filters[i].filter;
        return !filters[i].has_names || read_names(r, g, e);
    }
    return ERR(e, ERR_SYNTAX, "expected a mailbox filter at octet %zu", r->l->at);
}

static bool read_group(struct reading *r, struct err *e)
{
    if (r->out->n == IMAP_NOTIFY_GROUPS_MAX)
        return ERR(e, ERR_LIMIT, "more than %d groups of events", IMAP_NOTIFY_GROUPS_MAX);
    struct imap_notify_group *g = &r->out->groups[r->out->n++];
    *g = (struct imap_notify_group){ .events = 0 };
    if (!imap_lexer_byte(r->l, '(', e) || !read_filter(r, g, e))
        return false;
    if (is_of_selected(g) && r->has_selected)
        return ERR(e, ERR_SYNTAX, "the selected mailbox stands in one group only");
    r->has_selected |= is_of_selected(g);
    if (!imap_lexer_space(r->l, e) || !read_events(r, g, e))
        return false;
    r->out->events |= g->events;
    return imap_lexer_byte(r->l, ')', e);
}

bool imap_notify_parse(struct imap_lexer *l, struct imap_notify_args *out, struct err *e)
{
    struct reading r = { .l = l, .out = out };
    *out = (struct imap_notify_args){ .n = 0 };
    if (!imap_lexer_space(l, e))
        return false;
    out->is_none = imap_lexer_try_word(l, STR("NONE"));
    if (out->is_none)
        return imap_lexer_end(l, e);
    if (!imap_lexer_try_word(l, STR("SET")))
        return ERR(e, ERR_SYNTAX, "expected SET or NONE at octet %zu", l->at);
    if (!imap_lexer_space(l, e))
        return false;
    out->wants_status = imap_lexer_try_word(l, STR("STATUS"));
    if (out->wants_status && !imap_lexer_space(l, e))
        return false;
    r.names = ARENA_ARRAY(l->a, str, IMAP_NOTIFY_NAMES_MAX);
    do {
        if (!read_group(&r, e))
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_end(l, e);
}
