/* SPDX-License-Identifier: Apache-2.0 */
/* Whose mail is wanted and whose is not: the whitelist and the blacklist, for administrators. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "spam/receipt.h"

static json_t *shape_rule(const struct spam_rule *rule)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(rule->rule_id));
    api_set(o, "list", json_string(spam_list_name(rule->list)));
    api_set(o, "kind", json_string(spam_kind_name(rule->kind)));
    api_set(o, "subject", api_text(rule->subject));
    api_set(o, "domain", api_text_or_null(rule->domain));
    api_set(o, "note", api_text(rule->note));
    api_set(o, "createdAt", api_time(rule->created_at_us));
    return o;
}

void rest_list_receipt_rules(struct api_call *call, const struct list_receipt_rules_params *p,
                             const json_t *body)
{
    static const char *const lists[] = { [LIST_RECEIPT_RULES_LIST_ALL] = "",
                                         [LIST_RECEIPT_RULES_LIST_WHITELIST] = "whitelist",
                                         [LIST_RECEIPT_RULES_LIST_BLACKLIST] = "blacklist" };
    struct err e = ERR_CLEAR;
    struct spam_rules rules;
    struct account_place place;
    struct admin_page page = { .limit = (size_t)p->limit };
    (void)body;
    if (!admin_page_place(call, p->cursor, 0, &place))
        return;
    const struct spam_rule_query query = { .list = lists[p->list],
                                           .subject = p->subject,
                                           .domain = p->domain,
                                           .after = place.number,
                                           .limit = page.limit + 1 };
    if (!spam_rule_page(call->app->spam, &query, call->arena, call->deadline_ms, &rules, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    page.items = json_array();
    for (size_t i = 0; i < rules.n && i < page.limit; i++)
        api_add(page.items, shape_rule(&rules.list[i]));
    page.has_next = rules.n > page.limit;
    if (page.has_next)
        page.next = (struct call_cursor){ .numbers = { rules.list[page.limit - 1].rule_id, 0 } };
    admin_page_reply(call, &page);
}

/* Answers with the rule; 201 when it was made. Yields. */
YIELDS static void reply_rule(struct api_call *call, int64_t rule_id, bool is_new)
{
    struct err e = ERR_CLEAR;
    struct spam_rules rules;
    const struct spam_rule_query query = { .rule_id = rule_id, .list = "", .limit = 1 };
    if (!spam_rule_page(call->app->spam, &query, call->arena, call->deadline_ms, &rules, &e)) {
        (void)call_fail(call, &e);
    } else if (rules.n == 0) {
        (void)call_problem(call, "not-found", NULL);
    } else if (is_new) {
        call_created(call, shape_rule(&rules.list[0]), "/api/v1/admin/receipt-rules/%lld",
                     (long long)rule_id);
    } else {
        call_json(call, 200, shape_rule(&rules.list[0]));
    }
}

void rest_create_receipt_rule(struct api_call *call, const struct create_receipt_rule_params *p,
                              const json_t *body)
{
    struct err e = ERR_CLEAR;
    int64_t rule_id;
    const struct account_actor actor = call_account_actor(call);
    bool is_white = str_eq(api_get_text(body, "list"), STR("whitelist"));
    const struct spam_rule_new rule = { .list = is_white ? SPAM_WHITELIST : SPAM_BLACKLIST,
                                        .subject = api_get_text(body, "subject"),
                                        .domain = api_get_text(body, "domain"),
                                        .note = api_get_text(body, "note") };
    (void)p;
    if (spam_rule_add(call->app->spam, &actor, &rule, call->arena, call->deadline_ms, &rule_id,
                      &e)) {
        reply_rule(call, rule_id, true);
    } else if (e.kind == ERR_SYNTAX) {
        (void)call_field_problem(call, "invalid-fields", "/subject", e.msg);
    } else if (e.kind == ERR_NOT_FOUND) {
        (void)call_field_problem(call, "invalid-fields", "/domain", e.msg);
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_get_receipt_rule(struct api_call *call, const struct get_receipt_rule_params *p,
                           const json_t *body)
{
    (void)body;
    reply_rule(call, p->rule_id, false);
}

void rest_delete_receipt_rule(struct api_call *call, const struct delete_receipt_rule_params *p,
                              const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    (void)body;
    bool ok =
        spam_rule_remove(call->app->spam, &actor, p->rule_id, call->arena, call->deadline_ms, &e);
    admin_reply_deleted(call, ok, &e);
}
