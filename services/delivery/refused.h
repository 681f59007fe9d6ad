/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients that other servers do not know: remembered for their sender, and a reason to stop one
 * who has too many. */
#ifndef DELIVERY_REFUSED_H
#define DELIVERY_REFUSED_H

#include "services/delivery/delivery.h"

/* Whether it says that there is nobody of this name: a reply to RCPT, by its enhanced code (RFC
 * 3463 section 3.2 and X.2.1). A refusal of another kind may be about us, our address, or the text;
 * one without a code may be, too. Pure. */
bool delivery_is_nobody(const struct queue_result *result);

/* Notes those among the results of a message that its sender named: results[i] is of recipients[i].
 * That they could not be noted hinders nothing. Yields. */
YIELDS void delivery_note_refused(const struct delivery *d, const struct queue_message *m,
                                  const struct queue_result *results);

#endif
