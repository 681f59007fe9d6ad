/* SPDX-License-Identifier: Apache-2.0 */
/* Serves policies, by the name that the client came by. */
#include "services/api/mta_sts.h"

#include "account/mta_sts.h"
#include "services/api/api.h"

enum {
    CALL_MS = 5000
};

bool mta_sts_of(const struct account_mta_sts *own, struct mta_sts_policy *out, struct err *e)
{
    static const enum mta_sts_mode modes[] = { MTA_STS_NONE, MTA_STS_TESTING, MTA_STS_ENFORCE };
    *out = (struct mta_sts_policy){ .mode = MTA_STS_NONE, .max_age_s = own->max_age_s };
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        if (str_eq(own->mode, str_from_cstr(mta_sts_mode_name(modes[i]))))
            out->mode = modes[i];
    }
    if (own->n_mx > MTA_STS_MX_MAX)
        return ERR(e, ERR_LIMIT, "more than %d hosts", MTA_STS_MX_MAX);
    out->n_mx = own->n_mx;
    for (size_t i = 0; i < own->n_mx; i++)
        out->mx[i] = own->mx[i];
    return true;
}

/* The domain behind "mta-sts." in the Host field, without its port; empty: another host. */
static str domain_of(const struct http_request *r)
{
    static const char prefix[] = "mta-sts.";
    str host, port;
    (void)str_cut(r->host, ':', &host, &port);
    if (str_has_suffix(host, STR(".")))
        host.n--;
    return str_has_prefix(host, STR("mta-sts.")) ? str_skip(host, sizeof(prefix) - 1) : STR_EMPTY;
}

/* Anybody may ask, so anybody may ask only so often; who asks signs in here, too, and others come
 * from the same address. */
static bool check_rate(struct api *api, struct http_request *r)
{
    char group[NET_ADDRESS_TEXT];
    struct http_rate left;
    str key = net_address_group(&r->peer, 0, group);
    if (http_rates_take(api->rates.policies, key, 1, clock_monotonic_ms(), &left))
        return true;
    http_add_retry(r, left.reset_s);
    http_reply_problem(r, 429, "Ask later.");
    return false;
}

static bool check_method(struct http_request *r)
{
    if (r->method == HTTP_GET || r->method == HTTP_HEAD)
        return true;
    http_add_field(r, "allow", STR("GET, HEAD"));
    http_reply_problem(r, 405, "A policy can only be read here.");
    return false;
}

static void reply(struct http_request *r, const struct account_mta_sts *own)
{
    struct mta_sts_policy policy;
    struct buf text;
    struct err ignored = ERR_CLEAR;
    buf_init(&text, MTA_STS_POLICY_MAX);
    if (mta_sts_of(own, &policy, &ignored) && mta_sts_policy_format(&policy, &text)) {
        http_add_field(r, "cache-control", STR("max-age=60"));
        http_reply(r, 200, "text/plain; charset=utf-8", arena_str(r->arena, buf_str(&text)));
    } else {
        http_reply_problem(r, 500, NULL);
    }
    buf_fini(&text);
}

void mta_sts_serve(struct api *api, struct http_request *r)
{
    struct account_mta_sts own;
    struct err e = ERR_CLEAR;
    str domain = domain_of(r);
    bool found = false;
    if (!check_method(r) || !check_rate(api, r))
        return;
    if (domain.n &&
        !account_mta_sts_find(api->app->accounts, domain, r->arena, clock_deadline_in(CALL_MS),
                              &found, &own, &e) &&
        e.kind != ERR_SYNTAX) {
        http_reply_problem(r, 503, "The policy cannot be read now.");
    } else if (found) {
        reply(r, &own);
    } else {
        http_reply_problem(r, 404, "There is no MTA-STS policy for this name.");
    }
}
