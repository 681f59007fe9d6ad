/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a sender what became of its recipients. */
#include "deliver/report.h"

#include "account/account.h"
#include "base/address.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "deliver/forward.h"
#include "mime/header.h"
#include "obs/obs.h"
#include "queue/dsn.h"
#include "queue/queue.h"
#include "queue/sign.h"
#include "wire/smtp_command.h"

static bool leads_to(const struct smtp_recipient *r, int64_t account_id)
{
    for (size_t i = 0; i < r->n_targets; i++) {
        if (r->targets[i].account_id == account_id)
            return true;
    }
    return r->account_id == account_id;
}

bool deliver_is_stored(const struct store_recipient *copy)
{
    return copy->status == STORE_DELIVERED || copy->status == STORE_DUPLICATE;
}

/* Why a copy is not in its mailbox. */
struct failure {
    str status;
    str diagnostic;
};

static struct failure failure_of(const struct deliver_attempt *attempt, size_t copy)
{
    if (copy >= attempt->n) {
        return (struct failure){ STR("5.4.6"),
                                 STR("The message was delivered to this address before") };
    }
    if (attempt->copies[copy].status == STORE_OVER_QUOTA)
        return (struct failure){ STR("5.2.2"), STR("The mailbox is full") };
    return (struct failure){ STR("5.1.1"), STR("No such user here") };
}

/* What became of a recipient, which may lead to several accounts, or share one with others; before
 * anything is stored: what will have, when nothing is in the way. */
struct outcome {
    size_t n;            /* copies of its accounts */
    size_t n_failed;     /* of these */
    size_t first_failed; /* where n_failed > 0 */
};

static struct outcome outcome_of(const struct deliver_attempt *attempt,
                                 const struct smtp_recipient *r)
{
    struct outcome out = { 0 };
    for (size_t i = 0; i < attempt->n + attempt->n_looping; i++) {
        const struct store_recipient *copy = &attempt->copies[i];
        if (!leads_to(r, copy->account_id))
            continue;
        out.n++;
        if (i < attempt->n && (deliver_is_stored(copy) || !attempt->is_stored))
            continue;
        if (out.n_failed++ == 0)
            out.first_failed = i;
    }
    out.n += r->account_id != 0 && deliver_has_copy(attempt, r->account_id);
    for (size_t i = 0; i < r->n_targets; i++) {
        int64_t account_id = r->targets[i].account_id;
        out.n += account_id != 0 && deliver_has_copy(attempt, account_id);
    }
    return out;
}

/* One entry at most for each recipient of the envelope: `out` has room for all of them. */
static size_t list_failed(const struct deliver_attempt *attempt, struct dsn_recipient *out)
{
    size_t n = 0;
    for (size_t i = 0; i < attempt->m->n; i++) {
        const struct smtp_recipient *r = &attempt->m->recipients[i];
        if (r->has_notify && !(r->notify & SMTP_NOTIFY_FAILURE))
            continue;
        const struct outcome outcome = outcome_of(attempt, r);
        if (outcome.n_failed == 0)
            continue;
        struct failure why = failure_of(attempt, outcome.first_failed);
        out[n++] = (struct dsn_recipient){
            .address = r->address,
            .orcpt = r->orcpt,
            .status = why.status,
            .diagnostic = why.diagnostic,
        };
    }
    return n;
}

/* An empty report when nobody wants one. */
static YIELDS bool compose(const struct deliver_attempt *attempt, struct queue_system_mail *report,
                           int64_t deadline_ms, struct err *e)
{
    struct arena *a = attempt->a;
    const char *host = attempt->d->hostname;
    struct dsn_recipient *failed = ARENA_ARRAY(a, struct dsn_recipient, attempt->m->n);
    size_t n_failed = list_failed(attempt, failed);
    *report = (struct queue_system_mail){ .text = STR_EMPTY };
    if (n_failed == 0)
        return true;
    if (!queue_system_address(attempt->d->accounts, host, attempt->d->signs, a, deadline_ms,
                              &report->from, e))
        return false;
    struct buf out;
    const struct dsn dsn = {
        .action = DSN_FAILED,
        .reporting_mta = str_from_cstr(host),
        .from = report->from,
        .to = attempt->m->sender,
        .message_id = arena_printf(a, "%016llx.%016llx@%s", (unsigned long long)clock_utc_us(),
                                   (unsigned long long)crypto_random_u64(), host),
        .now_us = clock_utc_us(),
        .envelope_id = attempt->m->envid,
        .queue_id = attempt->m->transaction,
        .arrived_us = clock_utc_us(),
        .recipients = failed,
        .n = n_failed,
        .original = attempt->m->content,
        .is_utf8 = attempt->m->is_utf8,
        .return_full = attempt->m->ret_full && !attempt->m->requiretls, /* RFC 8689 section 5 */
    };
    buf_init(&out, DSN_MAX);
    bool good = dsn_compose(&dsn, &out, &report->is_utf8, &report->is_8bit, e);
    report->text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return good;
}

