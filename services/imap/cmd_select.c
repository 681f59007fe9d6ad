/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, EXAMINE, CLOSE, UNSELECT. */
#include "services/imap/commands.h"
#include "services/imap/resolve.h"
#include "services/imap/status.h"
#include "services/imap/updates.h"
#include "wire/imap_mailbox_name.h"

enum {
    /* With one of these a mailbox is not read-only (RFC 4314 section 5.2). */
    CHANGING_RIGHTS =
        STORE_MAY_SEEN | STORE_MAY_WRITE | STORE_MAY_INSERT | STORE_MAY_MARK | STORE_MAY_EXPUNGE
};

/* Number of the first message without \Seen, 0 when there is none: for rev1 (RFC 3501 6.3.1). */
static size_t first_unseen(const struct imap_view *v)
{
    for (size_t i = 0; i < v->n; i++) {
        if (!(imap_view_row(v, i)->flags & STORE_SEEN))
            return i + 1;
    }
    return 0;
}

static void send_permanent_flags(struct imap_session *s)
{
    bool ok = buf_add(&s->out, STR("* OK [PERMANENTFLAGS ("));
    ok = ok && (s->view->is_read_only || imap_view_permanent_flags_format(&s->out, s->view));
    if (ok && buf_add(&s->out, STR(")] Flags that are kept\r\n")))
        (void)imap_send_out(s);
}

static void send_facts(struct imap_session *s)
{
    const struct imap_view *v = s->view;
    size_t unseen = first_unseen(v);
    (void)imap_send_flags(s);
    send_permanent_flags(s);
    (void)imap_sendf(s, "* %zu EXISTS\r\n", v->n);
    if (!s->is_rev2) {
        (void)imap_send(s, STR("* 0 RECENT\r\n"));
        if (unseen)
            (void)imap_sendf(s, "* OK [UNSEEN %zu] First unseen\r\n", unseen);
    }
    (void)imap_sendf(s, "* OK [UIDVALIDITY %u] UIDs valid\r\n", (unsigned)v->uidvalidity);
    (void)imap_sendf(s, "* OK [UIDNEXT %u] Predicted next UID\r\n", (unsigned)v->box->uidnext);
    (void)imap_sendf(s, "* OK [HIGHESTMODSEQ %lld] Highest\r\n", (long long)v->modseq);
    str id = imap_mailboxid_code(s, v->account_id, v->mailbox_id);
    (void)imap_sendf(s, "* OK [%.*s] Mailbox id\r\n", STR_FMT(id));
    if (s->is_rev2) {
        bool ok = buf_add(&s->out, STR("* LIST () \"/\" ")) &&
                  imap_mailbox_format(&s->out, str_from_cstr(s->view->name), imap_has_utf8(s)) &&
                  buf_add(&s->out, STR("\r\n"));
        if (ok)
            (void)imap_send_out(s);
    }
}

/* A mailbox that was selected is closed even when the new one cannot be (RFC 9051 6.3.2). */
bool imap_cmd_select(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_select_args args;
    struct store_place place;
    str name;
    bool is_read_only = str_eq(c->name, STR("EXAMINE"));
    if (!imap_parse_select(&c->args, &args, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such parameter");
        return false;
    }
    if (s->view) {
        imap_view_close(s);
        (void)imap_send(s, STR("* OK [CLOSED] The former mailbox is closed\r\n"));
    }
    if (!imap_mailbox_parse(&s->arena, args.mailbox, imap_has_utf8(s), &name, e) ||
        !imap_resolve(s, name, STORE_MAY_READ, &place, e) ||
        !imap_view_open(s, &place, is_read_only, e))
        return false;
    s->is_condstore |= args.condstore;
    send_facts(s);
    bool can_change = !is_read_only && (place.rights & CHANGING_RIGHTS);
    return imap_reply(s, IMAP_OK, can_change ? STR("READ-WRITE") : STR("READ-ONLY"),
                      is_read_only ? "EXAMINE completed" : "SELECT completed");
}

/* Expunges without telling (RFC 9051 6.4.1), as far as the rights go (RFC 4314 section 4). */
bool imap_cmd_close(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct store_expunged result;
    if (!imap_parse_nothing(&c->args, e))
        return false;
    bool may_expunge = !s->view->is_read_only && (s->view->rights & STORE_MAY_EXPUNGE);
    if (may_expunge && !store_expunge(s->app->store, s->view->account_id, s->view->mailbox_id, NULL,
                                      true, &s->arena, imap_deadline(), &result, e))
        return false;
    imap_view_close(s);
    return true;
}

bool imap_cmd_unselect(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    imap_view_close(s);
    return true;
}
