/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS. */
#include "services/imap/commands.h"
#include "services/imap/gather.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/special_use.h"
#include "services/imap/status.h"
#include "services/imap/updates.h"
#include "services/imap/view.h"
#include "wire/imap_mailbox_name.h"
#include "wire/imap_objectid.h"
#include "wire/imap_status.h"

/* A name that the store refuses is one that cannot be, not bad grammar. */
static bool name_refused(struct err *e)
{
    if (e->kind == ERR_SYNTAX)
        e->kind = ERR_UNSUPPORTED;
    return false;
}

/* Reads the mailbox names " a" or " a b" of a command. */
static bool read_names(struct imap_session *s, struct imap_command *c, str *names, size_t n,
                       struct err *e)
{
    str sent[2];
    if (!imap_parse_astrings(&c->args, sent, n, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!imap_mailbox_parse(&s->arena, sent[i], imap_has_utf8(s), &names[i], e))
            return false;
    }
    return true;
}

str imap_mailboxid_code(struct imap_session *s, int64_t account_id, int mailbox_id)
{
    struct buf code;
    buf_init(&code, IMAP_OBJECTID_MAX + 16);
    bool ok = buf_add(&code, STR("MAILBOXID (")) &&
              imap_mailboxid_format(&code, account_id, mailbox_id) && buf_add_byte(&code, ')');
    str out = ok ? arena_str(&s->arena, buf_str(&code)) : STR_EMPTY;
    buf_fini(&code);
    return out;
}

/* HR409 stands for a name that is taken, and for a role: it is the role when another mailbox has it
 * (RFC 6154 section 3). Yields. */
static bool create_refused(struct imap_session *s, const struct store_home *home,
                           enum store_role role, struct err *e)
{
    struct store_mailbox holder;
    struct err why = ERR_CLEAR;
    if (e->kind == ERR_EXISTS && role != STORE_ROLE_NONE &&
        store_mailbox_get_role(s->app->store, home->account_id, role, &s->arena, imap_deadline(),
                               &holder, &why) &&
        !str_eq(holder.name, home->name))
        return imap_reply(s, IMAP_NO, STR("USEATTR"), "Another mailbox has this special use");
    return name_refused(e);
}

