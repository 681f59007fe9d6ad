/* SPDX-License-Identifier: Apache-2.0 */
/* The mailboxes of the user that is the first argument of a command. */
#ifndef CLI_MAILBOX_H
#define CLI_MAILBOX_H

#include "services/cli/api.h"

/* Id of the mailbox of that full name; INBOX in any case of its letters. ERR_NOT_FOUND. Yields. */
YIELDS bool cli_find_mailbox(struct cli_session *s, const char *name, str *id, struct err *e);

#endif
