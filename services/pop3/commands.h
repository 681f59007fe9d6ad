/* SPDX-License-Identifier: Apache-2.0 */
/* The table of POP3 commands: it feeds the dispatcher, the check of states, and CAPA. */
#ifndef POP3_COMMANDS_H
#define POP3_COMMANDS_H

#include "services/pop3/session.h"

/* Checks that the command is allowed now and runs it. Yields. */
YIELDS void pop3_run_command(struct pop3_session *s, const struct pop3_command *command);

/* The n-th command, as the operator is told of it; false past the last. */
bool pop3_command_describe(size_t n, struct app_command *out);

/* Appends the lines of CAPA for the session as it is. False when `out` is full. */
bool pop3_capabilities_format(const struct pop3_session *s, struct buf *out);

/* cmd_login.c */
YIELDS void pop3_cmd_stls(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_user(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_pass(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_apop(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_auth(struct pop3_session *s, str argument);
/* The client's next line in the dialogue of AUTH. Yields. */
YIELDS void pop3_auth_line(struct pop3_session *s, str line);
/* cmd_session.c */
YIELDS void pop3_cmd_capa(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_utf8(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_noop(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_quit(struct pop3_session *s, str argument);
/* cmd_list.c */
YIELDS void pop3_cmd_stat(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_list(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_uidl(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_dele(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_rset(struct pop3_session *s, str argument);
/* cmd_retr.c */
YIELDS void pop3_cmd_retr(struct pop3_session *s, str argument);
YIELDS void pop3_cmd_top(struct pop3_session *s, str argument);

#endif
