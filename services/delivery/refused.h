/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients that other servers refused for good: remembered for their sender, and a reason to stop
 * one who has too many. */
#ifndef DELIVERY_REFUSED_H
#define DELIVERY_REFUSED_H

#include "services/delivery/delivery.h"

/* Notes those among the results of a message, of which results[i] is of recipients[i]. That they
 * could not be noted hinders nothing. Yields. */
YIELDS void delivery_note_refused(const struct delivery *d, const struct queue_message *m,
                                  const struct queue_result *results);

#endif