static bool put_into_mailboxes(const struct deliver_attempt *attempt,
                               const struct account_route *route, str report, int64_t deadline_ms,
                               struct err *e)
{
    struct store_message message;
    struct store_recipient *copies =
        ARENA_ARRAY(attempt->a, struct store_recipient, route->n_targets + 1);
    struct store_delivery delivery = {
        .message = &message,
        .recipients = copies,
        .received_us = clock_utc_us(),
    };
    if (route->kind == ACCOUNT_ROUTE_LOCAL)
        copies[delivery.n++].account_id = route->account_id;
    for (size_t i = 0; i < route->n_targets; i++) {
        if (route->targets[i].account_id)
            copies[delivery.n++].account_id = route->targets[i].account_id;
    }
    str raw = arena_printf(attempt->a, "Return-Path: <>\r\n%.*s", STR_FMT(report));
    for (size_t i = 0; i < delivery.n; i++) {
        str name = arena_printf(attempt->a, "report/%lld", (long long)copies[i].account_id);
        copies[i].mailbox_id = STORE_INBOX;
        store_delivery_id(attempt->m->transaction, name, copies[i].delivery_id);
    }
    return delivery.n == 0 ||
           (store_prepare_message(attempt->d->store, attempt->a, raw, deadline_ms, &message, e) &&
            store_deliver(attempt->d->store, &delivery, deadline_ms, e));
}

/* Those of `list` that are elsewhere. Yields. */
static YIELDS bool put_into_queue(const struct deliver_attempt *attempt,
                                  const struct smtp_target *list, size_t n,
                                  struct queue_system_mail *report, int64_t deadline_ms,
                                  struct err *e)
{
    struct queue_new_recipient *far = ARENA_ARRAY(attempt->a, struct queue_new_recipient, n);
    struct queue_new_message message = { .recipients = far };
    for (size_t i = 0; i < n; i++) {
        if (list[i].account_id)
            continue;
        far[message.n++] =
            (struct queue_new_recipient){ .address = list[i].address, .domain = list[i].domain };
    }
    if (message.n == 0)
        return true;
    if (attempt->d->signs &&
        !queue_system_sign(attempt->d->accounts, report, attempt->a, deadline_ms, e))
        return false;
    int64_t queue_id;
    message.body = report->text;
    message.is_8bit = report->is_8bit;
    message.is_utf8 = report->is_utf8;
    message.tls_rule = attempt->m->requiretls ? QUEUE_TLS_REQUIRED : QUEUE_TLS_AS_EVER;
    message.session = queue_session_of(attempt->m->trace.session, attempt->m->transaction);
    return queue_enqueue(attempt->d->queue, &message, deadline_ms, &queue_id, e);
}

/* Those of the envelope whose copies are all in their mailboxes, and who asked to hear of it: an
 * alias or a group is one recipient, however many accounts it leads to (RFC 3461 section 5.2.7).
 * `out` has room for all of the envelope. */
static size_t list_done(const struct deliver_attempt *attempt, struct queue_new_recipient *out)
{
    size_t n = 0;
    for (size_t i = 0; i < attempt->m->n; i++) {
        const struct smtp_recipient *r = &attempt->m->recipients[i];
        str local;
        str domain;
        if (!(r->notify & SMTP_NOTIFY_SUCCESS))
            continue;
        if (!address_split(r->address, &local, &domain)) /* "postmaster" alone, RFC 5321 4.5.1 */
            domain = str_from_cstr(attempt->d->hostname);
        const struct outcome outcome = outcome_of(attempt, r);
        if (outcome.n == 0 || outcome.n_failed > 0)
            continue;
        out[n++] = (struct queue_new_recipient){
            .address = r->address,
            .domain = domain,
            .orcpt = r->orcpt,
            .notify = r->notify | QUEUE_NOTIFY_GIVEN,
            .is_delivered = true,
        };
    }
    return n;
}

