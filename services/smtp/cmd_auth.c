/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH (RFC 4954): the dialogue of a mechanism, until it is known who it is. Between its lines the
 * session is parked as between commands: what ends it there ends it here. */
#include "auth/exchange.h"
#include "services/smtp/commands.h"

static enum smtp_answer answer_for_dialogue(enum err_kind kind)
{
    if (kind == ERR_CANCELLED)
        return ANSWER_AUTH_CANCELLED;
    if (kind == ERR_SYNTAX)
        return ANSWER_AUTH_SYNTAX;
    return kind == ERR_DENIED ? ANSWER_AUTH_FAILED : ANSWER_AUTH_LATER;
}

/* What comes from everywhere at once is a stolen password; that nothing could be noted hinders
 * nobody. Yields. */
YIELDS static void note_login(struct smtp_session *s)
{
    char ip[NET_ADDRESS_TEXT];
    bool stopped = false;
    struct err ignored = ERR_CLEAR;
    const struct submit *submit = &s->state->submit;
    const struct net_address *peer = net_conn_peer(s->conn);
    const struct account_sending_login login = {
        .account_id = s->account_id,
        .ip = peer->sa.ss_family == AF_UNIX ? STR_EMPTY : net_address_ip(peer, ip),
        .rules = &submit->rules,
    };
    if (account_sending_note_login(submit->accounts, &login, &s->command,
                                   clock_deadline_in(SMTP_LOOKUP_MS), &stopped, &ignored) &&
        stopped) {
        submit_tell_stopped(submit, s->account_id,
                            STR("was used to send mail from many networks within an hour"),
                            net_conn_id(s->conn), &s->command, clock_deadline_in(SMTP_DELIVER_MS));
    }
}

static enum net_next enter(struct smtp_session *s, const struct auth_identity *identity)
{
    s->account_id = identity->account_id;
    s->ticket = identity->ticket;
    s->recheck_ms = clock_deadline_in(SMTP_RECHECK_MS);
    s->login = arena_str(&s->arena, identity->login);
    note_login(s);
    return smtp_say(s, ANSWER_LOGGED_IN);
}

void smtp_auth_end(struct smtp_session *s)
{
    auth_exchange_free(&s->dialogue);
}

/* What follows a step of the mechanism: the next challenge, or the end. */
static enum net_next follow(struct smtp_session *s, enum sasl_next step, str challenge,
                            const struct err *e)
{
    enum net_next next;
    if (step == SASL_CHALLENGE)
        return smtp_say_raw(s, 334, challenge);
    if (step == SASL_DONE) {
        s->mechanism = auth_exchange_mechanism(s->dialogue);
        next = enter(s, auth_exchange_identity(s->dialogue));
    } else {
        next = smtp_say(s, answer_for_dialogue(e->kind));
    }
    smtp_auth_end(s);
    return next;
}

enum net_next smtp_auth_line(struct smtp_session *s, str line)
{
    struct err e = ERR_CLEAR;
    str challenge = STR_EMPTY;
    enum sasl_next step = auth_exchange_step(s->dialogue, line, &challenge, &e);
    return follow(s, step, challenge, &e);
}

enum net_next smtp_cmd_auth(struct smtp_session *s, str argument)
{
    struct smtp_auth auth;
    struct err e = ERR_CLEAR;
    str challenge = STR_EMPTY;
    const struct auth_door door = {
        .auth = s->state->app->auth,
        .conn = s->conn,
        .protocol = "smtp",
    };
    if (s->front->policy != SMTP_SUBMISSION && smtp_has_tls(s))
        return smtp_say(s, ANSWER_AUTH_NOT_OFFERED);
    if (s->account_id != 0)
        return smtp_say(s, ANSWER_AUTH_TWICE);
    enum smtp_fault fault = smtp_auth_parse(argument, &auth);
    const str *initial = auth.has_initial ? &auth.initial : NULL;
    if (!smtp_has_tls(s)) {
        if (fault == SMTP_GOOD)
            auth_exchange_note_exposed(&door, auth.mechanism, initial);
        return smtp_say(s, ANSWER_AUTH_NEEDS_TLS);
    }
    if (fault != SMTP_GOOD)
        return smtp_say(s, ANSWER_BAD_SYNTAX);
    s->dialogue = auth_exchange_new(&door, auth.mechanism);
    if (!s->dialogue)
        return smtp_say(s, ANSWER_AUTH_MECHANISM);
    if (!smtp_is_database_up(s)) {
        smtp_auth_end(s);
        return smtp_say(s, ANSWER_AUTH_LATER);
    }
    enum sasl_next step = auth_exchange_start(s->dialogue, initial, &challenge, &e);
    return follow(s, step, challenge, &e);
}
