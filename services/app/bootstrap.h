/* SPDX-License-Identifier: Apache-2.0 */
/* `domains:` and `accounts:` of the configuration: makes what is not there, so that one file is
 * enough for a first start. It never changes or removes anything: from then on the command line,
 * the API and the web are masters. */
#ifndef APP_BOOTSTRAP_H
#define APP_BOOTSTRAP_H

#include "config/config.h"

struct db;

/* Whether names, passwords and hashes could be used. Pure. ERR_SYNTAX with file and line. */
bool app_bootstrap_check(const struct config *c, struct err *e);

/* Makes the missing domains, then the missing accounts, with their audit rows; several processes
 * may do it at once. It hashes passwords in the loop's thread, so it is for a process that serves
 * nobody. ERR_NOT_FOUND with file and line: the domain of an account is nowhere; errors of
 * db_query. Yields.
 */
YIELDS bool app_bootstrap(const struct config *c, struct db *db, int64_t deadline_ms,
                          struct err *e);

#endif
