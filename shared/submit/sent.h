/* SPDX-License-Identifier: Apache-2.0 */
/* Where an account keeps what it sent. */
#ifndef SUBMIT_SENT_H
#define SUBMIT_SENT_H

#include "store/store.h"

/* The account's mailbox of the role Sent; without one that of the name "Sent", when it has no other
 * role, which is made where there is none. Errors: those of store_mailbox_get_role,
 * store_mailbox_get and store_mailbox_create. Yields. */
YIELDS bool submit_find_sent(struct store *store, int64_t account_id, struct arena *a,
                             int64_t deadline_ms, int *mailbox_id, struct err *e);

#endif
