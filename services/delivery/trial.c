/* SPDX-License-Identifier: Apache-2.0 */
/* Each server gets a session of its own, so that all are told of, not only the first that works. */
#include "services/delivery/trial.h"

#include "account/profile.h"
#include "base/failpoint.h"
#include "base/utf8.h"
#include "services/delivery/session.h"
#include "wire/smtp_envelope.h"
#include "wire/smtp_path.h"

enum {
    WHOLE_MS = 20 * 1000, /* a person waits */
    HOST_MS = 8 * 1000,   /* of that, for one server */
    COMMAND_MS = 5 * 1000,
    HOSTS_MAX = 2 * DELIVERY_ADDRESSES_MAX /* of one end, with those that must not be used */
};

struct trial {
    struct delivery *d;
    struct arena *a;
    int64_t deadline_ms;
    struct smtp_path to;
    struct delivery_route route; /* of all servers */
    struct app_trial *out;
};

/* Of mail of our users, who can be asked; of exceptions, those for everybody. */
static const struct delivery_terms terms = { .can_ask = true };

YIELDS static bool say(struct delivery_session *s, str line, struct err *e)
{
    return delivery_write(s, line, e) &&
           delivery_read_reply(s, FAILPOINT_PATIENCE("peer-is-awaited", COMMAND_MS), e);
}

static str reply_of(const struct delivery_session *s)
{
    return delivery_result_of_reply(s).reply;
}

/* Over an open session. Yields. */
YIELDS static void ask_recipient(struct trial *t, struct delivery_session *s,
                                 struct app_trial_host *host)
{
    struct err e = ERR_CLEAR;
    bool is_utf8 = !utf8_is_ascii(t->to.local);
    host->stage = "recipient";
    if (is_utf8 && !s->offers.smtputf8) {
        host->reply = STR("the server takes no addresses beyond ASCII (SMTPUTF8)");
        return;
    }
    bool ok = say(s, is_utf8 ? STR("MAIL FROM:<> SMTPUTF8") : STR("MAIL FROM:<>"), &e);
    if (ok && s->reply.code / 100 == 2) {
        str line = arena_printf(t->a, "RCPT TO:<%.*s>", STR_FMT(smtp_path_text(&t->to, t->a)));
        ok = say(s, line, &e);
        host->is_accepted = ok && s->reply.code / 100 == 2;
    }
    host->reply = ok ? reply_of(s) : arena_printf(t->a, "%s", e.msg);
}

static void describe(const struct delivery_session *s, struct app_trial_host *host)
{
    host->tls = s->secured;
    host->policy = s->tls;
    if (s->tls.n)
        host->verdict = tls_verdict_name(delivery_session_verdict(s));
}

/* By which the server can be known again, whether it proved who it is or not. */
static str key_of(const struct trial *t, const struct delivery_session *s)
{
    struct tls_certificate shown;
    if (s->certificate.pin.n > 0)
        return arena_str(t->a, s->certificate.pin);
    if (!s->conn || !net_conn_tls(s->conn) || !net_conn_certificate(s->conn, t->a, &shown))
        return STR_EMPTY;
    return arena_str(t->a, str_of((const char *)shown.key, sizeof(shown.key)));
}

/* Yields. */
YIELDS static void try_host(struct trial *t, const struct delivery_host *one, bool is_barred)
{
    char ip[NET_ADDRESS_TEXT];
    struct delivery_session s;
    struct queue_result failure;
    struct app_trial_host *host = &t->out->hosts[t->out->n++];
    struct delivery_route *alone = ARENA_NEW(t->a, struct delivery_route);
    *host = (struct app_trial_host){
        .recipient = smtp_path_text(&t->to, t->a),
        .name = one->name,
        .address = arena_str(t->a, net_address_ip(&one->address, ip)),
        .stage = "connect",
    };
    *alone = t->route;
    if (is_barred) {
        alone->barred = ARENA_NEW(t->a, struct delivery_host);
        *alone->barred = *one;
    } else {
        alone->hosts[0] = *one;
    }
    alone->n = !is_barred;
    alone->n_barred = is_barred;
    delivery_session_init(&s, t->d, t->a);
    s.is_uncounted = true; /* no mail goes over it */
    s.patience.open_ms = FAILPOINT_PATIENCE("peer-is-awaited", HOST_MS);
    bool is_open = delivery_session_open(&s, alone, &terms, &failure);
    host->stage = s.stage;
    describe(&s, host);
    host->key = key_of(t, &s);
    if (is_open) {
        ask_recipient(t, &s, host);
        delivery_session_quit(&s);
    } else {
        host->reply = failure.reply;
    }
    delivery_session_fini(&s);
}

