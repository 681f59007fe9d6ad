/* SPDX-License-Identifier: Apache-2.0 */
/* Opens and closes SMTP connections. TLS is tried whenever offered (RFC 7435); whether what it
 * lacks is in the way of a message, security.h says. */
#include "services/delivery/session.h"

#include "base/date.h"
#include "base/failpoint.h"
#include "obs/obs.h"
#include "services/delivery/crowd.h"
#include "services/delivery/egress.h"
#include "services/delivery/login.h"
#include "services/delivery/share.h"
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
    OPEN_TLS_FAILED /* the handshake failed; plain text is good enough */
};

static const struct delivery_patience patience = { .open_ms = INT64_C(15) * 60 * 1000,
                                                   .envelope_ms = INT64_C(20) * 60 * 1000,
                                                   .body_ms = INT64_C(10) * 60 * 1000,
                                                   .body_rate = 4096 };

void delivery_session_init(struct delivery_session *s, struct delivery *d, struct arena *a)
{
    *s = (struct delivery_session){ .d = d, .a = a, .patience = patience };
    smtp_reply_init(&s->reply);
    signal_point_init(&s->place.turn);
    list_add_tail(&d->sessions, &s->link);
}

bool delivery_session_is_lmtp(const struct delivery_session *s)
{
    return s->route->relay.protocol == ACCOUNT_TRANSPORT_LMTP;
}

str delivery_session_ehlo_name(const struct delivery_session *s)
{
    return s->route->ehlo_name.n > 0 ? s->route->ehlo_name
                                     : str_from_cstr(delivery_egress_name(s->d));
}

void delivery_session_hear(struct delivery_session *s)
{
    s->is_busy = true;
    s->heard_ms = clock_monotonic_ms();
}

void delivery_session_fini(struct delivery_session *s)
{
    delivery_session_drop(s);
    smtp_reply_fini(&s->reply);
    list_remove(&s->link);
}

static void disconnect(struct delivery_session *s)
{
    net_close(&s->conn);
    s->is_busy = false;
    s->is_hurried = false;
    s->needs_reset = false;
    s->n_messages = 0;
    s->n_former = 0;
    s->n_awaited = 0;
}

void delivery_session_drop(struct delivery_session *s)
{
    disconnect(s);
    delivery_place_leave(&s->place);
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
                                  .tls = s->tls,
                                  .stage = s->stage,
                                  .secured = s->secured };
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
        .stage = s->stage,
        .secured = s->secured,
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

/* A line ended by us is no word of the server's. */
static bool lose(struct delivery_session *s, struct err *e)
{
    bool is_hurried = s->is_hurried;
    delivery_session_drop(s);
    if (!is_hurried)
        return false;
    *e = (struct err)ERR_CLEAR;
    return ERR(e, ERR_TIMEOUT, "no sign of the server for long, while very many others wait");
}

