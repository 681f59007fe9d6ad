/* SPDX-License-Identifier: Apache-2.0 */
/* One leased destination at work: the lease and its keeper, the messages that are left to send, and
 * writing down what became of them. Carriers (carrier.h) work on it, each over its own connection.
 */
#ifndef DELIVERY_SHIFT_H
#define DELIVERY_SHIFT_H

#include "base/list.h"
#include "services/delivery/session.h"

/* Whoever works on it holds it; the last one frees. */
struct shift {
    struct delivery *d;
    struct queue_lease *lease;
    struct arena a;
    struct delivery_route route;
    struct delivery_use *use; /* of a transport with few connections; NULL: none (way.h) */
    bool has_own_limit;       /* of connections: the operator named one for what it carries */
    bool is_of_sender; /* the route is of the senders, or was chosen by hand, and says nothing of
                          the destination */
    unsigned holders;
    int64_t began_ms;

    size_t next;      /* of the lease's messages: nobody has begun with it */
    size_t *returned; /* those that a carrier gave back */
    size_t n_returned;
    struct list carriers;  /* at work */
    unsigned n_carriers;   /* in the list */
    unsigned n_connected;  /* of them have a connection that worked */
    unsigned n_sent;       /* messages over connections, done with */
    int64_t sent_ms;       /* that took together */
    unsigned carriers_max; /* connections that the destination takes, as far as is known */
    bool has_refused;      /* no server is good enough for messages of these terms */
    struct delivery_terms refused_terms;
    struct queue_result refused; /* what becomes of them */
    bool no_more;                /* no further message is begun with */
    bool is_lost;                /* the lease was lost: nothing may be sent any more */
    bool has_failures;           /* there is a sender to tell */
    struct signal_point end;     /* of a carrier or the keeper, and of the whole */

    bool has_ended; /* the keeper is to end */
    bool has_keeper;
    bool is_done;   /* given back */
    bool is_slow;   /* its worker went on without it */
    bool is_coming; /* it was claimed, and has no connection yet */
    struct signal_point keeper;
};

/* Gives; held once. */
struct shift *shift_new(struct delivery *d);
/* Lets go of it. */
void shift_drop(struct shift *shift);

/* Extends the lease for as long as the work takes, until shift_stop_keeper, which waits for the
 * keeper's end, so that it does not extend what is given back next. When extending fails, all
 * connections are cut: two workers never end one message (R9). */
void shift_start_keeper(struct shift *shift);
YIELDS bool shift_stop_keeper(struct shift *shift);

/* It has what it needs of connections that others left, or ends; harmless when done again. */
void shift_arrive(struct shift *shift);

/* The next message to send, or NULL: nothing is left, or nothing may be begun any more. */
const struct queue_message *shift_take(struct shift *shift);
/* Gives back a message that was taken and not tried: another carrier may have it. */
void shift_return(struct shift *shift, const struct queue_message *m);
/* Whether it waits for a place at a server. */
bool shift_is_in_line(const struct shift *shift);
/* Whether a further message may be begun with: the lease holds for long enough, its turn is not
 * over, nothing has ended it, and this process does not drain. */
bool shift_may_go_on(const struct shift *shift);
/* How many messages nobody has begun with. */
size_t shift_left(const struct shift *shift);

/* Notes for the breaker whether the destination could be worked with, as queue_lease_destination. A
 * relay of single senders tells nothing of it. */
bool shift_note_destination(struct shift *shift, bool worked, str reason);

/* Writes the results; a database in trouble is asked again as long as the lease holds, and about a
 * message that was sent until this process ends, because it would be sent again. False: no more
 * work under this lease. Yields. */
YIELDS bool shift_finish(struct shift *shift, const struct queue_message *m,
                         const struct queue_result *results, const struct tls_facts *tls);
/* Waits a while for results that could not be written when their leases ended: who claims now might
 * claim what was sent. Yields. */
YIELDS void shift_let_note(struct delivery *d);
/* The same result for all recipients of the message. Yields. */
YIELDS bool shift_finish_all(struct shift *shift, const struct queue_message *m,
                             const struct queue_result *result);
/* The same for all messages that nobody has begun with. Yields. */
YIELDS void shift_finish_rest(struct shift *shift, const struct queue_result *result);
/* Neither the message nor those that nobody has begun with are tried now: they come again in
 * `wait_ms`, or 0: in half a minute at most, without an attempt. Yields. */
YIELDS void shift_put_off(struct shift *shift, const struct queue_message *m, int64_t wait_ms);

#endif
