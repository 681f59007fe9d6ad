/* SPDX-License-Identifier: Apache-2.0 */
/* Sends the failure reports (RFC 9991) that are due, and forgets old ones. */
#ifndef SCHEDULER_FAILURE_REPORTER_H
#define SCHEDULER_FAILURE_REPORTER_H

#include "services/app/app.h"

/* Works until the deadline, or until nothing is due. What fails is tried again some times. Errors:
 * those of db_query, ERR_CANCELLED. Yields. */
YIELDS bool failure_reporter_run(struct app *app, int64_t deadline_ms, struct err *e);

#endif
