/* SPDX-License-Identifier: Apache-2.0 */
/* Sends the reports to other domains that are due (TLS-RPT, DMARC), and forgets old ones. */
#ifndef SCHEDULER_REPORTER_H
#define SCHEDULER_REPORTER_H

#include "services/app/app.h"

/* Works until the deadline, or until nothing is due. What fails is noted with its report and tried
 * again after an hour, for a day. Errors: those of db_query, ERR_CANCELLED. Yields. */
YIELDS bool reporter_run(struct app *app, int64_t deadline_ms, struct err *e);

#endif
