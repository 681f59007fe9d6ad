/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about held mail go straight into the mailbox of who sent it. The question and the note
 * that it was asked are one transaction, so that no crash loses or doubles it. */
#include "services/delivery/ask.h"

#include "account/profile.h"
#include "base/address.h"
#include "crypto/random.h"
#include "db/db.h"
#include "obs/obs.h"
#include "queue/hold_mail.h"
#include "queue/sign.h"
#include "store/store.h"
#include "submit/answer.h"

enum {
    DATABASE_MS = 20 * 1000,
    POSTPONE_MS = 60 * 60 * 1000 /* when the sender's mailbox is full */
};

struct question {
    struct delivery *d;
    struct arena *a;
    struct queue_hold hold;
    uint8_t secret[QUEUE_TOKEN_SIZE];
};

static bool add_asked(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    const struct question *q = arg;
    (void)e;
    queue_hold_send(tx, &q->hold, q->secret);
    *statements = 1;
    return true;
}

/* An address for answers that mail to really reaches the account; *out is empty when there is none.
 * Yields. */
YIELDS static bool find_reply_address(const struct question *q, str login, str *out, struct err *e)
{
    const str bases[] = { q->hold.envelope_from, login };
    *out = STR_EMPTY;
    for (size_t i = 0; i < COUNT_OF(bases) && out->n == 0; i++) {
        struct account_route route = { .kind = ACCOUNT_ROUTE_UNKNOWN };
        struct err why = ERR_CLEAR;
        str address = answer_address_make(q->a, bases[i], q->secret);
        str local;
        str domain;
        if (!address_split(address, &local, &domain))
            continue;
        if (!account_route(q->d->app->accounts, local, domain, q->a, clock_deadline_in(DATABASE_MS),
                           &route, &why) &&
            why.kind != ERR_SYNTAX) {
            *e = why;
            return false;
        }
        if (route.kind == ACCOUNT_ROUTE_LOCAL && route.account_id == q->hold.account_id)
            *out = address;
    }
    return true;
}

YIELDS static bool compose(const struct question *q, str *text, struct err *e)
{
    const char *host = q->d->app->hostname;
    struct account account;
    struct buf out;
    enum language language;
    str reply_to;
    str from;
    if (!account_get(q->d->app->accounts, q->hold.account_id, q->a, clock_deadline_in(DATABASE_MS),
                     &account, e) ||
        !account_language(q->d->app->accounts, q->hold.account_id, q->a,
                          clock_deadline_in(DATABASE_MS), &language, e) ||
        !find_reply_address(q, account.login, &reply_to, e) ||
        !queue_system_address(q->d->app->accounts, host,
                              config_bool(q->d->app->config, CONFIG_SECURITY_SIGN_OUTBOUND), q->a,
                              clock_deadline_in(DATABASE_MS), &from, e))
        return false;
    const struct hold_mail mail = {
        .hold = &q->hold,
        .host = str_from_cstr(host),
        .from = from,
        .to = q->hold.envelope_from,
        .reply_to = reply_to,
        .unique = { (uint64_t)clock_utc_us(), crypto_random_u64() },
        .now_us = clock_utc_us(),
        .language = language,
    };
    buf_init(&out, HOLD_MAIL_MAX);
    bool ok = hold_mail_compose(&mail, &out, e);
    if (ok)
        *text = arena_printf(q->a, "Return-Path: <>\r\n%.*s", STR_FMT(buf_str(&out)));
    buf_fini(&out);
    return ok;
}

YIELDS static bool ask(struct question *q, struct err *e)
{
    struct store *store = q->d->app->store;
    int64_t deadline_ms = clock_deadline_in(DATABASE_MS);
    struct store_message message;
    struct store_recipient copy = { .account_id = q->hold.account_id, .mailbox_id = STORE_INBOX };
    struct store_delivery delivery = { .message = &message,
                                       .recipients = &copy,
                                       .n = 1,
                                       .received_us = clock_utc_us(),
                                       .all_or_nothing = true,
                                       .extra = add_asked,
                                       .extra_arg = q };
    str text;
    crypto_random_fill(q->secret, sizeof(q->secret));
    if (!compose(q, &text, e))
        return false;
    str which = arena_printf(q->a, "held/%lld/%.*s/%016llx", (long long)q->hold.queue_id,
                             STR_FMT(q->hold.domain), (unsigned long long)crypto_random_u64());
    store_delivery_id(which, q->hold.envelope_from, copy.delivery_id);
    return store_prepare_message(store, q->a, text, deadline_ms, &message, e) &&
           store_deliver(store, &delivery, deadline_ms, e);
}

/* The mailbox is full, or the account is gone: asking all the time would help nobody. Yields. */
YIELDS static void postpone(const struct question *q)
{
    struct err e = ERR_CLEAR;
    int64_t ms = POSTPONE_MS / config_int(q->d->app->config, CONFIG_DELIVERY_TIME_DIVISOR);
    if (!queue_hold_postpone(q->d->app->queue, &q->hold, ms, clock_deadline_in(DATABASE_MS), &e))
        obs_log(EV_DELIVERY_REPORT_FAILED, STR_EMPTY, OBS_ERR(&e));
}

static void log_asked(const struct queue_hold *hold)
{
    char id[QUEUE_ID_TEXT];
    obs_count(METRIC_DELIVERY_HELD, NULL, 1);
    obs_log(EV_DELIVERY_HELD_TOLD, queue_id_format(hold->queue_id, id),
            OBS_STR("domain", hold->domain), OBS_STR("sender", hold->envelope_from),
            OBS_INT("recipients", hold->n));
}

/* Asks about the next message above *after_id. False: nothing is left. Yields. */
YIELDS static bool ask_next(struct delivery *d, int64_t *after_id)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    bool found = false;
    arena_init(&a);
    struct question q = { .d = d, .a = &a };
    if (queue_hold_next(d->app->queue, *after_id, &a, clock_deadline_in(DATABASE_MS), &found,
                        &q.hold, &e) &&
        found) {
        runtime_hold(d->app->runtime);
        if (ask(&q, &e)) {
            log_asked(&q.hold);
        } else {
            *after_id = q.hold.queue_id; /* the others need not wait for this one */
            if (e.kind == ERR_LIMIT || e.kind == ERR_NOT_FOUND)
                postpone(&q);
        }
        runtime_release(d->app->runtime);
    }
    /* ERR_CONFLICT: another process asked first, or somebody decided. */
    if (e.kind != ERR_NONE && e.kind != ERR_CONFLICT && e.kind != ERR_CANCELLED)
        obs_log(EV_DELIVERY_REPORT_FAILED, STR_EMPTY, OBS_ERR(&e));
    arena_fini(&a);
    return found && !fiber_is_cancelled();
}

void delivery_ask_senders(struct delivery *d)
{
    int64_t after_id = 0;
    while (!runtime_is_draining(d->app->runtime) && ask_next(d, &after_id))
        continue;
}
