/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY (RFC 5465). What it asks for is kept and done in watch.h. */
#include "services/imap/commands.h"
#include "services/imap/replies.h"
#include "services/imap/watch.h"

bool imap_cmd_notify(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_notify_args *args = ARENA_NEW(&s->arena, struct imap_notify_args);
    if (!imap_notify_parse(&c->args, args, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such attribute of new messages");
        return false;
    }
    if (args->events & IMAP_EVENT_OTHER) {
        return imap_reply(s, IMAP_NO, STR("BADEVENT (" IMAP_EVENT_NAMES ")"),
                          "Only these events are told");
    }
    if (imap_watch_set(s, args, e))
        return true;
    if (imap_is_refusal(e, ERR_LIMIT))
        return imap_reply(s, IMAP_NO, STR("NOTIFICATIONOVERFLOW"), "Too many mailboxes to watch");
    return false;
}
