/* SPDX-License-Identifier: Apache-2.0 */
/* From a POST to the reports about our domains. */
#include "services/api/report_post.h"

#include "account/lists.h"
#include "obs/obs.h"
#include "reports/reports.h"
#include "services/api/api.h"

enum {
    TAKE_MS = 10 * 1000,
    COST = 5,               /* requests of an address that one report counts for */
    POST_MAX = 1024 * 1024, /* octets of a body */
};

static bool check_method(struct http_request *r)
{
    if (r->method == HTTP_POST)
        return true;
    http_add_field(r, "allow", STR("POST"));
    http_reply_problem(r, 405, "Reports are posted here.");
    return false;
}

/* Anybody may report, so anybody may report only so often; to sign in he may nevertheless. */
static bool check_rate(struct api *api, struct http_request *r)
{
    char group[NET_ADDRESS_TEXT];
    struct http_rate left;
    str key = net_address_group(&r->peer, 0, group);
    if (http_rates_take(api->rates.reports, key, COST, clock_monotonic_ms(), &left))
        return true;
    http_add_retry(r, left.reset_s);
    http_reply_problem(r, 429, "Report later.");
    return false;
}

static bool check_type(struct http_request *r)
{
    str type, params;
    (void)str_cut(http_request_field(r, STR("content-type")), ';', &type, &params);
    type = str_trim(type);
    if (!str_ieq(type, STR("application/tlsrpt+gzip")) &&
        !str_ieq(type, STR("application/tlsrpt+json"))) {
        http_reply_problem(r, 415, "Send application/tlsrpt+gzip or application/tlsrpt+json.");
        return false;
    }
    if (r->body.n > POST_MAX) {
        http_reply_problem(r, 413, "A report has at most 1 MiB.");
        return false;
    }
    return true;
}

/* Whatever becomes of a report that can be read, the answer is the same: of another one, strangers
 * would learn which domains are ours, and what is known about them. */
static void reply(struct http_request *r, bool is_done, const struct err *why)
{
    if (is_done || why->kind == ERR_NOT_FOUND || why->kind == ERR_LIMIT) {
        http_reply(r, 201, NULL, STR_EMPTY);
    } else if (why->kind == ERR_SYNTAX) {
        http_reply_problem(r, 400, "That is no report on TLS.");
    } else {
        http_reply_problem(r, 503, "The report cannot be kept now.");
    }
}

static void log_problem(const struct http_request *r, const struct err *why)
{
    bool is_refused = why->kind == ERR_NOT_FOUND || why->kind == ERR_LIMIT;
    obs_count(METRIC_REPORTS_RECEIVED, is_refused ? "tls,refused" : "tls,unreadable", 1);
    obs_log(EV_REPORT_UNREADABLE, r->id, OBS_CSTR("from", "https"),
            OBS_STR("error", str_from_cstr(why->msg)));
}

YIELDS static bool take(struct api *api, struct http_request *r, struct reports_received *report,
                        bool *is_new, struct err *e)
{
    int64_t deadline_ms = clock_deadline_in(TAKE_MS);
    if (!reports_post_read(r->body, r->arena, deadline_ms, report, e)) {
        e->kind = e->kind == ERR_LIMIT ? ERR_SYNTAX : e->kind; /* too big, and so it remains */
        return false;
    }
    if (!account_domain_find_own(api->app->accounts, report->domain, r->arena, deadline_ms,
                                 &report->own_domain, e))
        return false;
    if (!report->own_domain.n)
        return ERR(e, ERR_NOT_FOUND, "it is about a domain that is not ours");
    report->is_posted = true;
    return reports_received_add(api->app->db, report, deadline_ms, is_new, e);
}

void report_post_serve(struct api *api, struct http_request *r)
{
    struct reports_received report;
    struct err e = ERR_CLEAR;
    bool is_new = false;
    if (!config_bool(api->app->config, CONFIG_REPORTS_HTTPS)) {
        http_reply_problem(r, 404, NULL);
        return;
    }
    if (!check_method(r) || !check_rate(api, r) || !check_type(r))
        return;
    bool is_done = take(api, r, &report, &is_new, &e);
    if (is_done) {
        reports_log_taken(&report, is_new, r->id);
    } else {
        log_problem(r, &e);
    }
    reply(r, is_done, &e);
}
