/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a shift, and the fiber that carries messages over it. */
#ifndef DELIVERY_CARRIER_H
#define DELIVERY_CARRIER_H

#include "services/delivery/shift.h"

struct carrier {
    struct list link; /* in shift->carriers */
    struct shift *shift;
    struct delivery_session session;
    bool has_worked;    /* counted in shift->n_connected */
    int64_t sending_ms; /* since then it is busy with a message over a connection; monotonic */
    struct timer slow;  /* armed until the server has answered: it takes long */
};

/* What is known of a destination's speed when somebody asks whether to connect once more. */
struct carrier_load {
    size_t left;        /* messages that nobody has begun with */
    unsigned n;         /* connections, with those that are being opened */
    unsigned n_opening; /* of them: each is there for one of those messages */
    int64_t message_ms; /* that a message takes: the mean, or more where one takes longer now */
};

/* Whether one more connection is worth its opening: what is left would keep those that are there
 * busy for longer than 200 ms. */
bool carrier_is_help_worth(const struct carrier_load *load);

/* Carries messages of the shift until none is left, and has others help where that is worth it: at
 * most carriers_max at a time. Yields. */
YIELDS void carrier_work(struct shift *shift);

/* Cuts the connection: nothing may be sent any more. */
void carrier_abort(struct carrier *carrier);

#endif
