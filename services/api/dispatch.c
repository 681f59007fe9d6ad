/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a request: route, who asks, limits, parameters, body, handler. */
#include "services/api/api.h"

#include "api_routes.h"
#include "http/http_values.h"
#include "obs/obs.h"
#include "services/api/idempotency.h"
#include "services/api/mta_sts.h"
#include "services/api/report_post.h"
#include "services/api/session_cookie.h"

enum {
    CALL_MS = 25000 /* that a handler may wait in all */
};

/* ---- who asks ---- */

/* The secret behind "Bearer " in any case, or nothing. */
static str bearer_of(const struct http_request *r)
{
    static const char scheme[] = "bearer ";
    str field = http_request_field(r, STR("authorization"));
    if (!str_has_iprefix(field, STR("bearer ")))
        return STR_EMPTY;
    return str_trim(str_skip(field, sizeof(scheme) - 1));
}

static bool refuse_rate(struct api_call *call, const struct http_rate *left)
{
    http_add_retry(call->http, left->reset_s);
    return call_problem(call, "too-many-requests", "Wait %u seconds.", left->reset_s);
}

/* Takes `cost` from the wrong secrets that the client's address may come with; 0 only looks. */
static bool take_secret(struct api_call *call, uint64_t cost, struct http_rate *left)
{
    char group[NET_ADDRESS_TEXT];
    str key = net_address_group(&call->http->peer, 0, group);
    return http_rates_take(call->api->rates.secrets, key, cost, clock_monotonic_ms(), left) &&
           (cost > 0 || left->remaining > 0);
}

/* A secret that is not remembered costs a look into the database: who came with too many wrong ones
 * waits, while those who are known go on. */
YIELDS static bool find_grant(struct api_call *call, const struct auth_secret *secret)
{
    struct http_rate left;
    struct err e = ERR_CLEAR;
    if (auth_grant_recall(call->api->grants, secret, call->arena, &call->who))
        return true;
    if (!take_secret(call, 0, &left)) {
        http_add_rate(call->http, &left);
        return refuse_rate(call, &left);
    }
    if (!auth_grant_find(call->api->grants, secret, call->arena, call->deadline_ms, &call->who, &e))
        return call_fail(call, &e);
    if (call->who.id == 0)
        (void)take_secret(call, 1, &left);
    return true;
}

/* Fills `who` when the request comes with a secret that is right. A wrong one is no failure here:
 * the operation may be open to everybody. */
YIELDS static bool identify(struct api_call *call)
{
    struct auth_secret secret = { .text = bearer_of(call->http), .ip = call->ip };
    if (call->route->scope == API_SCOPE_PUBLIC && call->route->rate == API_RATE_NONE)
        return true; /* the health of a server whose database is away */
    secret.is_session = secret.text.n == 0;
    if (secret.is_session && !session_cookie_read(call->http, &secret.text))
        return true;
    if (!find_grant(call, &secret))
        return false;
    call->is_signed_in = call->who.id != 0;
    return true;
}

static bool is_write(const struct api_route *route)
{
    return route->method != API_GET;
}

/* A browser sends cookies by itself; what a page of another site cannot make it send are a header
 * field of ours and an Origin that is this server (ATTACKS A5). */
static bool check_site(struct api_call *call)
{
    const struct http_request *r = call->http;
    bool by_cookie = call->is_signed_in && call->who.is_session;
    bool is_public = call->route->scope == API_SCOPE_PUBLIC;
    bool signs_in = is_public && is_write(call->route);
    str site = http_request_field(r, STR("sec-fetch-site"));
    str origin = http_request_field(r, STR("origin"));
    str own =
        arena_printf(call->arena, "%s://%.*s", r->is_secure ? "https" : "http", STR_FMT(r->host));
    if (!by_cookie && !signs_in)
        return true;
    if (!is_write(call->route)) { /* the live stream among them: ATTACKS A17 */
        bool is_foreign = site.n && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none"));
        is_foreign = is_foreign || (origin.n && !str_ieq(origin, own));
        return is_public || !is_foreign || call_problem(call, "cross-site", NULL);
    }
    if (!str_eq(http_request_field(r, STR("x-heronry")), STR("1")))
        return call_problem(call, "cross-site", "Send the header field X-Heronry: 1.");
    if (!str_ieq(origin, own))
        return call_problem(call, "cross-site", "The field Origin has to name this server.");
    return true;
}