bool delivery_read_reply(struct delivery_session *s, int64_t timeout_ms, struct err *e)
{
    int64_t deadline_ms = clock_deadline_in(timeout_ms);
    smtp_reply_clear(&s->reply);
    delivery_session_hear(s);
    while (s->conn) {
        str line;
        if (!net_read_line(s->conn, SMTP_REPLY_LINE_MAX, deadline_ms, &line, NULL, e))
            return lose(s, e);
        switch (smtp_reply_add_line(&s->reply, line, e)) {
        case SMTP_REPLY_MORE:
            continue;
        case SMTP_REPLY_DONE:
            s->n_awaited -= s->n_awaited > 0; /* none for a greeting */
            s->is_busy = false;
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

/* An older server of SMTP knows HELO only; LMTP has but one greeting (RFC 2033 section 4.1). */
YIELDS static bool say_hello(struct delivery_session *s, struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    const char *host = arena_cstr(s->a, delivery_session_ehlo_name(s));
    s->said_name = str_from_cstr(host);
    const char *verb = delivery_session_is_lmtp(s) ? "LHLO" : "EHLO";
    memset(&s->offers, 0, sizeof(s->offers));
    s->stage = "hello";
    if (!ask(s, arena_printf(s->a, "%s %s", verb, host), HELLO_MS, &e)) {
        *failure = delivery_deferred(s, "4.4.2", "no answer to %s: %s", verb, e.msg);
        return false;
    }
    if (s->reply.code / 100 == 2) {
        smtp_extensions_parse(&s->reply, &s->offers);
        return true;
    }
    bool answered = s->reply.code / 100 != 5 || delivery_session_is_lmtp(s) ||
                    ask(s, arena_printf(s->a, "HELO %s", host), HELLO_MS, &e);
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
    if (s->n_former == 0) /* else nothing was negotiated */
        delivery_count_tls(s, result, str_from_cstr(reason));
}

static void warn_degraded(const struct delivery_session *s, const char *why)
{
    obs_count(METRIC_DELIVERY_TLS_DEGRADED, NULL, 1);
    obs_log(EV_DELIVERY_TLS_DEGRADED, STR_EMPTY, OBS_STR("remote", s->remote),
            OBS_CSTR("reason", why));
}

/* ---- what the server presents, and whether that is enough ---- */

/* The failure that a verdict makes of it, with the reason of the server's or ours. */
static struct queue_result refuse(const struct delivery_session *s, enum tls_verdict verdict,
                                  const char *why)
{
    bool fails = verdict == TLS_FAIL;
    const char *by = delivery_demanded_by(&s->demand, &s->terms, s->presented);
    struct queue_result result = {
        .outcome = fails                 ? QUEUE_FAILED
                   : verdict == TLS_HOLD ? QUEUE_HELD
                                         : QUEUE_DEFERRED,
        .status = arena_printf(s->a, "%c.7.%c", fails ? '5' : '4',
                               s->presented == TLS_PRESENTED_NONE ? '4' : '5'),
        .remote = s->remote,
        .tls = s->tls,
        .stage = s->stage,
        .secured = s->secured,
    };
    switch (s->presented) {
    case TLS_PRESENTED_VERIFIED:
    case TLS_PRESENTED_NONE:
        result.reply = arena_printf(s->a, "TLS is required by %s, but %s", by, why);
        break;
    case TLS_PRESENTED_BROKEN:
        result.reply = arena_printf(s->a, "TLS failed, which %s demands: %s", by, why);
        break;
    case TLS_PRESENTED_UNVERIFIED:
        result.reply = arena_printf(
            s->a, "the server's certificate does not verify, as %s demands: %s", by, why);
        break;
    }
    if (verdict == TLS_HOLD && s->certificate.pin.n > 0) {
        struct queue_certificate *shown = ARENA_NEW(s->a, struct queue_certificate);
        *shown = s->certificate;
        result.certificate = shown;
    }
    if (fails && s->terms.requiretls)
        result.status = STR("5.7.10"); /* RFC 8689 section 4.2.1 */
    return result;
}

/* With an exception for this destination, or for the key that the server showed, somebody has
 * decided already. */
static enum tls_waiver overlooks(const struct delivery_session *s,
                                 const struct delivery_terms *terms)
{
    return tls_exception_allows(&s->route->exceptions, terms->account_id, s->certificate.pin)
               ? TLS_WAIVER_DECIDED
               : terms->waiver;
}

/* Whether the server proved who it is, but nobody proves that it is in charge of the domain: not
 * enough for REQUIRETLS (RFC 8689 section 4.2.1). */
static bool is_unproven(const struct delivery_session *s, const struct delivery_terms *terms)
{
    return terms->requiretls && s->presented == TLS_PRESENTED_VERIFIED && !s->host->is_proven;
}

static enum tls_verdict find_verdict(const struct delivery_session *s,
                                     const struct delivery_terms *terms)
{
    struct delivery_terms all = *terms;
    all.waiver = overlooks(s, terms);
    return delivery_verdict(s->d->app->config, &s->demand, &all,
                            is_unproven(s, terms) ? TLS_PRESENTED_UNVERIFIED : s->presented);
}

/* What may be done with the connection as it is; the caller goes on, or drops it. `why` says what
 * is wrong with it. */
static enum opened judge(struct delivery_session *s, const char *why, struct queue_result *failure)
{
    enum tls_verdict verdict = find_verdict(s, &s->terms);
    switch (verdict) {
    case TLS_SEND:
        return OPENED;
    case TLS_SEND_UNVERIFIED:
        warn_degraded(s, why);
        return OPENED;
    case TLS_SEND_PLAIN:
        warn_degraded(s, why);
        return s->presented == TLS_PRESENTED_BROKEN ? OPEN_TLS_FAILED : OPENED;
    case TLS_RETRY:
    case TLS_HOLD:
    case TLS_FAIL:
        break;
    }
    *failure = refuse(s, verdict, why);
    s->is_refused = true;
    delivery_session_drop(s);
    return OPEN_FAILED;
}

/* A message of REQUIRETLS goes only to a server that sees to it further on (RFC 8689 4.2.1). */
static bool lacks_requiretls(const struct delivery_session *s, const struct delivery_terms *terms)
{
    return terms->requiretls && !s->offers.requiretls;
}

static enum opened no_requiretls(struct delivery_session *s, struct queue_result *failure)
{
    *failure = (struct queue_result){ .outcome = QUEUE_FAILED,
                                      .status = STR("5.7.30"),
                                      .reply = STR("the sender asked for REQUIRETLS, which the "
                                                   "server does not offer"),
                                      .remote = s->remote,
                                      .tls = s->tls,
                                      .stage = s->stage,
                                      .secured = s->secured };
    s->is_refused = true;
    delivery_session_drop(s);
    return OPEN_FAILED;
}

bool delivery_session_suits(const struct delivery_session *s, const struct delivery_terms *terms)
{
    enum tls_verdict verdict = find_verdict(s, terms);
    const struct delivery_pool *pool = s->route->pool;
    if (pool && !pool->is_turned &&
        s->source != delivery_egress_choose(pool->list, pool->n, &s->host->address, terms->sender))
        return false;
    if (lacks_requiretls(s, terms) || (s->is_barred && overlooks(s, terms) == TLS_WAIVER_NONE))
        return false;
    return verdict == TLS_SEND || verdict == TLS_SEND_UNVERIFIED || verdict == TLS_SEND_PLAIN;
}

bool delivery_session_is_used_up(const struct delivery_session *s)
{
    return s->n_messages >= DELIVERY_MESSAGES_A_CONNECTION ||
           (s->offers.mail_max > 0 && s->n_messages >= s->offers.mail_max);
}

static bool is_final(const struct queue_result *failure)
{
    return failure->outcome == QUEUE_HELD || failure->outcome == QUEUE_FAILED;
}

static str shown_day(struct arena *a, int64_t us)
{
    struct date day;
    date_from_unix_us(us, &day);
    return arena_printf(a, "%04d-%02d-%02d", day.year, day.month, day.day);
}

/* Reads the certificate of a server that could not prove who it is. */
static void note_certificate(struct delivery_session *s)
{
    struct tls_certificate shown;
    if (!net_conn_certificate(s->conn, s->a, &shown))
        return;
    s->certificate.pin = arena_str(s->a, str_of((const char *)shown.key, sizeof(shown.key)));
    s->certificate.shown =
        arena_printf(s->a, "%.*s, issued by %.*s, valid until %.*s", STR_FMT(shown.subject),
                     STR_FMT(shown.issuer), STR_FMT(shown_day(s->a, shown.until_us)));
}

/* What the history says of TLS on this connection. */
static str describe_tls(const struct delivery_session *s, const struct tls_facts *facts)
{
    bool is_enforced = s->demand.published == TLS_PUBLISHED_VERIFY;
    const char *proof = !facts->verified                                      ? "none"
                        : facts->by_dane                                      ? "dane"
                        : is_enforced && strcmp(s->demand.policy, "sts") == 0 ? "mta-sts"
                                                                              : "pkix";
    return arena_printf(s->a, "%s %s %s", facts->version, facts->cipher, proof);
}

/* The server would not have TLS. */
static enum opened without_tls(struct delivery_session *s, const char *why,
                               struct queue_result *failure)
{
    note_tls(s, "starttls-not-supported", why);
    s->presented = TLS_PRESENTED_NONE;
    return judge(s, why, failure);
}

/* The server has TLS: what that is worth for this destination. */
static enum opened judge_tls(struct delivery_session *s, struct queue_result *failure)
{
    const struct tls_facts *facts = net_conn_tls(s->conn);
    note_tls(s, delivery_tls_result(s->host, facts), facts->verify_error);
    s->secured = describe_tls(s, facts);
    if (s->demand.dane && !facts->by_dane) /* none of them is of any use (RFC 7672 section 2.2) */
        s->demand.published = TLS_PUBLISHED_ENCRYPT;
    s->presented = facts->verified ? TLS_PRESENTED_VERIFIED : TLS_PRESENTED_UNVERIFIED;
    if (!facts->verified)
        note_certificate(s);
    const char *why = facts->verify_error;
    if (is_unproven(s, &s->terms))
        why = "neither DNSSEC nor an MTA-STS policy says that this server is in charge";
    return judge(s, why, failure);
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

YIELDS static enum opened start_tls(struct delivery_session *s, const struct delivery_host *host,
                                    struct queue_result *failure)
{
    struct err e = ERR_CLEAR;
    s->stage = "starttls";
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
        disconnect(s); /* the place is for the next try */
        s->presented = TLS_PRESENTED_BROKEN;
        return judge(s, e.msg, failure);
    }
    enum opened what = judge_tls(s, failure);
    if (what != OPENED)
        return what;
    if (!say_hello(s, failure))
        return OPEN_FAILED;
    return lacks_requiretls(s, &s->terms) ? no_requiretls(s, failure) : OPENED;
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

YIELDS static enum opened open_one(struct delivery_session *s, const struct delivery_host *host,
                                   enum tls_use tls, struct queue_result *failure)
{
    char ip[NET_ADDRESS_TEXT];
    s->remote = arena_printf(s->a, "%.*s [%.*s]", STR_FMT(host->name),
                             STR_FMT(net_address_ip(&host->address, ip)));
    s->host = host;
    s->demand = delivery_demand_of(s->route, host);
    s->certificate = (struct queue_certificate){ .pin = STR_EMPTY };
    s->secured = STR_EMPTY;
    if (tls == TLS_TRY)
        s->tls = STR_EMPTY;
    if (tls == TLS_TRY && !s->is_onward && delivery_share_take(s)) {
        s->stage = "starttls";
        return judge_tls(s, failure);
    }
    delivery_share_make_room(s);
    if (s->is_lost) {
        delivery_session_drop(s);
        *failure = delivery_deferred(s, "4.4.2", "the lease was lost");
        return OPEN_FAILED;
    }
    if (!greet(s, host, failure) || !say_hello(s, failure))
        return OPEN_FAILED;
    enum opened what = tls == TLS_TRY ? start_tls(s, host, failure) : OPENED;
    if (what == OPENED && s->route->relay.login.n > 0 && !delivery_log_in(s, failure))
        return OPEN_FAILED;
    return what;
}

int64_t delivery_limit(int64_t ms)
{
    int64_t wanted_ms = clock_deadline_in(ms);
    int64_t former_ms = fiber_set_deadline(wanted_ms);
    if (former_ms < wanted_ms)
        (void)fiber_set_deadline(former_ms);
    return former_ms;
}

/* What is told when no server was good enough: rather that one was not, as the sender can do
 * something about that, than that another one was away. */
static void keep_failure(struct queue_result *all, const struct queue_result *one)
{
    if (!is_final(all) || is_final(one))
        *all = *one;
}

/* The bit of the i-th server of a list in s->passed. */
static unsigned bit_of(size_t i, bool is_barred)
{
    return 1U << (i + (is_barred ? DELIVERY_ADDRESSES_MAX : 0));
}

static void note_failure(struct delivery_session *s, const struct queue_result *failure,
                         int64_t took_ms)
{
    struct queue_result *one = ARENA_NEW(s->a, struct queue_result);
    *one = *failure;
    one->took_ms = took_ms;
    one->before = s->failures;
    s->failures = one;
}

static void put_off(struct delivery_session *s, const struct delivery_host *host, const char *why,
                    struct queue_result *failure)
{
    s->is_put_off = true;
    s->again_ms = s->place.again_ms;
    s->remote = host->name;
    *failure = delivery_deferred(s, "4.4.1", "%s", why);
}

/* The server has as many connections as it may have, and is not asked. The servers behind it are
 * not there for that. The time in the line is none that a server lets us wait. Yields. */
YIELDS static bool is_full(struct delivery_session *s, const struct delivery_host *host,
                           struct queue_result *failure)
{
    int64_t came_ms = clock_monotonic_ms();
    bool has_place = delivery_place_take(s->d, &s->place, &host->address, s->route->domain);
    s->opening_ms += clock_monotonic_ms() - came_ms;
    if (has_place)
        return false;
    put_off(s, host, "very many connections to it are open already", failure);
    return true;
}

YIELDS static bool open_host(struct delivery_session *s, const struct delivery_host *host,
                             struct queue_result *failure)
{
    int64_t began_ms = clock_monotonic_ms();
    enum opened what = open_one(s, host, TLS_TRY, failure);
    if (what == OPEN_TLS_FAILED)
        what = open_one(s, host, TLS_AVOID, failure);
    if (what != OPENED)
        note_failure(s, failure, clock_monotonic_ms() - began_ms);
    return what == OPENED;
}

/* The server is not asked: others of its network let so many wait already. */
static bool is_stalling(struct delivery_session *s, const struct delivery_host *host,
                        struct queue_result *failure)
{
    if (!delivery_is_stalling(s, &host->address, clock_monotonic_ms()) &&
        !FAILPOINT_FAILS("delivery-stalling"))
        return false;
    put_off(s, host, "its network lets very many connections wait", failure);
    return true;
}

/* Tries those of the hosts in turn that were not tried. Yields. */
YIELDS static bool open_any(struct delivery_session *s, const struct delivery_host *hosts, size_t n,
                            struct queue_result *failure)
{
    bool found = false;
    for (size_t i = 0; i < n && !found && !s->is_lost && !fiber_is_cancelled(); i++) {
        struct queue_result one = *failure;
        if (s->passed & bit_of(i, s->is_barred))
            continue;
        bool is_off = is_stalling(s, &hosts[i], &one);
        bool is_at_most = !is_off && is_full(s, &hosts[i], &one);
        is_off = is_off || is_at_most;
        found = !is_off && open_host(s, &hosts[i], &one);
        if (!found)
            s->passed |= bit_of(i, s->is_barred);
        if (!is_off || !s->failures)
            keep_failure(failure, &one);
        if (is_at_most)
            break;
    }
    return found;
}

/* Of servers that failed, those beside the one that is told of. */
static const struct queue_result *beside(struct arena *a, const struct queue_result *failures,
                                         const struct queue_result *told)
{
    if (!failures)
        return NULL;
    const struct queue_result *before = beside(a, failures->before, told);
    if (failures->reply.p == told->reply.p)
        return before;
    struct queue_result *one = ARENA_NEW(a, struct queue_result);
    *one = *failures;
    one->before = before;
    return one;
}

/* First those that the destination's own rules allow. Yields. */
YIELDS static bool open_allowed(struct delivery_session *s, struct queue_result *failure)
{
    const struct delivery_route *route = s->route;
    s->stage = "connect";
    s->secured = STR_EMPTY;
    s->is_barred = false;
    s->certificate = (struct queue_certificate){ .pin = STR_EMPTY };
    s->is_put_off = false;
    s->place.again_ms = 0;
    s->opening_ms = clock_monotonic_ms();
    int64_t former_ms = delivery_limit(s->patience.open_ms);
    bool found = open_any(s, route->hosts, route->n, failure);
    if (!found && route->n_barred > 0 && overlooks(s, &s->terms) != TLS_WAIVER_NONE) {
        s->is_barred = true;
        found = open_any(s, route->barred, route->n_barred, failure);
    }
    (void)fiber_set_deadline(former_ms);
    s->opening_ms = 0;
    s->is_put_off = s->is_put_off && !s->failures; /* else it is an attempt as any other */
    return found;
}

void delivery_session_forget(struct delivery_session *s)
{
    s->passed = 0;
    s->failures = NULL;
}

bool delivery_session_open(struct delivery_session *s, const struct delivery_route *route,
                           const struct delivery_terms *terms, struct queue_result *failure)
{
    *failure = delivery_deferred(s, "4.4.1", "no server was tried");
    failure->stage = "connect";
    s->route = route;
    s->terms = *terms;
    s->is_refused = false;
    s->is_onward = false;
    s->is_uncounted = s->is_uncounted || route->relay.port != 0; /* it is not the domain's server */
    delivery_session_forget(s);
    bool found = open_allowed(s, failure);
    if (!found && !s->is_barred && route->n == 0) {
        *failure = route->failure;
        s->is_refused = true;
    }
    if (!found)
        failure->before = beside(s->a, s->failures, failure);
    return found;
}

void delivery_session_pass(struct delivery_session *s)
{
    const struct delivery_host *first = s->is_barred ? s->route->barred : s->route->hosts;
    s->passed |= bit_of((size_t)(s->host - first), s->is_barred);
    delivery_session_quit(s);
}

bool delivery_session_open_another(struct delivery_session *s, struct queue_result *failure)
{
    bool was_refused = s->is_refused;
    *failure = delivery_deferred(s, "4.4.1", "no other server is left");
    s->is_onward = true;
    bool found = open_allowed(s, failure);
    s->is_refused = was_refused; /* that is said of all servers */
    return found;
}

void delivery_session_quit(struct delivery_session *s)
{
    struct err e = ERR_CLEAR;
    if (s->conn)
        (void)ask(s, STR("QUIT"), QUIT_MS, &e); /* whatever the answer is */
    delivery_session_drop(s);
}
