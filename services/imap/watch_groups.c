/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY: which events of which mailbox are asked for (RFC 5465 section 6). Pure. */
#include "services/imap/watch_picture.h"

bool imap_watch_is_below(str name, str top)
{
    return str_has_prefix(name, top) && (name.n == top.n || name.p[top.n] == '/');
}

static bool is_named(const struct imap_notify_group *g, str name)
{
    for (size_t i = 0; i < g->n_names; i++) {
        if (g->filter == IMAP_FILTER_SUBTREE ? imap_watch_is_below(name, g->names[i])
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

bool imap_watch_may_mean_others(const struct imap_watch *w)
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

unsigned imap_watch_wanted_of(const struct imap_watch *w, const struct store_place *place)
{
    unsigned events = 0;
    for (size_t i = 0; i < w->n_groups; i++) {
        if (is_meant(&w->groups[i], place))
            events |= w->groups[i].events;
    }
    return events;
}

bool imap_watch_is_open(const struct watch_row *row)
{
    return (row->place.rights & STORE_MAY_READ) != 0;
}
