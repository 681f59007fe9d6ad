/* SPDX-License-Identifier: Apache-2.0 */
/* Private to deliver: mails that are reports of other servers about domains of ours. */
#ifndef DELIVER_RECEIVE_REPORT_H
#define DELIVER_RECEIVE_REPORT_H

#include "deliver/report.h"

/* Reads a report (RFC 8460, 9990) that is for the address which our DNS records name, and keeps
 * what is in it. `proven`: the Authentication-Results field that deliver_prove gave. True: the mail
 * is done with. False: it is to be delivered like any other: it is no report, is not proven, not
 * about a domain of ours or cannot be read or kept now (which is logged), is for others, too, or
 * the mails are kept. A report is derived data: it never fails a delivery (R22). Yields. */
YIELDS bool deliver_take_report(const struct deliver_attempt *attempt, str proven,
                                int64_t deadline_ms);

#endif
