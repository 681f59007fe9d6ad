/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to another server: commands, replies, what they come to, and its end. How one is
 * opened is in session_open.c (which server), session_greet.c (the way to it) and session_tls.c
 * (whether its TLS is enough). */
#include "services/delivery/egress.h"
#include "services/delivery/session_steps.h"

#include <stdarg.h>

/* RFC 5321 4.5.3.2 (PROMISES, "SMTP timeouts"). */
enum {
    QUIT_MS = 20 * 1000
};

static const struct delivery_patience patience = { .open_ms = INT64_C(15) * 60 * 1000,
                                                   .envelope_ms = INT64_C(20) * 60 * 1000,
                                                   .body_ms = INT64_C(10) * 60 * 1000,
                                                   .body_rate = 4096,
                                                   .silence_ms = INT64_C(5) * 1000 };

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

void delivery_session_disconnect(struct delivery_session *s)
{
    net_close(&s->conn);
    s->is_busy = false;
    s->is_doubted = false;
    s->is_hurried = false;
    s->needs_reset = false;
    s->n_messages = 0;
    s->n_former = 0;
    s->n_awaited = 0;
}

void delivery_session_drop(struct delivery_session *s)
{
    delivery_session_disconnect(s);
    delivery_place_leave(&s->place);
}

void delivery_session_abort(struct delivery_session *s)
{
    s->is_lost = true;
    delivery_place_give_up(&s->place);
    if (s->conn)
        net_conn_abort(s->conn);
    if (s->asked)
        net_conn_abort(s->asked);
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
        .weak_tls = s->weak_tls,
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

static void set_doubt(struct delivery_session *s, bool is_doubted)
{
    if (s->conn && s->is_doubted != is_doubted)
        net_conn_set_silence(s->conn, is_doubted ? s->patience.silence_ms : 0);
    s->is_doubted = s->conn && is_doubted;
}

void delivery_session_doubt(struct delivery_session *s)
{
    set_doubt(s, true);
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
            s->said_421 = s->said_421 || s->reply.code == 421;
            s->n_awaited -= s->n_awaited > 0; /* none for a greeting */
            s->is_busy = false;
            set_doubt(s, false);
            return true;
        case SMTP_REPLY_BAD:
            delivery_session_drop(s);
            return false;
        }
    }
    return ERR(e, ERR_CLOSED, "not connected");
}

bool delivery_ask(struct delivery_session *s, str line, int64_t timeout_ms, struct err *e)
{
    return delivery_write(s, line, e) && delivery_read_reply(s, timeout_ms, e);
}

bool delivery_session_is_used_up(const struct delivery_session *s)
{
    return s->n_messages >= DELIVERY_MESSAGES_A_CONNECTION ||
           (s->offers.mail_max > 0 && s->n_messages >= s->offers.mail_max);
}

int64_t delivery_limit(int64_t ms)
{
    int64_t wanted_ms = clock_deadline_in(ms);
    int64_t former_ms = fiber_set_deadline(wanted_ms);
    if (former_ms < wanted_ms)
        (void)fiber_set_deadline(former_ms);
    return former_ms;
}

void delivery_session_quit(struct delivery_session *s)
{
    struct err e = ERR_CLEAR;
    if (s->conn)
        (void)delivery_ask(s, STR("QUIT"), QUIT_MS, &e); /* whatever the answer is */
    delivery_session_drop(s);
}