/* Servers that we must not use are told with the reason, and not connected to. */
static void tell_barred(struct trial *t, const struct delivery_host *one)
{
    char ip[NET_ADDRESS_TEXT];
    t->out->hosts[t->out->n++] = (struct app_trial_host){
        .recipient = smtp_path_text(&t->to, t->a),
        .name = one->name,
        .address = arena_str(t->a, net_address_ip(&one->address, ip)),
        .stage = "connect",
        .reply = STR("not tried: its TLSA records or the MTA-STS policy of the domain forbid it"),
    };
}

YIELDS static bool find_route(struct trial *t, struct err *e)
{
    struct account_transports found;
    const struct account_transport_query query = { .domain = t->to.domain };
    if (!account_transport_find(t->d->app->accounts, &query, t->a, t->deadline_ms, &found, e))
        return false;
    const struct account_way way = account_transport_choose(&found, t->to.domain, STR_EMPTY, t->a);
    return delivery_find_route(t->d, t->to.domain, &way, t->a, t->deadline_ms, &t->route, e);
}

/* The servers of t->to, one by one. Yields. */
YIELDS static bool try_servers(struct trial *t, struct app_trial_end *end, struct err *e)
{
    struct app_trial *out = t->out;
    const struct delivery_route *route = &t->route;
    size_t first = out->n;
    if (!find_route(t, e))
        return false;
    /* Such an exception is for servers that must not be used otherwise, too. */
    bool is_any_good = tls_exception_allows(&route->exceptions, terms.account_id, STR_EMPTY);
    size_t n_barred = is_any_good ? route->n_barred : 0;
    if (route->policy)
        end->policy = str_from_cstr(mta_sts_mode_name(route->policy->mode));
    if (route->n + n_barred == 0)
        end->problem = route->failure.reply;
    for (size_t i = 0; i < route->n && !fiber_is_cancelled(); i++)
        try_host(t, &route->hosts[i], false);
    for (size_t i = 0; i < n_barred && !fiber_is_cancelled(); i++)
        try_host(t, &route->barred[i], true);
    for (size_t i = n_barred; i < route->n_barred; i++)
        tell_barred(t, &route->barred[i]);
    end->is_tried = true;
    for (size_t i = first; i < out->n; i++)
        end->is_accepted = end->is_accepted || out->hosts[i].is_accepted;
    return true;
}

/* ---- addresses that lead to others ---- */

/* One elsewhere. Yields. */
YIELDS static bool try_end(struct trial *t, struct app_trial_end *end, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (clock_monotonic_ms() >= t->deadline_ms)
        return true; /* those before it took all the time */
    if (smtp_mailbox_parse(end->address, t->a, &t->to) != SMTP_GOOD || t->to.is_literal) {
        end->is_tried = true;
        end->problem = arena_printf(t->a, "no address: %.*s", STR_FMT(end->address));
        return true;
    }
    if (try_servers(t, end, &why) || why.kind == ERR_TIMEOUT)
        return true;
    *e = why;
    return false;
}

