/* SPDX-License-Identifier: Apache-2.0 */
/* The IMAP service of one process: its sessions, and how many each user has from each address. */
#ifndef IMAP_SERVICE_H
#define IMAP_SERVICE_H

#include "base/list.h"
#include "base/map.h"
#include "notify/notify.h"
#include "services/app/app.h"

struct imap_service {
    struct app *app;
    struct list sessions;                    /* struct imap_session */
    unsigned before_login;                   /* sessions that have not logged in */
    struct map slots;                        /* "account address" to struct imap_slot */
    struct notify_listener account_listener; /* wakes sessions whose account changed */
};

/* How many sessions one user has from one address. */
struct imap_slot {
    unsigned n;
    size_t key_size;
    char key[]; /* of the map */
};

/* Counts one more session; NULL past the limit. Give it back with imap_slot_release, which nulls.
 */
struct imap_slot *imap_slot_acquire(struct imap_service *service, int64_t account_id,
                                    const struct net_address *peer);
void imap_slot_release(struct imap_service *service, struct imap_slot **slot);

extern const struct app_service imap_service;

#endif
