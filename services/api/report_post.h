/* SPDX-License-Identifier: Apache-2.0 */
/* Reports on TLS that other servers post (RFC 8460 section 5.4). */
#ifndef API_REPORT_POST_H
#define API_REPORT_POST_H

#include "reports/received.h"
#include "services/api/call.h"

/* Serves REPORTS_POST_PATH: takes a report about a domain of ours, where reports.https allows it:
 * 201 when it is committed, 200 when it was there before; 404 when it is off or about others, 400
 * when it cannot be read, 429 when the address, or everybody about one domain, came too often.
 * Nobody has to say who he is. Yields. */
YIELDS void report_post_serve(struct api *api, struct http_request *r);

#endif
