/* SPDX-License-Identifier: Apache-2.0 */
/* Rules by which outbound mail is held, for administrators. */
#include "api_routes.h"
#include "queue/hold_rule.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"

static json_t *shape_rule(const struct queue_hold_rule *rule)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(rule->rule_id));
    api_set(o, "sender", api_text_or_null(rule->sender));
    api_set(o, "recipient", api_text_or_null(rule->recipient));
    api_set(o, "note", api_text(rule->note));
    api_set(o, "createdBy", api_text(rule->created_by));
    api_set(o, "createdAt", api_time(rule->created_at_us));
    return o;
}

void rest_list_hold_rules(struct api_call *call, const void *params, const json_t *body)
{
    struct queue_hold_rules rules;
    struct err e = ERR_CLEAR;
    (void)params;
    (void)body;
    if (!queue_hold_rule_list(call->app->queue, call->arena, call->deadline_ms, &rules, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < rules.n; i++)
        api_add(items, shape_rule(&rules.list[i]));
    call_items(call, items);
}

/* Answers with the rule that was made. Yields. */
YIELDS static void reply_made(struct api_call *call, int64_t rule_id)
{
    struct queue_hold_rules rules;
    struct err e = ERR_CLEAR;
    if (!queue_hold_rule_list(call->app->queue, call->arena, call->deadline_ms, &rules, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    for (size_t i = 0; i < rules.n; i++) {
        if (rules.list[i].rule_id == rule_id) {
            call_created(call, shape_rule(&rules.list[i]), "/api/v1/admin/hold-rules/%lld",
                         (long long)rule_id);
            return;
        }
    }
    (void)call_problem(call, "not-found", NULL); /* somebody has removed it already */
}

void rest_create_hold_rule(struct api_call *call, const struct create_hold_rule_params *p,
                           const json_t *body)
{
    struct err e = ERR_CLEAR;
    str ignored;
    int64_t rule_id;
    const struct queue_actor actor = call_queue_actor(call);
    const struct queue_hold_rule rule = { .sender = api_get_text(body, "sender"),
                                          .recipient = api_get_text(body, "recipient"),
                                          .note = api_get_text(body, "note") };
    (void)p;
    if (queue_hold_rule_add(call->app->queue, &actor, &rule, call->arena, call->deadline_ms,
                            &rule_id, &e)) {
        reply_made(call, rule_id);
    } else if (e.kind == ERR_SYNTAX) {
        struct err of_sender = ERR_CLEAR;
        bool is_good = queue_hold_rule_key(call->arena, rule.sender, &ignored, &of_sender);
        (void)call_field_problem(call, "invalid-fields", is_good ? "/recipient" : "/sender", e.msg);
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_delete_hold_rule(struct api_call *call, const struct delete_hold_rule_params *p,
                           const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct queue_actor actor = call_queue_actor(call);
    (void)body;
    bool ok = queue_hold_rule_remove(call->app->queue, &actor, p->rule_id, call->deadline_ms, &e);
    admin_reply_deleted(call, ok, &e);
}
