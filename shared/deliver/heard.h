/* SPDX-License-Identifier: Apache-2.0 */
/* Private to deliver: reports of other servers about mail of ours that they took before. */
#ifndef DELIVER_HEARD_H
#define DELIVER_HEARD_H

#include "deliver/report.h"

/* Notes in the history of a message what a report about it says (RFC 3464), where the report comes
 * with the null sender to the address that the message left with (wire/smtp_from_id.h), and changes
 * nothing else by it: whoever got the message knows that address, and can make up what he likes
 * (queue/heard.h). To be called when the mail is stored. A report that is not understood, or cannot
 * be noted now, is lost for the history: it never fails a delivery (R22). Yields. */
YIELDS void deliver_note_heard(const struct deliver_attempt *attempt, int64_t deadline_ms);

#endif
