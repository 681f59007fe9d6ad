/* SPDX-License-Identifier: Apache-2.0 */
/* All that an app needs before its first picture, and what changed since. */
#include "account/sending.h"
#include "api_routes.h"
#include "config/config.h"
#include "services/api/api.h"
#include "services/api/page.h"
#include "services/api/shape_account.h"
#include "services/api/shape_mail.h"

enum {
    FIRST_ROWS = 50,
    UPLOAD_MAX = 52428800,
    PART_MAX = 4194304,
    RECIPIENTS_MAX = 1000
};

/* Everything of the answer, read one after the other; mail last, so that `state` is not newer than
 * what is shown. */
struct bootstrap {
    struct account account;
    str *addresses;
    size_t n_addresses;
    str settings;
    struct account_identities identities;
    struct store_mailboxes mailboxes;
    int64_t recipients; /* of one message; 0: the usual number */
    json_t *inbox;
};

YIELDS static bool load(struct api_call *call, struct bootstrap *b, struct err *e)
{
    const struct app *app = call->app;
    int64_t id = call->who.account_id;
    struct page_wanted wanted = { .role = STORE_ROLE_INBOX };
    if (!account_get(app->accounts, id, call->arena, call->deadline_ms, &b->account, e) ||
        !account_addresses(app->accounts, id, call->arena, call->deadline_ms, &b->addresses,
                           &b->n_addresses, e) ||
        !account_settings_get(app->accounts, id, call->arena, call->deadline_ms, &b->settings, e) ||
        !account_identity_list(app->accounts, id, call->arena, call->deadline_ms, &b->identities,
                               e) ||
        !account_sending_per_message(app->accounts, id, call->arena, call->deadline_ms,
                                     &b->recipients, e) ||
        !store_mailbox_list(app->store, id, call->arena, call->deadline_ms, &b->mailboxes, e))
        return false;
    wanted.state = b->mailboxes.modseq;
    wanted.query = (struct store_thread_query){ .account_id = id,
                                                .mailbox_id = STORE_INBOX,
                                                .limit = FIRST_ROWS };
    return page_of_threads(call, &wanted, &b->inbox, e);
}

static json_t *shape_limits(const struct app *app, int64_t recipients)
{
    bool has_own = recipients > 0 && recipients < RECIPIENTS_MAX;
    json_t *o = json_object();
    api_set(o, "messageBytes", json_integer(config_int(app->config, CONFIG_LIMITS_MESSAGE_SIZE)));
    api_set(o, "recipients", json_integer(has_own ? recipients : RECIPIENTS_MAX));
    api_set(o, "uploadBytes", json_integer(UPLOAD_MAX));
    api_set(o, "partBytes", json_integer(PART_MAX));
    return o;
}

void rest_get_bootstrap(struct api_call *call, const void *p, const json_t *body)
{
    struct bootstrap b = { 0 };
    struct err e = ERR_CLEAR;
    (void)p;
    (void)body;
    if (!load(call, &b, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    str cursor = arena_printf(call->arena, "%lld", (long long)b.mailboxes.modseq);
    json_t *o = json_object();
    api_set(o, "account", shape_account(&b.account, b.addresses, b.n_addresses));
    api_set(o, "scopes", shape_scopes(call->who.scopes));
    api_set(o, "settings", shape_settings(b.settings));
    api_set(o, "mailboxes", shape_mailboxes(&b.mailboxes));
    api_set(o, "identities", shape_identities(&b.identities));
    api_set(o, "inbox", b.inbox);
    api_set(o, "state", shape_state(b.mailboxes.modseq));
    api_set(o, "eventCursor", api_text(cursor));
    api_set(o, "limits", shape_limits(call->app, b.recipients));
    api_set(o, "version", json_string(HERONRY_VERSION));
    call_json(call, 200, o);
}

/* ---- changes ---- */

static json_t *shape_ids(const struct store_ids *ids)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ids->n; i++)
        api_add(list, api_id(ids->list[i]));
    return list;
}

static json_t *shape_changed(const struct store_ids *created, const struct store_ids *updated,
                             const struct store_ids *gone)
{
    json_t *o = json_object();
    api_set(o, "created", shape_ids(created));
    api_set(o, "updated", shape_ids(updated));
    api_set(o, "destroyed", shape_ids(gone));
    return o;
}

void rest_list_changes(struct api_call *call, const struct list_changes_params *p,
                       const json_t *body)
{
    struct store_changes c;
    struct err e = ERR_CLEAR;
    (void)body;
    if (!store_changes_load(call->app->store, call->who.account_id, p->since, (size_t)p->limit,
                            call->arena, call->deadline_ms, &c, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    if (c.is_too_old) {
        (void)call_problem(call, "state-too-old", "Read everything anew.");
        return;
    }
    json_t *o = json_object();
    api_set(o, "oldState", shape_state(p->since));
    api_set(o, "newState", shape_state(c.modseq));
    api_set(o, "hasMore", json_boolean(c.has_more));
    api_set(o, "mailboxes",
            shape_changed(&c.mailboxes_created, &c.mailboxes_updated, &c.mailboxes_gone));
    api_set(o, "threads", shape_changed(&c.threads_created, &c.threads_updated, &c.threads_gone));
    api_set(o, "messages", shape_changed(&c.mails_created, &c.mails_updated, &c.mails_gone));
    call_json(call, 200, o);
}
