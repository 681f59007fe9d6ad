/* SPDX-License-Identifier: Apache-2.0 */
/* One failure report after the other to who asks for it: the mail and the note that it was sent are
 * one transaction. */
#include "services/scheduler/failure_reporter.h"

#include "base/clock.h"
#include "obs/obs.h"
#include "reports/destination.h"
#include "reports/failure.h"
#include "services/app/report_sender.h"
#include "services/scheduler/report_mail.h"

enum {
    AT_ONCE = 20,          /* that are looked at together */
    ONE_MS = 30 * 1000,    /* for one of them */
    NOTE_MS = 10 * 1000,   /* to note what became of one */
    AGAIN_MS = 600 * 1000, /* a report that is a day old helps nobody */
    ATTEMPTS = 6
};

struct telling {
    struct app *app;
    const struct reports_sender *sender;
    const struct reports_failure *failure;
    struct arena *a;
    int64_t deadline_ms;
    struct reports_destinations to;
    struct reports_failure_outcome outcome;
};

static void put_off(struct telling *t, str why)
{
    bool is_last = t->failure->attempts + 1 >= ATTEMPTS;
    t->outcome.state = is_last ? "dropped" : "due";
    t->outcome.again_ms = AGAIN_MS;
    t->outcome.note = why;
}

static void note_outcome(struct db_tx *tx, void *arg, int64_t queue_id)
{
    const struct telling *t = arg;
    (void)queue_id;
    reports_failure_note_send(tx, &t->outcome);
}

YIELDS static bool note(const struct telling *t, struct err *e)
{
    return reports_failure_note(t->app->db, &t->outcome, clock_deadline_in(NOTE_MS), e);
}

/* Who asks for it, and may be told. Yields. */
YIELDS static bool find_destinations(struct telling *t, struct err *e)
{
    const struct mailauth_resolver resolver = mailauth_resolver_of(t->app->dns);
    const struct reports_question question = {
        .kind = REPORTS_DMARC,
        .domain = t->failure->domain,
        .dmarc = arena_printf(t->a, "v=DMARC1; p=none; ruf=%.*s", STR_FMT(t->failure->recipients)),
        .is_failure = true,
    };
    return reports_find_destinations(&resolver, &question, t->a, t->deadline_ms, &t->to, e);
}

/* Those of them whom mail may go to. Yields. */
YIELDS static bool find_recipients(struct telling *t, struct smtp_recipient *out, str *to,
                                   size_t *n, struct err *e)
{
    struct report_mail_target target;
    *n = 0;
    for (size_t i = 0; i < t->to.uris.n; i++) {
        const struct reports_uri *uri = &t->to.uris.list[i];
        if (!report_mail_find(t->app, uri, REPORTS_FAILURE_MAIL_MAX, t->a, t->deadline_ms, &target,
                              e))
            return false;
        if (target.why.n) {
            t->to.why = target.why;
            continue;
        }
        out[*n] = target.recipient;
        to[(*n)++] = uri->target;
    }
    return true;
}

/* Its SPF record, which the report quotes; empty when it has none or the DNS does not tell. Yields.
 */
YIELDS static str find_spf(const struct telling *t)
{
    const struct mailauth_resolver resolver = mailauth_resolver_of(t->app->dns);
    struct dns_answer answer;
    struct err ignored = ERR_CLEAR;
    str domain = t->failure->spf_domain;
    if (!domain.n ||
        !resolver.query(resolver.arg, domain, DNS_TXT, t->a, t->deadline_ms, &answer, &ignored))
        return STR_EMPTY;
    for (size_t i = 0; i < answer.n; i++) {
        str text = dns_join_txt(t->a, answer.rdata[i]);
        if (str_has_iprefix(text, STR("v=spf1")))
            return text;
    }
    return STR_EMPTY;
}

