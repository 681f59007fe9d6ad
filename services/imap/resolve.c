/* SPDX-License-Identifier: Apache-2.0 */
/* Names to mailboxes and rights. */
#include "services/imap/resolve.h"

#include "services/imap/view.h"

bool imap_resolve(struct imap_session *s, str name, unsigned needed, struct store_place *out,
                  struct err *e)
{
    return store_place_get(s->app->store, s->account_id, name, needed, &s->arena, imap_deadline(),
                           out, e);
}

bool imap_view_may(const struct imap_session *s, unsigned needed, struct err *e)
{
    if (s->view->is_read_only)
        return ERR(e, ERR_UNSUPPORTED, "the mailbox is read-only");
    if ((s->view->rights & needed) != needed)
        return ERR(e, ERR_DENIED, "the rights on the mailbox are not enough");
    return true;
}

void imap_view_recheck(struct imap_session *s)
{
    struct store_place place;
    struct err e = ERR_CLEAR;
    struct imap_view *v = s->view;
    if (!v || v->account_id == s->account_id || !s->is_stale)
        return;
    if (imap_resolve(s, str_from_cstr(v->name), STORE_MAY_READ, &place, &e)) {
        v->rights = place.rights;
    } else if (e.kind == ERR_NOT_FOUND || e.kind == ERR_DENIED) {
        imap_bye(s, "NOPERM", "The mailbox may not be read any more", "rights");
    }
}

static const struct {
    unsigned flags;
    unsigned right;
} flag_rights[] = {
    { STORE_SEEN, STORE_MAY_SEEN },
    { STORE_DELETED, STORE_MAY_MARK },
    { STORE_FLAGS_ALL & ~(STORE_SEEN | STORE_DELETED), STORE_MAY_WRITE },
};

unsigned imap_rights_flags(unsigned rights, unsigned flags)
{
    unsigned kept = 0;
    for (size_t i = 0; i < COUNT_OF(flag_rights); i++) {
        if (rights & flag_rights[i].right)
            kept |= flags & flag_rights[i].flags;
    }
    return kept;
}

bool imap_rights_keywords(unsigned rights)
{
    return (rights & STORE_MAY_WRITE) != 0;
}
