/* SPDX-License-Identifier: Apache-2.0 */
/* From an answer by mail to a decision about held mail. */
#include "submit/decide.h"

#include "account/profile.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "dns/dns.h"
#include "mime/header.h"
#include "mime/text.h"
#include "obs/obs.h"
#include "queue/hold_mail.h"
#include "store/store.h"
#include "submit/answer.h"

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

/* ---- what is not clear ---- */

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
    store_delivery_id(which, w->r->address, copy.delivery_id);
    return store_prepare_message(w->s->store, w->a, text, w->deadline_ms, &message, e) &&
           store_deliver(w->s->store, &delivery, w->deadline_ms, e);
}

/* Says once how an answer is to look. Its failure is nobody's: the question stands. Yields. */
YIELDS static bool help(const struct deciding *w, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct buf out;
    bool is_first;
    enum language language;
    if (!account_language(w->s->accounts, w->m->account_id, w->a, w->deadline_ms, &language, e) ||
        !queue_hold_unclear(w->s->queue, &w->hold, w->deadline_ms, &is_first, e))
        return false;
    if (!is_first)
        return true;
    const struct hold_mail mail = {
        .hold = &w->hold,
        .host = str_from_cstr(w->s->hostname),
        .from = arena_printf(w->a, "mailer-daemon@%s", w->s->hostname),
        .to = w->hold.envelope_from,
        .reply_to = w->r->address,
        .unique = { (uint64_t)clock_utc_us(), crypto_random_u64() },
        .now_us = clock_utc_us(),
        .is_unclear = true,
        .language = language,
    };
    buf_init(&out, HOLD_MAIL_MAX);
    if (hold_mail_compose(&mail, &out, &why)) {
        str text = arena_printf(w->a, "Return-Path: <>\r\n%.*s", STR_FMT(buf_str(&out)));
        (void)deliver_help(w, text, &why);
    }
    buf_fini(&out);
    if (why.kind != ERR_NONE)
        obs_log(EV_DELIVERY_REPORT_FAILED, STR_EMPTY, OBS_ERR(&why));
    return true;
}

/* ---- what is ---- */

static bool is_automatic(str content, struct arena *a)
{
    struct mime_header header;
    mime_header_parse(a, content, &header);
    const struct mime_field *field = mime_header_find(&header, STR("Auto-Submitted"), 0);
    return field && !str_ieq(str_trim(mime_field_unfold(a, field->body)), STR("no"));
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

static bool understand(const struct deciding *w, struct queue_decision *out)
{
    struct mime_text text;
    struct answer answer;
    mime_text_extract(w->a, mime_structure_parse(w->a, w->m->content), ANSWER_TEXT_MAX, &text);
    if (!answer_parse(text.text, &answer) || !is_meant(w, answer.domain))
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

bool decide_take(const struct submit *s, const struct smtp_message *m,
                 const struct smtp_recipient *r, struct arena *a, int64_t deadline_ms,
                 struct err *e)
{
    struct deciding w = { .s = s, .m = m, .r = r, .a = a, .deadline_ms = deadline_ms };
    struct queue_decision decision;
    struct err why = ERR_CLEAR;
    uint8_t secret[QUEUE_TOKEN_SIZE];
    int64_t count = 0;
    bool found = false;
    if (!answer_address_parse(r->address, secret) || is_automatic(m->content, a))
        return true;
    if (!queue_hold_find(s->queue, secret, a, deadline_ms, &found, &w.hold, e))
        return false;
    if (!found || w.hold.account_id != m->account_id)
        return true;
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
    if (why.kind == ERR_NOT_FOUND)
        return true; /* somebody was faster */
    *e = why;
    return false;
}
