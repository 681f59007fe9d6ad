/* SPDX-License-Identifier: Apache-2.0 */
/* Tells senders what failed or takes long (RFC 3464). The report and the end of what it reports
 * about are one transaction, so that no crash loses or doubles a report (P10). */
#include "account/profile.h"
#include "base/failpoint.h"
#include "crypto/random.h"
#include "db/db.h"
#include "obs/obs.h"
#include "queue/dsn.h"
#include "queue/sign.h"
#include "services/delivery/ask.h"
#include "services/delivery/delivery.h"
#include "store/store.h"
#include "wire/smtp_envelope.h"

enum {
    POLL_MS = 5000,
    POSTPONE_MS = 60 * 60 * 1000, /* what cannot be made, as when the sender's mailbox is full */
    OUTAGE_MS = 60 * 1000,        /* what a server that is needed does not answer */
    DATABASE_MS = 20 * 1000
};

struct telling {
    struct delivery *d;
    struct arena *a;
    const struct queue_report *report;
    enum language language;
    struct queue_system_mail mail;
};

static const struct {
    enum dsn_action action;
    const char *name; /* in the log */
} kinds[] = {
    [QUEUE_REPORT_FAILURE] = { DSN_FAILED, "failure" },
    [QUEUE_REPORT_DELAY] = { DSN_DELAYED, "delay" },
    [QUEUE_REPORT_RELAYED] = { DSN_RELAYED, "relayed" },
    [QUEUE_REPORT_DELIVERED] = { DSN_DELIVERED, "delivered" },
};

YIELDS static bool compose(struct telling *t, struct err *e)
{
    const struct queue_report *r = t->report;
    const char *host = t->d->app->hostname;
    char id[QUEUE_ID_TEXT];
    struct dsn_recipient *list = ARENA_ARRAY(t->a, struct dsn_recipient, r->n);
    for (size_t i = 0; i < r->n; i++) {
        const struct queue_reported *of = &r->recipients[i];
        list[i] = (struct dsn_recipient){ .address = of->address,
                                          .orcpt = of->orcpt,
                                          .status = of->status,
                                          .diagnostic = of->reply,
                                          .remote = of->remote,
                                          .last_attempt_us = of->last_attempt_us };
    }
    if (!queue_system_address(t->d->app->accounts, host,
                              config_bool(t->d->app->config, CONFIG_SECURITY_SIGN_OUTBOUND), t->a,
                              clock_deadline_in(DATABASE_MS), &t->mail.from, e))
        return false;
    const struct dsn dsn = {
        .action = kinds[r->kind].action,
        .reporting_mta = str_from_cstr(host),
        .from = t->mail.from,
        .to = r->envelope_from,
        .message_id = arena_printf(t->a, "%016llx.%016llx@%s", (unsigned long long)clock_utc_us(),
                                   (unsigned long long)crypto_random_u64(), host),
        .now_us = clock_utc_us(),
        .envelope_id = r->envelope_id,
        .hold_request = r->hold_request,
        .queue_id = queue_id_format(r->queue_id, id),
        .arrived_us = r->created_us,
        .expires_us = r->expires_us,
        .recipients = list,
        .n = r->n,
        .original = r->original,
        .is_original_cut = r->is_original_cut,
        .is_utf8 = r->is_utf8,
        /* The content must not leave by a way that is less secure (RFC 8689 section 5). */
        .return_full = r->return_full && r->tls_rule != QUEUE_TLS_REQUIRED,
        .language = t->language,
    };
    struct buf out;
    buf_init(&out, DSN_MAX);
    bool ok = dsn_compose(&dsn, &out, &t->mail.is_utf8, &t->mail.is_8bit, e);
    t->mail.text = arena_str(t->a, buf_str(&out));
    buf_fini(&out);
    return ok;
}

/* ---- to one of ours ---- */

static bool add_report_done(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    const struct telling *t = arg;
    (void)e;
    FAILPOINT("P10");
    queue_report_send(t->d->app->queue, tx, t->report);
    *statements = QUEUE_REPORT_STATEMENTS;
    return true;
}

