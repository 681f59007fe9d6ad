/* SPDX-License-Identifier: Apache-2.0 */
/* The IMAP service of one process: its sessions, and what is counted
 * over all workers of the machine. */
#ifndef IMAP_SERVICE_H
#define IMAP_SERVICE_H

#include "base/list.h"
#include "notify/notify.h"
#include "services/app/app.h"
#include "services/imap/box.h"
#include "services/imap/room.h"

struct imap_service {
    struct app *app;
    size_t command_bytes;     /* held by commands that are being read, of all sessions */
    size_t piece_bytes;       /* held by FETCH of all sessions: pieces of big messages */
    struct imap_room windows; /* the same: small messages and headers that were read ahead */
    struct imap_room wholes;  /* big messages that are read whole to find their parts */
    struct imap_room made;    /* what was made of messages: picked fields */
    struct list loaded;       /* sessions that hold more of them than an ordinary command */
    struct list sessions;     /* struct imap_session */
    struct imap_boxes boxes;  /* what sessions know of their mailboxes together */
    struct notify_listener account_listener; /* wakes sessions whose account changed */
    struct timer account_round; /* looks at all accounts: a hint can be lost, or never be given */
};

/* Counts one more connection that has not logged in; NULL past the limit. net_tally_leave. */
struct net_count *imap_guest_enter(struct imap_service *service);
/* Counts one more session of the account from the peer's address; NULL past the limit.
 * net_tally_leave. */
struct net_count *imap_slot_enter(struct imap_service *service, int64_t account_id,
                                  const struct net_address *peer);

extern const struct app_service imap_service;

#endif
