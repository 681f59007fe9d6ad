/* SPDX-License-Identifier: Apache-2.0 */
/* The few paths of the listener for monitoring. */
#include "services/api/monitor.h"

#include "api_routes.h"
#include "services/api/api.h"

enum {
    CALL_MS = 5000 /* less than Prometheus and probes wait */
};

static const struct {
    str path;
    void (*handle)(struct api_call *call, const void *params, const json_t *body);
} paths[] = {
    { STR_INIT("/metrics"), rest_get_metrics },
    { STR_INIT("/health"), rest_get_health },
};

static bool check_peer(const struct api *api, struct http_request *r)
{
    if (net_networks_contain(api->app->monitors, &r->peer))
        return true;
    http_reply_problem(r, 403, "Your address is not in metrics.networks of the configuration.");
    return false;
}

static bool check_method(struct http_request *r)
{
    if (r->method == HTTP_GET || r->method == HTTP_HEAD)
        return true;
    http_add_field(r, "allow", STR("GET, HEAD"));
    http_reply_problem(r, 405, "There is nothing to change here.");
    return false;
}

void monitor_serve(struct http_request *r, void *arg)
{
    struct api *api = arg;
    struct api_call call = {
        .api = api,
        .app = api->app,
        .arena = r->arena,
        .http = r,
        .path = r->path,
        .id = r->id,
        .deadline_ms = clock_deadline_in(CALL_MS),
    };
    if (!check_peer(api, r) || !check_method(r))
        return;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        if (!str_eq(paths[i].path, r->path))
            continue;
        paths[i].handle(&call, NULL, NULL);
        json_decref(call.json);
        return;
    }
    http_reply_problem(r, 404, "Here are /metrics and /health; the API has a listener of its own.");
}