static bool check_scope(struct api_call *call)
{
    unsigned wanted = (unsigned)call->route->scope;
    if (wanted == API_SCOPE_PUBLIC)
        return true;
    if (!call->is_signed_in) {
        str cookie;
        bool had_one = bearer_of(call->http).n > 0 || session_cookie_read(call->http, &cookie);
        return call_problem(call, had_one ? "session-ended" : "not-signed-in", NULL);
    }
    if (call->who.scopes & wanted)
        return true;
    if (wanted & (AUTH_SCOPE_ADMIN_READ | AUTH_SCOPE_ADMIN_WRITE) && !call->who.is_admin)
        return call_problem(call, "not-an-administrator", NULL);
    return call_problem(call, "insufficient-scope", NULL);
}

/* ---- limits ---- */

/* Which bucket a request is taken from, and under which key. */
static struct http_rates *find_rates(struct api_call *call, str *key)
{
    char group[NET_ADDRESS_TEXT];
    const struct api_rates *rates = &call->api->rates;
    if (call->route->rate == API_RATE_NONE)
        return NULL;
    if (!call->is_signed_in) {
        *key = arena_str(call->arena, net_address_group(&call->http->peer, 0, group));
        return rates->address;
    }
    *key = arena_printf(call->arena, "%lld", (long long)call->who.id);
    return call->who.is_session ? rates->session : rates->token;
}

static bool check_rate(struct api_call *call)
{
    struct http_rate left;
    str key;
    struct http_rates *rates = find_rates(call, &key);
    if (!rates)
        return true;
    bool ok = http_rates_take(rates, key, 1, clock_monotonic_ms(), &left);
    http_add_rate(call->http, &left);
    return ok || refuse_rate(call, &left);
}

/* ---- what was sent ---- */

static bool read_params(struct api_call *call, const struct api_match *match, str query,
                        void **params)
{
    struct api_faults faults = { .arena = call->arena };
    const struct api_params_input in = {
        .values = match->values,
        .n_values = match->n,
        .query = query,
        .fields = call->http ? call->http->fields : NULL,
        .n_fields = call->http ? call->http->n_fields : 0,
    };
    switch (api_params_read(call->route->params, &in, call->arena, params, &faults)) {
    case API_PARAMS_OK:
        return true;
    case API_PARAMS_NOT_FOUND:
        return call_problem(call, "not-found", NULL);
    case API_PARAMS_WRONG:
        break;
    }
    return call_faults(call, "invalid-parameter", &faults);
}

static bool is_json(const struct http_request *r)
{
    str type;
    str rest;
    (void)str_cut(http_request_field(r, STR("content-type")), ';', &type, &rest);
    return str_ieq(str_trim(type), STR("application/json"));
}

static bool read_json(struct api_call *call, json_t **body)
{
    struct err e = ERR_CLEAR;
    struct api_faults faults = { .arena = call->arena };
    if (call->http && !is_json(call->http))
        return call_problem(call, "wrong-type", "The body has to be application/json.");
    if (!api_json_read(call->body, body, &e)) {
        const char *slug = e.kind == ERR_UNSUPPORTED ? "invalid-fields" : "invalid-json";
        return call_problem(call, slug, "%s", e.msg);
    }
    return api_validate(call->route->schema, *body, &faults) ||
           call_faults(call, "invalid-fields", &faults);
}

static bool read_body(struct api_call *call, json_t **body)
{
    if (call->route->body == API_BODY_NONE)
        return true;
    if (call->body.n > call->route->body_limit) {
        return call_problem(call, "too-large", "The body may have %zu octets.",
                            call->route->body_limit);
    }
    return call->route->body == API_BODY_RAW || read_json(call, body);
}

/* ---- the way ---- */

