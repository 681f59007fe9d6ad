/* SPDX-License-Identifier: Apache-2.0 */
/* Opens and closes SMTP connections. TLS is opportunistic (RFC 7435): it is tried whenever offered;
 * what it lacks is logged, and refused only where somebody demands it (security.h). */
#include "services/delivery/session.h"

#include "obs/obs.h"
#include "services/delivery/tally.h"

#include <stdarg.h>

/* RFC 5321 4.5.3.2 (PROMISES, "SMTP timeouts"). */
enum {
    CONNECT_MS = 30 * 1000,
    GREETING_MS = 300 * 1000,
    HELLO_MS = 300 * 1000,
    STARTTLS_MS = 120 * 1000,
    HANDSHAKE_MS = 30 * 1000,
    WRITE_MS = 180 * 1000,
    QUIT_MS = 20 * 1000
};

enum tls_use {
    TLS_TRY,
    TLS_AVOID /* it failed with this server a moment ago */
};

enum opened {
    OPENED,
    OPEN_FAILED,    /* try the next address */
    OPEN_TLS_FAILED /* the handshake failed; plain text may work */
};

static const struct delivery_patience patience = { .open_ms = INT64_C(15) * 60 * 1000,
                                                   .envelope_ms = INT64_C(20) * 60 * 1000,
                                                   .body_ms = INT64_C(10) * 60 * 1000,
                                                   .body_rate = 4096 };

void delivery_session_init(struct delivery_session *s, struct delivery *d, struct arena *a)
{
    *s = (struct delivery_session){ .d = d, .a = a, .patience = patience };
    smtp_reply_init(&s->reply);
}

void delivery_session_fini(struct delivery_session *s)
{
    delivery_session_drop(s);
    smtp_reply_fini(&s->reply);
}

void delivery_session_drop(struct delivery_session *s)
{
    net_close(&s->conn);
    s->needs_reset = false;
    s->n_messages = 0;
    s->n_awaited = 0;
}

