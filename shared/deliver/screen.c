/* SPDX-License-Identifier: Apache-2.0 */
/* The order of what is looked at before there is a message. */
#include "deliver/screen.h"

#include "base/address.h"
#include "base/clock.h"
#include "deliver/proof.h"
#include "obs/obs.h"
#include "runtime/runtime.h"
#include "spam/receipt.h"

bool deliver_is_always_heard(str recipient)
{
    return account_is_role(address_local(recipient));
}

static bool is_local(const struct deliver *d, const struct deliver_visit *v)
{
    return v->client && d->local && net_networks_contain(d->local, v->client);
}

/* Whether SPF is to be asked about the visitor at all. */
static bool has_to_prove(const struct deliver *d, const struct deliver_visit *v)
{
    return d->dns && d->checks.spf && v->client && !is_local(d, v);
}

/* Whether the visitor may send for the sender. Yields. */
static YIELDS bool ask_spf(const struct deliver *d, const struct deliver_visit *v, str sender,
                           int64_t deadline_ms, struct mailauth_spf *out, struct err *e)
{
    int64_t until_ms = clock_deadline_in(DELIVER_SCREEN_MS);
    const struct mailauth_resolver resolver = mailauth_resolver_of(d->dns);
    const struct mailauth_spf_query query = {
        .client = v->client,
        .helo = v->helo,
        .sender = sender,
        .receiver = str_from_cstr(d->hostname),
        .now_s = clock_utc_us() / 1000000,
    };
    return mailauth_spf_check(&resolver, &query, v->a,
                              until_ms < deadline_ms ? until_ms : deadline_ms, out, e);
}

/* Asks SPF once a visit; v->spf says NONE where it is not to be asked. Yields. */
static YIELDS bool find_spf(const struct deliver *d, struct deliver_visit *v, int64_t deadline_ms,
                            struct err *e)
{
    if (v->has_spf)
        return true;
    if (has_to_prove(d, v) && !ask_spf(d, v, v->sender, deadline_ms, &v->spf, e))
        return false;
    v->has_spf = true;
    return true;
}

/* Likewise whether he may send for the domain that a rule names, when he says to be of one below
 * it; of several such domains it remembers the last. Yields. */
