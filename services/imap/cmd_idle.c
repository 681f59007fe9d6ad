/* SPDX-License-Identifier: Apache-2.0 */
/* IDLE (RFC 2177): the session is parked, without a fiber, until notify wakes it or the client
 * says DONE. */
#include "services/imap/commands.h"
#include "services/imap/resolve.h"
#include "services/imap/watch.h"

enum {
    DONE_MAX = 256
};

bool imap_cmd_idle(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    memcpy(s->idle_tag, c->tag.p, c->tag.n);
    s->idle_tag[c->tag.n] = '\0';
    s->is_idling = true;
    s->is_replied = true;
    (void)imap_send(s, STR("+ idling\r\n"));
    /* What happened since the last look is told at once. */
    if (s->view && !imap_watch_tell_selected(s, true, false, e))
        s->is_stale = true;
    return true;
}

/* What is known to be new, and the rights on a mailbox of others in any case: the news of a change
 * may still be under way when the client says DONE. Yields. */
YIELDS static void look_once_more(struct imap_session *s)
{
    struct err e = ERR_CLEAR;
    if (!s->view)
        return;
    bool ok = s->is_stale ? imap_watch_tell_selected(s, true, false, &e) : imap_view_recheck(s, &e);
    if (!ok)
        s->is_stale = true;
}

void imap_idle_input(struct imap_session *s)
{
    str line;
    struct err e = ERR_CLEAR;
    if (!net_read_line(s->conn, DONE_MAX, clock_deadline_in(IMAP_READ_MS), &line, NULL, &e)) {
        if (e.kind == ERR_SYNTAX)
            imap_bye(s, "CLIENTBUG", e.msg, "bad_compression");
        if (e.kind == ERR_LIMIT || e.kind == ERR_TIMEOUT)
            imap_bye(s, "", "DONE was expected", "bad_idle");
        s->is_closing = true;
        return;
    }
    bool is_done = str_ieq(line, STR("DONE"));
    s->is_idling = false;
    s->bad_commands += !is_done;
    look_once_more(s);
    if (s->is_closing)
        return;
    (void)imap_reply(s, is_done ? IMAP_OK : IMAP_BAD, STR_EMPTY,
                     is_done ? "IDLE completed" : "DONE was expected");
    (void)imap_send_reply(s, str_from_cstr(s->idle_tag));
}