/* The addresses of the accounts among the targets. Yields. */
YIELDS static bool name_accounts(struct trial *t, const struct account_route *route,
                                 struct app_trial_end *ends, struct err *e)
{
    struct account *accounts = ARENA_ARRAY(t->a, struct account, route->n_targets);
    struct account_addresses *names = ARENA_ARRAY(t->a, struct account_addresses, route->n_targets);
    for (size_t i = 0; i < route->n_targets; i++)
        accounts[i] = (struct account){ .account_id = route->targets[i].account_id };
    if (!account_addresses_of(t->d->app->accounts, accounts, route->n_targets, t->a, t->deadline_ms,
                              names, e))
        return false;
    for (size_t i = 0; i < route->n_targets; i++) {
        if (ends[i].is_own && names[i].n > 0)
            ends[i].address = names[i].list[0];
    }
    return true;
}

/* The first ones elsewhere are tried: a group can have very many. Yields. */
YIELDS static bool follow(struct trial *t, const struct account_route *route, struct err *e)
{
    struct app_trial *out = t->out;
    struct app_trial_end *ends = ARENA_ARRAY(t->a, struct app_trial_end, route->n_targets);
    size_t n_elsewhere = 0;
    for (size_t i = 0; i < route->n_targets; i++) {
        bool is_own = route->targets[i].account_id != 0;
        ends[i] = (struct app_trial_end){
            .address = route->targets[i].address,
            .is_own = is_own,
            .is_tried = is_own,
            .is_accepted = is_own,
        };
    }
    out->ends = ends;
    out->n_ends = route->n_targets;
    out->is_accepted = true;
    if (!name_accounts(t, route, ends, e))
        return false;
    for (size_t i = 0; i < out->n_ends; i++) {
        if (!ends[i].is_own && n_elsewhere++ < APP_TRIAL_ENDS && !try_end(t, &ends[i], e))
            return false;
        out->is_accepted = out->is_accepted && (ends[i].is_accepted || !ends[i].is_tried);
    }
    out->is_own = n_elsewhere == 0;
    return true;
}

/* ---- the whole ---- */

YIELDS static bool try_elsewhere(struct trial *t, struct err *e)
{
    struct app_trial_end end = { .is_own = false };
    bool ok = try_servers(t, &end, e);
    t->out->is_accepted = end.is_accepted;
    t->out->policy = end.policy;
    t->out->problem = end.problem;
    return ok;
}

YIELDS static bool try_all(struct trial *t, struct err *e)
{
    struct account_route found;
    if (!account_route(t->d->app->accounts, t->to.local, t->to.domain, t->a, t->deadline_ms, &found,
                       e))
        return false;
    t->out->hosts = ARENA_ARRAY(t->a, struct app_trial_host, (size_t)APP_TRIAL_ENDS * HOSTS_MAX);
    switch (found.kind) {
    case ACCOUNT_ROUTE_LOCAL:
        t->out->is_own = true;
        t->out->is_accepted = true;
        return true;
    case ACCOUNT_ROUTE_LEADS:
        return follow(t, &found, e);
    case ACCOUNT_ROUTE_UNKNOWN:
        t->out->problem = STR("the domain is of this server, and has no such address");
        return true;
    case ACCOUNT_ROUTE_REMOTE:
        break;
    }
    return try_elsewhere(t, e);
}

bool delivery_try(struct app *app, str address, struct arena *a, struct app_trial *out,
                  struct err *e)
{
    struct trial *t = ARENA_NEW(a, struct trial);
    *t = (struct trial){ .a = a, .out = out, .deadline_ms = clock_deadline_in(WHOLE_MS) };
    *out = (struct app_trial){ .n = 0 };
    if (smtp_mailbox_parse(address, a, &t->to) != SMTP_GOOD || t->to.is_literal)
        return ERR(e, ERR_SYNTAX, "no address: %.*s", STR_FMT(str_slice(address, 0, 100)));
    out->domain = t->to.domain;
    t->d = delivery_new(app, e);
    if (!t->d)
        return false;
    int64_t former_ms = delivery_limit(WHOLE_MS);
    bool ok = try_all(t, e);
    (void)fiber_set_deadline(former_ms);
    delivery_free(&t->d);
    return ok;
}
