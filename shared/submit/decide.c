/* SPDX-License-Identifier: Apache-2.0 */
/* From an answer by mail to a decision about held mail. */
#include "submit/decide.h"

#include "account/profile.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "dns/dns.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "obs/obs.h"
#include "queue/hold_mail.h"
#include "queue/sign.h"
#include "store/store.h"
#include "submit/answer.h"
#include "submit/answer_text.h"

struct deciding {
    const struct submit *s;
    const struct smtp_message *m;
    const struct smtp_recipient *r;
    struct arena *a;
    int64_t deadline_ms;
    struct queue_hold hold;
};

bool decide_is_answer(const struct smtp_message *m, const struct smtp_recipient *r)
{
    uint8_t secret[QUEUE_TOKEN_SIZE];
    return m->account_id != 0 && r->account_id == m->account_id &&
           answer_address_parse(r->address, secret);
}

/* ---- what is not clear, or too late ---- */

YIELDS static bool deliver_help(const struct deciding *w, str text, struct err *e)
{
    struct store_message message;
    struct store_recipient copy = { .account_id = w->m->account_id, .mailbox_id = STORE_INBOX };
    struct store_delivery delivery = { .message = &message,
                                       .recipients = &copy,
                                       .n = 1,
                                       .received_us = clock_utc_us(),
                                       .all_or_nothing = true };
    str which = arena_printf(w->a, "unclear/%016llx", (unsigned long long)crypto_random_u64());
    store_delivery_id(which, w->m->sender, copy.delivery_id);
    return store_prepare_message(w->s->store, w->a, text, w->deadline_ms, &message, e) &&
           store_deliver(w->s->store, &delivery, w->deadline_ms, e);
}

/* What all mails to who answered have in common. */
YIELDS static bool begin_mail(const struct deciding *w, struct hold_mail *out, struct err *e)
{
    *out = (struct hold_mail){
        .host = str_from_cstr(w->s->hostname),
        .unique = { (uint64_t)clock_utc_us(), crypto_random_u64() },
        .now_us = clock_utc_us(),
    };
    return account_language(w->s->accounts, w->m->account_id, w->a, w->deadline_ms, &out->language,
                            e) &&
           queue_system_address(w->s->accounts, w->s->hostname, w->s->signs, w->a, w->deadline_ms,
                                &out->from, e);
}

/* Composes and delivers; a failure of that is nobody's: an open question stands. Yields. */
YIELDS static void tell(const struct deciding *w, const struct hold_mail *mail)
{
    struct err why = ERR_CLEAR;
    struct buf out;
    buf_init(&out, HOLD_MAIL_MAX);
    if (mail->hold ? hold_mail_compose(mail, &out, &why)
                   : hold_mail_compose_late(mail, w->m->content, &out, &why)) {
        str text = arena_printf(w->a, "Return-Path: <>\r\n%.*s", STR_FMT(buf_str(&out)));
        (void)deliver_help(w, text, &why);
    }
    buf_fini(&out);
    if (why.kind != ERR_NONE)
        obs_log(EV_DELIVERY_REPORT_FAILED, STR_EMPTY, OBS_ERR(&why));
}

/* Says how an answer is to look. Yields. */
YIELDS static bool help(const struct deciding *w, struct err *e)
{
    struct hold_mail mail;
    bool is_said;
    if (!begin_mail(w, &mail, e) ||
        !queue_hold_unclear(w->s->queue, &w->hold, w->deadline_ms, &is_said, e))
        return false;
    mail.hold = &w->hold;
    mail.to = w->hold.envelope_from;
    mail.reply_to = w->r->address;
    mail.is_unclear = true;
    if (is_said)
        tell(w, &mail);
    return true;
}

/* Who thinks that the message went would look for it in vain. */
bool decide_say_late(const struct submit *s, const struct smtp_message *m, struct arena *a,
                     int64_t deadline_ms, struct err *e)
{
    const struct deciding w = { .s = s, .m = m, .a = a, .deadline_ms = deadline_ms };
    struct hold_mail mail;
    if (m->sender.n == 0)
        return true;
    if (!begin_mail(&w, &mail, e))
        return false;
    mail.to = m->sender;
    tell(&w, &mail);
    return true;
}

/* ---- what is ---- */

