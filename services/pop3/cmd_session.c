/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the session itself: CAPA, UTF8, NOOP, QUIT. */
#include "services/pop3/commands.h"
#include "services/pop3/maildrop.h"

enum {
    CAPABILITIES_MAX = 1000 /* octets */
};

void pop3_cmd_capa(struct pop3_session *s, str argument)
{
    struct buf out;
    (void)argument;
    buf_init(&out, CAPABILITIES_MAX);
    bool ok = buf_add(&out, STR("+OK This is what I can do\r\n")) &&
              pop3_capabilities_format(s, &out) && buf_add(&out, STR(".\r\n"));
    INVARIANT(ok);
    (void)pop3_send(s, buf_str(&out));
    buf_fini(&out);
}

/* RFC 6856 section 2. Without it, headers are sent in ASCII only (cmd_retr.c). */
void pop3_cmd_utf8(struct pop3_session *s, str argument)
{
    (void)argument;
    if (s->is_utf8) {
        pop3_bad(s, "UTF8 is on already");
        return;
    }
    s->is_utf8 = true;
    pop3_ok(s, "UTF8 is on");
}

void pop3_cmd_noop(struct pop3_session *s, str argument)
{
    (void)argument;
    pop3_ok(s, "Nothing done");
}

/* The UPDATE state: only here anything is deleted (RFC 1939 section 6). */
void pop3_cmd_quit(struct pop3_session *s, str argument)
{
    struct err e = ERR_CLEAR;
    (void)argument;
    if (s->maildrop && !pop3_maildrop_update(s, &e)) {
        pop3_fail(s, &e);
    } else {
        pop3_ok(s, "Bye");
    }
    pop3_end(s, "quit");
}
