/* SPDX-License-Identifier: Apache-2.0 */
/* Asks senders what to do with mail that is held. */
#ifndef DELIVERY_ASK_H
#define DELIVERY_ASK_H

#include "services/delivery/delivery.h"

/* Asks about everything that nobody was asked about yet. What fails is logged, and tried again at
 * the next call. Yields. */
YIELDS void delivery_ask_senders(struct delivery *d);

#endif
