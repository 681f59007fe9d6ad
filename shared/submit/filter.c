/* SPDX-License-Identifier: Apache-2.0 */
/* What filters say of a submission. */
#include "submit/filter.h"

#include "account/account.h"
#include "base/clock.h"
#include "hook/hook.h"
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

static struct milter_envelope describe_envelope(const struct smtp_message *m, struct arena *a)
{
    struct milter_recipient *list = ARENA_ARRAY(a, struct milter_recipient, m->n);
    for (size_t i = 0; i < m->n; i++) {
        const struct smtp_recipient *r = &m->recipients[i];
        list[i] = (struct milter_recipient){
            .address = r->address,
            .mailer = r->account_id != 0 || r->targets ? STR("local") : STR("smtp"),
            .place = i + 1,
        };
    }
    return (struct milter_envelope){ .sender = m->sender, .recipients = list, .n = m->n };
}

static struct milter_message describe(const struct submit *s, const struct smtp_message *m,
                                      str login, str content, struct arena *a)
{
    return (struct milter_message){
        .hostname = str_from_cstr(s->hostname),
        .session = m->trace.session,
        .transaction = m->transaction,
        .helo = m->trace.helo.n > 0 ? m->trace.helo : str_from_cstr(s->hostname),
        .client_ip = m->trace.peer_ip,
        .client_port = m->trace.peer_port,
        .is_client_unknown = m->trace.is_peer_unknown,
        .login = login,
        .mechanism = m->mechanism,
        .tls_version = m->trace.tls_version,
        .tls_cipher = m->trace.tls_cipher,
        .sender_mailer = STR("local"), /* he may use it, so it is ours */
        .envelope = describe_envelope(m, a),
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

bool filter_is_needed(const struct submit *s)
{
    return (s->milters && s->milters->n > 0) || (s->hooks && s->hooks->n > 0);
}

/* Recipients and sender as filters want them. Yields. */
YIELDS static bool change_envelope(const struct submit *s, struct arena *a, int64_t deadline_ms,
                                   struct milter_result *said, const struct smtp_message **m,
                                   struct err *e)
{
    if (said->verdict != MILTER_PASSED)
        return true;
    if (!hook_change_envelope(&said->envelope, s->accounts, m, a, deadline_ms, e))
        return false;
    if ((*m)->n == 0) {
        said->verdict = MILTER_DISCARDED;
        said->text = STR("no recipient is left");
    }
    return true;
}

bool filter_message(const struct submit *s, const struct smtp_message *m, str content,
                    struct arena *a, int64_t time_ms, struct filter_answer *out, struct err *e)
{
    struct account account;
    *out = (struct filter_answer){ .verdict = SUBMIT_DONE };
    if (!account_get(s->accounts, m->account_id, a, clock_deadline_in(time_ms), &account, e))
        return err_wrap(e, "filter");
    const struct milter_message message = describe(s, m, account.login, content, a);
    const struct hook_about about = { .message = message, .is_submission = true };
    struct milter_result result = milter_result_of(&message);
    if (s->milters && !milter_ask(s->milters, MILTER_AT_END, &message, a, &result, e))
        return false;
    if (s->hooks && !hook_ask(s->hooks, HOOK_AT_DATA, &about, a, &result, e))
        return false;
    out->changed = m;
    if (!change_envelope(s, a, clock_deadline_in(time_ms), &result, &out->changed, e))
        return false;
    if (out->changed == m)
        out->changed = NULL;
    if (result.verdict != MILTER_PASSED || result.is_quarantine)
        log_verdict(m, &result);
    out->verdict = outcomes[result.verdict].verdict;
    out->is_discarded = result.verdict == MILTER_DISCARDED;
    out->is_held = result.verdict == MILTER_PASSED && result.is_quarantine;
    out->content = result.content;
    out->reason = out->is_held ? STR("a filter holds it") : result.text;
    return true;
}
