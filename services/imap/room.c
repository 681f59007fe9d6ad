/* SPDX-License-Identifier: Apache-2.0 */
/* The line, and who is let in. */
#include "services/imap/room.h"

#define HOLDER(item)  CONTAINER_OF(item, const struct imap_room_guest, holding)
#define WAITING(item) CONTAINER_OF(item, struct imap_room_guest, waiting)

void imap_room_init(struct imap_room *room, size_t max, size_t share)
{
    *room = (struct imap_room){ .max = max, .share = share };
    list_init(&room->holders);
    list_init(&room->line);
}

void imap_room_guest_init(struct imap_room_guest *guest, int64_t account_id)
{
    *guest = (struct imap_room_guest){ .account_id = account_id };
    list_init(&guest->holding);
    list_init(&guest->waiting);
    signal_point_init(&guest->admitted);
}

/* What other guests of the account hold. */
static size_t held_beside(const struct imap_room *room, const struct imap_room_guest *guest)
{
    size_t octets = 0;
    LIST_FOR_EACH (item, &room->holders) {
        const struct imap_room_guest *other = HOLDER(item);
        if (other != guest && other->account_id == guest->account_id)
            octets += other->held;
    }
    return octets;
}

static bool is_within_share(const struct imap_room *room, const struct imap_room_guest *guest,
                            size_t octets)
{
    size_t beside = held_beside(room, guest);
    return beside == 0 || beside + guest->held + octets <= room->share;
}

static bool fits(const struct imap_room *room, const struct imap_room_guest *guest, size_t octets)
{
    return room->used + octets <= room->max || room->used == guest->held;
}

bool imap_room_has(const struct imap_room *room, const struct imap_room_guest *guest, size_t octets)
{
    return list_is_empty(&room->line) && fits(room, guest, octets) &&
           is_within_share(room, guest, octets);
}

bool imap_room_is_wanted(const struct imap_room *room)
{
    return !list_is_empty(&room->line);
}

void imap_room_grow(struct imap_room *room, struct imap_room_guest *guest, size_t octets)
{
    if (guest->held == 0 && octets)
        list_add_tail(&room->holders, &guest->holding);
    guest->held += octets;
    room->used += octets;
}

/* The account had its turn: its others go behind those of other accounts, in their order. */
static void go_behind(struct imap_room *room, int64_t account_id)
{
    struct list behind;
    list_init(&behind);
    LIST_FOR_EACH (item, &room->line) {
        if (WAITING(item)->account_id != account_id)
            continue;
        list_remove(item);
        list_add_tail(&behind, item);
    }
    for (struct list *item = list_pop_head(&behind); item; item = list_pop_head(&behind))
        list_add_tail(&room->line, item);
}

/* The first in the line whose account holds less than its share. */
static struct imap_room_guest *first_in_line(const struct imap_room *room)
{
    LIST_FOR_EACH (item, &room->line) {
        struct imap_room_guest *guest = WAITING(item);
        if (is_within_share(room, guest, guest->wants))
            return guest;
    }
    return NULL;
}

static void admit(struct imap_room *room)
{
    struct imap_room_guest *next = first_in_line(room);
    for (; next && fits(room, next, next->wants); next = first_in_line(room)) {
        list_remove(&next->waiting);
        imap_room_grow(room, next, next->wants);
        next->wants = 0;
        signal_point_all(&next->admitted);
        go_behind(room, next->account_id);
    }
}

bool imap_room_enter(struct imap_room *room, struct imap_room_guest *guest, size_t octets,
                     int64_t deadline_ms, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (octets == 0 || imap_room_has(room, guest, octets)) {
        imap_room_grow(room, guest, octets);
        return true;
    }
    guest->wants = octets;
    list_add_tail(&room->line, &guest->waiting);
    admit(room); /* those before it may all be of accounts that hold their share */
    while (guest->wants) {
        if (signal_point_wait(&guest->admitted, deadline_ms, &why) || guest->wants == 0)
            continue;
        list_remove(&guest->waiting);
        guest->wants = 0;
        admit(room); /* it may have been the one that others waited for */
        if (why.kind == ERR_TIMEOUT)
            return ERR(e, ERR_UNAVAILABLE, "no memory for a message now");
        *e = why;
        return false;
    }
    return true;
}

void imap_room_shrink(struct imap_room *room, struct imap_room_guest *guest, size_t octets)
{
    INVARIANT(octets <= guest->held);
    if (octets == 0)
        return;
    guest->held -= octets;
    room->used -= octets;
    if (guest->held == 0)
        list_remove(&guest->holding);
    admit(room);
}

void imap_room_leave(struct imap_room *room, struct imap_room_guest *guest)
{
    imap_room_shrink(room, guest, guest->held);
}
