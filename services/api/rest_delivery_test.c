/* SPDX-License-Identifier: Apache-2.0 */
/* How far a message to an address would come, for administrators. */
#include "api_routes.h"
#include "services/api/admin_trial.h"
#include "services/api/api.h"
#include "services/api/told.h"

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *shape_host(const struct app_trial_host *host)
{
    json_t *o = json_object();
    api_set(o, "recipient", api_text(host->recipient));
    api_set(o, "name", api_text(host->name));
    api_set(o, "address", api_text(host->address));
    api_set(o, "stage", json_string(host->stage));
    api_set(o, "policy", api_text_or_null(host->policy));
    api_set(o, "tls", api_text_or_null(host->tls));
    api_set(o, "verdict", text_or_null(host->verdict));
    api_set(o, "reply", api_text(host->reply));
    api_set_told(o, host->reply);
    api_set(o, "isAccepted", json_boolean(host->is_accepted));
    return o;
}

static json_t *shape_end(const struct app_trial_end *end)
{
    json_t *o = json_object();
    api_set(o, "address", api_text_or_null(end->address));
    api_set(o, "isOwn", json_boolean(end->is_own));
    api_set(o, "isAccepted", end->is_tried ? json_boolean(end->is_accepted) : json_null());
    api_set(o, "mtaSts", api_text_or_null(end->policy));
    api_set(o, "problem", api_text_or_null(end->problem));
    api_set_told(o, end->problem);
    return o;
}

static json_t *shape(const struct app_trial *trial, str address)
{
    json_t *o = json_object();
    json_t *ends = json_array();
    json_t *hosts = json_array();
    for (size_t i = 0; i < trial->n_ends; i++)
        api_add(ends, shape_end(&trial->ends[i]));
    for (size_t i = 0; i < trial->n; i++)
        api_add(hosts, shape_host(&trial->hosts[i]));
    api_set(o, "address", api_text(address));
    api_set(o, "domain", api_text(trial->domain));
    api_set(o, "isAccepted", json_boolean(trial->is_accepted));
    api_set(o, "isOwn", json_boolean(trial->is_own));
    api_set(o, "leadsTo", ends);
    api_set(o, "problem", api_text_or_null(trial->problem));
    api_set_told(o, trial->problem);
    api_set(o, "mtaSts", api_text_or_null(trial->policy));
    api_set(o, "hosts", hosts);
    return o;
}

void rest_test_delivery(struct api_call *call, const struct test_delivery_params *p,
                        const json_t *body)
{
    struct app_trial trial;
    struct err e = ERR_CLEAR;
    (void)body;
    call_audit(call, "delivery.test", p->address, STR_EMPTY, "ok");
    if (admin_try_delivery(call, p->address, &trial, &e)) {
        call_json(call, 200, shape(&trial, p->address));
    } else if (e.kind == ERR_SYNTAX) {
        (void)call_field_problem(call, "invalid-parameter", "/address", e.msg);
    } else if (e.kind == ERR_CONFLICT || e.kind == ERR_UNSUPPORTED) {
        (void)call_problem(call, "unavailable", "%s", e.msg);
    } else {
        (void)call_fail(call, &e);
    }
}
