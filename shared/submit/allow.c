/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of sending at work. */
#include "submit/allow.h"

#include "account/sending.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "mime/compose.h"
#include "obs/obs.h"
#include "store/store.h"

enum {
    NOTICE_MAX = 8 * 1024
};

struct notice {
    const struct submit *s;
    int64_t account_id;
    str what; /* it did */
    str session;
    struct arena *a;
    int64_t deadline_ms;
    str login;
};

static const char *const windows[] = {
    [ACCOUNT_SENDING_MESSAGES_HOUR] = "messages_hour",
    [ACCOUNT_SENDING_RECIPIENTS_HOUR] = "recipients_hour",
    [ACCOUNT_SENDING_MESSAGES_DAY] = "messages_day",
    [ACCOUNT_SENDING_RECIPIENTS_DAY] = "recipients_day",
};

/* ---- telling ---- */

static bool compose(const struct notice *w, struct buf *out)
{
    str host = str_from_cstr(w->s->hostname);
    int64_t now_us = clock_utc_us();
    str from = arena_printf(w->a, "mailer-daemon@%s", w->s->hostname);
    str subject = arena_printf(w->a, "Sending is stopped for %.*s", STR_FMT(w->login));
    return buf_add(out, STR("Return-Path: <>\r\n")) &&
           mime_compose_date_field(out, now_us / 1000000, 0) &&
           mime_compose_mailbox_field(out, STR("From"), STR("Mail server"), from) &&
           mime_compose_mailbox_field(out, STR("To"), STR_EMPTY, w->login) &&
           mime_compose_text_field(out, STR("Subject"), subject) &&
           mime_compose_message_id_field(out, (uint64_t)now_us, crypto_random_u64(), host) &&
           mime_compose_raw_field(out, STR("Auto-Submitted"), STR("auto-generated")) &&
           mime_compose_raw_field(out, STR("Content-Type"), STR("text/plain; charset=utf-8")) &&
           mime_compose_raw_field(out, STR("Content-Transfer-Encoding"), STR("8bit")) &&
           mime_compose_end_header(out) &&
           buf_addf(
               out,
               "The account %.*s\r\n"
               "%.*s.\r\n\r\n"
               "That is what happens when somebody else knows its password, so it may send\r\n"
               "nothing for now, and its mail in the queue is held. Mail is received as ever.\r\n\r\n"
               "To its owner: change the password, and ask an administrator to let the\r\n"
               "account send again.\r\n\r\n"
               "To the administrators: look what it sent (heronry sending show %.*s), drop\r\n"
               "from the queue what is not its own (heronry queue drop --sender %.*s), then\r\n"
               "let it send again (heronry sending release %.*s), with higher limits if it\r\n"
               "needs them (heronry sending limit).\r\n",
               STR_FMT(w->login), STR_FMT(w->what), STR_FMT(w->login), STR_FMT(w->login),
               STR_FMT(w->login));
}

YIELDS static bool deliver(const struct notice *w, str text, struct err *e)
{
    int64_t ids[ACCOUNT_SENDING_TOLD_MAX];
    struct store_message message;
    struct store_recipient *copies =
        ARENA_ARRAY(w->a, struct store_recipient, ACCOUNT_SENDING_TOLD_MAX);
    struct store_delivery delivery = { .message = &message,
                                       .recipients = copies,
                                       .received_us = clock_utc_us() };
    str which = arena_printf(w->a, "stopped/%016llx", (unsigned long long)crypto_random_u64());
    if (!account_sending_told(w->s->accounts, w->account_id, w->a, w->deadline_ms, ids, &delivery.n,
                              e))
        return false;
    for (size_t i = 0; i < delivery.n; i++) {
        copies[i] = (struct store_recipient){ .account_id = ids[i], .mailbox_id = STORE_INBOX };
        store_delivery_id(which, arena_printf(w->a, "%lld", (long long)ids[i]),
                          copies[i].delivery_id);
    }
    return store_prepare_message(w->s->store, w->a, text, w->deadline_ms, &message, e) &&
           store_deliver(w->s->store, &delivery, w->deadline_ms, e);
}

