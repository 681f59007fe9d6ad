/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8). */
#include "services/imap/commands.h"
#include "services/imap/limits.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/updates.h"
#include "wire/imap_mailbox_name.h"

enum {
    COPY_MS = 60 * 1000 /* of a big set */
};

static bool format_uids(struct buf *out, struct arena *a, const uint32_t *uids, size_t n)
{
    struct imap_sequence_builder b;
    imap_sequence_build(&b, a);
    for (size_t i = 0; i < n; i++)
        imap_sequence_add(&b, uids[i]);
    return imap_sequence_format(out, &b.set);
}

/* "COPYUID 38505 304,319:320 3956:3958"; empty when nothing was copied. */
static str copyuid_code(struct imap_session *s, const struct store_copied *copied)
{
    size_t from = s->out.n;
    if (copied->n == 0)
        return STR_EMPTY;
    bool ok = buf_addf(&s->out, "COPYUID %u ", (unsigned)copied->uidvalidity) &&
              format_uids(&s->out, &s->arena, copied->uids, copied->n) &&
              buf_addf(&s->out, " %u", (unsigned)copied->first_uid);
    if (copied->n > 1)
        ok = ok && buf_addf(&s->out, ":%u", (unsigned)(copied->first_uid + copied->n - 1));
    str code = ok ? arena_str(&s->arena, str_skip(buf_str(&s->out), from)) : STR_EMPTY;
    buf_truncate(&s->out, from);
    return code;
}

/* Arguments of one COPY or MOVE. */
struct copying {
    struct imap_selection selection;
    str target;               /* name */
    struct store_place place; /* of the target, when it was found */
    bool is_uid;              /* UIDs that are gone are no error (RFC 9051 section 6.4.9) */
};

static bool read_copy(struct imap_session *s, struct imap_command *c, struct copying *out,
                      struct err *e)
{
    struct imap_sequence set;
    str sent = STR_EMPTY;
    if (!imap_lexer_space(&c->args, e) || !imap_sequence_parse(&c->args, &set, e) ||
        !imap_parse_astrings(&c->args, &sent, 1, e))
        return false;
    if (str_eq(c->name, STR("MOVE")) && !imap_view_may(s, STORE_MAY_MARK | STORE_MAY_EXPUNGE, e))
        return false;
    return imap_select_messages(s, &set, c->is_uid, &out->selection, e) &&
           imap_mailbox_parse(&s->arena, sent, imap_has_utf8(s), &out->target, e);
}

/* Among mailboxes of somebody else the user's own \Seen goes along with the copies. Yields. */
static void carry_seen(struct imap_session *s, const struct store_place *target, str command,
                       const struct store_copied *copied)
{
    const struct imap_view *v = s->view;
    if (target->account_id == s->account_id || target->account_id != v->account_id ||
        !(target->rights & STORE_MAY_SEEN))
        return;
    uint32_t *seen = ARENA_ARRAY(&s->arena, uint32_t, copied->n);
    size_t n = 0;
    for (size_t i = 0; i < copied->n; i++) {
        ptrdiff_t at = imap_view_find(v, copied->uids[i]);
        if (at >= 0 && (imap_view_row(v, (size_t)at)->flags & STORE_SEEN))
            seen[n++] = copied->first_uid + (uint32_t)i;
    }
    imap_mark_own_seen(s, target, seen, n, command);
}

/* The flags that the user may not set at the target (RFC 4314 section 4). In a row of a mailbox of
 * another, \Seen is the owner's, who keeps it. */
static unsigned dropped_flags(const struct imap_session *s, const struct store_place *target)
{
    unsigned drops = STORE_FLAGS_ALL & ~imap_rights_flags(target->rights, STORE_FLAGS_ALL);
    return target->account_id == s->view->account_id ? drops & ~(unsigned)STORE_SEEN : drops;
}

/* *no_target: it is the target that is not there. Yields. */
static bool transfer(struct imap_session *s, struct copying *c, bool is_move,
                     struct store_copied *out, bool *no_target, struct err *e)
{
    struct store_place *target = &c->place;
    *no_target = true;
    if (!imap_resolve(s, c->target, STORE_MAY_INSERT, target, e))
        return false;
    *no_target = false;
    if (c->selection.n == 0)
        return true;
    const struct store_ranges set = imap_selection_ranges(s, &c->selection);
    const struct store_transfer what = { .account_id = s->view->account_id,
                                         .from_mailbox_id = s->view->mailbox_id,
                                         .to_mailbox_id = target->mailbox.mailbox_id,
                                         .to_account_id = target->account_id,
                                         .viewer_id = s->account_id,
                                         .set = &set,
                                         .drops = dropped_flags(s, target),
                                         .drops_keywords = !imap_rights_keywords(target->rights),
                                         .is_move = is_move,
                                         .n_wanted = c->is_uid ? 0 : c->selection.n };
    return store_transfer(s->app->store, &what, &s->arena, clock_deadline_in(COPY_MS), out,
                          no_target, e);
}

YIELDS static bool refuse_full(struct imap_session *s, const struct copying *c, bool is_move)
{
    int64_t octets = 0;
    bool needs_room = !is_move || c->place.account_id != s->view->account_id;
    for (size_t i = 0; i < c->selection.n; i++)
        octets += imap_view_row(s->view, c->selection.index[i])->size;
    return imap_limit_refuse_full(s, c->place.account_id, octets, needs_room ? c->selection.n : 0);
}

bool imap_cmd_copy(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct copying copying = { .target = STR_EMPTY, .is_uid = c->is_uid };
    struct store_copied copied = { .n = 0 };
    bool no_target = false;
    bool is_move = str_eq(c->name, STR("MOVE"));
    if (!read_copy(s, c, &copying, e))
        return false;
    if (is_move)
        imap_limit_selection(s, &copying.selection);
    /* To move to the trash makes room in the end. */
    if (!is_move && (imap_limit_refuses(s, copying.selection.n, true) || imap_disk_is_full(s)))
        return true;
    if (!transfer(s, &copying, is_move, &copied, &no_target, e)) {
        if (e->kind == ERR_NOT_FOUND && no_target)
            return imap_reply(s, IMAP_NO, STR("TRYCREATE"), "No such mailbox");
        if (imap_is_refusal(e, ERR_LIMIT))
            return refuse_full(s, &copying, is_move);
        if (imap_is_refusal(e, ERR_CONFLICT)) {
            s->is_stale = true; /* so that the client is told which, before the news of it comes */
            return imap_reply(s, IMAP_NO, STR("EXPUNGEISSUED"), "Some messages are gone");
        }
        return false;
    }
    carry_seen(s, &copying.place, c->name, &copied);
    imap_view_note_made(s, &copying.place, copied.first_uid, copied.n);
    str code = copyuid_code(s, &copied);
    if (!is_move || code.n == 0)
        return imap_reply(s, IMAP_OK, code, is_move ? "MOVE completed" : "COPY completed");
    /* Before the EXPUNGEs, so that the client knows where they went (RFC 6851 section 4.3). */
    (void)imap_sendf(s, "* OK [%.*s] Moved\r\n", STR_FMT(code));
    return imap_updates_after_expunge(s, copied.modseq, "MOVE completed");
}
