/* SPDX-License-Identifier: Apache-2.0 */
/* The MTA-STS policy of a domain of ours, for administrators. */
#include "account/mta_sts.h"
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/mta_sts.h"

static json_t *shape_policy(const struct account_mta_sts *own)
{
    json_t *o = json_object();
    json_t *mx = json_array();
    for (size_t i = 0; i < own->n_mx; i++)
        api_add(mx, api_text(own->mx[i]));
    api_set(o, "mode", api_text(own->mode));
    api_set(o, "maxAge", json_integer(own->max_age_s));
    api_set(o, "mx", mx);
    api_set(o, "id", api_text(own->id));
    api_set(o, "changedAt", api_time(own->changed_at_us));
    return o;
}

/* Answers with the policy as it is now. Yields. */
YIELDS static void reply_policy(struct api_call *call, str domain)
{
    struct account_mta_sts own;
    struct err e = ERR_CLEAR;
    bool found = false;
    if (!account_mta_sts_find(call->app->accounts, domain, call->arena, call->deadline_ms, &found,
                              &own, &e)) {
        (void)admin_fail(call, &e);
    } else if (!found) {
        (void)call_problem(call, "not-found", NULL);
    } else {
        call_json(call, 200, shape_policy(&own));
    }
}

void rest_get_mta_sts(struct api_call *call, const struct get_mta_sts_params *p, const json_t *body)
{
    (void)body;
    reply_policy(call, p->domain);
}

/* The servers of the body, else this one. */
static void read_hosts(struct api_call *call, const json_t *body, struct account_mta_sts *out)
{
    const json_t *given = json_object_get(body, "mx");
    size_t n = json_array_size(given);
    out->n_mx = n ? n : 1;
    out->mx = ARENA_ARRAY(call->arena, str, out->n_mx);
    out->mx[0] = arena_lower(call->arena, str_from_cstr(call->app->hostname));
    for (size_t i = 0; i < n; i++) {
        str host = str_from_cstr(json_string_value(json_array_get(given, i)));
        out->mx[i] = arena_lower(call->arena, host);
    }
}

/* What is wrong with the policy is found by reading the file that would be served. */
static bool check(struct api_call *call, const struct account_mta_sts *own)
{
    struct mta_sts_policy policy;
    struct mta_sts_policy again;
    struct buf text;
    struct err e = ERR_CLEAR;
    buf_init(&text, MTA_STS_POLICY_MAX);
    bool ok = mta_sts_of(own, &policy, &e) && (mta_sts_policy_format(&policy, &text) ||
                                               ERR(&e, ERR_LIMIT, "the policy is too long"));
    ok = ok && mta_sts_policy_parse(buf_str(&text), &again, &e);
    buf_fini(&text);
    return ok || call_field_problem(call, "invalid-fields", "/mx", e.msg);
}

void rest_set_mta_sts(struct api_call *call, const struct set_mta_sts_params *p, const json_t *body)
{
    enum {
        WEEK_S = 7 * 24 * 3600
    };
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    const json_t *age = json_object_get(body, "maxAge");
    struct account_mta_sts own = { .mode = api_get_text(body, "mode"),
                                   .max_age_s = age ? json_integer_value(age) : WEEK_S };
    read_hosts(call, body, &own);
    if (!check(call, &own))
        return;
    if (account_mta_sts_set(call->app->accounts, &actor, p->domain, &own, call->arena,
                            call->deadline_ms, &e)) {
        reply_policy(call, p->domain);
    } else {
        (void)admin_fail(call, &e);
    }
}

void rest_delete_mta_sts(struct api_call *call, const struct delete_mta_sts_params *p,
                         const json_t *body)
{
    (void)body;
    admin_delete(call, account_mta_sts_remove, p->domain);
}
