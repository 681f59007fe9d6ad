/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND (RFC 9051 section 6.3.12) of one or several messages (RFC 3502), which all come or none,
 * and REPLACE (RFC 8508). */
#include "services/imap/append.h"
#include "services/imap/commands.h"
#include "services/imap/limits.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/view.h"

bool imap_disk_is_full(struct imap_session *s)
{
    if (!s->app->health.is_disk_full)
        return false;
    (void)imap_reply(s, IMAP_NO, STR("UNAVAILABLE"),
                     "Not enough room on the disk, try again later");
    return true;
}

/* What the parser refused for another reason than grammar. */
static bool parse_failed(struct imap_session *s, struct err *e)
{
    if (e->kind == ERR_UNSUPPORTED)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such flag; keywords have no backslash");
    if (e->kind == ERR_LIMIT)
        return imap_reply(s, IMAP_NO, STR("LIMIT"), "Too many messages, parts or keywords");
    return false;
}

/* What a mailbox of somebody else gets has not been read by its owner: \Seen is the one who sends
 * it. Gives the UIDs that this user has seen, as places in the items; nothing in an own mailbox. */
static size_t take_seen(struct imap_appending *a, uint32_t *seen)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n && a->place.space != STORE_SPACE_OWN; i++) {
        if (!(a->items[i].flags & STORE_SEEN))
            continue;
        a->items[i].flags &= ~(unsigned)STORE_SEEN;
        seen[n++] = (uint32_t)i;
    }
    return n;
}

/* After the messages are stored. */
static void mark_seen(struct imap_appending *a, uint32_t *seen, size_t n,
                      const struct store_appended *appended, str command)
{
    for (size_t i = 0; i < n; i++)
        seen[i] += appended->first_uid;
    imap_mark_own_seen(a->s, &a->place, seen, n, command);
}

static bool append(struct imap_appending *a, struct store_appended *out, struct err *e)
{
    uint32_t *seen = ARENA_ARRAY(&a->s->arena, uint32_t, a->n);
    size_t n_seen = take_seen(a, seen);
    if (!store_append(a->s->app->store, a->place.account_id, a->place.mailbox.mailbox_id, a->items,
                      a->n, imap_append_deadline(), out, e))
        return false;
    mark_seen(a, seen, n_seen, out, STR("APPEND"));
    imap_view_note_made(a->s, &a->place, out->first_uid, a->n);
    imap_append_take(a, out);
    return true;
}

static bool replace(struct imap_appending *a, const struct store_source *source,
                    struct store_appended *out, struct err *e)
{
    uint32_t seen = 0;
    size_t n_seen = take_seen(a, &seen);
    if (!store_replace(a->s->app->store, source, a->place.account_id, a->place.mailbox.mailbox_id,
                       a->items, imap_append_deadline(), out, e))
        return false;
    mark_seen(a, &seen, n_seen, out, STR("REPLACE"));
    imap_view_note_made(a->s, &a->place, out->first_uid, 1);
    return true;
}

bool imap_cmd_append(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_append_args args;
    struct store_appended appended;
    struct imap_appending a = { .s = s };
    if (!imap_append_parse(&c->args, &args, e))
        return parse_failed(s, e);
    if (imap_limit_refuses(s, args.n, true))
        return true;
    bool ok =
        imap_append_prepare(&a, args.mailbox, args.messages, args.n, e) && append(&a, &appended, e);
    imap_append_fini(&a);
    if (!ok)
        return imap_append_refused(&a, e);
    return imap_reply(s, IMAP_OK, imap_append_code(s, &appended, a.n), "APPEND completed");
}

/* The UID of the message to be replaced. False: the answer is set, or *e. */
static bool find_replaced(struct imap_session *s, const struct imap_replace_args *args, bool is_uid,
                          uint32_t *uid, struct err *e)
{
    const struct imap_view *v = s->view;
    uint32_t last = imap_view_last_uid(v);
    *uid = is_uid ? args->number : 0;
    if (args->is_last) {
        *uid = last;
    } else if (!is_uid && args->number <= v->n) {
        *uid = imap_view_row(v, args->number - 1)->uid;
    }
    if (!is_uid && *uid == 0)
        return ERR(e, ERR_SYNTAX, "there is no message of that number");
    return true;
}

bool imap_cmd_replace(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_replace_args args;
    struct store_appended appended;
    struct imap_appending a = { .s = s };
    struct store_source source = { .account_id = s->view->account_id,
                                   .mailbox_id = s->view->mailbox_id };
    if (!imap_replace_parse(&c->args, &args, e))
        return parse_failed(s, e);
    if (!imap_view_may(s, STORE_MAY_MARK | STORE_MAY_EXPUNGE, e) ||
        !find_replaced(s, &args, c->is_uid, &source.uid, e))
        return false;
    if (imap_view_find(s->view, source.uid) < 0)
        return imap_reply(s, IMAP_NO, STR("NONEXISTENT"), "No message has this UID");
    bool ok = imap_append_prepare(&a, args.mailbox, &args.message, 1, e) &&
              replace(&a, &source, &appended, e);
    imap_append_fini(&a);
    if (!ok && !a.is_refused && imap_is_refusal(e, ERR_CONFLICT))
        return imap_reply(s, IMAP_NO, STR("EXPUNGEISSUED"), "The message is gone already");
    if (!ok)
        return imap_append_refused(&a, e);
    /* Before the EXPUNGE, so that a client knows what comes in its place (section 4.3). */
    str code = imap_append_code(s, &appended, 1);
    (void)imap_sendf(s, "* OK [%.*s] The message that replaces it\r\n", STR_FMT(code));
    s->is_stale = true;
    return true;
}
