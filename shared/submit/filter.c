/* SPDX-License-Identifier: Apache-2.0 */
/* What filters say of a submission. */
#include "submit/filter.h"

#include "account/account.h"
#include "milter/milter.h"
#include "obs/obs.h"

static const struct {
    enum submit_verdict verdict;
    const char *word; /* in the log */
} outcomes[] = {
    [MILTER_PASSED] = { SUBMIT_DONE, "quarantine" },
    [MILTER_REFUSED] = { SUBMIT_FILTERED, "refuse" },
    [MILTER_LATER] = { SUBMIT_FILTERED_NOW, "later" },
    [MILTER_DISCARDED] = { SUBMIT_DONE, "discard" },
};

static struct milter_message describe(const struct submit *s, const struct smtp_message *m,
                                      str login, str content, struct arena *a)
{
    str *recipients = ARENA_ARRAY(a, str, m->n);
    for (size_t i = 0; i < m->n; i++)
        recipients[i] = m->recipients[i].address;
    return (struct milter_message){
        .hostname = str_from_cstr(s->hostname),
        .session = m->trace.session,
        .transaction = m->transaction,
        .helo = m->trace.helo.n > 0 ? m->trace.helo : str_from_cstr(s->hostname),
        .client_ip = m->trace.peer_ip,
        .login = login,
        .mechanism = m->mechanism,
        .tls_version = m->trace.tls_version,
        .tls_cipher = m->trace.tls_cipher,
        .sender = m->sender,
        .recipients = recipients,
        .n = m->n,
        .content = content,
    };
}

static void log_verdict(const struct smtp_message *m, const struct milter_result *result)
{
    obs_log(EV_MILTER_VERDICT, m->trace.session,
            OBS_CSTR("verdict", outcomes[result->verdict].word), OBS_STR("filter", result->by),
            OBS_STR("transaction", m->transaction), OBS_STR("from", m->sender),
            OBS_INT("account", m->account_id), OBS_STR("said", result->text));
}

bool filter_message(const struct submit *s, const struct smtp_message *m, str content,
                    struct arena *a, int64_t deadline_ms, struct filter_answer *out, struct err *e)
{
    struct account account;
    struct milter_result result;
    if (!account_get(s->accounts, m->account_id, a, deadline_ms, &account, e))
        return err_wrap(e, "filter");
    const struct milter_message message = describe(s, m, account.login, content, a);
    if (!milter_ask(s->milters, &message, a, &result, e))
        return false;
    if (result.verdict != MILTER_PASSED || result.is_quarantine)
        log_verdict(m, &result);
    *out = (struct filter_answer){
        .verdict = outcomes[result.verdict].verdict,
        .is_discarded = result.verdict == MILTER_DISCARDED,
        .is_held = result.verdict == MILTER_PASSED && result.is_quarantine,
        .content = result.content,
        .reason = result.text,
    };
    if (out->is_held)
        out->reason = STR("a filter holds it");
    return true;
}
