/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the DNS records of a domain of ours where they belong, as far as we are let. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/app/publisher.h"
#include "services/app/self.h"
#include "services/app/zones.h"

enum result {
    THERE,
    ADDED,
    MISSING,
    DIFFERENT,
    UNKNOWN,
    NO_ZONE,
    FAILED
};

static const char *const names[] = {
    [THERE] = "there",     [ADDED] = "added",    [MISSING] = "missing", [DIFFERENT] = "different",
    [UNKNOWN] = "unknown", [NO_ZONE] = "noZone", [FAILED] = "failed",
};

struct publication {
    struct api_call *call;
    struct app_publisher publisher;
    struct app_silent silent;
    struct published_self self;
    struct published_records records;
    struct published_findings findings;
    bool is_rehearsal;
};

/* False: answered. Yields. */
YIELDS static bool find(struct publication *p, str domain, const json_t *body)
{
    struct api_call *call = p->call;
    struct err e = ERR_CLEAR;
    const struct mailauth_resolver resolver = mailauth_resolver_of(call->app->dns);
    bool is_all = api_get_text(body, "purpose").n == 0;
    size_t n = 0;
    if (!app_self(call->app, call->arena, &p->self, &e) ||
        !published_list(call->app->accounts, &p->self, admin_domain(call, domain), call->arena,
                        call->deadline_ms, &p->records, &e))
        return admin_fail(call, &e);
    for (size_t i = 0; i < p->records.n; i++) {
        if (is_all || p->records.list[i].purpose == PUBLISHED_DKIM)
            p->records.list[n++] = p->records.list[i];
    }
    p->records.n = n;
    return published_check_records(&resolver, &p->self, &p->records, call->arena, &p->findings,
                                   &e) ||
           call_fail(call, &e);
}

static bool has_zone(const struct publication *p, const struct published_record *record)
{
    struct dns_update_zone zone;
    return app_zone_find(p->call->app->config, record->name, &zone);
}

/* Of a record that is not there. False: answered. Yields. */
YIELDS static bool add(const struct publication *p, const struct published_record *record,
                       enum result *out, str *why)
{
    static const enum result results[] = {
        [APP_PUBLISH_DONE] = ADDED,      [APP_PUBLISH_THERE] = THERE,
        [APP_PUBLISH_TAKEN] = DIFFERENT, [APP_PUBLISH_FAILED] = FAILED,
        [APP_PUBLISH_NO_ZONE] = NO_ZONE, [APP_PUBLISH_NOT_OURS] = DIFFERENT,
    };
    struct err e = ERR_CLEAR;
    enum app_publishing outcome;
    *out = has_zone(p, record) ? MISSING : NO_ZONE;
    if (*out == NO_ZONE || p->is_rehearsal)
        return true;
    if (!app_publish(&p->publisher, record, &outcome, why, &e))
        return call_fail(p->call, &e);
    *out = results[outcome];
    if (*out == DIFFERENT)
        *why = STR("The server of the zone has another record there.");
    return true;
}

/* False: answered. Yields. */
YIELDS static bool settle(const struct publication *p, const struct published_finding *f,
                          enum result *out, str *why)
{
    static const enum result results[] = { [PUBLISHED_RIGHT] = THERE,
                                           [PUBLISHED_MISSING] = MISSING,
                                           [PUBLISHED_DIFFERENT] = DIFFERENT,
                                           [PUBLISHED_UNKNOWN] = UNKNOWN };
    *out = published_is_there(f) ? THERE : results[published_state_of(f->reason)];
    *why = f->reason == PUBLISHED_IS_RIGHT ? STR_EMPTY
                                           : str_from_cstr(published_reason_text(f->reason));
    /* A TLSA record of another key may be of use yet: ours goes beside it, where it can. */
    bool is_wanted =
        *out == MISSING || (f->reason == PUBLISHED_TLSA_OTHER && has_zone(p, &f->record));
    return !is_wanted || add(p, &f->record, out, why);
}

static json_t *shape(const struct published_record *r, enum result result, str why)
{
    json_t *o = json_object();
    api_set(o, "name", api_text(r->name));
    api_set(o, "type", json_string(r->type));
    api_set(o, "value", api_text(r->value));
    api_set(o, "purpose", json_string(published_purpose_name(r->purpose)));
    api_set(o, "result", json_string(names[result]));
    api_set(o, "text", api_text_or_null(why));
    return o;
}

void rest_publish_dns_records(struct api_call *call, const struct publish_dns_records_params *p,
                              const json_t *body)
{
    const struct account_actor actor = call_account_actor(call);
    struct publication publication = { .call = call,
                                       .is_rehearsal =
                                           json_is_true(json_object_get(body, "dryRun")) };
    bool is_there = true;
    if (!find(&publication, p->domain, body))
        return;
    publication.publisher = (struct app_publisher){
        call->app,          &actor, publication.records.domain, call->arena, call->deadline_ms,
        &publication.silent
    };
    json_t *items = json_array();
    for (size_t i = 0; i < publication.findings.n; i++) {
        enum result result;
        str why;
        if (!settle(&publication, &publication.findings.list[i], &result, &why)) {
            json_decref(items);
            return;
        }
        is_there = is_there && (result == THERE || result == ADDED);
        api_add(items, shape(&publication.findings.list[i].record, result, why));
    }
    json_t *root = json_object();
    api_set(root, "domain", api_text(publication.records.domain));
    api_set(root, "isThere", json_boolean(is_there));
    api_set(root, "items", items);
    call_json(call, 200, root);
}
