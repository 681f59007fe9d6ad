/* SPDX-License-Identifier: Apache-2.0 */
/* `domains:` and `accounts:` of the configuration: makes what is not there, with an account
 * its further addresses, so that one file is enough for a first start. It never changes or removes
 * anything: from then on the command line, the API and the web are masters. */
#ifndef APP_BOOTSTRAP_H
#define APP_BOOTSTRAP_H

#include "config/config.h"

struct db;

/* Whether names, passwords and hashes could be used. Pure. ERR_SYNTAX with file and line. */
bool app_bootstrap_check(const struct config *c, struct err *e);

/* Makes the missing domains, then the missing accounts, each with its addresses and their audit
 * rows in one transaction; several processes may do it at once. No account is made before the
 * addresses of all of them were found to be free. Accounts that were there get no addresses; one
 * line in the log says it of each that has not all that the file gives it. It hashes passwords in
 * the loop's thread, so it is for a process that serves nobody. With file and line: ERR_NOT_FOUND,
 * the domain of a new account or of its addresses is nowhere; ERR_CONFLICT, a further address of it
 * belongs to another account or leads to others. Errors of db_query. Yields.
 */
YIELDS bool app_bootstrap(const struct config *c, struct db *db, int64_t deadline_ms,
                          struct err *e);

#endif
