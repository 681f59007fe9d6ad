/* SPDX-License-Identifier: Apache-2.0 */
/* From a judgement to the words of a DMARC report. */
#include "deliver/tally.h"

#include "base/clock.h"
#include "mime/mime.h"
#include "reports/reports.h"

/* What was done, and why it is not what the domain asked for. */
struct done {
    str disposition;
    str override;
    str comment;
};

/* Of a message that failed and was let in; and why, where the domain asked for something else. */
static struct done done_of_failure(const struct mailauth_dmarc *dmarc, bool is_vouched)
{
    struct done done = { .disposition = STR("none") };
    if (!is_vouched && dmarc->policy >= MAILAUTH_DMARC_QUARANTINE)
        done.disposition = STR("quarantine");
    if (dmarc->declared <= MAILAUTH_DMARC_ACCEPT)
        return done;
    if (is_vouched) {
        done.override = STR("trusted_forwarder");
        done.comment = STR("the ARC seal of a forwarder that is trusted here");
    } else if (dmarc->policy != dmarc->declared) {
        done.override = STR("policy_test_mode");
    } else if (dmarc->policy != MAILAUTH_DMARC_QUARANTINE) {
        done.override = STR("local_policy"); /* as for those who are always heard */
    }
    return done;
}

static struct done done_of(const struct mailauth_dmarc *dmarc, enum deliver_verdict outcome,
                           bool is_vouched)
{
    struct done done = { .disposition = STR("reject") };
    if (outcome == DELIVER_DONE && dmarc->result == MAILAUTH_FAIL)
        return done_of_failure(dmarc, is_vouched);
    if (outcome == DELIVER_DONE) {
        bool is_enforced = dmarc->declared > MAILAUTH_DMARC_ACCEPT;
        done.disposition = is_enforced ? STR("pass") : STR("none");
    } else if (outcome != DELIVER_DMARC_FAIL) {
        done.override = STR("local_policy");
        done.comment = outcome == DELIVER_SPF_FAIL ? STR("refused because SPF failed") : STR_EMPTY;
    }
    return done;
}

void deliver_count_proof(const struct deliver *d, const struct mailauth_verdict *verdict,
                         enum deliver_verdict outcome, bool is_vouched, str source_ip)
{
    const struct mailauth_dmarc *dmarc = verdict->dmarc;
    if (!dmarc || source_ip.n == 0 ||
        (dmarc->result != MAILAUTH_PASS && dmarc->result != MAILAUTH_FAIL))
        return;
    const struct done done = done_of(dmarc, outcome, is_vouched);
    const struct reports_dmarc_result result = {
        .verdict = verdict,
        .source_ip = source_ip,
        .disposition = done.disposition,
        .override = done.override,
        .comment = done.comment,
    };
    reports_count_dmarc(d->reports, &result);
}

void deliver_tell_failure(const struct deliver *d, const struct smtp_message *m,
                          const struct mailauth_verdict *verdict, enum deliver_verdict outcome,
                          struct arena *a, int64_t deadline_ms)
{
    struct mime_header header;
    if (!d->reports || m->trace.peer_ip.n == 0 || !verdict->dmarc ||
        !verdict->dmarc->record.failure.n)
        return;
    mime_header_parse(a, m->content, &header);
    const struct reports_failed failed = {
        .verdict = verdict,
        .header = &header,
        .hostname = d->hostname,
        .source_ip = m->trace.peer_ip,
        .result = outcome != DELIVER_DONE                               ? STR("reject")
                  : verdict->dmarc->policy >= MAILAUTH_DMARC_QUARANTINE ? STR("spam")
                                                                        : STR_EMPTY,
        .now_s = clock_utc_us() / 1000000,
    };
    reports_tell_failure(d->reports, &failed, deadline_ms);
}
