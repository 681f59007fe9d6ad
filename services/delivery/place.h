/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to one server (an address) are few, over all destinations of this process: many
 * domains may be at one provider. Whoever finds no place waits in a line, or comes again later and
 * has the rank of its first time then, so that every destination comes to its turn. */
#ifndef DELIVERY_PLACE_H
#define DELIVERY_PLACE_H

#include "base/list.h"
#include "net/address.h"
#include "runtime/runtime.h"

enum {
    DELIVERY_LINE_MAX = 8,    /* destinations that wait for one server */
    DELIVERY_RANKS_MAX = 512, /* others of a server whose ranks are remembered */
    DELIVERY_TURN_MAX = 10,   /* messages, then others who wait have the place */
    DELIVERY_LINE_MS = 5 * 60 * 1000,
    DELIVERY_AGAIN_MS = 1000, /* who was sent away comes again after that, and ... */
    DELIVERY_AWAY_MAX = 300   /* ... as much at most for each before him, up to so many */
};

struct delivery;
struct delivery_server;

enum delivery_place_mode {
    DELIVERY_PLACE_UNCOUNTED, /* one of very few; nothing is taken */
    DELIVERY_PLACE_ANYWAY,    /* limited in another way: in nobody's way here */
    DELIVERY_PLACE_IF_FREE,   /* only one that nobody waits for */
    DELIVERY_PLACE_IN_LINE    /* waits for its turn */
};

/* Of one connection: all zero at first, and then with `turn` initialized. */
struct delivery_place {
    enum delivery_place_mode mode;
    struct signal_point turn;
    struct signal_point *waits;     /* is told when it begins to wait; NULL: nobody */
    struct delivery_server *server; /* NULL: no place, and none waited for */
    bool is_waiting;
    bool is_anyway;   /* the place was taken as DELIVERY_PLACE_ANYWAY */
    struct list link; /* in the line, while it waits */
    uint64_t destination;
    int64_t since_ms; /* the rank: when it first came; monotonic */
    int64_t again_ms; /* until it is to come again, where it was sent away; 0: it was not */
};

/* Takes a place at the server for a connection of this destination, by the mode. False: it got
 * none, and is to come again later; while the process drains nobody waits, and who waited gets
 * none. Yields with DELIVERY_PLACE_IN_LINE only, for DELIVERY_LINE_MS at most. */
YIELDS bool delivery_place_take(struct delivery *d, struct delivery_place *p,
                                const struct net_address *server, str destination);
/* Gives it to the one that waits longest; harmless when there is none. */
void delivery_place_leave(struct delivery_place *p);
/* Ends its waiting, without a place. */
void delivery_place_give_up(struct delivery_place *p);
/* The same for all, as for the drain, in which nobody waits any more. */
void delivery_place_give_up_all(struct delivery *d);
/* Whether its server may have `n` connections that hold no place, beside those that do; one that is
 * limited in another way, or not at all, has room. */
bool delivery_place_has_room(const struct delivery_place *p, unsigned n);
/* Whether others wait for the place that it has. */
bool delivery_place_is_wanted(const struct delivery_place *p);

#endif