bool imap_cmd_create(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_create_args args;
    enum store_role role = STORE_ROLE_NONE;
    str name;
    if (!imap_parse_create(&c->args, &args, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such parameter");
        return false;
    }
    if (args.n_uses > 1 || (args.n_uses && !imap_special_use_role(args.uses[0], &role)))
        return imap_reply(s, IMAP_NO, STR("USEATTR"), "This special use is not offered");
    struct store_home home;
    int mailbox_id = 0;
    if (!imap_mailbox_parse(&s->arena, args.mailbox, imap_has_utf8(s), &name, e) ||
        !imap_mailbox_check_new(name, e))
        return false;
    if (!store_place_home(s->app->store, s->account_id, name, &s->arena, imap_deadline(), &home,
                          e) ||
        !store_mailbox_create(s->app->store, home.account_id, home.name, role, imap_deadline(),
                              &mailbox_id, e))
        return create_refused(s, &home, role, e);
    str code = imap_mailboxid_code(s, home.account_id, mailbox_id);
    return imap_reply(s, IMAP_OK, code, "CREATE completed");
}

bool imap_cmd_delete(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str name;
    struct store_place place;
    if (!read_names(s, c, &name, 1, e) || !imap_resolve(s, name, STORE_MAY_DELETE, &place, e))
        return false;
    if (!store_mailbox_delete(s->app->store, place.account_id,
                              store_place_own_name(&s->arena, name), imap_deadline(), e)) {
        if (imap_is_refusal(e, ERR_CONFLICT))
            return imap_reply(s, IMAP_NO, STR("HASCHILDREN"), "There are mailboxes below it");
        if (e->kind == ERR_DENIED)
            return imap_reply(s, IMAP_NO, STR("CANNOT"), "INBOX stays");
        return name_refused(e);
    }
    if (imap_view_is_at(s, &place))
        imap_view_close(s);
    return true;
}

bool imap_cmd_rename(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str names[2];
    struct store_place from;
    struct store_home to;
    if (!read_names(s, c, names, 2, e) || !imap_mailbox_check_new(names[1], e) ||
        !imap_resolve(s, names[0], STORE_MAY_DELETE, &from, e))
        return false;
    if (!store_place_home(s->app->store, s->account_id, names[1], &s->arena, imap_deadline(), &to,
                          e))
        return name_refused(e);
    if (from.account_id != to.account_id)
        return imap_reply(s, IMAP_NO, STR("CANNOT"), "A mailbox stays with its owner: copy it");
    str old = store_place_own_name(&s->arena, names[0]);
    if (store_mailbox_rename(s->app->store, to.account_id, old, to.name, imap_deadline(), e))
        return true;
    if (e->kind == ERR_DENIED)
        return imap_reply(s, IMAP_NO, STR("CANNOT"), "It cannot go below itself");
    return name_refused(e);
}

bool imap_cmd_subscribe(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str name;
    bool is_on = str_eq(c->name, STR("SUBSCRIBE"));
    if (!read_names(s, c, &name, 1, e))
        return false;
    if (store_place_subscribe(s->app->store, s->account_id, name, is_on, imap_deadline(), e))
        return true;
    if (imap_is_refusal(e, ERR_LIMIT))
        return imap_reply(s, IMAP_NO, STR("LIMIT"), "Too many subscriptions: end some first");
    return name_refused(e);
}

bool imap_send_status(struct imap_session *s, const struct store_place *place, unsigned items,
                      struct err *e)
{
    int64_t deleted_size = 0;
    bool must_count = (items & IMAP_STATUS_DELETED_STORAGE) && place->mailbox.state.deleted;
    if (must_count &&
        !store_get_deleted_bytes(s->app->store, place->account_id, place->mailbox.mailbox_id,
                                 imap_deadline(), &deleted_size, e))
        return false;
    const struct store_mailbox *m = &place->mailbox;
    const struct imap_status values = {
        .messages = m->state.messages,
        .uidnext = m->state.uidnext,
        .uidvalidity = m->state.uidvalidity,
        .unseen = m->state.unseen,
        .deleted = m->state.deleted,
        .size = (uint64_t)m->state.bytes,
        .deleted_size = (uint64_t)deleted_size,
        .highestmodseq = (uint64_t)m->state.modseq,
        .append_limit = imap_append_limit(s),
        .account_id = place->account_id,
        .mailbox_id = m->mailbox_id,
    };
    bool ok = buf_add(&s->out, STR("* STATUS ")) &&
              imap_mailbox_format(&s->out, m->name, imap_has_utf8(s)) &&
              buf_add_byte(&s->out, ' ') && imap_status_format(&s->out, items, &values) &&
              buf_add(&s->out, STR("\r\n"));
    if (ok)
        (void)imap_send_out(s);
    return true;
}

bool imap_cmd_status(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str sent;
    str name;
    unsigned items = 0;
    struct store_place place;
    struct imap_lexer *l = &c->args;
    if (!imap_lexer_space(l, e) || !imap_lexer_astring(l, &sent, e) || !imap_lexer_space(l, e) ||
        !imap_status_items_parse(l, &items, e) || !imap_lexer_end(l, e))
        return false;
    if (!imap_mailbox_parse(&s->arena, sent, imap_has_utf8(s), &name, e) ||
        !imap_resolve(s, name, STORE_MAY_READ, &place, e))
        return false;
    if (items & IMAP_STATUS_HIGHESTMODSEQ)
        imap_begin_condstore(s);
    return imap_send_status(s, &place, items, e);
}
