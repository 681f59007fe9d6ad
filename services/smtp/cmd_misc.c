/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that bring no mail: NOOP, QUIT, VRFY, EXPN, HELP. */
#include "services/smtp/commands.h"

enum net_next smtp_cmd_noop(struct smtp_session *s, str argument)
{
    (void)argument;
    return smtp_say(s, ANSWER_OK);
}

enum net_next smtp_cmd_quit(struct smtp_session *s, str argument)
{
    (void)argument;
    s->end = "quit";
    return smtp_say(s, ANSWER_BYE);
}

/* Tells nothing about who exists (RFC 5321 7.3). */
enum net_next smtp_cmd_vrfy(struct smtp_session *s, str argument)
{
    return smtp_say(s, argument.n > 0 ? ANSWER_VRFY : ANSWER_BAD_SYNTAX);
}

enum net_next smtp_cmd_expn(struct smtp_session *s, str argument)
{
    (void)argument;
    return smtp_say(s, ANSWER_NOT_IMPLEMENTED);
}

enum net_next smtp_cmd_help(struct smtp_session *s, str argument)
{
    struct buf text;
    (void)argument;
    buf_init(&text, 1024);
    (void)buf_addf(&text, "2.0.0 Commands: ");
    smtp_list_commands(s, &text);
    enum net_next next = smtp_say_raw(s, 214, buf_str(&text));
    buf_fini(&text);
    return next;
}
