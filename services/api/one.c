/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the one account or message that a request is about. */
#include "services/api/one.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"

struct one_owner one_self(const struct api_call *call)
{
    return (struct one_owner){ .account_id = call->who.account_id,
                               .login = call->who.login,
                               .scopes = call->who.scopes };
}

bool one_named(struct api_call *call, str name, struct one_owner *out)
{
    struct account account;
    if (!admin_find_account(call, name, &account))
        return false;
    *out = (struct one_owner){ .account_id = account.account_id,
                               .login = account.login,
                               .scopes = account.is_admin ? AUTH_SCOPES_ALL : AUTH_SCOPES_USER,
                               .is_named = true };
    return true;
}

const char *one_path(struct api_call *call, const struct one_owner *owner, const char *list,
                     int64_t id)
{
    str path = owner->is_named ? arena_printf(call->arena, "/api/v1/admin/accounts/%lld/%s/%lld",
                                              (long long)owner->account_id, list, (long long)id)
                               : arena_printf(call->arena, "/api/v1/%s/%lld", list, (long long)id);
    return arena_cstr(call->arena, path);
}

bool one_message(struct api_call *call, int64_t id, bool with_form, struct store_mail *out)
{
    struct store_mails mails;
    struct err e = ERR_CLEAR;
    const struct store_wanted wanted = {
        .account_id = call->who.account_id, .ids = &id, .n = 1, .with_form = with_form
    };
    if (!store_mail_get(call->app->store, &wanted, call->arena, call->deadline_ms, &mails, &e))
        return call_fail(call, &e);
    if (mails.n == 0)
        return call_problem(call, "not-found", NULL);
    *out = mails.list[0];
    return true;
}
