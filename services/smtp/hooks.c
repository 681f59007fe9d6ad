/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the hooks about a recipient. */
#include "services/smtp/hooks.h"

static const struct hook_chain *hooks_of(const struct smtp_session *s)
{
    bool is_submission = s->front->policy == SMTP_SUBMISSION;
    return is_submission ? &s->state->outgoing.hooks : &s->state->inbound.hooks;
}

static bool has_any(const struct hook_chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (chain->servers[i].stage == HOOK_AT_RCPT)
            return true;
    }
    return false;
}

/* Those before, and the one in question. */
static const struct milter_recipient *list_recipients(struct smtp_session *s,
                                                      const struct smtp_path *last)
{
    size_t n = s->recipients.n;
    struct milter_recipient *list = ARENA_ARRAY(&s->command, struct milter_recipient, n + 1);
    for (size_t i = 0; i < n; i++)
        list[i].address = VEC_AT(&s->recipients, struct smtp_recipient, i)->address;
    list[n].address = smtp_path_text(last, &s->command);
    return list;
}

bool smtp_ask_hooks(struct smtp_session *s, const struct smtp_path *recipient, enum net_next *next)
{
    char ip[NET_ADDRESS_TEXT];
    struct err e = ERR_CLEAR;
    const struct tls_facts *tls = net_conn_tls(s->conn);
    const struct net_address *peer = net_conn_peer(s->conn);
    if (!has_any(hooks_of(s)))
        return true;
    const struct hook_about about = {
        .message = { .hostname = str_from_cstr(s->state->app->hostname),
                     .session = net_conn_id(s->conn),
                     .helo = s->helo,
                     .client_ip =
                         peer->sa.ss_family == AF_UNIX ? STR_EMPTY : net_address_ip(peer, ip),
                     .login = s->login,
                     .mechanism = s->mechanism,
                     .tls_version = str_from_cstr(tls ? tls->version : NULL),
                     .tls_cipher = str_from_cstr(tls ? tls->cipher : NULL),
                     .envelope = { .sender = smtp_path_text(&s->sender.sender, &s->command),
                                   .recipients = list_recipients(s, recipient),
                                   .n = s->recipients.n + 1 } },
        .is_submission = s->front->policy == SMTP_SUBMISSION,
    };
    struct milter_result result = milter_result_of(&about.message);
    if (!hook_ask(hooks_of(s), HOOK_AT_RCPT, &about, &s->command, &result, &e)) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    if (result.verdict != MILTER_REFUSED && result.verdict != MILTER_LATER)
        return true;
    *next = smtp_say_text(
        s, result.verdict == MILTER_REFUSED ? ANSWER_FILTERED : ANSWER_FILTERED_NOW, result.text);
    return false;
}