YIELDS static bool tell_local(struct telling *t, const int64_t *accounts, size_t n, struct err *e)
{
    struct store *store = t->d->app->store;
    int64_t deadline_ms = clock_deadline_in(DATABASE_MS);
    struct store_message message;
    struct store_recipient *copies = ARENA_ARRAY(t->a, struct store_recipient, n);
    struct store_delivery delivery = { .message = &message,
                                       .recipients = copies,
                                       .n = n,
                                       .received_us = clock_utc_us(),
                                       .all_or_nothing = true,
                                       .extra = add_report_done,
                                       .extra_arg = t };
    str raw = arena_printf(t->a, "Return-Path: <>\r\n%.*s", STR_FMT(t->mail.text));
    /* Several reports may be about one message: at other times, of other recipients. */
    str which =
        arena_printf(t->a, "report/%lld/%d/%lld", (long long)t->report->queue_id,
                     (int)t->report->kind, (long long)t->report->recipients[0].last_attempt_us);
    for (size_t i = 0; i < n; i++) {
        str to = t->report->recipients[0].address;
        if (i > 0)
            to = arena_printf(t->a, "%.*s/%lld", STR_FMT(to), (long long)accounts[i]);
        copies[i] =
            (struct store_recipient){ .account_id = accounts[i], .mailbox_id = STORE_INBOX };
        store_delivery_id(which, to, copies[i].delivery_id);
    }
    return store_prepare_message(store, t->a, raw, deadline_ms, &message, e) &&
           store_deliver(store, &delivery, deadline_ms, e);
}

/* ---- to others, or to nobody ---- */

YIELDS static bool sign(struct telling *t, struct err *e)
{
    return !config_bool(t->d->app->config, CONFIG_SECURITY_SIGN_OUTBOUND) ||
           queue_system_sign(t->d->app->accounts, &t->mail, t->a, clock_deadline_in(DATABASE_MS),
                             e);
}

/* `address` is empty when there is nobody to tell: what failed is only taken out. */
YIELDS static bool tell_remote(struct telling *t, str address, str domain, struct err *e)
{
    struct queue *queue = t->d->app->queue;
    struct db_tx *tx;
    int64_t queue_id = queue_make_id(queue);
    if (address.n > 0 && !sign(t, e))
        return false;
    const struct queue_new_recipient to = { .address = address, .domain = domain };
    const struct queue_new_message message = {
        .body = t->mail.text,
        .is_8bit = t->mail.is_8bit,
        .is_utf8 = t->mail.is_utf8,
        .recipients = &to,
        .n = 1,
        .tls_rule =
            t->report->tls_rule == QUEUE_TLS_REQUIRED ? QUEUE_TLS_REQUIRED : QUEUE_TLS_AS_EVER,
    };
    if (!db_begin(t->d->app->db, DB_DELIVER, DB_READ_COMMITTED, clock_deadline_in(DATABASE_MS), &tx,
                  e))
        return false;
    queue_report_send(queue, tx, t->report);
    if (address.n > 0 && !queue_enqueue_send(queue, tx, queue_id, &message, e)) {
        db_rollback(&tx);
        return false;
    }
    FAILPOINT("P10");
    if (!db_commit(&tx, t->a, NULL, 0, NULL, e))
        return false;
    if (address.n > 0)
        queue_announce(queue, queue_id);
    return true;
}

/* The sender is an address that leads to others: all accounts that it leads to are told, or the one
 * address elsewhere that mail was forwarded for. */
YIELDS static bool tell_all(struct telling *t, const struct account_route *route, struct err *e)
{
    int64_t *accounts = ARENA_ARRAY(t->a, int64_t, route->n_targets);
    size_t n = 0;
    for (size_t i = 0; i < route->n_targets; i++) {
        if (route->targets[i].account_id)
            accounts[n++] = route->targets[i].account_id;
    }
    if (n > 0)
        return tell_local(t, accounts, n, e);
    return tell_remote(t, route->targets[0].address, route->targets[0].domain, e);
}

/* That of the account that is told; of several, of servers elsewhere and of nobody it is not known.
 * Yields. */
YIELDS static bool choose_language(struct telling *t, const struct account_route *route,
                                   struct err *e)
{
    int64_t account_id = route->account_id;
    if (route->kind == ACCOUNT_ROUTE_LEADS && route->n_targets == 1)
        account_id = route->targets[0].account_id;
    if (account_id == 0)
        return true;
    return account_language(t->d->app->accounts, account_id, t->a, clock_deadline_in(DATABASE_MS),
                            &t->language, e);
}

