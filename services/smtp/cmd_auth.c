/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH (RFC 4954): the dialogue of a mechanism, then the check of name and password. Between its
 * lines the session is parked as between commands: what ends it there ends it here. */
#include "auth/auth.h"
#include "services/smtp/commands.h"

static enum smtp_answer answer_for_dialogue(enum err_kind kind)
{
    if (kind == ERR_CANCELLED)
        return ANSWER_AUTH_CANCELLED;
    if (kind == ERR_LIMIT)
        return ANSWER_AUTH_TOO_LONG;
    return kind == ERR_DENIED ? ANSWER_AUTH_FAILED : ANSWER_AUTH_SYNTAX;
}

static struct auth_attempt make_attempt(const struct smtp_session *s,
                                        const struct sasl_server *sasl)
{
    return (struct auth_attempt){
        .login = secret_str(&sasl->login),
        .password = secret_str(&sasl->password),
        .peer = net_conn_peer(s->conn),
        .protocol = "smtp",
        .session = net_conn_id(s->conn),
    };
}

static enum net_next check_login(struct smtp_session *s, struct sasl_server *sasl)
{
    struct err e = ERR_CLEAR;
    struct auth_identity identity;
    const struct auth_attempt attempt = make_attempt(s, sasl);
    if (!smtp_is_database_up(s))
        return smtp_say(s, ANSWER_AUTH_LATER);
    if (!auth_login(s->state->app->auth, &attempt, &s->arena, clock_deadline_in(SMTP_AUTH_MS),
                    &identity, &e))
        return smtp_say(s, e.kind == ERR_DENIED ? ANSWER_AUTH_FAILED : ANSWER_AUTH_LATER);
    s->account_id = identity.account_id;
    s->password_serial = identity.password_serial;
    s->recheck_ms = clock_deadline_in(SMTP_RECHECK_MS);
    s->login = arena_str(&s->arena, identity.login);
    return smtp_say(s, ANSWER_LOGGED_IN);
}

void smtp_auth_end(struct smtp_session *s)
{
    if (!s->dialogue)
        return;
    sasl_server_fini(s->dialogue);
    free(s->dialogue);
    s->dialogue = NULL;
}

/* What follows a step of the mechanism: the next challenge, the check, or the end. */
static enum net_next follow(struct smtp_session *s, enum sasl_next step, str challenge,
                            const struct err *e)
{
    enum net_next next;
    if (step == SASL_CHALLENGE)
        return smtp_say_raw(s, 334, challenge);
    if (step == SASL_DONE) {
        next = check_login(s, s->dialogue);
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
    enum sasl_next step = sasl_server_step(s->dialogue, line, &challenge, &e);
    return follow(s, step, challenge, &e);
}

/* A password that came in plain text is known to others now (U1). */
static void note_exposed(struct smtp_session *s, const struct smtp_auth *auth,
                         enum sasl_mechanism mechanism)
{
    struct err e = ERR_CLEAR;
    struct sasl_server sasl;
    str challenge;
    sasl_server_init(&sasl, mechanism);
    if (auth->has_initial &&
        sasl_server_start(&sasl, &auth->initial, &challenge, &e) == SASL_DONE) {
        const struct auth_attempt attempt = make_attempt(s, &sasl);
        auth_note_exposed(s->state->app->auth, &attempt);
    }
    sasl_server_fini(&sasl);
}

enum net_next smtp_cmd_auth(struct smtp_session *s, str argument)
{
    struct smtp_auth auth;
    enum sasl_mechanism mechanism = SASL_PLAIN;
    if (s->front->policy != SMTP_SUBMISSION && smtp_has_tls(s))
        return smtp_say(s, ANSWER_AUTH_NOT_OFFERED);
    if (s->account_id != 0)
        return smtp_say(s, ANSWER_AUTH_TWICE);
    enum smtp_fault fault = smtp_auth_parse(argument, &auth);
    bool is_known = fault == SMTP_GOOD && sasl_mechanism_find(auth.mechanism, &mechanism);
    if (!smtp_has_tls(s)) {
        if (is_known)
            note_exposed(s, &auth, mechanism);
        return smtp_say(s, ANSWER_AUTH_NEEDS_TLS);
    }
    if (fault != SMTP_GOOD)
        return smtp_say(s, ANSWER_BAD_SYNTAX);
    if (!is_known)
        return smtp_say(s, ANSWER_AUTH_MECHANISM);

    struct err e = ERR_CLEAR;
    str challenge = STR_EMPTY;
    s->dialogue = HEAP_NEW(struct sasl_server);
    sasl_server_init(s->dialogue, mechanism);
    enum sasl_next step =
        sasl_server_start(s->dialogue, auth.has_initial ? &auth.initial : NULL, &challenge, &e);
    return follow(s, step, challenge, &e);
}
