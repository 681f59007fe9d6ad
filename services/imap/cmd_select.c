/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, EXAMINE, CLOSE, UNSELECT. */
#include "services/imap/commands.h"
#include "services/imap/resolve.h"
#include "services/imap/status.h"
#include "services/imap/updates.h"
#include "services/imap/vanished.h"
#include "wire/imap_mailbox_name.h"

enum {
    /* With one of these a mailbox is not read-only (RFC 4314 section 5.2). In those of others \Seen
     * is each user's own, so the right to set it is not among them; owners have all. */
    CHANGING_RIGHTS = STORE_MAY_WRITE | STORE_MAY_INSERT | STORE_MAY_MARK | STORE_MAY_EXPUNGE
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
        if (unseen && !s->is_uidonly)
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

/* The lowest UID above those that the client is known to be right about: the highest pair of its
 * sample that is so here (RFC 7162 section 3.2.5.2). */
static uint32_t highest_match(const struct imap_view *v, const struct imap_select_args *args)
{
    uint32_t match = 0;
    size_t n = 0; /* ranges of numbers used up, and UIDs used of the present range */
    uint64_t used = 0;
    for (size_t i = 0; i < args->uids.n; i++) {
        const struct imap_range *uids = &args->uids.ranges[i];
        for (uint64_t uid = uids->first; uid <= uids->last; uid++) {
            if (n == args->numbers.n)
                return match;
            uint64_t number = args->numbers.ranges[n].first + used;
            if (number > v->n)
                return match;
            if (imap_view_row(v, number - 1)->uid == uid)
                match = (uint32_t)uid;
            bool is_last = number == args->numbers.ranges[n].last;
            n += is_last;
            used = is_last ? 0 : used + 1;
        }
    }
    return match;
}

/* The messages that are known to the client and changed since. */
YIELDS static void send_changed(struct imap_session *s, const struct imap_select_args *args)
{
    const struct imap_view *v = s->view;
    bool knows_all = args->known_uids.n == 0;
    for (size_t i = 0; i < v->n; i++) {
        const struct store_row *row = imap_view_row(v, i);
        if (row->modseq <= args->modseq ||
            !(knows_all || imap_sequence_has(&args->known_uids, row->uid)))
            continue;
        (void)imap_put_row(s, i, true);
        (void)imap_send_some(s);
    }
    (void)imap_send_out(s);
}

/* What happened to the mailbox since the client saw it last; nothing when it is another one. */
YIELDS static bool resync(struct imap_session *s, const struct imap_select_args *args,
                          struct err *e)
{
    if (!args->qresync || args->uidvalidity != s->view->uidvalidity)
        return true;
    const struct imap_sequence *known = args->known_uids.n ? &args->known_uids : NULL;
    if (!imap_send_vanished_earlier(s, known, args->modseq, highest_match(s->view, args), e))
        return false;
    send_changed(s, args);
    return true;
}

/* Reads the arguments. False: *e is set, or the answer is. */
static bool read_select(struct imap_session *s, struct imap_command *c,
                        struct imap_select_args *args, bool *is_answered, struct err *e)
{
    *is_answered = true;
    if (!imap_parse_select(&c->args, args, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such parameter");
        return false;
    }
    if (args->qresync && !s->is_qresync)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "ENABLE QRESYNC first");
    if (args->numbers.n && s->is_uidonly)
        return imap_reply(s, IMAP_BAD, STR("UIDREQUIRED"), "Message numbers were given up");
    *is_answered = false;
    return true;
}

/* A mailbox that was selected is closed even when the new one cannot be (RFC 9051 6.3.2). */
bool imap_cmd_select(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_select_args args;
    struct store_place place;
    str name;
    bool is_read_only = str_eq(c->name, STR("EXAMINE"));
    bool is_answered;
    if (!read_select(s, c, &args, &is_answered, e))
        return false;
    if (is_answered)
        return true;
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
    if (!resync(s, &args, e)) {
        imap_view_close(s); /* the client must not believe that it knows all */
        return false;
    }
    bool can_change = !is_read_only && (place.rights & CHANGING_RIGHTS);
    return imap_reply(s, IMAP_OK, can_change ? STR("READ-WRITE") : STR("READ-ONLY"),
                      is_read_only ? "EXAMINE completed" : "SELECT completed");
}

/* HIGHESTMODSEQ, when the client has been told everything else (RFC 7162 section 3.2.8): it knows
 * what it expunged. */
static str close_code(struct imap_session *s, const struct store_expunged *result)
{
    bool knows_all = result->modseq && result->former == s->view->modseq;
    if (!knows_all || !s->is_qresync)
        return STR_EMPTY;
    return arena_printf(&s->arena, "HIGHESTMODSEQ %lld", (long long)result->modseq);
}

/* Expunges without telling (RFC 9051 6.4.1), as far as the rights go (RFC 4314 section 4). */
bool imap_cmd_close(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct store_expunged result = { .modseq = 0 };
    if (!imap_parse_nothing(&c->args, e))
        return false;
    bool may_expunge = !s->view->is_read_only && (s->view->rights & STORE_MAY_EXPUNGE);
    if (may_expunge && !store_expunge(s->app->store, s->view->account_id, s->view->mailbox_id, NULL,
                                      true, &s->arena, imap_deadline(), &result, e))
        return false;
    str code = close_code(s, &result);
    imap_view_close(s);
    return imap_reply(s, IMAP_OK, code, "CLOSE completed");
}

bool imap_cmd_unselect(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    imap_view_close(s);
    return true;
}
