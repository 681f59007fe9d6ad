/* SPDX-License-Identifier: Apache-2.0 */
/* STLS, USER, PASS, APOP and AUTH: until the maildrop is locked. */
#include "crypto/secret.h"
#include "services/pop3/commands.h"
#include "services/pop3/maildrop.h"
#include "services/pop3/replies.h"
#include "services/pop3/service.h"

#include <stdlib.h>

enum {
    LOGIN_WAIT_MS = 30 * 1000 /* hashing and the delays of failures */
};

static char *keep(str s)
{
    char *copy = heap_zalloc(s.n + 1);
    memcpy(copy, s.p, s.n);
    return copy;
}

static struct auth_door door_of(struct pop3_session *s)
{
    return (struct auth_door){ .auth = s->app->auth, .conn = s->conn, .protocol = "pop3" };
}

/* What came in plain text behind the command is dropped unread (R19), and what was said before is
 * forgotten (RFC 2595 section 4). */
void pop3_cmd_stls(struct pop3_session *s, str argument)
{
    struct err e = ERR_CLEAR;
    bool had_input = false;
    (void)argument;
    if (net_conn_tls(s->conn) || !s->app->tls) {
        pop3_bad(s, "TLS is not offered now");
        return;
    }
    pop3_ok(s, "Begin TLS now");
    if (!net_starttls(s->conn, s->app->tls, clock_deadline_in(POP3_HANDSHAKE_MS), &had_input, &e))
        pop3_end(s, "tls_failed");
    free(s->user);
    s->user = NULL;
    s->is_utf8 = false;
}

/* ---- a login succeeded ---- */

static void forget_login(struct pop3_session *s)
{
    net_tally_leave(&s->slot);
    free(s->login);
    s->login = NULL;
    s->account_id = 0;
}

/* Locks and reads the maildrop: the session is the user's from here on. A maildrop that is in use
 * is not the fault of name and password; the connection may try again. */
static void enter(struct pop3_session *s, const struct auth_identity *identity)
{
    struct err e = ERR_CLEAR;
    s->slot = pop3_slot_enter(s->service, identity->account_id, net_conn_peer(s->conn));
    if (!s->slot) {
        pop3_err(s, "SYS/TEMP", "Too many connections of this user");
        return;
    }
    s->account_id = identity->account_id;
    s->ticket = identity->ticket;
    s->login = keep(identity->login);
    s->recheck_ms = pop3_maildrop_next_extend();
    if (!pop3_maildrop_open(s, &e)) {
        if (e.kind == ERR_CONFLICT) {
            pop3_err(s, "IN-USE", "Another session has this mailbox open, try again later");
        } else {
            pop3_fail(s, &e);
        }
        forget_login(s);
        return;
    }
    s->state = POP3_TRANSACTION;
    s->bad_commands = 0;
    net_tally_leave(&s->guest);
    net_conn_release_count(s->conn);
    pop3_ok(s, "%zu messages (%llu octets)", s->maildrop->left,
            (unsigned long long)s->maildrop->left_octets);
}

static void refuse_login(struct pop3_session *s, const struct err *e)
{
    struct pop3_refusal refusal = pop3_login_refusal_for(e->kind);
    if (e->kind == ERR_DENIED)
        s->bad_commands++;
    pop3_err(s, refusal.code, refusal.text);
}

/* Nobody logs in without TLS. It counts like a failed login, so that nobody fills the audit. */
static void refuse_plain_text(struct pop3_session *s)
{
    s->bad_commands++;
    pop3_err(s, "AUTH", "Use STLS first; a password that was sent is known to others now");
}

/* ---- USER and PASS ---- */

void pop3_cmd_user(struct pop3_session *s, str argument)
{
    free(s->user);
    s->user = keep(argument);
    if (net_conn_tls(s->conn)) {
        pop3_ok(s, "And the password?");
    } else {
        refuse_plain_text(s);
    }
}

void pop3_cmd_pass(struct pop3_session *s, str argument)
{
    struct err e = ERR_CLEAR;
    struct auth_identity identity;
    struct auth_attempt attempt = { .login = str_from_cstr(s->user),
                                    .password = argument,
                                    .peer = net_conn_peer(s->conn),
                                    .protocol = "pop3",
                                    .session = net_conn_id(s->conn) };
    if (!s->user) {
        pop3_bad(s, "Send USER first");
        return;
    }
    if (!net_conn_tls(s->conn)) {
        auth_note_exposed(s->app->auth, &attempt);
        refuse_plain_text(s);
    } else if (auth_login(s->app->auth, &attempt, &s->arena, clock_deadline_in(LOGIN_WAIT_MS),
                          &identity, &e)) {
        enter(s, &identity);
    } else {
        refuse_login(s, &e);
    }
    free(s->user);
    s->user = NULL;
}

/* It needs the password itself in the database; the banner has no timestamp, so clients know. */
void pop3_cmd_apop(struct pop3_session *s, str argument)
{
    (void)argument;
    pop3_bad(s, "APOP is not offered, use AUTH or USER");
}

/* ---- AUTH ---- */

/* "AUTH" alone asks for the list, as clients from before CAPA do. */
static void list_mechanisms(struct pop3_session *s)
{
    struct buf out;
    buf_init(&out, 1000);
    bool ok = buf_add(&out, STR("+OK")) && auth_mechanisms_add(s->conn, "\r\n", &out) &&
              buf_add(&out, STR("\r\n.\r\n"));
    INVARIANT(ok);
    (void)pop3_send(s, buf_str(&out));
    buf_fini(&out);
}

static void follow(struct pop3_session *s, enum sasl_next next, str challenge, const struct err *e)
{
    if (next == SASL_CHALLENGE) {
        (void)pop3_send(s, arena_printf(&s->arena, "+ %.*s\r\n", STR_FMT(challenge)));
        return;
    }
    if (next == SASL_DONE) {
        enter(s, auth_exchange_identity(s->exchange));
    } else if (e->kind == ERR_SYNTAX || e->kind == ERR_CANCELLED) {
        pop3_bad(s, e->kind == ERR_SYNTAX ? "Cannot read this response" : "AUTH was cancelled");
    } else {
        refuse_login(s, e);
    }
    auth_exchange_free(&s->exchange);
}

void pop3_auth_line(struct pop3_session *s, str line)
{
    struct err e = ERR_CLEAR;
    str challenge = STR_EMPTY;
    enum sasl_next next = auth_exchange_step(s->exchange, line, &challenge, &e);
    follow(s, next, challenge, &e);
}

void pop3_cmd_auth(struct pop3_session *s, str argument)
{
    struct pop3_auth auth;
    struct err e = ERR_CLEAR;
    str challenge = STR_EMPTY;
    const struct auth_door door = door_of(s);
    if (!pop3_auth_parse(argument, &auth, &e)) {
        pop3_bad(s, "AUTH takes a mechanism and at most one response");
    } else if (auth.mechanism.n == 0) {
        list_mechanisms(s);
    } else if (!net_conn_tls(s->conn)) {
        auth_exchange_note_exposed(&door, auth.mechanism, auth.has_initial ? &auth.initial : NULL);
        refuse_plain_text(s);
    } else {
        s->exchange = auth_exchange_new(&door, auth.mechanism);
        if (!s->exchange) {
            pop3_bad(s, "This mechanism is not offered");
            return;
        }
        enum sasl_next next = auth_exchange_start(
            s->exchange, auth.has_initial ? &auth.initial : NULL, &challenge, &e);
        follow(s, next, challenge, &e);
    }
}
