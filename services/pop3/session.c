/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a POP3 connection: greeting, one command after the other, parked in between. */
#include "services/pop3/session.h"

#include "crypto/secret.h"
#include "db/db.h"
#include "obs/obs.h"
#include "services/pop3/commands.h"
#include "services/pop3/maildrop.h"
#include "services/pop3/replies.h"
#include "services/pop3/service.h"

#include <stdlib.h>

enum {
    TEXT_MAX = 512 /* octets of one line that is said */
};

int64_t pop3_deadline(void)
{
    return clock_deadline_in(POP3_WORK_MS);
}

/* ---- answering ---- */

void pop3_end(struct pop3_session *s, const char *reason)
{
    if (!s->is_closing)
        s->end_reason = reason;
    s->is_closing = true;
}

bool pop3_send(struct pop3_session *s, str octets)
{
    struct err e = ERR_CLEAR;
    if (!net_write(s->conn, octets, &e)) {
        pop3_end(s, e.kind == ERR_TIMEOUT ? "write_timeout" : "closed");
        return false;
    }
    s->octets_out += octets.n;
    return true;
}

void pop3_ok(struct pop3_session *s, const char *format, ...)
{
    struct buf line;
    va_list args;
    va_start(args, format);
    buf_init(&line, TEXT_MAX);
    bool ok = buf_add(&line, STR("+OK ")) && buf_vaddf(&line, format, args) &&
              buf_add(&line, STR("\r\n"));
    va_end(args);
    INVARIANT(ok);
    (void)pop3_send(s, buf_str(&line));
    buf_fini(&line);
}

void pop3_err(struct pop3_session *s, const char *code, const char *text)
{
    char line[TEXT_MAX];
    int n = *code ? snprintf(line, sizeof(line), "-ERR [%s] %s\r\n", code, text)
                  : snprintf(line, sizeof(line), "-ERR %s\r\n", text);
    (void)pop3_send(s, str_of(line, (size_t)n));
}

void pop3_bad(struct pop3_session *s, const char *text)
{
    s->bad_commands++;
    pop3_err(s, "", text);
}

void pop3_fail(struct pop3_session *s, const struct err *e)
{
    struct pop3_refusal refusal = pop3_refusal_for(e->kind);
    bool is_ours = e->kind == ERR_INTERNAL || e->kind == ERR_DAMAGED ||
                   e->kind == ERR_UNAVAILABLE || e->kind == ERR_TIMEOUT ||
                   e->kind == ERR_UNKNOWN_OUTCOME;
    if (is_ours)
        obs_log(EV_POP3_COMMAND_FAILED, net_conn_id(s->conn), OBS_ERR(e));
    pop3_err(s, refusal.code, refusal.text);
}

/* ---- reading commands ---- */

static void end_if_too_bad(struct pop3_session *s)
{
    unsigned most = s->state == POP3_AUTHORIZATION ? POP3_BAD_COMMANDS_PREAUTH : POP3_BAD_COMMANDS;
    if (s->is_closing || s->bad_commands < most)
        return;
    pop3_err(s, "", "Too many errors");
    pop3_end(s, "too_many_errors");
}

/* The lines of AUTH are long: tokens are. */
static size_t longest_line(const struct pop3_session *s)
{
    return s->state == POP3_AUTHORIZATION ? POP3_AUTH_MAX : POP3_LINE_MAX;
}

static void run_line(struct pop3_session *s, str line, bool is_clean)
{
    struct pop3_command command = pop3_command_parse(line);
    if (!is_clean) {
        auth_exchange_free(&s->exchange);
        pop3_bad(s, "A line ends in CRLF and holds no CR, LF or NUL");
    } else if (s->exchange) {
        pop3_auth_line(s, line);
    } else if (line.n > POP3_LINE_MAX && command.verb != POP3_AUTH) {
        pop3_bad(s, "Line too long");
    } else {
        s->commands++;
        pop3_run_command(s, &command);
    }
}

static void reading_failed(struct pop3_session *s, const struct err *e)
{
    if (e->kind == ERR_LIMIT) {
        auth_exchange_free(&s->exchange);
        pop3_bad(s, "Line too long");
    } else {
        pop3_end(s, e->kind == ERR_TIMEOUT     ? "timeout"
                    : e->kind == ERR_CANCELLED ? "cancelled"
                                               : "closed");
    }
}

void pop3_recheck(struct pop3_session *s)
{
    enum auth_standing standing = AUTH_STANDS;
    struct err e = ERR_CLEAR;
    struct arena arena;
    if (s->state != POP3_TRANSACTION || !s->maildrop || clock_monotonic_ms() < s->recheck_ms)
        return;
    s->recheck_ms = pop3_maildrop_next_extend();
    arena_init(&arena);
    bool ok = auth_ticket_check(s->app->db, &s->ticket, &arena, pop3_deadline(), &standing, &e);
    if (ok && standing != AUTH_STANDS) {
        pop3_end(s, "account_changed");
    } else if (ok && !pop3_maildrop_extend(s, &e) && e.kind == ERR_CONFLICT) {
        pop3_end(s, "lock_lost");
    }
    arena_fini(&arena);
    if (e.kind != ERR_NONE)
        s->recheck_ms = clock_deadline_in(POP3_RETRY_MS);
}

