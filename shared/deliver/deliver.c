/* SPDX-License-Identifier: Apache-2.0 */
/* The inbound path: checks, trace fields, one copy for each account, one transaction. Reports about
 * full mailboxes are in report.c. */
#include "deliver/deliver.h"

#include "base/clock.h"
#include "deliver/report.h"
#include "mime/header.h"
#include "obs/obs.h"
#include "store/store.h"

/* ---- the message as it is stored ---- */

/* Trace fields on top (RFC 5321 4.4), what others forged taken out. All mailboxes share the bytes,
 * so the recipient is told only where there is just one: one of several may be a blind copy. */
static str make_message(const struct deliver_message *m, const char *hostname, size_t n_accounts,
                        int64_t now_us, struct arena *a)
{
    struct buf top;
    struct smtp_trace trace = m->trace;
    str clean = smtp_trace_strip(m->content, str_from_cstr(hostname), NULL, 0, a);
    trace.at_utc = now_us / 1000000;
    trace.recipient = m->n == 1 ? m->recipients[0].address : STR_EMPTY;
    buf_init(&top, DELIVER_MAX_TRACE);
    /* Everything in it is bounded by the limits of SMTP commands: it always fits. */
    INVARIANT(smtp_trace_delivery(m->sender, n_accounts == 1 ? m->recipients[0].address : STR_EMPTY,
                                  &top) &&
              smtp_trace_received(&trace, &top));
    char *bytes = arena_alloc(a, top.n + clean.n);
    memcpy(bytes, top.p, top.n);
    if (clean.n > 0)
        memcpy(bytes + top.n, clean.p, clean.n);
    str message = str_of(bytes, top.n + clean.n);
    buf_fini(&top);
    return message;
}

/* ---- recipients ---- */

static bool is_listed(const struct store_recipient *list, size_t n, int64_t account_id)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].account_id == account_id)
            return true;
    }
    return false;
}

/* One copy for each account, whatever the number of its addresses (FEATURES 8). Its name is the
 * same whoever computes it, so that a second attempt of the transaction is recognised. */
static size_t list_copies(const struct deliver_message *m, struct store_recipient *out)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        char account[24];
        if (is_listed(out, n, m->recipients[i].account_id))
            continue;
        struct store_recipient *copy = &out[n++];
        copy->account_id = m->recipients[i].account_id;
        copy->mailbox_id = STORE_INBOX;
        (void)snprintf(account, sizeof(account), "%lld", (long long)copy->account_id);
        store_delivery_id(m->transaction, str_from_cstr(account), copy->delivery_id);
    }
    return n;
}

/* ---- outcome ---- */

/* Counts the copies that were not stored, and tells of them. */
static size_t count_failed(const struct deliver_attempt *attempt, struct deliver_result *out)
{
    size_t failed = 0;
    for (size_t i = 0; i < attempt->n; i++) {
        const struct store_recipient *copy = &attempt->copies[i];
        if (deliver_is_stored(copy))
            continue;
        failed++;
        if (copy->status != STORE_OVER_QUOTA)
            continue;
        out->full_account_id = copy->account_id;
        obs_count(METRIC_QUOTA_EXCEEDED, NULL, 1);
        obs_log(EV_DELIVER_OVER_QUOTA, attempt->m->trace.session,
                OBS_INT("account", copy->account_id));
    }
    return failed;
}

static bool conclude(const struct deliver_attempt *attempt, int64_t deadline_ms,
                     struct deliver_result *out, struct err *e)
{
    size_t failed = count_failed(attempt, out);
    if (failed < attempt->n && !deliver_report_stored(attempt, deadline_ms, e))
        return false;
    if (failed == 0)
        return true;
    if (failed < attempt->n)
        return deliver_report_failed(attempt, deadline_ms, e);
    out->verdict = DELIVER_OVER_QUOTA;
    if (out->full_account_id != 0)
        return true;
    return ERR(e, ERR_CONFLICT, "the account of the only recipient is gone");
}

static enum deliver_verdict judge(const struct deliver_message *m)
{
    if (mime_header_end(m->content) > DELIVER_MAX_HEADER)
        return DELIVER_HEADER_TOO_LARGE;
    return smtp_trace_hops(m->content) > m->max_hops ? DELIVER_LOOP : DELIVER_DONE;
}

bool deliver_message(const struct deliver *d, const struct deliver_message *m, struct arena *a,
                     int64_t deadline_ms, struct deliver_result *out, struct err *e)
{
    struct store_message message;
    int64_t now_us = clock_utc_us();
    *out = (struct deliver_result){ .verdict = judge(m) };
    if (out->verdict != DELIVER_DONE)
        return true;
    struct deliver_attempt attempt = { .d = d, .m = m, .a = a };
    attempt.copies = ARENA_ARRAY(a, struct store_recipient, m->n);
    attempt.n = list_copies(m, attempt.copies);
    str raw = make_message(m, d->hostname, attempt.n, now_us, a);
    struct store_delivery delivery = {
        .message = &message,
        .recipients = attempt.copies,
        .n = attempt.n,
        .received_us = now_us,
    };
    if (!store_prepare_message(d->store, a, raw, deadline_ms, &message, e) ||
        !store_deliver(d->store, &delivery, deadline_ms, e))
        return err_wrap(e, "deliver to %zu mailboxes", attempt.n);
    return conclude(&attempt, deadline_ms, out, e);
}
