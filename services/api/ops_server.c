/* SPDX-License-Identifier: Apache-2.0 */
/* The server itself: health, metrics, its description. */
#include "api_routes.h"
#include "http/http_values.h"
#include "obs/obs.h"
#include "services/api/api.h"
#include "services/api/health.h"
#include "services/api/told.h"

enum {
    METRICS_MAX = 4 << 20,
    SEEN_MS = 1000,
    QUEUE_MS = 2000 /* that the figures wait for the queue's */
};

/* Looks at most once in SEEN_MS: anybody may ask, without limit. */
YIELDS static enum health_status look_for_public(struct api_call *call)
{
    struct health health;
    struct api_health_seen *seen = &call->api->health_seen;
    if (clock_monotonic_ms() >= seen->until_ms) {
        health_look(call, false, &health);
        seen->until_ms = clock_deadline_in(SEEN_MS);
        seen->status = health.status;
    }
    return (enum health_status)seen->status;
}

void rest_get_health(struct api_call *call, const void *p, const json_t *body)
{
    (void)p;
    (void)body;
    enum health_status status = look_for_public(call);
    json_t *o = json_object();
    api_set(o, "status", json_string(health_word(status)));
    call_json(call, status == HEALTH_DOWN ? 503 : 200, o);
}

void rest_get_health_detailed(struct api_call *call, const void *p, const json_t *body)
{
    struct health health;
    json_t *checks = json_array();
    (void)p;
    (void)body;
    health_look(call, true, &health);
    for (size_t i = 0; i < health.n; i++) {
        const struct health_check *c = &health.checks[i];
        json_t *one = json_object();
        api_set(one, "name", json_string(c->name));
        api_set(one, "status", json_string(health_word(c->status)));
        api_set(one, "milliseconds", json_real((double)c->us / 1000.0));
        api_set(one, "detail", api_text(c->detail));
        api_set_told(one, c->detail);
        api_add(checks, one);
    }
    json_t *o = json_object();
    api_set(o, "status", json_string(health_word(health.status)));
    api_set(o, "version", json_string(HERONRY_VERSION));
    api_set(o, "hostname", json_string(call->app->hostname));
    api_set(o, "process", json_string(call->app->process));
    api_set(o, "uptimeSeconds", json_integer((clock_utc_us() - call->api->began_us) / 1000000));
    api_set(o, "checks", checks);
    call_json(call, health.status == HEALTH_DOWN ? 503 : 200, o);
}

/* What only the database knows; without it the last number stays. */
YIELDS static void look_at_queue(const struct api_call *call)
{
    struct queue_stats stats;
    struct err ignored = ERR_CLEAR;
    struct api_health_seen *seen = &call->api->health_seen;
    if (clock_monotonic_ms() < seen->queue_until_ms)
        return;
    seen->queue_until_ms = clock_deadline_in(SEEN_MS);
    if (queue_get_stats(call->app->queue, clock_deadline_in(QUEUE_MS), &stats, &ignored))
        obs_gauge_set(METRIC_QUEUE_DEPTH, NULL, stats.pending + stats.deferred);
}

void rest_get_metrics(struct api_call *call, const void *p, const json_t *body)
{
    struct buf text;
    (void)p;
    (void)body;
    look_at_queue(call);
    buf_init(&text, METRICS_MAX);
    (void)obs_metrics_format(&text);
    call_field(call, "cache-control", STR("no-store"));
    call_octets(call, "text/plain; version=0.0.4; charset=utf-8", buf_str(&text));
    buf_fini(&text);
}

void rest_get_openapi(struct api_call *call, const struct get_openapi_params *p, const json_t *body)
{
    (void)body;
    call_field(call, "etag", api_openapi_etag);
    call_field(call, "cache-control", STR("no-cache"));
    if (p->has_if_none_match && http_etag_matches(p->if_none_match, api_openapi_etag, false)) {
        call_empty(call, 304);
        return;
    }
    call_octets(call, "application/json", api_openapi_json);
}

void rest_get_docs(struct api_call *call, const void *p, const json_t *body)
{
    (void)p;
    (void)body;
    call_field(call, "content-security-policy", api_docs_policy);
    call_field(call, "cache-control", STR("no-cache"));
    call_octets(call, "text/html; charset=utf-8", api_docs_html);
}
