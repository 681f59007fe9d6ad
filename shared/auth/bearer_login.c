/* SPDX-License-Identifier: Apache-2.0 */
/* Logins with tokens of the API (OAUTHBEARER, XOAUTH2): the same tokens, the same scopes. Whoever
 * may read and change mail over HTTP may do it over IMAP and POP3; whoever may send may submit. */
#include "auth/login.h"

static const struct {
    const char *protocol;
    unsigned scopes; /* all of them are needed */
    const char *words;
} protocols[] = {
    { "imap", AUTH_SCOPE_MAIL_READ | AUTH_SCOPE_MAIL_WRITE, "mail:read mail:write" },
    { "pop3", AUTH_SCOPE_MAIL_READ | AUTH_SCOPE_MAIL_WRITE, "mail:read mail:write" },
    { "smtp", AUTH_SCOPE_MAIL_SEND, "mail:send" },
};

static bool is_enough(unsigned scopes, const char *protocol)
{
    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        if (strcmp(protocol, protocols[i].protocol) == 0)
            return (scopes & protocols[i].scopes) == protocols[i].scopes;
    }
    return false;
}

const char *auth_bearer_scopes(const char *protocol)
{
    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        if (strcmp(protocol, protocols[i].protocol) == 0)
            return protocols[i].words;
    }
    return "";
}

/* The token's account must be the one of the name, whichever of its addresses that is. */
static bool run(struct login *l, struct auth_identity *out, struct err *e)
{
    struct auth_grant grant;
    struct err why = ERR_CLEAR;
    char ip[NET_ADDRESS_TEXT] = "";
    str from = l->attempt->peer ? net_address_ip(l->attempt->peer, ip) : STR_EMPTY;
    const struct auth_secret secret = { .text = l->attempt->password, .ip = from };
    struct auth_attempt named = *l->attempt;
    l->way = "token";
    if (!login_enter(l, e))
        return false;
    if (!auth_grant_find(l->auth->grants, &secret, l->a, l->deadline_ms, &grant, &why))
        return ERR(e, why.kind == ERR_CANCELLED ? ERR_CANCELLED : ERR_UNAVAILABLE, "%s", why.msg);
    if (named.login.n == 0)
        named.login = grant.login;
    l->attempt = &named;
    if (named.login.n > 0 && !login_look_up(l, e))
        return false;
    bool is_theirs = grant.id != 0 && l->is_found && !l->account.is_disabled &&
                     l->account.account_id == grant.account_id &&
                     is_enough(grant.scopes, l->attempt->protocol);
    if (!is_theirs)
        return login_deny(l, e);
    l->token_id = grant.id;
    login_admit(l, out);
    return true;
}

bool auth_bearer_login(struct auth *auth, const struct auth_attempt *attempt, struct arena *a,
                       int64_t deadline_ms, struct auth_identity *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct login l;
    login_init(&l, auth, attempt, a, deadline_ms);
    if (attempt->login.n == 0) /* else all that name nobody would count as one account */
        throttle_subject_init(&l.subject, attempt->peer, attempt->password);
    bool ok = run(&l, out, &why);
    l.attempt = attempt;
    login_report(&l, ok, &why);
    if (!ok && e)
        *e = why;
    return ok;
}
