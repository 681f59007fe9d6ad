/* SPDX-License-Identifier: Apache-2.0 */
/* STARTTLS, LOGIN, AUTHENTICATE and UNAUTHENTICATE. */
#include "auth/exchange.h"
#include "services/imap/commands.h"
#include "services/imap/service.h"
#include "services/imap/view.h"
#include "services/imap/watch.h"

#include <stdlib.h>

enum {
    HANDSHAKE_MS = 30 * 1000,
    AUTH_MS = 30 * 1000, /* hashing and the delays of failures */
    CAPABILITY_MAX = 4096
};

bool imap_cmd_starttls(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    if (net_conn_tls(s->conn) || !s->app->tls)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "TLS is not offered now");
    struct err why = ERR_CLEAR;
    (void)imap_reply(s, IMAP_OK, STR_EMPTY, "Begin TLS now");
    (void)imap_send_reply(s, c->tag);
    /* What came in plain text behind the command is dropped unread (R19). */
    if (!net_starttls(s->conn, s->app->tls, clock_deadline_in(HANDSHAKE_MS), NULL, &why)) {
        s->is_broken = true;
        s->end_reason = "tls_failed";
    }
    s->preauth_octets = 0;
    return true;
}

/* "CAPABILITY ...", as a response code; in the command's arena. */
static str capability_code(struct imap_session *s)
{
    struct buf words;
    buf_init(&words, CAPABILITY_MAX);
    (void)buf_add(&words, STR("CAPABILITY "));
    (void)imap_capabilities_format(s, &words);
    str code = arena_str(&s->arena, buf_str(&words));
    buf_fini(&words);
    return code;
}

/* A login succeeded: the session is the user's from here on. */
static bool enter(struct imap_session *s, const struct auth_identity *identity)
{
    s->slot = imap_slot_enter(s->service, identity->account_id, net_conn_peer(s->conn));
    if (!s->slot)
        return imap_reply(s, IMAP_NO, STR("LIMIT"), "Too many connections of this user");
    s->account_id = identity->account_id;
    s->ticket = identity->ticket;
    s->login = heap_zalloc(identity->login.n + 1);
    memcpy(s->login, identity->login.p, identity->login.n);
    s->state = IMAP_AUTHENTICATED;
    net_tally_leave(&s->guest);
    net_conn_release_count(s->conn);
    s->bad_commands = 0;
    return imap_reply(s, IMAP_OK, capability_code(s), "Logged in");
}

/* RFC 8437: all that the session knows is forgotten, but TLS and what was counted. There is no NO
 * to this command; what cannot be set back ends the session. */
bool imap_cmd_unauthenticate(struct imap_session *s, struct imap_command *c, struct err *e)
{
    if (!imap_parse_nothing(&c->args, e))
        return false;
    imap_watch_end(s);
    imap_view_close(s);
    imap_enabled_reset(s);
    net_tally_leave(&s->slot);
    free(s->login);
    s->login = NULL;
    s->account_id = 0;
    s->state = IMAP_NOT_AUTHENTICATED;
    s->must_recheck = false;
    s->bad_commands = 0;
    s->noops = 0;
    s->preauth_octets = 0;
    s->login_deadline = clock_deadline_in(IMAP_LOGIN_MS);
    s->guest = imap_guest_enter(s->service);
    if (!s->guest || !net_conn_take_count(s->conn)) {
        imap_bye(s, "UNAVAILABLE", "Too many connections wait to log in", "too_many");
        return true;
    }
    (void)imap_reply(s, IMAP_OK, capability_code(s), "Logged out, log in again");
    (void)imap_send_reply(s, c->tag);
    struct err why = ERR_CLEAR;
    if (!net_conn_decompress(s->conn, &why))
        s->is_broken = true;
    return true;
}

/* Nobody logs in without TLS. It counts like a failed login, so that nobody fills the audit. */
static bool refuse_plain_text(struct imap_session *s)
{
    s->bad_commands++;
    return imap_reply(s, IMAP_NO, STR("PRIVACYREQUIRED"), "Use STARTTLS first");
}

