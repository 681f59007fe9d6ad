/* SPDX-License-Identifier: Apache-2.0 */
/* The order of what is looked at before there is a message. */
#include "deliver/screen.h"

#include "base/clock.h"
#include "obs/obs.h"
#include "runtime/runtime.h"
#include "spam/receipt.h"

bool deliver_is_always_heard(str recipient)
{
    ptrdiff_t at = str_rfind_byte(recipient, '@');
    str local = at < 0 ? recipient : str_slice(recipient, 0, (size_t)at);
    return str_ieq(local, STR("postmaster")) || str_ieq(local, STR("abuse"));
}

static bool is_local(const struct deliver *d, const struct deliver_visit *v)
{
    return d->local && net_networks_contain(d->local, v->client);
}

/* Asks SPF once a visit; v->spf says NONE where it is not to be asked. Yields. */
static YIELDS bool find_spf(const struct deliver *d, struct deliver_visit *v, int64_t deadline_ms,
                            struct err *e)
{
    int64_t until_ms = clock_deadline_in(DELIVER_SCREEN_MS);
    if (v->has_spf)
        return true;
    if (d->dns && d->checks.spf && !is_local(d, v)) {
        const struct mailauth_resolver resolver = mailauth_resolver_of(d->dns);
        const struct mailauth_spf_query query = {
            .client = v->client,
            .helo = v->helo,
            .sender = v->sender,
            .receiver = str_from_cstr(d->hostname),
            .now_s = clock_utc_us() / 1000000,
        };
        if (!mailauth_spf_check(&resolver, &query, v->a,
                                until_ms < deadline_ms ? until_ms : deadline_ms, &v->spf, e))
            return false;
    }
    v->has_spf = true;
    return true;
}

bool deliver_screen_believes(const struct deliver *d, struct deliver_visit *v, int64_t deadline_ms,
                             bool *out, struct err *e)
{
    *out = true;
    if (!d->dns || !d->checks.spf || is_local(d, v))
        return true;
    if (!find_spf(d, v, deadline_ms, e))
        return false;
    if (v->spf.result == MAILAUTH_TEMPERROR)
        return ERR(e, ERR_UNAVAILABLE, "SPF of the sender cannot be asked now");
    *out = v->spf.result == MAILAUTH_PASS && !v->spf.is_helo;
    return true;
}

static bool is_forged(const struct deliver_visit *v)
{
    return v->spf.result == MAILAUTH_FAIL || v->spf.result == MAILAUTH_SOFTFAIL;
}

static bool names_sender(const struct spam_opinion *opinion)
{
    return opinion->is_listed && opinion->kind != SPAM_NETWORK;
}

/* The rule counts if the message itself proves the name, which is seen when it is there. */
static void claim(struct deliver_visit *v, str recipient, str subject)
{
    for (const struct deliver_claim *c = v->claims; c; c = c->next) {
        if (str_eq(c->recipient, recipient))
            return; /* named twice */
    }
    struct deliver_claim *one = ARENA_NEW(v->a, struct deliver_claim);
    *one = (struct deliver_claim){ .recipient = arena_str(v->a, recipient),
                                   .subject = subject,
                                   .next = v->claims };
    v->claims = one;
}

static bool may_claim(const struct deliver *d, const struct deliver_visit *v)
{
    return d->checks.dkim && !v->is_unproven && v->sender.n > 0;
}

/* What the lists say, when nobody is believed for a name that is not his. Yields. */
static YIELDS bool ask_lists(const struct deliver *d, struct deliver_visit *v, str recipient,
                             int64_t deadline_ms, struct spam_opinion *out, struct err *e)
{
    struct spam_visit visit = { .client = v->client, .sender = v->sender };
    ptrdiff_t at = str_rfind_byte(recipient, '@');
    visit.domain = str_skip(recipient, (size_t)(at + 1));
    if (!spam_ask_lists(d->spam, &visit, v->a, deadline_ms, out, e))
        return false;
    if (!names_sender(out) || out->list != SPAM_WHITELIST)
        return true;
    if (!find_spf(d, v, deadline_ms, e))
        return false;
    visit.is_forged = is_forged(v);
    if (visit.is_forged && may_claim(d, v)) {
        claim(v, recipient, out->subject);
        return true;
    }
    return !visit.is_forged || spam_ask_lists(d->spam, &visit, v->a, deadline_ms, out, e);
}

static void refuse(struct deliver_visit *v, const struct spam_opinion *opinion, str domain,
                   struct deliver_screened *out)
{
    out->verdict = DELIVER_BLACKLISTED;
    out->reason =
        arena_printf(v->a, "Mail from %.*s is not received here; postmaster@%.*s can tell you why",
                     STR_FMT(opinion->subject), STR_FMT(domain));
}

/* ---- lists of the DNS ---- */

/* Asks them once a visit. Yields. */
static YIELDS bool find_dnsbl(const struct deliver *d, struct deliver_visit *v, int64_t deadline_ms,
                              struct err *e)
{
    if (v->has_dnsbl || !d->dns || d->checks.dnsbl.n == 0)
        return true;
    const struct mailauth_resolver resolver = mailauth_resolver_of(d->dns);
    if (!spam_dnsbl_ask(&resolver, &d->checks.dnsbl, v->client, v->a, deadline_ms, &v->dnsbl, e))
        return false;
    v->has_dnsbl = true;
    obs_count(METRIC_DNSBL,
              v->dnsbl.score >= d->checks.dnsbl.threshold ? "refused"
              : v->dnsbl.score < 0                        ? "good"
              : v->dnsbl.zone.n > 0                       ? "listed"
                                                          : "unknown",
              1);
    return true;
}

