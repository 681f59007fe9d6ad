/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a shift, and the fiber that carries messages over it. */
#ifndef DELIVERY_CARRIER_H
#define DELIVERY_CARRIER_H

#include "services/delivery/shift.h"

struct carrier {
    struct list link; /* in shift->carriers */
    struct shift *shift;
    struct delivery_session session;
    bool has_worked; /* counted in shift->n_connected */
};

/* Carries messages of the shift until none is left, and has others help while there are more than
 * one connection can take: at most carriers_max at a time. Yields. */
YIELDS void carrier_work(struct shift *shift);

/* Cuts the connection: nothing may be sent any more. */
void carrier_abort(struct carrier *carrier);

#endif