/* *is_told is false when there is nobody to tell. */
YIELDS static bool tell(struct telling *t, bool *is_told, struct err *e)
{
    str sender = t->report->envelope_from;
    str domain;
    struct account_route route;
    if (!account_route_back(t->d->app->accounts, sender, t->a, clock_deadline_in(DATABASE_MS),
                            &domain, &route, e))
        return false;
    *is_told = route.kind != ACCOUNT_ROUTE_UNKNOWN;
    if (*is_told && (!choose_language(t, &route, e) || !compose(t, e)))
        return false;
    switch (route.kind) {
    case ACCOUNT_ROUTE_LOCAL:
        return tell_local(t, &route.account_id, 1, e);
    case ACCOUNT_ROUTE_REMOTE:
        return tell_remote(t, sender, domain, e);
    case ACCOUNT_ROUTE_LEADS:
        return tell_all(t, &route, e);
    case ACCOUNT_ROUTE_UNKNOWN:
        return tell_remote(t, STR_EMPTY, STR_EMPTY, e);
    }
    return ERR(e, ERR_INTERNAL, "no such kind of route");
}

/* ---- the loop ---- */

static void log_told(const struct queue_report *report, bool is_told)
{
    char id[QUEUE_ID_TEXT];
    if (report->kind == QUEUE_REPORT_FAILURE)
        obs_count(METRIC_MESSAGES_BOUNCED, NULL, 1);
    obs_log(is_told ? EV_DELIVERY_REPORTED : EV_DELIVERY_NOBODY_TO_TELL,
            queue_id_format(report->queue_id, id), OBS_CSTR("kind", kinds[report->kind].name),
            OBS_STR("sender", report->envelope_from), OBS_INT("recipients", report->n));
}

/* How long to leave a report alone that could not be made; 0: what it waits for may be there at
 * once. Only what was left alone ends when it is too old (queue/sweep.c), so that nothing is lost
 * while all of this stands still. */
static int64_t pause_after(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
    case ERR_CONFLICT: /* another process told the sender first */
    case ERR_CANCELLED:
        return 0;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_CLOSED:
    case ERR_UNKNOWN_OUTCOME:
        return OUTAGE_MS;
    case ERR_SYNTAX:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_DENIED:
    case ERR_LIMIT: /* there is no room for it */
    case ERR_UNSUPPORTED:
    case ERR_DAMAGED:
    case ERR_INTERNAL:
        return POSTPONE_MS;
    }
    return POSTPONE_MS;
}

/* Trying it all the time would help nobody; losing it would be worse. A delay is only told while it
 * lasts: it is not put off, but once more is tried after an outage. Yields. */
YIELDS static void postpone(struct delivery *d, const struct queue_report *report, int64_t ms)
{
    struct err e = ERR_CLEAR;
    if (ms == 0 || (ms < POSTPONE_MS && report->kind == QUEUE_REPORT_DELAY))
        return;
    ms /= config_int(d->app->config, CONFIG_DELIVERY_TIME_DIVISOR);
    if (!queue_report_postpone(d->app->queue, report, ms, clock_deadline_in(DATABASE_MS), &e))
        obs_log(EV_DELIVERY_REPORT_FAILED, STR_EMPTY, OBS_ERR(&e));
}

/* Tells about the next message above *after_id. False: nothing is left. Yields. */
YIELDS static bool tell_next(struct delivery *d, int64_t *after_id)
{
    struct queue_report report;
    struct err e = ERR_CLEAR;
    struct arena a;
    bool found = false;
    arena_init(&a);
    if (queue_report_next(d->app->queue, *after_id, &a, clock_deadline_in(DATABASE_MS), &found,
                          &report, &e) &&
        found) {
        struct telling t = { .d = d, .a = &a, .report = &report };
        bool is_told = false;
        runtime_hold(d->app->runtime);
        if (tell(&t, &is_told, &e)) {
            log_told(&report, is_told);
            queue_report_ended(d->app->queue, &report, clock_deadline_in(DATABASE_MS));
        } else {
            *after_id = report.queue_id; /* the others need not wait for this one */
            postpone(d, &report, pause_after(e.kind));
        }
        runtime_release(d->app->runtime);
    }
    if (e.kind != ERR_NONE && e.kind != ERR_CONFLICT && e.kind != ERR_CANCELLED)
        obs_log(EV_DELIVERY_REPORT_FAILED, STR_EMPTY, OBS_ERR(&e));
    arena_fini(&a);
    return found && !fiber_is_cancelled();
}

void delivery_report(void *arg)
{
    struct delivery *d = arg;
    while (!runtime_is_draining(d->app->runtime) && !fiber_is_cancelled()) {
        struct err e = ERR_CLEAR;
        int64_t after_id = 0;
        while (!runtime_is_draining(d->app->runtime) && tell_next(d, &after_id))
            continue;
        delivery_ask_senders(d);
        (void)signal_point_wait(&d->reports, clock_deadline_in(POLL_MS), &e); /* or time is up */
    }
}