bool decide_is_automatic(const struct smtp_message *m, struct arena *a)
{
    static const struct {
        str name;
        str begins; /* the body of the field */
    } marks[] = { { STR_INIT("Content-Type"), STR_INIT("multipart/report") },
                  { STR_INIT("Precedence"), STR_INIT("auto_reply") },
                  { STR_INIT("X-Autoreply"), STR_INIT("") },
                  { STR_INIT("X-Autorespond"), STR_INIT("") } };
    struct mime_header header;
    mime_header_parse(a, m->content, &header);
    const struct mime_field *field = mime_header_find(&header, STR("Auto-Submitted"), 0);
    if (field && !str_ieq(str_trim(mime_field_unfold(a, field->body)), STR("no")))
        return true;
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        field = mime_header_find(&header, marks[i].name, 0);
        if (field && str_has_iprefix(str_trim(mime_field_unfold(a, field->body)), marks[i].begins))
            return true;
    }
    return false;
}

/* Whether the answer names no other domain than the message's; people write names in any spelling,
 * as "Bücher.example". */
static bool is_meant(const struct deciding *w, str named)
{
    struct err ignored = ERR_CLEAR;
    str ascii;
    return named.n == 0 ||
           (dns_domain_to_ascii(w->a, named, &ascii, &ignored) && str_ieq(ascii, w->hold.domain));
}

/* The From field, as people read it. */
static str author_of(str content, struct arena *a)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, content);
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(str_trim(field.name), STR("From")))
            return mime_text_decode(a, mime_field_unfold(a, field.body));
    }
    return STR_EMPTY;
}

static bool understand(const struct deciding *w, struct queue_decision *out)
{
    struct answer answer;
    str text = answer_text_of(w->a, w->m->content);
    if (!answer_parse(text, author_of(w->m->content, w->a), &answer) || !is_meant(w, answer.domain))
        return false;
    *out = (struct queue_decision){ .queue_id = w->hold.queue_id,
                                    .domain = w->hold.domain,
                                    .choice = answer.choice,
                                    .any = answer.any };
    return true;
}

static void log_decision(const struct deciding *w, const struct queue_decision *decision,
                         int64_t count)
{
    char id[QUEUE_ID_TEXT];
    obs_log(EV_DELIVERY_DECIDED, queue_id_format(w->hold.queue_id, id),
            OBS_STR("domain", w->hold.domain), OBS_STR("by", w->m->sender),
            OBS_CSTR("choice", queue_choice_name(decision->choice)), OBS_BOOL("any", decision->any),
            OBS_INT("recipients", count));
}

/* Whether the message went to the same address before, in other letters. */
static bool is_repeated(const struct smtp_message *m, const struct smtp_recipient *r,
                        const uint8_t secret[QUEUE_TOKEN_SIZE])
{
    uint8_t other[QUEUE_TOKEN_SIZE];
    for (const struct smtp_recipient *before = m->recipients; before < r; before++) {
        if (decide_is_answer(m, before) && answer_address_parse(before->address, other) &&
            memcmp(other, secret, sizeof(other)) == 0)
            return true;
    }
    return false;
}

bool decide_take(const struct submit *s, const struct smtp_message *m,
                 const struct smtp_recipient *r, struct arena *a, int64_t deadline_ms,
                 bool *is_late, struct err *e)
{
    struct deciding w = { .s = s, .m = m, .r = r, .a = a, .deadline_ms = deadline_ms };
    struct queue_decision decision;
    struct err why = ERR_CLEAR;
    uint8_t secret[QUEUE_TOKEN_SIZE];
    int64_t count = 0;
    bool found = false;
    if (!answer_address_parse(r->address, secret) || is_repeated(m, r, secret))
        return true;
    if (!queue_hold_find(s->queue, secret, a, deadline_ms, &found, &w.hold, e))
        return false;
    if (!found || w.hold.account_id != m->account_id) {
        *is_late = true;
        return true;
    }
    if (!understand(&w, &decision))
        return help(&w, e);
    const struct queue_actor actor = { .account_id = m->account_id,
                                       .name = m->sender,
                                       .ip = m->trace.peer_ip };
    if (queue_decide(s->queue, &actor, &decision, deadline_ms, &count, &why)) {
        log_decision(&w, &decision, count);
        return true;
    }
    if (why.kind == ERR_CONFLICT)
        return help(&w, e);
    if (why.kind == ERR_NOT_FOUND || why.kind == ERR_DENIED) {
        *is_late = true; /* somebody was faster, an administrator perhaps who holds it now */
        return true;
    }
    *e = why;
    return false;
}