static YIELDS bool find_spf_above(const struct deliver *d, struct deliver_visit *v, str above,
                                  int64_t deadline_ms, struct err *e)
{
    if (str_eq(v->above, above))
        return true;
    v->above = STR_EMPTY;
    str sender = arena_printf(v->a, "%.*s@%.*s", STR_FMT(address_local(v->sender)), STR_FMT(above));
    if (!ask_spf(d, v, sender, deadline_ms, &v->spf_above, e))
        return false;
    v->above = above;
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

/* What SPF says of a name that a rule is about. One without a record, below the domain that is
 * listed, is as good as the client is for that domain: anybody can make such a name up. Yields. */
static YIELDS bool judge_name(const struct deliver *d, struct deliver_visit *v,
                              const struct spam_opinion *opinion, int64_t deadline_ms,
                              enum mailauth_result *out, struct err *e)
{
    if (!find_spf(d, v, deadline_ms, e))
        return false;
    *out = v->spf.result;
    if (v->spf.result == MAILAUTH_NONE && opinion->kind == SPAM_DOMAIN && has_to_prove(d, v) &&
        !str_ieq(opinion->subject, v->spf.domain)) {
        if (!find_spf_above(d, v, opinion->subject, deadline_ms, e))
            return false;
        *out = v->spf_above.result;
    }
    return true;
}

/* Somebody else may have taken the name: SPF denies the client, or cannot be evaluated, which a
 * client may have brought about (a name that it gave, and the DNS of its own address, can be part
 * of the questions). */
static bool is_doubtful(enum mailauth_result result)
{
    return result == MAILAUTH_FAIL || result == MAILAUTH_SOFTFAIL || result == MAILAUTH_TEMPERROR ||
           result == MAILAUTH_PERMERROR;
}

static bool names_sender(const struct spam_opinion *opinion)
{
    return opinion->is_listed && opinion->kind != SPAM_NETWORK;
}

bool deliver_has_claim(const struct deliver_visit *v, str recipient)
{
    for (const struct deliver_claim *c = v->claims; c; c = c->next) {
        if (str_eq(c->recipient, recipient))
            return true;
    }
    return false;
}

/* The rule counts if the message itself proves the name, which is seen when it is there. */
static void claim(struct deliver_visit *v, str recipient, str subject)
{
    if (deliver_has_claim(v, recipient))
        return; /* named twice */
    struct deliver_claim *one = ARENA_NEW(v->a, struct deliver_claim);
    *one = (struct deliver_claim){ .recipient = arena_str(v->a, recipient),
                                   .subject = subject,
                                   .next = v->claims };
    v->claims = one;
}

static bool may_claim(const struct deliver *d, const struct deliver_visit *v, str recipient)
{
    return d->checks.dkim && !v->is_unproven && v->sender.n > 0 &&
           !deliver_is_always_heard(recipient);
}

/* What the lists say of a visit. */
struct listing {
    struct spam_opinion opinion;
    bool is_open; /* the whitelist would say something else, if SPF gave an answer */
};

/* Nobody is believed for a name that may not be his. Yields. */
static YIELDS bool ask_lists(const struct deliver *d, struct deliver_visit *v, str recipient,
                             int64_t deadline_ms, struct listing *out, struct err *e)
{
    enum mailauth_result spf;
    struct spam_opinion *opinion = &out->opinion;
    struct spam_visit visit = { .client = v->client,
                                .sender = v->sender,
                                .domain = address_domain(recipient) };
    out->is_open = false;
    if (!spam_ask_lists(d->spam, &visit, v->a, deadline_ms, opinion, e))
        return false;
    if (!names_sender(opinion) || opinion->list != SPAM_WHITELIST)
        return true;
    if (!judge_name(d, v, opinion, deadline_ms, &spf, e))
        return false;
    if (v->client && !is_doubtful(spf))
        return true;
    if (may_claim(d, v, recipient)) {
        claim(v, recipient, opinion->subject);
        return true;
    }
    out->is_open = spf == MAILAUTH_TEMPERROR;
    visit.is_forged = true;
    return spam_ask_lists(d->spam, &visit, v->a, deadline_ms, opinion, e);
}

bool deliver_screen_trust(const struct deliver *d, struct deliver_visit *v,
                          const struct smtp_path *recipient, int64_t deadline_ms,
                          enum deliver_trust *out, struct err *e)
{
    struct listing listing;
    struct err why = ERR_CLEAR;
    str address = smtp_path_text(recipient, v->a);
    *out = DELIVER_NO_TRUST;
    if (!d->spam)
        return true;
    if (!ask_lists(d, v, address, deadline_ms, &listing, &why)) {
        if (why.kind == ERR_CANCELLED)
            return ERR(e, ERR_CANCELLED, "%s", why.msg);
        obs_log(EV_SCREEN_SKIPPED, STR_EMPTY, OBS_CSTR("check", "whitelist"), OBS_ERR(&why));
        return true;
    }
    if (listing.opinion.is_listed && listing.opinion.list == SPAM_WHITELIST)
        *out = deliver_has_claim(v, address) ? DELIVER_TRUSTS_CLAIM : DELIVER_TRUSTS;
    return true;
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
    if (v->has_dnsbl || !d->dns || !v->client || d->checks.dnsbl.n == 0)
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

static bool is_refused_by_dnsbl(const struct deliver *d, const struct deliver_visit *v)
{
    return v->has_dnsbl && v->dnsbl.score >= d->checks.dnsbl.threshold;
}

static void refuse_by_dnsbl(struct deliver_visit *v, struct deliver_screened *out)
{
    char ip[NET_ADDRESS_TEXT];
    out->verdict = DELIVER_LISTED;
    out->reason =
        arena_printf(v->a, "%.*s is listed by %.*s%s%.*s", STR_FMT(net_address_ip(v->client, ip)),
                     STR_FMT(v->dnsbl.zone), v->dnsbl.text.n ? ": " : "", STR_FMT(v->dnsbl.text));
}

/* ---- greylisting ---- */

static YIELDS bool greylist(const struct deliver *d, struct deliver_visit *v, str recipient,
                            int64_t deadline_ms, struct deliver_screened *out, struct err *e)
{
    char ip[NET_ADDRESS_TEXT];
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
        .is_forged = !v->client || is_forged(v),
    };
    if (!spam_greylist_ask(d->spam, &d->checks.greylist, &visit, v->a, deadline_ms, &answer,
                           &reason)) {
        if (reason.kind == ERR_CANCELLED)
            return ERR(e, ERR_CANCELLED, "%s", reason.msg);
        obs_log(EV_SCREEN_SKIPPED, STR_EMPTY, OBS_CSTR("check", "greylist"), OBS_ERR(&reason));
        return true;
    }
    if (answer.wait_ms > 0 && d->checks.spf_fail_is_final && v->spf.result == MAILAUTH_FAIL) {
        /* Nothing that may come in the message helps him with this recipient (deliver/proof.c): he
         * need not come again to hear it. */
        out->verdict = DELIVER_SPF_DENIED;
        out->reason = deliver_spf_denial(v->a, &v->spf, net_address_ip(v->client, ip),
                                         v->spf.is_helo ? "call itself so" : "send for it");
    } else if (answer.wait_ms > 0) {
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
    struct listing listing;
    const struct spam_opinion *opinion = &listing.opinion;
    *out = (struct deliver_screened){ .verdict = DELIVER_WELCOME };
    if (!d->spam || deliver_is_always_heard(recipient))
        return true;
    if (!ask_lists(d, v, recipient, deadline_ms, &listing, e))
        return false;
    if (!opinion->is_listed && !is_local(d, v) && !find_dnsbl(d, v, deadline_ms, e))
        return false;
    bool is_refused =
        opinion->is_listed ? opinion->list == SPAM_BLACKLIST : is_refused_by_dnsbl(d, v);
    if (is_refused && listing.is_open) {
        *out = (struct deliver_screened){
            DELIVER_SPF_UNKNOWN, STR("SPF of the sender cannot be asked now, try again later")
        };
    } else if (is_refused && opinion->is_listed) {
        refuse(v, opinion, address_domain(recipient), out);
    } else if (is_refused) {
        refuse_by_dnsbl(v, out);
    }
    return is_refused || opinion->is_listed || v->sender.n == 0 ||
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
    struct listing listing;
    *out = (struct deliver_screened){ .verdict = DELIVER_WELCOME };
    if (!d->spam || v->sender.n > 0 || str_find_byte(recipient, '@') < 0 ||
        deliver_is_always_heard(recipient))
        return true;
    if (!ask_lists(d, v, recipient, deadline_ms, &listing, e))
        return false;
    return listing.opinion.is_listed || greylist(d, v, recipient, deadline_ms, out, e);
}