/* The answer to a login that failed. */
static bool refuse_login(struct imap_session *s, const struct err *e)
{
    if (e->kind == ERR_DENIED) {
        s->bad_commands++;
        return imap_reply(s, IMAP_NO, STR("AUTHENTICATIONFAILED"), "Wrong name or password");
    }
    if (e->kind == ERR_LIMIT)
        return imap_reply(s, IMAP_NO, STR("UNAVAILABLE"), "Too many failures, try again later");
    return false;
}

bool imap_cmd_login(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str words[2];
    struct auth_identity identity;
    if (!imap_parse_astrings(&c->args, words, 2, e))
        return false;
    const struct auth_attempt attempt = { .login = words[0],
                                          .password = words[1],
                                          .peer = net_conn_peer(s->conn),
                                          .protocol = "imap",
                                          .session = net_conn_id(s->conn) };
    if (!net_conn_tls(s->conn)) {
        auth_note_exposed(s->app->auth, &attempt);
        return refuse_plain_text(s);
    }
    if (auth_login(s->app->auth, &attempt, &s->arena, clock_deadline_in(AUTH_MS), &identity, e))
        return enter(s, &identity);
    return refuse_login(s, e);
}

/* Challenges and answers until it is known who it is. Yields. */
static bool converse(struct imap_session *s, struct auth_exchange *exchange, const str *initial,
                     struct err *e)
{
    str challenge;
    enum sasl_next next = auth_exchange_start(exchange, initial, &challenge, e);
    while (next == SASL_CHALLENGE) {
        str line;
        size_t left = s->preauth_octets < IMAP_COMMAND_MAX_PREAUTH
                          ? IMAP_COMMAND_MAX_PREAUTH - s->preauth_octets
                          : 0;
        if (!imap_sendf(s, "+ %.*s\r\n", STR_FMT(challenge)) || !net_flush(s->conn, e) ||
            !net_read_line(s->conn, left, s->login_deadline, &line, NULL, e)) {
            if (e->kind == ERR_LIMIT)
                imap_bye(s, "TOOBIG", "Line too long", "too_big");
            s->is_closing = true;
            return false;
        }
        s->preauth_octets += line.n + 2;
        next = auth_exchange_step(exchange, line, &challenge, e);
    }
    return next == SASL_DONE;
}

static bool converse_failed(struct imap_session *s, const struct err *e)
{
    if (s->is_closing)
        return false;
    if (e->kind == ERR_CANCELLED)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "AUTHENTICATE was cancelled");
    return refuse_login(s, e);
}

bool imap_cmd_authenticate(struct imap_session *s, struct imap_command *c, struct err *e)
{
    str name;
    str initial = STR_EMPTY;
    struct imap_lexer *l = &c->args;
    const struct auth_door door = { .auth = s->app->auth, .conn = s->conn, .protocol = "imap" };
    if (!imap_lexer_space(l, e) || !imap_lexer_atom(l, &name, e))
        return false;
    bool has_initial = imap_lexer_try_byte(l, ' ');
    if (has_initial) {
        initial = str_skip(l->in, l->at); /* base64, checked by its decoder */
    } else if (!imap_lexer_end(l, e)) {
        return false;
    }
    if (!net_conn_tls(s->conn)) {
        auth_exchange_note_exposed(&door, name, has_initial ? &initial : NULL);
        return refuse_plain_text(s);
    }
    struct auth_exchange *exchange = auth_exchange_new(&door, name);
    if (!exchange)
        return imap_reply(s, IMAP_NO, STR("CANNOT"), "No such mechanism");
    bool ok = converse(s, exchange, has_initial ? &initial : NULL, e)
                  ? enter(s, auth_exchange_identity(exchange))
                  : converse_failed(s, e);
    auth_exchange_free(&exchange);
    return ok;
}