struct queue_result delivery_deferred(const struct delivery_session *s, const char *status,
                                      const char *format, ...)
{
    char text[QUEUE_REPLY_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return (struct queue_result){ .outcome = QUEUE_DEFERRED,
                                  .status = str_from_cstr(status),
                                  .reply = arena_str(s->a, str_from_cstr(text)),
                                  .remote = s->remote,
                                  .tls = s->tls };
}

struct queue_result delivery_result_of_reply(const struct delivery_session *s)
{
    const struct smtp_reply *r = &s->reply;
    unsigned class = r->code / 100;
    struct queue_result result = {
        .outcome = class == 2   ? QUEUE_DELIVERED
                   : class == 5 ? QUEUE_FAILED
                                : QUEUE_DEFERRED,
        .reply = arena_printf(s->a, "%u %.*s", r->code,
                              STR_FMT(str_slice(buf_str(&r->text), 0, QUEUE_REPLY_MAX - 4))),
        .remote = s->remote,
        .tls = s->tls,
    };
    /* A status of another class than the code's says nothing (RFC 2034 4). */
    if (r->status[0] == (char)('0' + class))
        result.status = arena_str(s->a, str_from_cstr(r->status));
    return result;
}

bool delivery_is_out_of_turn(struct delivery_session *s, struct err *e)
{
    if (!s->conn || s->n_awaited > 0 || net_buffered(s->conn) == 0)
        return false;
    delivery_session_drop(s);
    (void)ERR(e, ERR_SYNTAX, "the server said more than it was asked");
    return true;
}

bool delivery_write(struct delivery_session *s, str line, struct err *e)
{
    if (delivery_is_out_of_turn(s, e))
        return false;
    s->n_awaited++;
    bool ok = s->conn && !s->is_lost
                  ? net_write(s->conn, line, e) && net_write(s->conn, STR("\r\n"), e)
                  : ERR(e, ERR_CLOSED, "not connected");
    if (!ok)
        delivery_session_drop(s);
    return ok;
}

bool delivery_read_reply(struct delivery_session *s, int64_t timeout_ms, struct err *e)
{
    int64_t deadline_ms = clock_deadline_in(timeout_ms);
    smtp_reply_clear(&s->reply);
    while (s->conn) {
        str line;
        if (!net_read_line(s->conn, SMTP_REPLY_LINE_MAX, deadline_ms, &line, NULL, e)) {
            delivery_session_drop(s);
            return false;
        }
        switch (smtp_reply_add_line(&s->reply, line, e)) {
        case SMTP_REPLY_MORE:
            continue;
        case SMTP_REPLY_DONE:
            s->n_awaited -= s->n_awaited > 0; /* none for a greeting */
            return true;
        case SMTP_REPLY_BAD:
            delivery_session_drop(s);
            return false;
        }
    }
    return ERR(e, ERR_CLOSED, "not connected");
}

/* Sends one command and reads its reply. Yields. */
YIELDS static bool ask(struct delivery_session *s, str line, int64_t timeout_ms, struct err *e)
{
    return delivery_write(s, line, e) && delivery_read_reply(s, timeout_ms, e);
}

/* ---- opening ---- */

YIELDS static bool say_hello(struct delivery_session *s, struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    const char *host = s->d->app->hostname;
    memset(&s->offers, 0, sizeof(s->offers));
    if (!ask(s, arena_printf(s->a, "EHLO %s", host), HELLO_MS, &e)) {
        *failure = delivery_deferred(s, "4.4.2", "no answer to EHLO: %s", e.msg);
        return false;
    }
    if (s->reply.code / 100 == 2) {
        smtp_extensions_parse(&s->reply, &s->offers);
        return true;
    }
    bool answered =
        s->reply.code / 100 != 5 || ask(s, arena_printf(s->a, "HELO %s", host), HELLO_MS, &e);
    if (answered && s->reply.code / 100 == 2)
        return true;
    *failure = answered ? delivery_result_of_reply(s)
                        : delivery_deferred(s, "4.4.2", "no answer to HELO: %s", e.msg);
    failure->outcome = QUEUE_DEFERRED; /* another server, or another day, may like us better */
    failure->status = STR("4.5.0");
    delivery_session_drop(s);
    return false;
}

/* `reason`: a sentence on a failure, or empty. */
static void note_tls(struct delivery_session *s, const char *result, const char *reason)
{
    s->tls =
        arena_printf(s->a, "%s %s", s->demand.policy, s->demand.fault ? s->demand.fault : result);
    delivery_count_tls(s, result, str_from_cstr(reason));
}

static void warn_degraded(const struct delivery_session *s, const char *why)
{
    obs_count(METRIC_DELIVERY_TLS_DEGRADED, NULL, 1);
    obs_log(EV_DELIVERY_TLS_DEGRADED, STR_EMPTY, OBS_STR("remote", s->remote),
            OBS_CSTR("reason", why));
}

/* The server would not have TLS: fine unless somebody demands it. */
static enum opened without_tls(struct delivery_session *s, const char *why,
                               struct queue_result *failure)
{
    note_tls(s, "starttls-not-supported", why);
    if (!s->demand.encrypted)
        return OPENED;
    *failure = delivery_deferred(s, "4.7.4", "TLS is required by %s, but %s", s->demand.by, why);
    delivery_session_drop(s);
    return OPEN_FAILED;
}

/* Encryption without a verified name still keeps listeners out, so it goes on where verification
 * is not required. */
static enum opened judge_certificate(struct delivery_session *s, struct queue_result *failure)
{
    const struct tls_facts *facts = net_conn_tls(s->conn);
    if (facts->verified)
        return OPENED;
    if (!facts->by_dane && !s->demand.verified) {
        if (config_bool(s->d->app->config, CONFIG_DELIVERY_VERIFY_TLS))
            warn_degraded(s, facts->verify_error);
        return OPENED;
    }
    *failure =
        delivery_deferred(s, "4.7.5", "the server's certificate does not verify, as %s demands: %s",
                          s->demand.by, facts->verify_error);
    delivery_session_drop(s);
    return OPEN_FAILED;
}

/* Yields. */
YIELDS static bool shake_hands(struct delivery_session *s, const struct delivery_host *host,
                               struct err *e)
{
    const struct dane *dane = s->demand.dane;
    int64_t deadline_ms = clock_deadline_in(HANDSHAKE_MS);
    if (!dane) {
        return net_starttls_client(s->conn, s->d->tls, arena_cstr(s->a, host->name), deadline_ms,
                                   e);
    }
    const struct tls_dane expected = { .base = arena_cstr(s->a, dane->base),
                                       .next_hop = arena_cstr(s->a, s->route->domain),
                                       .records = dane->records,
                                       .n = dane->n };
    return net_starttls_dane(s->conn, s->d->tls, &expected, deadline_ms, e);
}

YIELDS static enum opened start_tls(struct delivery_session *s, const struct delivery_host *host,
                                    struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    if (!s->offers.starttls)
        return without_tls(s, "the server does not offer it", failure);
    if (!ask(s, STR("STARTTLS"), STARTTLS_MS, &e)) {
        *failure = delivery_deferred(s, "4.4.2", "no answer to STARTTLS: %s", e.msg);
        return OPEN_FAILED;
    }
    if (s->reply.code != 220)
        return without_tls(s, "the server refused STARTTLS", failure);
    if (!shake_hands(s, host, &e)) {
        note_tls(s, delivery_tls_result(host, NULL), e.msg);
        delivery_session_drop(s);
        *failure = delivery_deferred(s, "4.7.5", "TLS failed: %s", e.msg);
        warn_degraded(s, e.msg);
        return OPEN_TLS_FAILED;
    }
    const struct tls_facts *facts = net_conn_tls(s->conn);
    note_tls(s, delivery_tls_result(host, facts), facts->verify_error);
    enum opened what = judge_certificate(s, failure);
    if (what == OPENED && !say_hello(s, failure))
        return OPEN_FAILED;
    return what;
}

YIELDS static bool greet(struct delivery_session *s, const struct delivery_host *host,
                         struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    if (!net_connect(s->d->app->runtime, &host->address, NULL, clock_deadline_in(CONNECT_MS),
                     &s->conn, &e)) {
        *failure = delivery_deferred(s, "4.4.1", "%s", e.msg);
        return false;
    }
    net_conn_set_write_timeout(s->conn, WRITE_MS);
    if (!delivery_read_reply(s, GREETING_MS, &e)) {
        *failure = delivery_deferred(s, "4.4.2", "no greeting: %s", e.msg);
        return false;
    }
    if (s->reply.code / 100 == 2)
        return true;
    *failure = delivery_result_of_reply(s);
    failure->outcome = QUEUE_DEFERRED; /* said of the connection, not of any recipient */
    failure->status = STR("4.3.2");
    delivery_session_drop(s);
    return false;
}

YIELDS static enum opened open_one(struct delivery_session *s, const struct delivery_host *host,
                                   enum tls_use tls, struct queue_result *failure)
{
    char ip[NET_ADDRESS_TEXT];
    s->remote = arena_printf(s->a, "%.*s [%.*s]", STR_FMT(host->name),
                             STR_FMT(net_address_ip(&host->address, ip)));
    s->host = host;
    s->demand = delivery_demand_of(s->d->app->config, s->route, host);
    if (tls == TLS_TRY)
        s->tls = STR_EMPTY;
    if (!greet(s, host, failure) || !say_hello(s, failure))
        return OPEN_FAILED;
    return tls == TLS_TRY ? start_tls(s, host, failure) : OPENED;
}

int64_t delivery_limit(int64_t ms)
{
    int64_t wanted_ms = clock_deadline_in(ms);
    int64_t former_ms = fiber_set_deadline(wanted_ms);
    if (former_ms < wanted_ms)
        (void)fiber_set_deadline(former_ms);
    return former_ms;
}

bool delivery_session_open(struct delivery_session *s, const struct delivery_route *route,
                           struct queue_result *failure)
{
    bool found = false;
    *failure = delivery_deferred(s, "4.4.1", "no server was tried");
    s->route = route;
    int64_t former_ms = delivery_limit(s->patience.open_ms);
    for (size_t i = 0; i < route->n && !found && !s->is_lost && !fiber_is_cancelled(); i++) {
        enum opened what = open_one(s, &route->hosts[i], TLS_TRY, failure);
        if (what == OPEN_TLS_FAILED && !s->demand.encrypted)
            what = open_one(s, &route->hosts[i], TLS_AVOID, failure);
        found = what == OPENED;
    }
    (void)fiber_set_deadline(former_ms);
    return found;
}

void delivery_session_quit(struct delivery_session *s)
{
    struct err e = ERR_CLEAR;
    if (s->conn)
        (void)ask(s, STR("QUIT"), QUIT_MS, &e); /* whatever the answer is */
    delivery_session_drop(s);
}
