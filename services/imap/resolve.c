/* SPDX-License-Identifier: Apache-2.0 */
/* Names to mailboxes and rights. */
#include "services/imap/resolve.h"

#include "obs/obs.h"
#include "services/imap/view.h"
#include "store/seen.h"

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

/* Asks what the selected mailbox is to the user now. Yields. */
YIELDS static bool look_again(struct imap_session *s, struct err *e)
{
    struct store_standing now;
    const struct store_viewed of = imap_view_viewed(s);
    if (!store_place_again(s->app->store, &of, &s->arena, imap_deadline(), &now, e))
        return false;
    s->view->rights = now.rights;
    imap_view_set_name(s->view, now.name);
    return true;
}

bool imap_view_recheck(struct imap_session *s, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct imap_view *v = s->view;
    if (!v || v->account_id == s->account_id)
        return true;
    bool ok = look_again(s, &why);
    if (!ok && why.kind != ERR_NOT_FOUND) {
        *e = why;
        return false;
    }
    if (ok && !(v->rights & STORE_MAY_READ))
        imap_bye(s, "NOPERM", "The mailbox may not be read any more", "rights");
    return true;
}

bool imap_view_name(struct imap_session *s, str *name, struct err *e)
{
    if (!look_again(s, e))
        return false;
    *name = arena_str(&s->arena, str_from_cstr(s->view->name));
    return true;
}

void imap_mark_own_seen(struct imap_session *s, const struct store_place *place,
                        const uint32_t *uids, size_t n, str command)
{
    struct err e = ERR_CLEAR;
    const struct store_viewed of = { s->account_id, place->account_id, place->mailbox.mailbox_id };
    const struct store_ranges set = store_ranges_of(&s->arena, uids, n);
    if (!store_seen_mark(s->app->store, &of, &set, imap_deadline(), &e)) {
        obs_log(EV_IMAP_COMMAND_FAILED, net_conn_id(s->conn), OBS_STR("command", command),
                OBS_CSTR("part", "seen"), OBS_ERR(&e));
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
