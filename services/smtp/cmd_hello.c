/* SPDX-License-Identifier: Apache-2.0 */
/* HELO, EHLO with its table of keywords, and STARTTLS. */
#include "auth/exchange.h"
#include "base/clock.h"
#include "base/date.h"
#include "services/smtp/commands.h"
#include "services/smtp/screen.h"
#include "wire/smtp_xclient.h"

static bool offers_tls(const struct smtp_session *s)
{
    return s->state->app->tls && !smtp_has_tls(s);
}

/* Only where the client's own connection is protected (RFC 8689 section 2). */
static bool offers_requiretls(const struct smtp_session *s)
{
    return smtp_has_tls(s);
}

static bool offers_auth(const struct smtp_session *s)
{
    return s->front->policy == SMTP_SUBMISSION && smtp_has_tls(s);
}

static bool offers_verp(const struct smtp_session *s)
{
    return s->front->policy == SMTP_SUBMISSION;
}

static void add_size(const struct smtp_session *s, struct buf *out)
{
    (void)buf_addf(out, " %llu", (unsigned long long)smtp_max_size(s));
}

static void add_mechanisms(const struct smtp_session *s, struct buf *out)
{
    (void)auth_mechanisms_add(s->conn, " ", out);
}

static void add_attributes(const struct smtp_session *s, struct buf *out)
{
    (void)s;
    (void)buf_add(out, STR(" " SMTP_XCLIENT_ATTRIBUTES));
}

/* RFC 9422; both are kept by RCPT and MAIL. */
static void add_limits(const struct smtp_session *s, struct buf *out)
{
    (void)buf_addf(out, " RCPTMAX=%zu MAILMAX=%zu", s->recipients.max, smtp_max_mails(s));
}

static bool offers_future_release(const struct smtp_session *s)
{
    return smtp_hold_max_us(s) > 0;
}

static void add_hold_max(const struct smtp_session *s, struct buf *out)
{
    int64_t most_us = smtp_hold_max_us(s);
    (void)buf_addf(out, " %lld ", (long long)(most_us / 1000000));
    (void)date_format_rfc3339(clock_utc_us() + most_us, 0, out);
}

/* The keywords of EHLO: when each is offered, and what follows it. */
static const struct {
    const char *keyword;
    bool (*is_offered)(const struct smtp_session *s);                     /* NULL: always */
    void (*add_arguments)(const struct smtp_session *s, struct buf *out); /* NULL: none */
} keywords[] = {
    { "PIPELINING", NULL, NULL },
    { "SIZE", NULL, add_size },
    { "8BITMIME", NULL, NULL },
    { "SMTPUTF8", NULL, NULL },
    { "CHUNKING", NULL, NULL },
    { "BINARYMIME", NULL, NULL },
    { "ENHANCEDSTATUSCODES", NULL, NULL },
    { "DSN", NULL, NULL },
    { "LIMITS", NULL, add_limits },
    { "STARTTLS", offers_tls, NULL },
    { "REQUIRETLS", offers_requiretls, NULL },
    { "AUTH", offers_auth, add_mechanisms },
    { "XVERP", offers_verp, NULL },
    { "FUTURERELEASE", offers_future_release, add_hold_max },
    { "XCLIENT", smtp_offers_xclient, add_attributes },
    { "HELP", NULL, NULL },
};

/* A greeting begins anew: RFC 5321 4.1.4. */
static bool take_name(struct smtp_session *s, str argument, bool is_esmtp)
{
    if (!smtp_is_helo_name(argument))
        return false;
    smtp_reset_transaction(s);
    smtp_forget_proof(s);
    s->helo = arena_str(&s->arena, argument);
    s->is_esmtp = is_esmtp;
    return true;
}

enum net_next smtp_cmd_helo(struct smtp_session *s, str argument)
{
    if (!take_name(s, argument, false))
        return smtp_say(s, ANSWER_BAD_HELO);
    return smtp_say_raw(s, 250, str_from_cstr(s->state->app->hostname));
}

enum net_next smtp_cmd_ehlo(struct smtp_session *s, str argument)
{
    struct buf text;
    if (!take_name(s, argument, true))
        return smtp_say(s, ANSWER_BAD_HELO);
    buf_init(&text, 4096);
    (void)buf_addf(&text, "%s", s->state->app->hostname);
    for (size_t i = 0; i < COUNT_OF(keywords); i++) {
        if (keywords[i].is_offered && !keywords[i].is_offered(s))
            continue;
        (void)buf_addf(&text, "\n%s", keywords[i].keyword);
        if (keywords[i].add_arguments)
            keywords[i].add_arguments(s, &text);
    }
    enum net_next next = smtp_say_raw(s, 250, buf_str(&text));
    buf_fini(&text);
    return next;
}

/* What came before TLS is forgotten (RFC 3207 4.2): the greeting, and any transaction. */
enum net_next smtp_cmd_starttls(struct smtp_session *s, str argument)
{
    struct err e = ERR_CLEAR;
    bool had_input = false;
    (void)argument;
    if (smtp_has_tls(s))
        return smtp_say(s, ANSWER_TLS_TWICE);
    if (!s->state->app->tls)
        return smtp_say(s, ANSWER_TLS_NOT_OFFERED);
    if (net_buffered(s->conn) > 0)
        return smtp_say(s, ANSWER_INPUT_BEFORE_TLS);
    if (smtp_say(s, ANSWER_READY_FOR_TLS) == NET_CLOSE)
        return NET_CLOSE;
    if (!net_starttls(s->conn, s->state->app->tls, clock_deadline_in(SMTP_HANDSHAKE_MS), &had_input,
                      &e) ||
        had_input) {
        s->end = had_input ? "starttls_injection" : "tls_failed";
        return NET_CLOSE;
    }
    smtp_reset_transaction(s);
    s->helo = STR_EMPTY;
    s->is_esmtp = false;
    return NET_PARK;
}
