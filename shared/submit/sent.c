/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox for what an account sent. */
#include "submit/sent.h"

bool submit_find_sent(struct store *store, int64_t account_id, struct arena *a, int64_t deadline_ms,
                      int *mailbox_id, struct err *e)
{
    struct store_mailbox box;
    struct err reason = ERR_CLEAR;
    if (store_mailbox_get_role(store, account_id, STORE_ROLE_SENT, a, deadline_ms, &box, &reason)) {
        *mailbox_id = box.mailbox_id;
        return true;
    }
    if (reason.kind == ERR_NOT_FOUND) {
        return store_mailbox_create(store, account_id, STR("Sent"), STORE_ROLE_SENT, deadline_ms,
                                    mailbox_id, e);
    }
    *e = reason;
    return false;
}
