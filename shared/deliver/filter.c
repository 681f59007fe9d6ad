/* SPDX-License-Identifier: Apache-2.0 */
/* What filters say of a message, and what becomes of it. */
#include "deliver/filter.h"

#include "base/clock.h"
#include "hook/hook.h"
#include "milter/milter.h"
#include "obs/obs.h"
#include "store/store.h"
#include "wire/smtp_trace.h"

static const struct {
    enum deliver_verdict verdict;
    const char *word; /* in the log */
} outcomes[] = {
    [MILTER_PASSED] = { DELIVER_DONE, "quarantine" },
    [MILTER_REFUSED] = { DELIVER_FILTERED, "refuse" },
    [MILTER_LATER] = { DELIVER_FILTERED_NOW, "later" },
    [MILTER_DISCARDED] = { DELIVER_DISCARDED, "discard" },
};

static struct milter_envelope describe_envelope(const struct deliver_attempt *attempt)
{
    const struct smtp_message *m = attempt->m;
    struct milter_recipient *list = ARENA_ARRAY(attempt->a, struct milter_recipient, m->n);
    for (size_t i = 0; i < m->n; i++) {
        list[i] = (struct milter_recipient){
            .address = m->recipients[i].address,
            .mailer = m->recipients[i].is_relayed ? STR("relay") : STR("local"),
            .place = i + 1,
        };
    }
    return (struct milter_envelope){ .sender = m->sender, .recipients = list, .n = m->n };
}

static struct milter_message describe(const struct deliver_attempt *attempt)
{
    const struct smtp_message *m = attempt->m;
    /* Whoever owns the address can put any octets into its name. */
    str called = smtp_is_domain(attempt->iprev.name) ? attempt->iprev.name : STR_EMPTY;
    return (struct milter_message){
        .hostname = str_from_cstr(attempt->d->hostname),
        .session = m->trace.session,
        .transaction = m->transaction,
        .helo = m->trace.helo,
        .client_ip = m->trace.peer_ip,
        .client_port = m->trace.peer_port,
        .client_name = attempt->iprev.result == MAILAUTH_PASS ? called : STR_EMPTY,
        .client_ptr = called,
        .tls_version = m->trace.tls_version,
        .tls_cipher = m->trace.tls_cipher,
        .envelope = describe_envelope(attempt),
        .content =
            smtp_trace_strip(m->content, str_from_cstr(attempt->d->hostname), NULL, 0, attempt->a),
    };
}

bool deliver_quarantine(struct deliver_attempt *attempt, int64_t deadline_ms, struct err *e)
{
    for (size_t i = 0; i < attempt->n; i++) {
        struct store_mailbox box;
        struct err why = ERR_CLEAR;
        if (store_mailbox_get_role(attempt->d->store, attempt->copies[i].account_id,
                                   STORE_ROLE_JUNK, attempt->a, deadline_ms, &box, &why)) {
            attempt->copies[i].mailbox_id = box.mailbox_id;
        } else if (why.kind != ERR_NOT_FOUND) {
            *e = why;
            return err_wrap(e, "find the mailbox for Junk");
        }
    }
    return true;
}

static void log_verdict(const struct deliver_attempt *attempt, const struct milter_result *result)
{
    obs_log(EV_MILTER_VERDICT, attempt->m->trace.session,
            OBS_CSTR("verdict", outcomes[result->verdict].word), OBS_STR("filter", result->by),
            OBS_STR("transaction", attempt->m->transaction), OBS_STR("from", attempt->m->sender),
            OBS_STR("said", result->text));
}

/* Hooks, after the milters: what they say comes on top. Yields. */
YIELDS static bool ask_hooks(struct deliver_attempt *attempt, const struct milter_message *message,
                             str proven, struct milter_result *said, struct err *e)
{
    const struct hook_chain *hooks = attempt->d->hooks;
    const struct hook_about about = { .message = *message, .proven = proven };
    return !hooks || hook_ask(hooks, HOOK_AT_DATA, &about, attempt->a, said, e);
}

/* Recipients and sender as filters want them. Yields. */
YIELDS static bool change_envelope(struct deliver_attempt *attempt, int64_t time_ms,
                                   struct milter_result *said, struct err *e)
{
    const struct smtp_message *before = attempt->m;
    if (said->verdict != MILTER_PASSED)
        return true;
    if (!hook_change_envelope(&said->envelope, attempt->d->accounts, &attempt->m, attempt->a,
                              clock_deadline_in(time_ms), e))
        return false;
    if (attempt->m == before)
        return true;
    deliver_list_again(attempt);
    if (attempt->n + attempt->n_forwards == 0) {
        said->verdict = MILTER_DISCARDED;
        said->text = STR("no recipient is left");
    }
    return true;
}

bool deliver_filter(struct deliver_attempt *attempt, str proven, int64_t time_ms,
                    struct deliver_result *out, struct err *e)
{
    const struct deliver *d = attempt->d;
    size_t n = (d->milters ? d->milters->n : 0) + (d->hooks ? d->hooks->n : 0);
    if (n == 0 || out->verdict != DELIVER_DONE)
        return true;
    const struct milter_message message = describe(attempt);
    struct milter_result result = milter_result_of(&message);
    if (d->milters && !milter_ask(d->milters, MILTER_AT_END, &message, attempt->a, &result, e))
        return false;
    if (!ask_hooks(attempt, &message, proven, &result, e) ||
        !change_envelope(attempt, time_ms, &result, e))
        return false;
    if (result.verdict != MILTER_PASSED || result.is_quarantine)
        log_verdict(attempt, &result);
    out->verdict = outcomes[result.verdict].verdict;
    out->reason = result.text;
    if (result.verdict != MILTER_PASSED)
        return true;
    struct smtp_message *m = ARENA_NEW(attempt->a, struct smtp_message);
    *m = *attempt->m;
    m->content = result.content;
    attempt->m = m;
    attempt->is_clean = true; /* a filter of ours may write what others may not, as X-Spam */
    if (result.is_quarantine)
        attempt->held_why = STR("a filter holds it");
    return true;
}
