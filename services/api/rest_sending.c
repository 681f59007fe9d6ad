/* SPDX-License-Identifier: Apache-2.0 */
/* How much accounts, domains and tenants may send, for administrators. */
#include "account/sending.h"
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/shape_sending.h"
#include "services/api/told.h"

static const char *const limits[] = {
    [ACCOUNT_SENDING_MESSAGES_HOUR] = "messagesPerHour",
    [ACCOUNT_SENDING_RECIPIENTS_HOUR] = "recipientsPerHour",
    [ACCOUNT_SENDING_MESSAGES_DAY] = "messagesPerDay",
    [ACCOUNT_SENDING_RECIPIENTS_DAY] = "recipientsPerDay",
    [ACCOUNT_SENDING_PER_MESSAGE] = "recipientsPerMessage",
};

json_t *shape_sending(const struct account_sending *s, const struct account_sending_rules *rules)
{
    json_t *o = json_object();
    json_t *used = json_object();
    json_t *counts = json_object();
    bool is_account = str_find_byte(s->subject, '@') >= 0; /* the rules are for accounts only */
    api_set(o, "sender", api_text(s->subject));
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        api_set(o, limits[i], s->most[i] < 0 ? json_null() : json_integer(s->most[i]));
    for (size_t i = 0; i < ACCOUNT_SENDING_WINDOWS; i++) {
        int64_t otherwise = is_account ? rules->most[i] : 0;
        api_set(counts, limits[i], json_integer(s->most[i] < 0 ? otherwise : s->most[i]));
        api_set(used, limits[i], json_integer(s->used[i]));
    }
    api_set(counts, limits[ACCOUNT_SENDING_PER_MESSAGE], json_integer(s->per_message));
    api_set(o, "inForce", counts);
    api_set(o, "used", used);
    api_set(o, "refused", json_integer(s->refused));
    api_set(o, "isStopped", json_boolean(s->stopped_at_us != 0));
    api_set(o, "stoppedAt", api_time_or_null(s->stopped_at_us));
    api_set(o, "reason", api_text(s->stopped_why));
    api_set_told(o, s->stopped_why);
    return o;
}

YIELDS static void reply(struct api_call *call, str sender)
{
    struct account_sending found;
    struct err e = ERR_CLEAR;
    if (account_sending_get(call->app->accounts, sender, call->arena, call->deadline_ms, &found,
                            &e)) {
        call_json(call, 200, shape_sending(&found, &call->app->sending));
    } else {
        (void)admin_fail(call, &e);
    }
}

void rest_list_sending_limits(struct api_call *call, const void *params, const json_t *body)
{
    struct account_sending_list all;
    struct err e = ERR_CLEAR;
    (void)params;
    (void)body;
    if (!account_sending_list(call->app->accounts, call->arena, call->deadline_ms, &all, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < all.n; i++)
        api_add(items, shape_sending(&all.list[i], &call->app->sending));
    call_items(call, items);
}

void rest_get_sending_limits(struct api_call *call, const struct get_sending_limits_params *p,
                             const json_t *body)
{
    (void)body;
    reply(call, p->sender);
}

/* True when there is a limit in the body. */
static bool read_limits(const json_t *body, int64_t most[ACCOUNT_SENDING_LIMITS])
{
    bool any = false;
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        const json_t *value = json_object_get(body, limits[i]);
        most[i] = ACCOUNT_SENDING_AS_IT_WAS;
        if (value) {
            most[i] = json_is_null(value) ? ACCOUNT_SENDING_AS_CONFIGURED
                                          : (int64_t)json_integer_value(value);
        }
        any = any || value;
    }
    return any;
}

YIELDS static bool change_stop(struct api_call *call, str sender, const json_t *body, struct err *e)
{
    const struct account_actor actor = call_account_actor(call);
    str why = api_get_text(body, "reason");
    if (!api_get_bool(body, "isStopped", false)) {
        why = STR_EMPTY;
    } else if (why.n == 0) {
        why = STR("an administrator stopped it");
    }
    return account_sending_stop(call->app->accounts, &actor, sender, why, call->arena,
                                call->deadline_ms, e);
}

/* Only accounts can be stopped, but who is not here at all is not found. */
YIELDS static bool check_account(struct api_call *call, str sender)
{
    struct account_sending found;
    struct err e = ERR_CLEAR;
    if (!account_sending_get(call->app->accounts, sender, call->arena, call->deadline_ms, &found,
                             &e))
        return admin_fail(call, &e);
    return str_find_byte(found.subject, '@') >= 0 ||
           call_field_problem(call, "invalid-fields", "/isStopped", "is for accounts only");
}

void rest_change_sending_limits(struct api_call *call, const struct change_sending_limits_params *p,
                                const json_t *body)
{
    struct err e = ERR_CLEAR;
    int64_t most[ACCOUNT_SENDING_LIMITS];
    const struct account_actor actor = call_account_actor(call);
    bool has_stop = api_has(body, "isStopped");
    if (has_stop && !check_account(call, p->sender))
        return;
    bool ok =
        !read_limits(body, most) || account_sending_set(call->app->accounts, &actor, p->sender,
                                                        most, call->arena, call->deadline_ms, &e);
    ok = ok && (!has_stop || change_stop(call, p->sender, body, &e));
    if (ok) {
        reply(call, p->sender);
    } else {
        (void)admin_fail(call, &e);
    }
}