static void serve_input(struct pop3_session *s)
{
    do {
        struct err e = ERR_CLEAR;
        bool is_clean = false;
        str line;
        pop3_recheck(s);
        if (s->is_closing)
            break;
        if (net_read_line(s->conn, longest_line(s), clock_deadline_in(POP3_READ_MS), &line,
                          &is_clean, &e)) {
            run_line(s, line, is_clean);
        } else {
            reading_failed(s, &e);
        }
        arena_reset(&s->arena);
        end_if_too_bad(s);
    } while (!s->is_closing && net_buffered(s->conn) > 0);
    bool is_in = s->state == POP3_TRANSACTION;
    s->idle_until = is_in ? clock_deadline_in(POP3_IDLE_MS) : s->login_deadline;
}

/* ---- the protocol ---- */

static void greet(struct pop3_session *s)
{
    if (!db_is_up(s->app->db)) {
        pop3_err(s, "SYS/TEMP", "Try again later");
        pop3_end(s, "database_down");
    } else if (!s->guest) {
        pop3_err(s, "SYS/TEMP", "Too many connections");
        pop3_end(s, "too_many");
    } else {
        pop3_ok(s, "%s POP3 ready", s->app->hostname);
    }
}

/* Nothing is said to a client that waits for nothing (RFC 1939 section 3). */
static void time_passed(struct pop3_session *s)
{
    if (clock_monotonic_ms() >= s->idle_until) {
        pop3_end(s, "idle");
    } else {
        pop3_recheck(s);
    }
}

/* Parks, and says when to be called next; or ends, and gives the lock back. Yields. */
static enum net_next park(struct pop3_session *s)
{
    arena_fini(&s->arena);
    arena_init(&s->arena);
    if (s->is_closing) {
        pop3_maildrop_close(s);
        return NET_CLOSE;
    }
    bool is_in = s->state == POP3_TRANSACTION && s->recheck_ms < s->idle_until;
    net_conn_set_idle(s->conn, is_in ? s->recheck_ms : s->idle_until);
    return NET_PARK;
}

static enum net_next run(struct net_conn *c, void *session, enum net_why why)
{
    struct pop3_session *s = session;
    (void)c;
    switch (why) {
    case NET_OPENED:
        greet(s);
        break;
    case NET_INPUT:
        serve_input(s);
        break;
    case NET_WOKEN:
        pop3_recheck(s);
        break;
    case NET_IDLE:
        time_passed(s);
        break;
    case NET_DRAIN:
        pop3_end(s, "drain");
        break;
    }
    return park(s);
}

/* A slow reader keeps its lock, but not after the account was disabled. */
static bool waiting(struct net_conn *c, void *session)
{
    struct pop3_session *s = session;
    (void)c;
    if (s->is_closing)
        return true;
    pop3_recheck(s);
    return !s->is_closing;
}

static void *opened(struct net_conn *c, void *service)
{
    struct pop3_session *s = HEAP_NEW(struct pop3_session);
    s->service = service;
    s->app = s->service->app;
    s->conn = c;
    s->state = POP3_AUTHORIZATION;
    s->opened_ms = clock_monotonic_ms();
    s->login_deadline = clock_deadline_in(POP3_LOGIN_MS);
    s->idle_until = s->login_deadline;
    s->end_reason = "closed";
    list_init(&s->link);
    list_add_tail(&s->service->sessions, &s->link);
    s->guest = pop3_guest_enter(s->service);
    arena_init(&s->arena);
    net_conn_set_write_timeout(c, POP3_WRITE_MS);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "pop3", 1);
    return s;
}

static void log_end(const struct pop3_session *s)
{
    char peer[NET_ADDRESS_TEXT];
    const struct tls_facts *tls = net_conn_tls(s->conn);
    obs_log(EV_POP3_SESSION_END, net_conn_id(s->conn),
            OBS_STR("peer", net_address_ip(net_conn_peer(s->conn), peer)),
            OBS_CSTR("login", s->login), OBS_CSTR("tls", tls ? tls->version : "none"),
            OBS_INT("commands", s->commands), OBS_INT("retrieved", s->retrieved),
            OBS_INT("deleted", s->deleted), OBS_INT("octets_out", s->octets_out),
            OBS_INT("bad_commands", s->bad_commands),
            OBS_INT("duration_ms", clock_monotonic_ms() - s->opened_ms),
            OBS_CSTR("end", s->end_reason));
}

static void closed(struct net_conn *c, void *session)
{
    struct pop3_session *s = session;
    (void)c;
    log_end(s);
    pop3_maildrop_abandon(s);
    auth_exchange_free(&s->exchange);
    net_tally_leave(&s->guest);
    net_tally_leave(&s->slot);
    list_remove(&s->link);
    arena_fini(&s->arena);
    free(s->user);
    free(s->login);
    free(s);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "pop3", -1);
}

const struct net_protocol pop3_protocol = {
    .name = "pop3",
    .opened = opened,
    .run = run,
    .closed = closed,
    .busy_reply = "-ERR [SYS/TEMP] Too many connections\r\n",
    .waiting = waiting,
};
