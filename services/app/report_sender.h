/* SPDX-License-Identifier: Apache-2.0 */
/* In whose name reports to other domains go out, as the configuration wants it. */
#ifndef APP_REPORT_SENDER_H
#define APP_REPORT_SENDER_H

#include "reports/document.h"
#include "services/app/app.h"

/* reports.from, or noreply-reports at the domain of ours that our host name belongs to, or at the
 * only one. Texts are in the arena. ERR_NOT_FOUND: there is no such domain, and the sentence says
 * what to set; errors of db_query. Yields. */
YIELDS bool app_report_sender(const struct app *app, struct arena *a, int64_t deadline_ms,
                              struct reports_sender *out, struct err *e);

/* Pure: of the domains, the longest that the host name belongs to, else the only one; empty. */
str app_report_domain(str hostname, const str *domains, size_t n);

#endif
