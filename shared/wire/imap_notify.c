/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5465 section 8. */
#include "wire/imap_notify.h"

#include "wire/imap_fetch.h"

/* One NOTIFY in work. */
struct reading {
    struct imap_lexer *l;
    struct imap_notify_args *out;
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
    { STR_INIT("MailboxMetadataChange"), IMAP_EVENT_MAILBOX_METADATA },
    { STR_INIT("ServerMetadataChange"), IMAP_EVENT_SERVER_METADATA },
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
    unsigned others = ~(unsigned)(IMAP_EVENTS_OF_MESSAGES | IMAP_EVENT_OTHER);
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

static bool read_filter(struct reading *r, struct imap_notify_group *g, struct err *e)
{
    struct imap_mailbox_filter filter;
    if (!imap_mailbox_filter_parse(r->l, &filter, e)) {
        e->kind = e->kind == ERR_UNSUPPORTED ? ERR_SYNTAX : e->kind;
        return false;
    }
    if (filter.kind == IMAP_FILTER_SUBTREE_ONE)
        return ERR(e, ERR_SYNTAX, "expected a mailbox filter at octet %zu", r->l->at);
    r->n_names += filter.n;
    if (r->n_names > IMAP_NOTIFY_NAMES_MAX)
        return ERR(e, ERR_LIMIT, "more than %d mailbox names", IMAP_NOTIFY_NAMES_MAX);
    g->filter = filter.kind;
    g->names = filter.names;
    g->n_names = filter.n;
    return true;
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
    do {
        if (!read_group(&r, e))
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_end(l, e);
}
