/* SPDX-License-Identifier: Apache-2.0 */
/* The way to one server: connection, greeting, EHLO, STARTTLS, login. TLS is tried whenever offered
 * (RFC 7435). */
#include "services/delivery/egress.h"
#include "services/delivery/login.h"
#include "services/delivery/session_steps.h"
#include "services/delivery/share.h"

/* RFC 5321 4.5.3.2 (PROMISES, "SMTP timeouts"). */
enum {
    CONNECT_MS = 30 * 1000,
    GREETING_MS = 300 * 1000,
    HELLO_MS = 300 * 1000,
    STARTTLS_MS = 120 * 1000,
    HANDSHAKE_MS = 30 * 1000,
    WRITE_MS = 180 * 1000
};

/* An older server of SMTP knows HELO only; LMTP has but one greeting (RFC 2033 section 4.1). */
YIELDS static bool say_hello(struct delivery_session *s, struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    const char *host = arena_cstr(s->a, delivery_session_ehlo_name(s));
    s->said_name = str_from_cstr(host);
    const char *verb = delivery_session_is_lmtp(s) ? "LHLO" : "EHLO";
    memset(&s->offers, 0, sizeof(s->offers));
    s->stage = "hello";
    if (!delivery_ask(s, arena_printf(s->a, "%s %s", verb, host), HELLO_MS, &e)) {
        *failure = delivery_deferred(s, "4.4.2", "no answer to %s: %s", verb, e.msg);
        return false;
    }
    if (s->reply.code / 100 == 2) {
        smtp_extensions_parse(&s->reply, &s->offers);
        return true;
    }
    bool answered = s->reply.code / 100 != 5 || delivery_session_is_lmtp(s) ||
                    delivery_ask(s, arena_printf(s->a, "HELO %s", host), HELLO_MS, &e);
    if (answered && s->reply.code / 100 == 2)
        return true;
    *failure = answered ? delivery_result_of_reply(s)
                        : delivery_deferred(s, "4.4.2", "no answer to HELO: %s", e.msg);
    failure->outcome = QUEUE_DEFERRED; /* another server, or another day, may like us better */
    failure->status = STR("4.5.0");
    delivery_session_drop(s);
    return false;
}

/* Yields. */
YIELDS static bool shake_hands(struct delivery_session *s, const struct delivery_host *host,
                               struct err *e)
{
    const struct dane *dane = s->demand.dane;
    int64_t deadline_ms = clock_deadline_in(HANDSHAKE_MS);
    delivery_session_hear(s);
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

YIELDS static enum delivery_opened start_tls(struct delivery_session *s,
                                             const struct delivery_host *host,
                                             struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    s->stage = "starttls";
    if (!s->offers.starttls)
        return delivery_tls_judge_lack(s, "the server does not offer it", failure);
    if (!delivery_ask(s, STR("STARTTLS"), STARTTLS_MS, &e)) {
        *failure = delivery_deferred(s, "4.4.2", "no answer to STARTTLS: %s", e.msg);
        return DELIVERY_OPEN_FAILED;
    }
    if (s->reply.code != 220)
        return delivery_tls_judge_lack(s, "the server refused STARTTLS", failure);
    if (!shake_hands(s, host, &e)) {
        delivery_tls_note(s, delivery_tls_result(host, NULL), e.msg);
        delivery_session_disconnect(s); /* the place is for the next try */
        s->presented = TLS_PRESENTED_BROKEN;
        return delivery_tls_judge(s, e.msg, failure);
    }
    enum delivery_opened what = delivery_tls_judge_proof(s, failure);
    if (what != DELIVERY_OPENED)
        return what;
    if (!say_hello(s, failure))
        return DELIVERY_OPEN_FAILED;
    return delivery_lacks_requiretls(s, &s->terms) ? delivery_no_requiretls(s, failure)
                                                   : DELIVERY_OPENED;
}

YIELDS static bool greet(struct delivery_session *s, const struct delivery_host *host,
                         struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    s->stage = "connect";
    s->source = s->route->pool
                    ? delivery_egress_next(s->route->pool, &host->address, s->terms.sender)
                    : NULL;
    delivery_session_hear(s);
    if (!net_connect(s->d->app->runtime, &host->address, s->source, clock_deadline_in(CONNECT_MS),
                     &s->conn, &e)) {
        delivery_session_drop(s);
        *failure = delivery_deferred(s, "4.4.1", "%s", e.msg);
        return false;
    }
    net_conn_set_write_timeout(s->conn, WRITE_MS);
    s->stage = "greeting";
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

enum delivery_opened delivery_open_one(struct delivery_session *s, const struct delivery_host *host,
                                       enum delivery_tls_use tls, struct queue_result *failure)
{
    char ip[NET_ADDRESS_TEXT];
    s->remote = arena_printf(s->a, "%.*s [%.*s]", STR_FMT(host->name),
                             STR_FMT(net_address_ip(&host->address, ip)));
    s->host = host;
    s->demand = delivery_demand_of(s->route, host);
    s->certificate = (struct queue_certificate){ .pin = STR_EMPTY };
    s->secured = STR_EMPTY;
    if (tls == DELIVERY_TLS_TRY) {
        s->tls = STR_EMPTY;
        s->weak_tls = STR_EMPTY;
    }
    if (tls == DELIVERY_TLS_TRY && !s->is_onward && delivery_share_take(s)) {
        s->stage = "starttls";
        return delivery_tls_judge_proof(s, failure);
    }
    delivery_share_make_room(s);
    if (s->is_lost) {
        delivery_session_drop(s);
        *failure = delivery_deferred(s, "4.4.2", "the lease was lost");
        return DELIVERY_OPEN_FAILED;
    }
    if (!greet(s, host, failure) || !say_hello(s, failure))
        return DELIVERY_OPEN_FAILED;
    enum delivery_opened what =
        tls == DELIVERY_TLS_TRY ? start_tls(s, host, failure) : DELIVERY_OPENED;
    if (what == DELIVERY_OPENED && s->route->relay.login.n > 0 && !delivery_log_in(s, failure))
        return DELIVERY_OPEN_FAILED;
    return what;
}
