/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY: what differs between two pictures of the mailboxes, as the client is told of it (RFC 5465
 * section 5). */
#include "services/imap/replies.h"
#include "services/imap/special_use.h"
#include "services/imap/status.h"
#include "services/imap/view.h"
#include "services/imap/watch_metadata.h"
#include "services/imap/watch_picture.h"
#include "wire/imap_mailbox_name.h"
#include "wire/imap_status.h"

static bool is_own_doing(const struct imap_watch *w, str name)
{
    for (size_t i = 0; i < w->n_own; i++) {
        if (str_eq(name, w->own_names[i]) || imap_watch_is_below(w->own_names[i], name) ||
            imap_watch_is_below(name, w->own_names[i]))
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

static void tell_name(struct imap_session *s, const struct watch_row *old,
                      const struct watch_row *new)
{
    const struct store_mailbox *a = &old->place.mailbox;
    const struct store_mailbox *b = &new->place.mailbox;
    unsigned events = old->wanted | new->wanted;
    bool renamed = (events & IMAP_EVENT_MAILBOX_NAME) && is_renamed(a, b);
    bool parent = (events & IMAP_EVENT_MAILBOX_NAME) && a->has_children != b->has_children;
    bool subscribed =
        (events & IMAP_EVENT_SUBSCRIPTION_CHANGE) && a->is_subscribed != b->is_subscribed;
    enum listed listed = imap_watch_is_open(new) ? LISTED : LISTED_NO_ACCESS;
    if ((renamed || parent || subscribed) && !is_own_doing(s->watch, b->name))
        send_list(s, b, listed, renamed ? a->name : STR_EMPTY);
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

bool imap_watch_is_selected(const struct imap_session *s, const struct store_place *place)
{
    return s->view && s->view->account_id == place->account_id &&
           s->view->mailbox_id == place->mailbox.mailbox_id;
}

YIELDS static void tell_messages(struct imap_session *s, const struct watch_row *old,
                                 const struct watch_row *new)
{
    unsigned items = status_items(s, old->events & new->events &IMAP_EVENTS_OF_MESSAGES,
                                  &old->place.mailbox.state, &new->place.mailbox.state);
    if (items && !imap_watch_is_selected(s, &new->place))
        (void)imap_send_status(s, &new->place, items, NULL);
}

/* The mailbox's role is an annotation, too (RFC 6154 section 4). Yields. */
YIELDS static void tell_metadata(struct imap_session *s,
                                 const struct store_annotation_marks *before,
                                 const struct watch_row *old, const struct watch_row *new)
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

void imap_watch_tell_server(struct imap_session *s, const struct watch_picture *old)
{
    struct imap_watch *w = s->watch;
    struct store_annotation_marks was = imap_marks_of(&old->marks, 0, 0);
    struct store_annotation_marks is = imap_marks_of(&w->now.marks, 0, 0);
    bool is_own = w->n_own > 0 && w->own_names[0].n == 0;
    if ((w->events & IMAP_EVENT_SERVER_METADATA) && !is_own)
        imap_marks_tell(s, STR_EMPTY, &was, &is, STR_EMPTY);
}

/* A mailbox that came or went, as those do whose right l is given or taken (RFC 5465 section 5.4).
 * Of one that came and is closed imap_watch_tell_access has said so. Yields. */
static void tell_existence(struct imap_session *s, const struct watch_row *row, bool exists)
{
    const struct store_mailbox *m = &row->place.mailbox;
    bool is_told = exists && !imap_watch_is_open(row);
    if ((row->wanted & IMAP_EVENT_MAILBOX_NAME) && !is_told && !is_own_doing(s->watch, m->name))
        send_list(s, m, exists ? LISTED : LISTED_GONE, STR_EMPTY);
}

void imap_watch_tell_access(struct imap_session *s, const struct watch_row *row, bool was_open)
{
    if (row->wanted && imap_watch_is_open(row) != was_open) {
        send_list(s, &row->place.mailbox, was_open ? LISTED_NO_ACCESS : LISTED, STR_EMPTY);
    }
}

/* Yields. */
static void tell_row(struct imap_session *s, const struct watch_picture *before,
                     const struct watch_row *old, const struct watch_row *new)
{
    if (new)
        imap_watch_tell_access(s, new, old ? imap_watch_is_open(old) : true);
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

void imap_watch_tell(struct imap_session *s, const struct watch_picture *old,
                     const struct watch_picture *new)
{
    size_t i = 0;
    size_t j = 0;
    while ((i < old->n || j < new->n) && !s->is_broken) {
        int order = i == old->n   ? 1
                    : j == new->n ? -1
                                  : imap_watch_by_id(&old->rows[i], &new->rows[j]);
        tell_row(s, old, order <= 0 ? &old->rows[i] : NULL, order >= 0 ? &new->rows[j] : NULL);
        i += order <= 0;
        j += order >= 0;
    }
}
int imap_watch_by_id(const void *a, const void *b)
{
    const struct store_place *x = &((const struct watch_row *)a)->place;
    const struct store_place *y = &((const struct watch_row *)b)->place;
    if (x->account_id != y->account_id)
        return x->account_id < y->account_id ? -1 : 1;
    return (x->mailbox.mailbox_id > y->mailbox.mailbox_id) -
           (x->mailbox.mailbox_id < y->mailbox.mailbox_id);
}
