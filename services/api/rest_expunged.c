/* SPDX-License-Identifier: Apache-2.0 */
/* Deleted messages that can be restored: one's own, and for administrators those of an account,
 * without what they say. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "store/expunged.h"

/* ---- lists ---- */

static json_t *shape_gone(const struct store_gone *gone, bool is_owner)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(gone->id));
    api_set(o, "mailboxId", api_id(gone->mailbox_id));
    api_set(o, "mailboxPath", api_text(gone->mailbox));
    api_set(o, "expungedAt", api_time(gone->gone_us));
    api_set(o, "receivedAt", api_time(gone->received_us));
    api_set(o, "size", json_integer((json_int_t)gone->size));
    if (!is_owner)
        return o;
    json_t *from = json_object();
    api_set(from, "name", api_text(gone->from_name));
    api_set(from, "address", api_text(gone->from_addr));
    api_set(o, "from", from);
    api_set(o, "subject", api_text(gone->subject));
    return o;
}

/* A page of what the query finds. */
struct wanted {
    struct store_gone_query query;
    struct call_cursor at;
    int64_t limit;
    bool is_owner; /* asks, and may read */
};

YIELDS static void list(struct api_call *call, const struct wanted *w)
{
    struct store_gone_list found;
    struct err e = ERR_CLEAR;
    if (!store_gone_list(call->app->store, &w->query, w->at.numbers[0], (size_t)w->limit,
                         call->arena, call->deadline_ms, &found, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    struct call_cursor next = { .text = STR_EMPTY };
    for (size_t i = 0; i < found.n; i++) {
        api_add(items, shape_gone(&found.list[i], w->is_owner));
        next.numbers[0] = found.list[i].id;
    }
    call_items_page(call, items, found.n == (size_t)w->limit ? &next : NULL);
}

/* Where a page begins; false: answered. */
static bool read_cursor(struct api_call *call, str cursor, struct call_cursor *out)
{
    bool given;
    *out = (struct call_cursor){ .numbers = { INT64_MAX } };
    return call_cursor_read(call, cursor, out, &given);
}

/* An id that is too large to be one is of no mailbox, and 0 is not asked for. */
static int mailbox_of(int64_t id)
{
    return id > INT32_MAX ? INT32_MAX : (int)id;
}

void rest_list_expunged(struct api_call *call, const struct list_expunged_params *p,
                        const json_t *body)
{
    struct call_cursor at;
    (void)body;
    if (!read_cursor(call, p->cursor, &at))
        return;
    list(call, &(struct wanted){ .query = { .account_id = call->who.account_id,
                                            .mailbox_id = mailbox_of(p->mailbox_id),
                                            .from_us = p->has_from ? p->from : 0,
                                            .to_us = p->has_to ? p->to : INT64_MAX },
                                 .at = at,
                                 .limit = p->limit,
                                 .is_owner = true });
}

void rest_list_account_expunged(struct api_call *call, const struct list_account_expunged_params *p,
                                const json_t *body)
{
    struct account account;
    struct call_cursor at;
    (void)body;
    if (!read_cursor(call, p->cursor, &at) || !admin_find_account(call, p->account_id, &account))
        return;
    list(call, &(struct wanted){ .query = { .account_id = account.account_id,
                                            .mailbox_id = mailbox_of(p->mailbox_id),
                                            .from_us = p->has_from ? p->from : 0,
                                            .to_us = p->has_to ? p->to : INT64_MAX },
                                 .at = at,
                                 .limit = p->limit });
}

/* ---- restoring ---- */

YIELDS static void restore(struct api_call *call, int64_t account_id, str login, const json_t *body)
{
    const json_t *list = json_object_get(body, "ids");
    size_t n = json_array_size(list);
    int64_t *ids = ARENA_ARRAY(call->arena, int64_t, n + 1);
    bool dry_run = api_get_bool(body, "dryRun", false);
    struct store_restored done;
    struct err e = ERR_CLEAR;
    const struct store_gone_query query = {
        .account_id = account_id,
        .mailbox_id = mailbox_of(api_get_id(body, "mailboxId")),
        .from_us = api_get_time(body, "from", 0),
        .to_us = api_get_time(body, "to", INT64_MAX),
    };
    for (size_t i = 0; i < n; i++)
        ids[i] = api_id_parse(api_str(json_array_get(list, i)));
    if (!store_gone_restore(call->app->store, &query, ids, n, dry_run, call->deadline_ms, &done,
                            &e)) {
        (void)call_fail(call, &e);
        return;
    }
    if (!dry_run && done.messages > 0) {
        call_audit(call, "mail.restore", login,
                   arena_printf(call->arena, "%lld messages", (long long)done.messages), "ok");
    }
    json_t *o = json_object();
    api_set(o, "messages", json_integer(done.messages));
    api_set(o, "size", json_integer(done.bytes));
    api_set(o, "left", json_integer(done.left));
    call_json(call, 200, o);
}

void rest_restore_expunged(struct api_call *call, const struct restore_expunged_params *p,
                           const json_t *body)
{
    (void)p;
    restore(call, call->who.account_id, call->who.login, body);
}

void rest_restore_account_expunged(struct api_call *call,
                                   const struct restore_account_expunged_params *p,
                                   const json_t *body)
{
    struct account account;
    if (admin_find_account(call, p->account_id, &account))
        restore(call, account.account_id, account.login, body);
}
