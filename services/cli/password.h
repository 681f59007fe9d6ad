/* SPDX-License-Identifier: Apache-2.0 */
/* How the command line gets a password: from the terminal twice, from standard input, or from an
 * argument, which it then hides. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "crypto/secret.h"
#include "services/cli/cli.h"

/* Looks at --password and --password-stdin of the command. *given is false when the password is to
 * be asked for and there is no terminal. ERR_SYNTAX, ERR_LIMIT. */
bool cli_read_password(const struct cli *cli, struct secret *out, bool *given, struct err *e);

#endif