YIELDS static void handle(struct api_call *call, const struct api_match *match, str query)
{
    void *params = NULL;
    json_t *body = NULL;
    if (!read_params(call, match, query, &params))
        return;
    if (read_body(call, &body) && idempotency_begin(call)) {
        call->route->handle(call, params, body);
        idempotency_end(call);
    }
    json_decref(body);
}

static bool find_route(struct api_call *call, enum http_method method, str path,
                       struct api_match *match)
{
    struct buf allow;
    switch (api_route_find(&api_routes, method, path, match)) {
    case API_FOUND:
        call->route = match->route;
        return true;
    case API_NO_PATH:
        return call_problem(call, "not-found", NULL);
    case API_NO_METHOD:
        break;
    }
    buf_init(&allow, 128);
    api_methods_format(match->allowed, &allow);
    call_field(call, "allow", buf_str(&allow));
    buf_fini(&allow);
    return call_problem(call, "method-not-allowed", NULL);
}

/* What may be asked without TLS: whether the server lives, and everything from programs on the same
 * machine. Browsers are sent to https: they take no cookie of ours otherwise. */
static bool is_let_in(const struct http_request *r)
{
    return r->is_secure || str_has_prefix(r->path, STR("/health")) ||
           (net_address_is_loopback(&r->peer) &&
            (http_request_has_field(r, STR("authorization")) || str_eq(r->path, STR("/metrics"))));
}

void api_serve(struct http_request *r, void *arg)
{
    char ip[NET_ADDRESS_TEXT];
    struct api_match match;
    struct api *api = arg;
    struct api_call call = {
        .api = api,
        .app = api->app,
        .arena = r->arena,
        .http = r,
        .path = r->path,
        .body = r->body,
        .id = r->id,
        .deadline_ms = clock_deadline_in(CALL_MS),
    };
    if (!is_let_in(r)) {
        http_reply_to_https(r, api->https_port);
        return;
    }
    if (str_eq(r->path, STR(MTA_STS_PATH))) {
        mta_sts_serve(api, r);
        return;
    }
    if (str_eq(r->path, STR(REPORTS_POST_PATH))) {
        report_post_serve(api, r);
        return;
    }
    call.ip = arena_str(r->arena, net_address_ip(&r->peer, ip));
    if (find_route(&call, r->method, r->path, &match) && identify(&call) && check_rate(&call) &&
        check_scope(&call) && check_site(&call))
        handle(&call, &match, r->query);
    if (!call.is_answered && !http_was_answered(r))
        (void)call_problem(&call, "internal", NULL);
    json_decref(call.json);
}

static enum http_method method_of(str name)
{
    static const struct {
        str name;
        enum http_method method;
    } methods[] = {
        { STR_INIT("GET"), HTTP_GET },       { STR_INIT("POST"), HTTP_POST },
        { STR_INIT("PUT"), HTTP_PUT },       { STR_INIT("PATCH"), HTTP_PATCH },
        { STR_INIT("DELETE"), HTTP_DELETE },
    };
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (str_eq(methods[i].name, name))
            return methods[i].method;
    }
    return HTTP_OTHER_METHOD;
}

/* Operations of a person need one; those that stream need a connection. */
static bool is_for_operator(const struct api_route *route)
{
    return !route->is_stream && (route->scope & (API_SCOPE_ADMIN_READ | API_SCOPE_ADMIN_WRITE));
}

void api_dispatch(struct api *api, const struct api_request *request, struct arena *a,
                  struct api_response *out)
{
    str path;
    str query;
    struct api_match match;
    struct api_call call = {
        .api = api,
        .app = api->app,
        .arena = a,
        .body = request->body,
        .id = STR("cli"),
        .deadline_ms = clock_deadline_in(CALL_MS),
        .is_operator = true,
    };
    (void)str_cut(request->path, '?', &path, &query);
    call.path = path;
    if (find_route(&call, method_of(request->method), path, &match)) {
        if (is_for_operator(match.route)) {
            handle(&call, &match, query);
        } else {
            (void)call_problem(&call, "not-found", NULL);
        }
    }
    *out = (struct api_response){ .status = call.status, .json = call.json };
}