bool deliver_plan_success(struct deliver_attempt *attempt, int64_t deadline_ms, struct err *e)
{
    const struct smtp_message *m = attempt->m;
    struct queue_new_recipient *done = ARENA_ARRAY(attempt->a, struct queue_new_recipient, m->n);
    size_t n = m->sender.n > 0 && !attempt->is_sender_denied ? list_done(attempt, done) : 0;
    attempt->success = NULL;
    if (n == 0)
        return true;
    str header = str_slice(m->content, 0, mime_header_end(m->content));
    attempt->success = ARENA_NEW(attempt->a, struct queue_new_message);
    *attempt->success = (struct queue_new_message){
        .envelope_from = m->sender,
        .body = header,
        .is_utf8 = deliver_needs_utf8(m, m->sender, header),
        .envelope_id = m->envid,
        .has_ret = m->has_ret,
        .return_full = m->ret_full,
        .tls_rule = m->requiretls ? QUEUE_TLS_REQUIRED : QUEUE_TLS_AS_EVER,
        .session = queue_session_of(m->trace.session, m->transaction),
        .recipients = done,
        .n = n,
    };
    attempt->success_id = queue_make_id(attempt->d->queue);
    return queue_pack(attempt->a, attempt->success->body, deadline_ms, &attempt->success->packed,
                      e);
}

/* How many reports the message may lead to: one about all mailboxes, and one about each address
 * elsewhere whose server makes none itself. */
static size_t count_asked(const struct deliver_attempt *attempt)
{
    const struct smtp_message *m = attempt->m;
    size_t n = list_done(attempt, ARENA_ARRAY(attempt->a, struct queue_new_recipient, m->n)) > 0;
    for (size_t i = 0; i < attempt->n_forwards; i++) {
        const struct deliver_forward *f = &attempt->forwards[i];
        for (size_t k = 0; k < f->n; k++)
            n += (f->to[k].notify & QUEUE_NOTIFY_SUCCESS) != 0;
    }
    return n;
}

/* Before anything is stored: what RFC 3461 section 5.2.3 demands of each delivery is held by making
 * none, for RCPT may not be refused because of NOTIFY (section 5.1). */
bool deliver_may_tell(const struct deliver_attempt *attempt, int64_t deadline_ms,
                      struct deliver_result *out, struct err *e)
{
    const struct deliver *d = attempt->d;
    bool may = true;
    if (!attempt->is_sender_unproven || attempt->is_sender_denied || attempt->m->sender.n == 0 ||
        d->success_reports_per_hour == 0)
        return true;
    size_t n = count_asked(attempt);
    if (n > 0 && !queue_may_tell(d->queue, attempt->m->sender, n, d->success_reports_per_hour,
                                 deadline_ms, &may, e))
        return err_wrap(e, "count reports of success");
    if (!may)
        out->verdict = DELIVER_TOLD_ENOUGH;
    return true;
}

void deliver_report_stored(struct deliver_attempt *attempt, int64_t deadline_ms)
{
    int64_t queue_id;
    struct err e = ERR_CLEAR;
    if (deliver_plan_success(attempt, deadline_ms, &e) &&
        (!attempt->success ||
         queue_enqueue(attempt->d->queue, attempt->success, deadline_ms, &queue_id, &e)))
        return;
    obs_log(EV_DELIVER_SUCCESS_NOT_TOLD, attempt->m->trace.session,
            OBS_STR("sender", attempt->m->sender), OBS_ERR(&e));
}

bool deliver_report_failed(const struct deliver_attempt *attempt, int64_t deadline_ms,
                           struct err *e)
{
    str domain;
    struct account_route route;
    struct queue_system_mail report;
    if (attempt->is_sender_denied)
        return true; /* it would come to whoever was named (RFC 5321 section 6.2) */
    if (!account_route_back(attempt->d->accounts, attempt->m->sender, attempt->a, deadline_ms,
                            &domain, &route, e))
        return false;
    if (route.kind == ACCOUNT_ROUTE_UNKNOWN)
        return true;
    if (!compose(attempt, &report, deadline_ms, e))
        return false;
    if (report.text.n == 0)
        return true;
    const struct smtp_target remote = { .address = attempt->m->sender, .domain = domain };
    if (route.kind == ACCOUNT_ROUTE_REMOTE)
        return put_into_queue(attempt, &remote, 1, &report, deadline_ms, e);
    return put_into_mailboxes(attempt, &route, report.text, deadline_ms, e) &&
           put_into_queue(attempt, route.targets, route.n_targets, &report, deadline_ms, e);
}