YIELDS static bool mail_to(struct telling *t, const struct smtp_recipient *recipients,
                           const str *to, size_t n, struct err *e)
{
    const struct queue_also also = { note_outcome, t };
    struct buf text;
    str why;
    const struct reports_failure_mail content = { .failure = t->failure,
                                                  .spf = find_spf(t),
                                                  .sender = t->sender,
                                                  .to = to,
                                                  .n_to = n,
                                                  .now_us = clock_utc_us() };
    buf_init(&text, REPORTS_FAILURE_MAIL_MAX);
    bool ok = reports_failure_format(&content, &text, e);
    const struct report_mail mail = {
        .content = arena_str(t->a, buf_str(&text)),
        .session = arena_printf(t->a, "failure-%lld", (long long)t->failure->id),
        .transaction = arena_printf(t->a, "failure report %lld/%lld", (long long)t->failure->id,
                                    (long long)t->failure->attempts),
        .recipients = recipients,
        .n = n,
        .also = &also,
    };
    buf_fini(&text);
    t->outcome.state = "sent";
    if (!ok || !report_mail_send(t->app, &mail, t->a, t->deadline_ms, &why, e))
        return false;
    if (!why.n)
        return true;
    put_off(t, why);
    return note(t, e);
}

YIELDS static bool tell(struct telling *t, struct err *e)
{
    struct smtp_recipient recipients[REPORTS_URIS_MAX];
    str to[REPORTS_URIS_MAX];
    size_t n;
    str why;
    if (!find_destinations(t, e) || !find_recipients(t, recipients, to, &n, e) ||
        !report_mail_check_key(t->app, t->sender->domain, t->a, t->deadline_ms, &why, e))
        return false;
    if (n > 0 && !why.n)
        return mail_to(t, recipients, to, n, e);
    if (why.n) {
        put_off(t, why);
    } else {
        t->outcome.state = "dropped";
        t->outcome.note = t->to.why;
    }
    return note(t, e);
}

static void log_outcome(const struct telling *t)
{
    bool is_sent = str_eq(str_from_cstr(t->outcome.state), STR("sent"));
    bool is_due = str_eq(str_from_cstr(t->outcome.state), STR("due"));
    char label[32];
    (void)snprintf(label, sizeof(label), "failure,%s", t->outcome.state);
    obs_count(METRIC_REPORTS, label, 1);
    obs_log(is_sent  ? EV_REPORT_SENT
            : is_due ? EV_REPORT_DEFERRED
                     : EV_REPORT_DROPPED,
            STR_EMPTY, OBS_CSTR("kind", "failure"), OBS_STR("domain", t->failure->domain),
            OBS_STR("note", t->outcome.note));
}

/* What goes wrong with one is not in the way of the others; false: cancelled, or no database.
 * Yields. */
YIELDS static bool tell_one(struct app *app, const struct reports_sender *sender,
                            const struct reports_failure *failure, struct err *e)
{
    struct arena a;
    struct err why = ERR_CLEAR;
    struct err failed = ERR_CLEAR;
    arena_init(&a);
    struct telling t = { .app = app,
                         .sender = sender,
                         .failure = failure,
                         .a = &a,
                         .deadline_ms = clock_deadline_in(ONE_MS),
                         .outcome = { .failure = failure, .note = STR_EMPTY } };
    bool ok = tell(&t, &why);
    if (!ok && why.kind == ERR_CANCELLED) {
        failed = why;
    } else if (!ok && why.kind != ERR_CONFLICT) {
        put_off(&t, str_from_cstr(why.msg));
        ok = note(&t, &failed);
    }
    if (ok)
        log_outcome(&t);
    arena_fini(&a);
    /* ERR_CONFLICT: another process was faster. */
    if (failed.kind == ERR_NONE || failed.kind == ERR_CONFLICT)
        return true;
    *e = failed;
    return false;
}

/* Up to AT_ONCE of them; *n says how many there were. Yields. */
YIELDS static bool tell_some(struct app *app, int64_t deadline_ms, size_t *n, struct err *e)
{
    struct arena a;
    struct reports_sender sender;
    struct reports_failures due;
    arena_init(&a);
    *n = 0;
    bool ok = reports_failure_list_due(app->db, AT_ONCE, &a, deadline_ms, &due, e);
    if (ok && due.n > 0)
        ok = app_report_sender(app, &a, deadline_ms, &sender, e);
    for (size_t i = 0; ok && i < due.n && clock_monotonic_ms() < deadline_ms; i++) {
        ok = tell_one(app, &sender, &due.list[i], e);
        *n = i + 1;
    }
    arena_fini(&a);
    return ok;
}

bool failure_reporter_run(struct app *app, int64_t deadline_ms, struct err *e)
{
    size_t n = AT_ONCE;
    bool ok = true;
    while (ok && n == AT_ONCE && clock_monotonic_ms() < deadline_ms)
        ok = tell_some(app, deadline_ms, &n, e);
    return ok && reports_failure_sweep(app->db, deadline_ms, e);
}
