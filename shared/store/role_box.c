/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox that the server puts mail of a kind into, made where there is none. */
#include "store/store.h"

/* One of that name that lost its role, or was made by a program that knows of none, and one that
 * somebody else makes at the same time. Of another role it is for other mail. */
static YIELDS bool find_by_name(struct store *s, int64_t account_id,
                                const struct store_role_box *box, struct arena *a,
                                int64_t deadline_ms, int *mailbox_id, struct err *e)
{
    struct store_mailbox found;
    if (!store_mailbox_get(s, account_id, box->name, a, deadline_ms, &found, e))
        return false;
    if (found.role != STORE_ROLE_NONE && found.role != box->role)
        return ERR(e, ERR_EXISTS, "the mailbox \"%.*s\" is for something else", STR_FMT(box->name));
    *mailbox_id = found.mailbox_id;
    return true;
}

bool store_mailbox_for_role(struct store *s, int64_t account_id, const struct store_role_box *box,
                            struct arena *a, int64_t deadline_ms, int *mailbox_id, struct err *e)
{
    struct store_mailbox found;
    struct err reason = ERR_CLEAR;
    if (store_mailbox_get_role(s, account_id, box->role, a, deadline_ms, &found, &reason)) {
        *mailbox_id = found.mailbox_id;
        return true;
    }
    if (reason.kind != ERR_NOT_FOUND) {
        *e = reason;
        return false;
    }
    reason = ERR_CLEAR;
    if (store_mailbox_create(s, account_id, box->name, box->role, deadline_ms, mailbox_id, &reason))
        return true;
    if (reason.kind == ERR_EXISTS)
        return find_by_name(s, account_id, box, a, deadline_ms, mailbox_id, e);
    *e = reason;
    return false;
}