static bool is_refused_by_dnsbl(const struct deliver *d, struct deliver_visit *v,
                                struct deliver_screened *out)
{
    char ip[NET_ADDRESS_TEXT];
    if (!v->has_dnsbl || v->dnsbl.score < d->checks.dnsbl.threshold)
        return false;
    out->verdict = DELIVER_LISTED;
    out->reason =
        arena_printf(v->a, "%.*s is listed by %.*s%s%.*s", STR_FMT(net_address_ip(v->client, ip)),
                     STR_FMT(v->dnsbl.zone), v->dnsbl.text.n ? ": " : "", STR_FMT(v->dnsbl.text));
    return true;
}

/* ---- greylisting ---- */

static YIELDS bool greylist(const struct deliver *d, struct deliver_visit *v, str recipient,
                            int64_t deadline_ms, struct deliver_screened *out, struct err *e)
{
    struct spam_greylist_answer answer;
    struct err reason = ERR_CLEAR;
    if (!d->checks.greylists || is_local(d, v) || v->dnsbl.score < 0)
        return true;
    if (!find_spf(d, v, deadline_ms, e))
        return false;
    const struct spam_greylist_visit visit = {
        .client = v->client,
        .spf_domain = v->spf.result == MAILAUTH_PASS ? v->spf.domain : STR_EMPTY,
        .sender = v->sender,
        .recipient = recipient,
        .is_forged = is_forged(v),
    };
    if (!spam_greylist_ask(d->spam, &d->checks.greylist, &visit, v->a, deadline_ms, &answer,
                           &reason)) {
        if (reason.kind == ERR_CANCELLED)
            return ERR(e, ERR_CANCELLED, "%s", reason.msg);
        obs_log(EV_SCREEN_SKIPPED, STR_EMPTY, OBS_CSTR("check", "greylist"), OBS_ERR(&reason));
        return true;
    }
    if (answer.wait_ms > 0) {
        out->verdict = DELIVER_GREYLISTED;
        out->reason = arena_printf(v->a, "Greylisted: try again in %lld seconds",
                                   (long long)(answer.wait_ms + 999) / 1000);
    }
    return true;
}

/* deliver_screen for an address. Yields. */
static YIELDS bool screen(const struct deliver *d, struct deliver_visit *v, str recipient,
                          int64_t deadline_ms, struct deliver_screened *out, struct err *e)
{
    struct spam_opinion opinion;
    ptrdiff_t at = str_rfind_byte(recipient, '@');
    *out = (struct deliver_screened){ .verdict = DELIVER_WELCOME };
    if (!d->spam || deliver_is_always_heard(recipient))
        return true;
    if (!ask_lists(d, v, recipient, deadline_ms, &opinion, e))
        return false;
    if (opinion.is_listed) {
        if (opinion.list == SPAM_BLACKLIST)
            refuse(v, &opinion, str_skip(recipient, (size_t)(at + 1)), out);
        return true;
    }
    if (!is_local(d, v) && !find_dnsbl(d, v, deadline_ms, e))
        return false;
    return is_refused_by_dnsbl(d, v, out) || v->sender.n == 0 ||
           greylist(d, v, recipient, deadline_ms, out, e);
}

bool deliver_screen(const struct deliver *d, struct deliver_visit *v,
                    const struct smtp_path *recipient, int64_t deadline_ms,
                    struct deliver_screened *out, struct err *e)
{
    return screen(d, v, smtp_path_text(recipient, v->a), deadline_ms, out, e);
}

bool deliver_screen_claims(const struct deliver *d, struct deliver_visit *v, int64_t deadline_ms,
                           struct deliver_screened *out, str *recipient, struct err *e)
{
    struct deliver_screened one;
    *out = (struct deliver_screened){ .verdict = DELIVER_WELCOME };
    *recipient = STR_EMPTY;
    v->is_unproven = true;
    /* All are asked before the answer, so that the wait of all of them begins now. */
    for (const struct deliver_claim *c = v->claims; c; c = c->next) {
        if (!screen(d, v, c->recipient, deadline_ms, &one, e))
            return false;
        if (one.verdict == DELIVER_WELCOME)
            continue;
        *out = one;
        *recipient = c->recipient;
    }
    return true;
}

bool deliver_screen_bounce(const struct deliver *d, struct deliver_visit *v, str recipient,
                           int64_t deadline_ms, struct deliver_screened *out, struct err *e)
{
    struct spam_opinion opinion;
    *out = (struct deliver_screened){ .verdict = DELIVER_WELCOME };
    if (!d->spam || v->sender.n > 0 || str_find_byte(recipient, '@') < 0 ||
        deliver_is_always_heard(recipient))
        return true;
    if (!ask_lists(d, v, recipient, deadline_ms, &opinion, e))
        return false;
    return opinion.is_listed || greylist(d, v, recipient, deadline_ms, out, e);
}
