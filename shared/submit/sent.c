/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox for what an account sent. */
#include "submit/sent.h"

/* One of that name that lost its role, or was made by a program that knows of none, and one that
 * somebody else makes at the same time. Of another role it is for other mail. */
static YIELDS bool find_by_name(struct store *store, int64_t account_id, struct arena *a,
                                int64_t deadline_ms, int *mailbox_id, struct err *e)
{
    struct store_mailbox box;
    if (!store_mailbox_get(store, account_id, STR("Sent"), a, deadline_ms, &box, e))
        return false;
    if (box.role != STORE_ROLE_NONE && box.role != STORE_ROLE_SENT)
        return ERR(e, ERR_EXISTS, "the mailbox \"Sent\" is for something else");
    *mailbox_id = box.mailbox_id;
    return true;
}

bool submit_find_sent(struct store *store, int64_t account_id, struct arena *a, int64_t deadline_ms,
                      int *mailbox_id, struct err *e)
{
    struct store_mailbox box;
    struct err reason = ERR_CLEAR;
    if (store_mailbox_get_role(store, account_id, STORE_ROLE_SENT, a, deadline_ms, &box, &reason)) {
        *mailbox_id = box.mailbox_id;
        return true;
    }
    if (reason.kind != ERR_NOT_FOUND) {
        *e = reason;
        return false;
    }
    reason = ERR_CLEAR;
    if (store_mailbox_create(store, account_id, STR("Sent"), STORE_ROLE_SENT, deadline_ms,
                             mailbox_id, &reason))
        return true;
    if (reason.kind == ERR_EXISTS)
        return find_by_name(store, account_id, a, deadline_ms, mailbox_id, e);
    *e = reason;
    return false;
}