/* That nobody could be told is in the log, as is that it was stopped. Yields. */
YIELDS static void tell(struct notice *w)
{
    struct err e = ERR_CLEAR;
    struct account account;
    struct buf text;
    if (!account_get(w->s->accounts, w->account_id, w->a, w->deadline_ms, &account, &e)) {
        obs_log(EV_SUBMIT_NOT_TOLD, w->session, OBS_ERR(&e));
        return;
    }
    w->login = account.login;
    buf_init(&text, NOTICE_MAX);
    if (compose(w, &text) && !deliver(w, arena_str(w->a, buf_str(&text)), &e))
        obs_log(EV_SUBMIT_NOT_TOLD, w->session, OBS_ERR(&e));
    buf_fini(&text);
}

void submit_tell_stopped(const struct submit *s, int64_t account_id, str what, str session,
                         struct arena *a, int64_t deadline_ms)
{
    struct notice notice = { .s = s,
                             .account_id = account_id,
                             .what = what,
                             .session = session,
                             .a = a,
                             .deadline_ms = deadline_ms };
    obs_log(EV_SUBMIT_STOPPED, session, OBS_INT("account", account_id), OBS_BOOL("now", true));
    tell(&notice);
}

/* ---- counting ---- */

static void log_refusal(const struct smtp_message *m, size_t recipients,
                        const struct account_sending_answer *answer)
{
    bool is_limit = answer->said == ACCOUNT_SENDING_FULL ||
                    answer->said == ACCOUNT_SENDING_DOMAIN_FULL ||
                    answer->said == ACCOUNT_SENDING_TENANT_FULL;
    obs_log(is_limit ? EV_SUBMIT_LIMITED : EV_SUBMIT_STOPPED, m->trace.session,
            OBS_INT("account", m->account_id), OBS_STR("from", m->sender),
            OBS_CSTR("limit", is_limit ? windows[answer->full] : ""),
            OBS_BOOL("of_domain", answer->said == ACCOUNT_SENDING_DOMAIN_FULL),
            OBS_BOOL("of_tenant", answer->said == ACCOUNT_SENDING_TENANT_FULL),
            OBS_BOOL("now", answer->said == ACCOUNT_SENDING_STOPPED_NOW),
            OBS_INT("recipients", recipients));
}

bool allow_take(const struct submit *s, const struct smtp_message *m, size_t recipients,
                struct arena *a, int64_t deadline_ms, struct allow_answer *out, struct err *e)
{
    static const enum submit_verdict verdicts[] = {
        [ACCOUNT_SENDING_ALLOWED] = SUBMIT_DONE,
        [ACCOUNT_SENDING_FULL] = SUBMIT_LIMITED,
        [ACCOUNT_SENDING_DOMAIN_FULL] = SUBMIT_LIMITED,
        [ACCOUNT_SENDING_STOPPED] = SUBMIT_STOPPED,
        [ACCOUNT_SENDING_STOPPED_NOW] = SUBMIT_STOPPED,
        [ACCOUNT_SENDING_TENANT_FULL] = SUBMIT_LIMITED,
    };
    struct account_sending_answer answer;
    *out = (struct allow_answer){ .verdict = SUBMIT_DONE };
    if (m->account_id == 0)
        return true;
    const struct account_sending_ask ask = { m->account_id, recipients, s->rules, s->waits };
    if (!account_sending_take(s->accounts, &ask, a, deadline_ms, &answer, e))
        return false;
    out->verdict = verdicts[answer.said];
    if (out->verdict == SUBMIT_LIMITED && !answer.is_ever)
        out->verdict = SUBMIT_NEVER;
    if (out->verdict == SUBMIT_DONE && recipients > 0)
        out->taken_us = answer.taken_us;
    if (out->verdict != SUBMIT_DONE)
        log_refusal(m, recipients, &answer);
    if (answer.said == ACCOUNT_SENDING_STOPPED_NOW) {
        struct notice notice = { .s = s,
                                 .account_id = m->account_id,
                                 .what = STR("tried again and again to send more mail than its "
                                             "limits allow"),
                                 .session = m->trace.session,
                                 .a = a,
                                 .deadline_ms = deadline_ms };
        tell(&notice);
    }
    return true;
}
