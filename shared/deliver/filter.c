/* SPDX-License-Identifier: Apache-2.0 */
/* What filters say of a message, and what becomes of it. */
#include "deliver/filter.h"

#include "base/clock.h"
#include "deliver/forward.h"
#include "deliver/screen.h"
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

/* ---- a message whose recipients are delivered one by one ---- */

/* With all of them; NULL: they are delivered at once. */
static const struct smtp_message *whole_of(const struct deliver_attempt *attempt)
{
    return attempt->d->left ? attempt->d->left->whole : NULL;
}

/* Where the address was named first, from 1. By LMTP it may be named again. */
static size_t place_of(const struct smtp_message *m, size_t at)
{
    size_t i = 0;
    while (i < at && !str_ieq(m->recipients[i].address, m->recipients[at].address))
        i++;
    return i + 1;
}

/* What filters said, for the recipient that is delivered now: the first one that is brings those
 * along whom they added. */
static struct milter_result own_part(const struct deliver_attempt *attempt)
{
    const struct deliver_left *left = attempt->d->left;
    struct milter_result own = *left->said;
    const struct milter_envelope *all = &left->said->envelope;
    struct milter_recipient *list = ARENA_ARRAY(attempt->a, struct milter_recipient, all->n + 1);
    size_t place = place_of(left->whole, left->at);
    for (const struct milter_refusal *r = own.refused; r; r = r->next) {
        if (r->place == place) {
            own.verdict = r->verdict;
            own.text = r->text;
        }
    }
    own.envelope.n = 0;
    for (size_t i = 0; i < all->n; i++) {
        bool is_own = all->recipients[i].place == place;
        if (!is_own && (all->recipients[i].place > 0 || left->has_added))
            continue;
        list[own.envelope.n] = all->recipients[i];
        list[own.envelope.n++].place = is_own; /* the only one of the delivery */
    }
    own.envelope.recipients = list;
    return own;
}

/* ---- what filters are told ---- */

static struct milter_envelope describe_envelope(const struct deliver_attempt *attempt,
                                                struct arena *a)
{
    const struct smtp_message *whole = whole_of(attempt);
    const struct smtp_message *m = whole ? whole : attempt->m;
    struct milter_recipient *list = ARENA_ARRAY(a, struct milter_recipient, m->n);
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (whole && place_of(m, i) != i + 1)
            continue;
        list[n++] = (struct milter_recipient){
            .address = m->recipients[i].address,
            .mailer = m->recipients[i].is_relayed ? STR("relay") : STR("local"),
            .place = i + 1,
        };
    }
    return (struct milter_envelope){ .sender = m->sender, .recipients = list, .n = n };
}

/* What the filters say may live longer than the attempt, in `a`. */
static str describe_content(const struct deliver_attempt *attempt, struct arena *a)
{
    str content = attempt->m->content;
    const struct smtp_message *whole = whole_of(attempt);
    if (whole && content.p != whole->content.p)
        content = arena_str(a, content);
    return smtp_trace_strip(content, str_from_cstr(attempt->d->hostname), NULL, 0, a);
}

/* For all who get it, so that a filter that skips it is missed by nobody; and not when the policy
 * of its author's domain doubts it. */
static bool is_whitelisted(const struct deliver_attempt *attempt)
{
    const struct smtp_message *m = attempt->m;
    const struct deliver_visit *visit = attempt->d->visit;
    if (!visit || (visit->claims && visit->is_unproven) || attempt->is_unproven)
        return false;
    for (size_t i = 0; i < m->n; i++) {
        if (!m->recipients[i].is_whitelisted)
            return false;
    }
    return m->n > 0;
}

static struct milter_message describe(const struct deliver_attempt *attempt, struct arena *a)
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
        .is_client_unknown = m->trace.is_peer_unknown,
        .client_name = attempt->iprev.result == MAILAUTH_PASS ? called : STR_EMPTY,
        .client_ptr = called,
        .tls_version = m->trace.tls_version,
        .tls_cipher = m->trace.tls_cipher,
        .envelope = describe_envelope(attempt, a),
        .is_whitelisted = is_whitelisted(attempt),
        .answers_each = whole_of(attempt) != NULL,
        .content = describe_content(attempt, a),
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

/* Milters, and hooks after them: what they say comes on top. The answer is in `a`. Yields. */
YIELDS static bool ask_all(const struct deliver_attempt *attempt, str proven, struct arena *a,
                           struct milter_result *said, struct err *e)
{
    const struct milter_chain *milters = attempt->d->milters;
    const struct hook_chain *hooks = attempt->d->hooks;
    const struct hook_about about = { .message = describe(attempt, a), .proven = proven };
    *said = milter_result_of(&about.message);
    if (milters && !milter_ask(milters, MILTER_AT_END, &about.message, a, said, e))
        return false;
    return !hooks || hook_ask(hooks, HOOK_AT_DATA, &about, a, said, e);
}

/* Once for a message, also when its recipients are delivered one by one. Yields. */
YIELDS static bool ask(const struct deliver_attempt *attempt, str proven,
                       struct milter_result *said, struct err *e)
{
    struct deliver_left *left = attempt->d->left;
    if (!whole_of(attempt))
        return ask_all(attempt, proven, attempt->a, said, e);
    if (!left->said) {
        struct milter_result *all = ARENA_NEW(left->a, struct milter_result);
        if (!ask_all(attempt, proven, left->a, all, e))
            return false;
        left->said = all;
    }
    *said = own_part(attempt);
    return true;
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
    if (!deliver_has_end(attempt)) {
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
    struct milter_result result;
    if (!ask(attempt, proven, &result, e) || !change_envelope(attempt, time_ms, &result, e))
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
    if (result.is_quarantine) {
        attempt->is_junk = true;
        attempt->held_why = STR("a filter holds it");
    }
    return true;
}
