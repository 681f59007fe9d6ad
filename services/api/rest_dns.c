/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS records that a domain of ours needs, and whether they are there. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/app/policies.h"
#include "services/app/self.h"

/* A domain of ours and what it needs. */
struct wanted {
    struct published_self self;
    struct published_records records;
};

/* False: answered. Yields. */
YIELDS static bool find(struct api_call *call, str domain, struct wanted *out)
{
    struct err e = ERR_CLEAR;
    return (app_self(call->app, call->arena, &out->self, &e) &&
            published_list(call->app->accounts, &out->self, admin_domain(call, domain), call->arena,
                           call->deadline_ms, &out->records, &e)) ||
           admin_fail(call, &e);
}

void rest_list_dns_records(struct api_call *call, const struct list_dns_records_params *p,
                           const json_t *body)
{
    struct wanted w;
    (void)body;
    if (!find(call, p->domain, &w))
        return;
    json_t *items = json_array();
    for (size_t i = 0; i < w.records.n; i++) {
        const struct published_record *r = &w.records.list[i];
        json_t *o = json_object();
        api_set(o, "name", api_text(r->name));
        api_set(o, "type", json_string(r->type));
        api_set(o, "value", api_text(r->value));
        api_set(o, "purpose", json_string(published_purpose_name(r->purpose)));
        api_add(items, o);
    }
    call_items(call, items);
}

/* ---- checked ---- */

static json_t *shape_finding(const struct published_finding *f)
{
    json_t *o = json_object();
    json_t *found = json_array();
    for (size_t i = 0; i < f->n_found; i++)
        api_add(found, api_text(f->found[i]));
    api_set(o, "purpose", json_string(published_purpose_name(f->record.purpose)));
    api_set(o, "type", json_string(f->record.type));
    api_set(o, "name", api_text(f->record.name));
    api_set(o, "state", json_string(published_state_name(published_state_of(f->reason))));
    api_set(o, "reason", json_string(published_reason_name(f->reason)));
    api_set(o, "text", json_string(published_reason_text(f->reason)));
    api_set(o, "detail", api_text_or_null(f->detail));
    api_set(o, "expected", api_text_or_null(f->record.value));
    api_set(o, "found", found);
    api_set(o, "isNeeded", json_boolean(f->record.is_needed));
    api_set(o, "isWrong", json_boolean(published_is_wrong(f)));
    return o;
}

/* As the world gets it, by HTTPS; only of a domain that has one here. Yields. */
YIELDS static bool look_at_policy(struct api_call *call, const struct wanted *w,
                                  struct published_policy *out, struct err *e)
{
    struct mta_sts_store *policies = NULL;
    bool has_policy = false;
    *out = (struct published_policy){ .is_asked = false };
    for (size_t i = 0; i < w->records.n; i++)
        has_policy = has_policy || w->records.list[i].purpose == PUBLISHED_MTA_STS;
    if (!has_policy)
        return true;
    if (!app_open_policies(call->app, &policies, e))
        return false;
    out->is_asked = policies != NULL;
    bool ok = !policies || mta_sts_look(policies, w->records.domain, call->arena, &out->policy,
                                        &out->problem, e);
    mta_sts_store_free(&policies);
    return ok;
}

YIELDS static bool check(struct api_call *call, const struct wanted *w,
                         struct published_findings *out, struct err *e)
{
    const struct mailauth_resolver resolver = mailauth_resolver_of(call->app->dns);
    struct published_policy *policy = ARENA_NEW(call->arena, struct published_policy);
    return look_at_policy(call, w, policy, e) &&
           published_check(&resolver, &w->self, &w->records, policy, call->arena, out, e);
}

void rest_check_domain(struct api_call *call, const struct check_domain_params *p,
                       const json_t *body)
{
    struct wanted w;
    struct published_findings findings;
    struct err e = ERR_CLEAR;
    bool is_right = true;
    (void)body;
    if (!find(call, p->domain, &w))
        return;
    if (!check(call, &w, &findings, &e)) {
        (void)admin_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < findings.n; i++) {
        api_add(items, shape_finding(&findings.list[i]));
        is_right = is_right && !published_is_wrong(&findings.list[i]);
    }
    json_t *root = json_object();
    api_set(root, "domain", api_text(w.records.domain));
    api_set(root, "host", json_string(w.self.host));
    api_set(root, "isRight", json_boolean(is_right));
    api_set(root, "items", items);
    call_json(call, 200, root);
}
