/* SPDX-License-Identifier: Apache-2.0 */
/* Asks milters and hooks about a recipient. */
#include "services/smtp/filters.h"

#include "services/smtp/screen.h"

static const struct app_filters *filters_of(const struct smtp_session *s)
{
    bool is_submission = s->front->policy == SMTP_SUBMISSION;
    return is_submission ? &s->state->outgoing : &s->state->inbound;
}

static bool has_hook(const struct hook_chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (chain->servers[i].stage == HOOK_AT_RCPT)
            return true;
    }
    return false;
}

/* The first `n` of those before, and the one in question. */
static const struct milter_recipient *list_recipients(struct smtp_session *s, size_t n,
                                                      const struct smtp_path *last, str mailer)
{
    struct milter_recipient *list = ARENA_ARRAY(&s->command, struct milter_recipient, n + 1);
    for (size_t i = 0; i < n; i++)
        list[i].address = VEC_AT(&s->recipients, struct smtp_recipient, i)->address;
    list[n].address = smtp_path_text(last, &s->command);
    list[n].mailer = mailer;
    return list;
}

static struct hook_about describe(struct smtp_session *s, const struct smtp_path *recipient,
                                  str mailer, char ip[NET_ADDRESS_TEXT])
{
    const struct tls_facts *tls = net_conn_tls(s->conn);
    bool is_submission = s->front->policy == SMTP_SUBMISSION;
    /* Milters are not told of those before, of whom there may be very many. */
    size_t n = has_hook(&filters_of(s)->hooks) ? s->recipients.n : 0;
    return (struct hook_about){
        .message = { .hostname = str_from_cstr(s->state->app->hostname),
                     .session = net_conn_id(s->conn),
                     .helo = s->helo,
                     .client_ip = smtp_client_ip(s, ip),
                     .client_port = net_address_port(net_conn_peer(s->conn)),
                     .is_client_unknown = s->is_client_unknown,
                     .login = s->login,
                     .mechanism = s->mechanism,
                     .tls_version = str_from_cstr(tls ? tls->version : NULL),
                     .tls_cipher = str_from_cstr(tls ? tls->cipher : NULL),
                     .sender_mailer = is_submission ? STR("local") : STR_EMPTY,
                     .envelope = { .sender = smtp_path_text(&s->sender.sender, &s->command),
                                   .recipients = list_recipients(s, n, recipient, mailer),
                                   .n = n + 1 } },
        .is_submission = is_submission,
    };
}

/* A milter is told of the one recipient only, so that what it says is of nobody else. Yields. */
YIELDS static bool ask(struct smtp_session *s, const struct hook_about *about,
                       struct milter_result *said, struct err *e)
{
    const struct app_filters *filters = filters_of(s);
    struct milter_message alone = about->message;
    alone.envelope.recipients += alone.envelope.n - 1;
    alone.envelope.n = 1;
    if (!milter_ask(&filters->milters, MILTER_AT_RCPT, &alone, &s->command, said, e))
        return false;
    said->envelope = about->message.envelope;
    return hook_ask(&filters->hooks, HOOK_AT_RCPT, about, &s->command, said, e);
}

bool smtp_ask_filters(struct smtp_session *s, const struct smtp_path *recipient, str mailer,
                      bool *is_whitelisted, enum net_next *next)
{
    enum deliver_trust trust;
    char ip[NET_ADDRESS_TEXT];
    struct milter_result said;
    struct err e = ERR_CLEAR;
    const struct app_filters *filters = filters_of(s);
    *is_whitelisted = false;
    if (filters->milters.n + filters->hooks.n == 0)
        return true;
    if (!smtp_screen_trust(s, recipient, &trust, next))
        return false;
    *is_whitelisted = trust != DELIVER_NO_TRUST;
    if (!milter_has_any(&filters->milters, MILTER_AT_RCPT) && !has_hook(&filters->hooks))
        return true;
    struct hook_about about = describe(s, recipient, mailer, ip);
    about.message.is_whitelisted = trust == DELIVER_TRUSTS; /* a claim may come to nothing */
    if (!ask(s, &about, &said, &e)) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    if (said.verdict != MILTER_REFUSED && said.verdict != MILTER_LATER)
        return true;
    *next = smtp_say_text(s, said.verdict == MILTER_REFUSED ? ANSWER_FILTERED : ANSWER_FILTERED_NOW,
                          said.text);
    return false;
}
