/* SPDX-License-Identifier: Apache-2.0 */
/* The POP3 service of one process: its sessions, and what they share. */
#ifndef POP3_SERVICE_H
#define POP3_SERVICE_H

#include "base/list.h"
#include "notify/notify.h"
#include "services/app/app.h"

struct pop3_service {
    struct app *app;
    struct list sessions; /* struct pop3_session */
    struct notify_listener account_listener;
    size_t ahead_octets; /* of messages read ahead, by all sessions */
    uint64_t locks;      /* maildrops locked so far: part of the names of their owners */
};

/* Counts one more connection that has not logged in; NULL past the limit. net_tally_leave. */
struct net_count *pop3_guest_enter(struct pop3_service *service);
/* Counts one more session of the account from the peer's address; NULL past the limit.
 * net_tally_leave. */
struct net_count *pop3_slot_enter(struct pop3_service *service, int64_t account_id,
                                  const struct net_address *peer);

extern const struct app_service pop3_service;

#endif
