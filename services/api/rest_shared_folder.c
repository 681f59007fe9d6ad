/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that belong to a domain, for administrators. Who may do what with one is told by the
 * grants of its account's mailbox. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "store/share.h"

static json_t *shape(int64_t account_id, const struct store_mailbox *box)
{
    json_t *o = json_object();
    api_set(o, "accountId", api_id(account_id));
    api_set(o, "mailboxId", api_id(box->mailbox_id));
    api_set(o, "path", api_text(box->name));
    api_set(o, "totalMessages", json_integer(box->state.messages));
    api_set(o, "size", json_integer(box->state.bytes));
    return o;
}

/* All mailboxes of the account, which may be 0; false: answered. */
YIELDS static bool load(struct api_call *call, int64_t account_id, struct store_mailboxes *out)
{
    struct err e = ERR_CLEAR;
    *out = (struct store_mailboxes){ .n = 0 };
    return account_id == 0 ||
           store_mailbox_list(call->app->store, account_id, call->arena, call->deadline_ms, out,
                              &e) ||
           call_fail(call, &e);
}

void rest_list_shared_folders(struct api_call *call, const struct list_shared_folders_params *p,
                              const json_t *body)
{
    struct store_mailboxes all;
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    (void)body;
    if (!account_domain_shared(call->app->accounts, p->domain, false, call->arena,
                               call->deadline_ms, &id, &e)) {
        (void)admin_fail(call, &e);
        return;
    }
    if (!load(call, id, &all))
        return;
    json_t *items = json_array();
    for (size_t i = 0; i < all.n; i++) {
        if (all.list[i].mailbox_id != STORE_INBOX) /* it gets no mail */
            api_add(items, shape(id, &all.list[i]));
    }
    call_items(call, items);
}

/* Makes the folder, which everybody of the domain may read; false: answered. Yields. */
YIELDS static bool make(struct api_call *call, int64_t account_id, str path, int *mailbox_id)
{
    struct err e = ERR_CLEAR;
    const struct store_grant_change everybody = { .rights = STORE_MAY_LOOKUP | STORE_MAY_READ |
                                                            STORE_MAY_SEEN };
    if (store_mailbox_create(call->app->store, account_id, path, STORE_ROLE_NONE, call->deadline_ms,
                             mailbox_id, &e) &&
        store_grants_change(call->app->store, account_id, *mailbox_id, &everybody,
                            call->deadline_ms, &e))
        return true;
    if (e.kind == ERR_SYNTAX || e.kind == ERR_DENIED)
        return call_field_problem(call, "invalid-fields", "/path", "cannot name a mailbox");
    if (e.kind == ERR_EXISTS)
        return call_problem(call, "exists", "There is a shared folder with this name.");
    return call_fail(call, &e);
}

void rest_create_shared_folder(struct api_call *call, const struct create_shared_folder_params *p,
                               const json_t *body)
{
    struct store_mailboxes all;
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    int mailbox_id = 0;
    if (!account_domain_shared(call->app->accounts, p->domain, true, call->arena, call->deadline_ms,
                               &id, &e)) {
        (void)admin_fail(call, &e);
        return;
    }
    if (!make(call, id, api_get_text(body, "path"), &mailbox_id) || !load(call, id, &all))
        return;
    call_audit(call, "shared_folder.create", p->domain, api_get_text(body, "path"), "ok");
    for (size_t i = 0; i < all.n; i++) {
        if (all.list[i].mailbox_id != mailbox_id)
            continue;
        call_created(call, shape(id, &all.list[i]), "/api/v1/admin/domains/%.*s/shared-folders",
                     STR_FMT(p->domain));
        return;
    }
    (void)call_problem(call, "not-found", NULL); /* somebody has deleted it already */
}
