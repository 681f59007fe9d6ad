/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: who runs each, and when it is allowed. */
#ifndef SMTP_COMMANDS_H
#define SMTP_COMMANDS_H

#include "services/smtp/session.h"

/* Checks that the command is allowed now and runs it. */
YIELDS enum net_next smtp_run_command(struct smtp_session *s, const struct smtp_command *command);

/* Appends the names of the commands that the session may be given, for HELP. */
void smtp_list_commands(const struct smtp_session *s, struct buf *out);

/* The client's next line in the dialogue of AUTH. */
YIELDS enum net_next smtp_auth_line(struct smtp_session *s, str line);
/* Ends the dialogue, if one is under way, and wipes what it learnt. */
void smtp_auth_end(struct smtp_session *s);

/* Whether EHLO tells of XCLIENT. */
bool smtp_offers_xclient(const struct smtp_session *s);

/* One function a command, in cmd_*.c; all may yield. */
YIELDS enum net_next smtp_cmd_helo(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_ehlo(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_starttls(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_xclient(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_auth(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_mail(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_rcpt(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_data(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_bdat(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_rset(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_noop(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_quit(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_vrfy(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_expn(struct smtp_session *s, str argument);
YIELDS enum net_next smtp_cmd_help(struct smtp_session *s, str argument);

/* A BDAT that is not allowed now, for the reason `why`: its octets are read and dropped before the
 * answer; a size that cannot be waited for ends the connection. */
YIELDS enum net_next smtp_refuse_chunk(struct smtp_session *s, str argument, enum smtp_answer why);

#endif
