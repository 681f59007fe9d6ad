/* SPDX-License-Identifier: Apache-2.0 */
/* Each server gets a session of its own, so that all are told of, not only the first that works. */
#include "services/delivery/trial.h"

#include "base/failpoint.h"
#include "base/utf8.h"
#include "services/delivery/session.h"
#include "wire/smtp_path.h"

enum {
    WHOLE_MS = 20 * 1000, /* a person waits */
    HOST_MS = 8 * 1000,   /* of that, for one server */
    COMMAND_MS = 5 * 1000
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

/* Whether the domain is ours, and what becomes of the address there. Yields. */
YIELDS static bool look_here(struct trial *t, bool *is_ours, struct err *e)
{
    struct account_route found;
    if (!account_route(t->d->app->accounts, t->to.local, t->to.domain, t->a, t->deadline_ms, &found,
                       e))
        return false;
    *is_ours = found.kind != ACCOUNT_ROUTE_REMOTE;
    t->out->is_own = found.kind == ACCOUNT_ROUTE_LOCAL || found.kind == ACCOUNT_ROUTE_LEADS;
    if (found.kind == ACCOUNT_ROUTE_UNKNOWN)
        t->out->problem = STR("the domain is of this server, and has no such address");
    return true;
}

YIELDS static bool try_all(struct trial *t, struct err *e)
{
    bool is_ours;
    if (!look_here(t, &is_ours, e))
        return false;
    if (is_ours)
        return true;
    if (!find_route(t, e))
        return false;
    const struct delivery_route *route = &t->route;
    /* Such an exception is for servers that must not be used otherwise, too. */
    bool is_any_good = tls_exception_allows(&route->exceptions, terms.account_id, STR_EMPTY);
    size_t n_barred = is_any_good ? route->n_barred : 0;
    if (route->policy)
        t->out->policy = str_from_cstr(mta_sts_mode_name(route->policy->mode));
    if (route->n + n_barred == 0)
        t->out->problem = route->failure.reply;
    t->out->hosts = ARENA_ARRAY(t->a, struct app_trial_host, route->n + route->n_barred);
    for (size_t i = 0; i < route->n && !fiber_is_cancelled(); i++)
        try_host(t, &route->hosts[i], false);
    for (size_t i = 0; i < n_barred && !fiber_is_cancelled(); i++)
        try_host(t, &route->barred[i], true);
    for (size_t i = n_barred; i < route->n_barred; i++)
        tell_barred(t, &route->barred[i]);
    return true;
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
