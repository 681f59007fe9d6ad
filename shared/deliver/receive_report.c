/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of others: who may report, and about whom. What is in one is read by the module reports.
 */
#include "deliver/receive_report.h"

#include "account/account.h"
#include "account/lists.h"
#include "base/address.h"
#include "base/clock.h"
#include "mailauth/mailauth.h"
#include "obs/obs.h"
#include "reports/reports.h"

enum {
    READ_MS = 10 * 1000 /* to read one and to keep it */
};

/* The same name in a domain that we relay for is an address of others. */
static bool is_inbox(const struct deliver *d, const struct smtp_recipient *recipient)
{
    str local;
    str domain;
    return address_split(recipient->address, &local, &domain) && !recipient->is_relayed &&
           str_ieq(local, str_from_cstr(d->report_inbox));
}

/* How many of the recipients are the address for reports. */
static size_t count_inboxes(const struct deliver_attempt *attempt)
{
    size_t n = 0;
    for (size_t i = 0; i < attempt->m->n; i++)
        n += is_inbox(attempt->d, &attempt->m->recipients[i]);
    return n;
}

/* Whether it is one, and the domain that its header names. */
static bool is_report(const struct deliver_attempt *attempt, str *about)
{
    struct mime_header header;
    mime_header_parse(attempt->a, attempt->m->content, &header);
    if (!reports_is_report(&header))
        return false;
    *about = reports_message_domain(&header, attempt->a);
    return true;
}

/* Who forges a sender would forge figures of ours. Where nothing was looked at (over LMTP, of a
 * local client, which may pass on mail of others, or with all checks off) nothing is proven. */
static bool is_proven(const struct deliver_attempt *attempt, str proven)
{
    struct mailauth_told told;
    if (!proven.n ||
        !mailauth_authres_find(proven, str_from_cstr(attempt->d->hostname), attempt->a, &told) ||
        told.dmarc == MAILAUTH_FAIL)
        return false;
    return told.dmarc == MAILAUTH_PASS || told.spf == MAILAUTH_PASS || told.dkim == MAILAUTH_PASS;
}

/* The domain of ours that `domain` is or belongs to. ERR_DENIED: none. Yields. */
YIELDS static bool get_own_domain(const struct deliver_attempt *attempt, str domain,
                                  int64_t deadline_ms, str *ours, struct err *e)
{
    if (!account_domain_find_own(attempt->d->accounts, domain, attempt->a, deadline_ms, ours, e))
        return false;
    if (!ours->n) {
        return ERR(e, ERR_DENIED, "it is about \"%.*s\", which is no domain of ours",
                   STR_FMT(domain));
    }
    return true;
}

/* Fills in the report. `about` is what the header says: a packed file is opened for nobody who
 * reports to us about others. Yields. */
YIELDS static bool take(const struct deliver_attempt *attempt, str proven, str about,
                        int64_t deadline_ms, struct reports_received *report, bool *is_new,
                        struct err *e)
{
    str told;
    if (!is_proven(attempt, proven))
        return ERR(e, ERR_DENIED, "nothing proves who sent it: neither SPF nor DKIM");
    if (!get_own_domain(attempt, about, deadline_ms, &told, e) ||
        !reports_message_read(attempt->m->content, attempt->a, deadline_ms, report, e) ||
        !get_own_domain(attempt, report->domain, deadline_ms, &report->own_domain, e))
        return false;
    return reports_take(attempt->d->reports, report, deadline_ms, is_new, e);
}

static void tell_problem(const struct deliver_attempt *attempt,
                         const struct reports_received *report, const struct err *why)
{
    char label[32];
    const char *kind = report->domain.n ? reports_kind_name(report->kind) : "unknown";
    (void)snprintf(label, sizeof(label), "%s,%s", kind,
                   why->kind == ERR_DENIED ? "refused" : "unreadable");
    obs_count(METRIC_REPORTS_RECEIVED, label, 1);
    obs_log(EV_REPORT_UNREADABLE, attempt->m->trace.session, OBS_STR("from", attempt->m->sender),
            OBS_STR("error", str_from_cstr(why->msg)));
}

bool deliver_take_report(const struct deliver_attempt *attempt, str proven, int64_t deadline_ms)
{
    const struct deliver *d = attempt->d;
    struct reports_received report = { .domain = STR_EMPTY };
    struct err why = ERR_CLEAR;
    bool is_new = false;
    if (!d->reports || !d->report_inbox || !*d->report_inbox)
        return false;
    str about;
    size_t inboxes = count_inboxes(attempt);
    if (inboxes == 0 || !is_report(attempt, &about))
        return false;
    int64_t until_ms = clock_deadline_in(READ_MS);
    if (until_ms > deadline_ms)
        until_ms = deadline_ms;
    if (!take(attempt, proven, about, until_ms, &report, &is_new, &why)) {
        tell_problem(attempt, &report, &why);
        return false;
    }
    reports_log_taken(&report, is_new, attempt->m->trace.session);
    return inboxes == attempt->m->n && !d->keeps_report_mail;
}
