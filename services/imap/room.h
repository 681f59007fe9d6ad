/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded number of octets that the sessions of a process share: who finds no room waits in a
 * line. Nothing of what the octets are. */
#ifndef IMAP_ROOM_H
#define IMAP_ROOM_H

#include "runtime/runtime.h"

/* Accounts have their turns one after the other, and within an account it is first come first
 * served. Whoever is first in the line is waited for by all behind: so big ones come through. An
 * account that holds its share waits until it holds less; but each may hold one thing at a time
 * that is greater than its share, or, when nothing else is held, greater than the room. */
struct imap_room {
    size_t max;   /* octets of all */
    size_t share; /* octets of one account */
    size_t used;
    struct list holders; /* struct imap_room_guest by `holding` */
    struct list line;    /* the same by `waiting` */
};

/* One that holds octets, or waits for some. */
struct imap_room_guest {
    struct list holding;
    struct list waiting;
    int64_t account_id;
    size_t held;  /* octets */
    size_t wants; /* octets more, while it waits */
    struct signal_point admitted;
};

/* An empty room. */
void imap_room_init(struct imap_room *room, size_t max, size_t share);
/* One that holds nothing. */
void imap_room_guest_init(struct imap_room_guest *guest, int64_t account_id);

/* Whether the octets could be taken now without waiting. */
bool imap_room_has(const struct imap_room *room, const struct imap_room_guest *guest,
                   size_t octets);
/* Whether somebody waits: who holds what it can do without should leave. */
bool imap_room_is_wanted(const struct imap_room *room);

/* Takes octets more for the guest, waiting in the line until `deadline_ms` (monotonic).
 * ERR_UNAVAILABLE when there was no room until then; ERR_CANCELLED. Yields. */
YIELDS bool imap_room_enter(struct imap_room *room, struct imap_room_guest *guest, size_t octets,
                            int64_t deadline_ms, struct err *e);
/* Counts octets more than were known when it entered. */
void imap_room_grow(struct imap_room *room, struct imap_room_guest *guest, size_t octets);
/* Gives back some of what the guest holds. */
void imap_room_shrink(struct imap_room *room, struct imap_room_guest *guest, size_t octets);
/* Gives back all that the guest holds; harmless when that is nothing. */
void imap_room_leave(struct imap_room *room, struct imap_room_guest *guest);

#endif
