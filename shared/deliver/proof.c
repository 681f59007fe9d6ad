/* SPDX-License-Identifier: Apache-2.0 */
/* Who sent a message: the verifiers of mailauth in their order, and the one place that says what
 * follows from their results. */
#include "deliver/proof.h"

#include "base/address.h"
#include "base/clock.h"
#include "deliver/screen.h"
#include "deliver/tally.h"
#include "mailauth/mailauth.h"
#include "obs/obs.h"
#include "runtime/crew.h"
#include "wire/smtp_path.h"

struct proof {
    const struct deliver_attempt *attempt;
    const struct deliver_checks *checks;
    struct mailauth_resolver resolver;
    struct mailauth_message message;
    struct net_address client;
    int64_t deadline_ms;
    int64_t now_s;
    str author; /* domain; empty: not exactly one */
    struct mailauth_verdict verdict;
    struct mailauth_spf spf;
    struct mailauth_spf spf_of_helo;
    struct mailauth_dkim_results dkim;
    struct mailauth_dmarc dmarc;
    struct mailauth_arc arc;
};

/* ---- checking ---- */

static YIELDS bool check_name(void *arg, struct err *e)
{
    struct proof *p = arg;
    if (p->attempt->m->trace.is_peer_unknown)
        return true; /* NONE */
    return mailauth_iprev_check(&p->resolver, &p->client, p->attempt->a, p->deadline_ms,
                                &p->verdict.iprev, e);
}

static YIELDS bool check_client(void *arg, struct err *e)
{
    struct proof *p = arg;
    const struct smtp_message *m = p->attempt->m;
    const struct mailauth_spf_query query = {
        .client = &p->client,
        .helo = m->trace.helo,
        .sender = m->sender,
        .receiver = str_from_cstr(p->attempt->d->hostname),
        .now_s = p->now_s,
    };
    const struct deliver_visit *visit = p->attempt->d->visit;
    p->verdict.spf = &p->spf;
    if (m->trace.is_peer_unknown)
        return true; /* NONE: the address of who brought it is not the client's */
    if (visit && visit->has_spf && visit->spf.result != MAILAUTH_TEMPERROR) {
        p->spf = visit->spf; /* the client was asked about at RCPT */
        return true;
    }
    return mailauth_spf_check(&p->resolver, &query, p->attempt->a, p->deadline_ms, &p->spf, e);
}

/* The name by which the client greeted, besides its sender (RFC 7208 section 2.3): whether it may
 * call itself so is for that domain to say. It proves nobody's mail. */
static YIELDS bool check_greeting(void *arg, struct err *e)
{
    struct proof *p = arg;
    const struct smtp_message *m = p->attempt->m;
    const struct mailauth_spf_query query = {
        .client = &p->client,
        .helo = m->trace.helo,
        .receiver = str_from_cstr(p->attempt->d->hostname),
        .now_s = p->now_s,
    };
    int64_t soon_ms = clock_deadline_in(DELIVER_GREETING_MS);
    p->verdict.spf_of_helo = &p->spf_of_helo;
    return mailauth_spf_check(&p->resolver, &query, p->attempt->a,
                              soon_ms < p->deadline_ms ? soon_ms : p->deadline_ms, &p->spf_of_helo,
                              e);
}

/* Not one of a single label or an address; for the null sender it is asked about anyhow. */
static bool has_greeting(const struct proof *p)
{
    const struct smtp_message *m = p->attempt->m;
    return m->sender.n > 0 && !m->trace.is_peer_unknown && smtp_is_domain(m->trace.helo) &&
           str_find_byte(m->trace.helo, '.') >= 0;
}

static YIELDS bool check_signatures(void *arg, struct err *e)
{
    struct proof *p = arg;
    p->verdict.dkim = &p->dkim;
    return mailauth_dkim_verify(&p->resolver, &p->message, p->now_s, p->attempt->a, p->deadline_ms,
                                &p->dkim, e);
}

static YIELDS bool check_chain(void *arg, struct err *e)
{
    struct proof *p = arg;
    p->verdict.arc = &p->arc;
    return mailauth_arc_verify(&p->resolver, &p->message, p->attempt->a, p->deadline_ms, &p->arc,
                               e);
}

/* None of these needs another one's answers, so that their questions to the DNS wait together; the
 * greeting is last, for nobody's mail is proven by it. */
static YIELDS bool check_sender(struct proof *p, struct err *e)
{
    struct crew_task tasks[5] = { { check_name, p } };
    size_t n = 1;
    if (p->checks->spf)
        tasks[n++] = (struct crew_task){ check_client, p };
    if (p->checks->dkim) {
        tasks[n++] = (struct crew_task){ check_signatures, p };
        tasks[n++] = (struct crew_task){ check_chain, p };
    }
    if (p->checks->spf && has_greeting(p))
        tasks[n++] = (struct crew_task){ check_greeting, p };
    return crew_run(tasks, n, e);
}

/* With one of its two proofs switched off, an author that has only that one would always fail. */
static YIELDS bool check_author(struct proof *p, struct err *e)
{
    const struct mailauth_dmarc_query query = { .author = p->author,
                                                .spf = &p->spf,
                                                .dkim = &p->dkim };
    if (!p->checks->dmarc || !p->checks->spf || !p->checks->dkim)
        return true;
    p->verdict.dmarc = &p->dmarc;
    /* What a slow server of signatures took is not missing here: it may be the sender's own. */
    return mailauth_dmarc_check(&p->resolver, &query, p->attempt->a,
                                clock_deadline_in(DELIVER_POLICY_MS), &p->dmarc, e);
}

/* ---- judging ---- */

/* Several From fields, or authors of several domains in one: readers show one of them, which a
 * sender with another proven domain would choose (ATTACKS X16). Likewise one whose domain no policy
 * can be asked for, which readers may show as if it were another. A message without any is only
 * old, and one of an empty group says that nobody is to be answered. */
static bool is_author_unclear(const struct proof *p)
{
    return p->author.n == 0 && !mailauth_message_is_anonymous(p->attempt->a, &p->message);
}

static bool is_trusted_sealer(const struct proof *p)
{
    for (size_t i = 0; i < p->checks->n_arc; i++) {
        if (str_ieq(p->arc.domain, str_from_cstr(p->checks->arc[i])))
            return true;
    }
    return false;
}

/* A sealer that we trust says that the proof of this author was there when the message came to it
 * (ATTACKS X19). Its results hold words of the sender, too: they are read as what they are. */
static bool is_vouched_for(const struct proof *p)
{
    struct mailauth_told told;
    return p->arc.result == MAILAUTH_PASS && is_trusted_sealer(p) && p->author.n > 0 &&
           mailauth_authres_read_arc(p->arc.results, p->attempt->a, &told) &&
           told.dmarc == MAILAUTH_PASS && str_ieq(told.author, p->author);
}

/* Whether a domain that signs speaks for the whitelist's subject: as the sender's own domain, or
 * within the domain that is listed. */
static bool speaks_for(str signer, str subject, str sender_domain)
{
    bool is_address = str_find_byte(subject, '@') >= 0;
    return str_ieq(signer, sender_domain) ||
           (!is_address && (str_ieq(signer, subject) ||
                            (signer.n > subject.n && signer.p[signer.n - subject.n - 1] == '.' &&
                             str_has_isuffix(signer, subject))));
}

static bool is_claim_proven(const struct proof *p, const struct deliver_claim *claim)
{
    str sender = p->attempt->m->sender;
    str domain = address_domain(sender);
    struct err ignored = ERR_CLEAR;
    (void)dns_domain_to_ascii(p->attempt->a, domain, &domain, &ignored);
    for (size_t i = 0; i < p->dkim.n; i++) {
        const struct mailauth_dkim *one = &p->dkim.list[i];
        if (one->result == MAILAUTH_PASS && !one->is_test &&
            speaks_for(one->signature.domain, claim->subject, domain))
            return true;
    }
    return false;
}

/* What the whitelist was claimed for and is not proven. */
static const struct deliver_claim *unproven_claim(const struct proof *p)
{
    const struct deliver_visit *visit = p->attempt->d->visit;
    if (!visit || visit->is_unproven)
        return NULL;
    for (const struct deliver_claim *c = visit->claims; c; c = c->next) {
        if (!is_claim_proven(p, c))
            return c;
    }
    return NULL;
}

/* All recipients have the sender on their whitelist, and a signature proves him: that SPF denies
 * the client, as behind a forwarder, says no more. */
static bool is_proven_by_claims(const struct proof *p)
{
    const struct deliver_visit *visit = p->attempt->d->visit;
    const struct smtp_message *m = p->attempt->m;
    if (!visit || visit->is_unproven || unproven_claim(p))
        return false;
    for (size_t i = 0; i < m->n; i++) {
        if (!deliver_has_claim(visit, m->recipients[i].address))
            return false; /* a claim may be of somebody who was refused behind it */
    }
    return m->n > 0;
}

static void refuse(const struct proof *p, struct deliver_result *out, enum deliver_verdict verdict,
                   str reason)
{
    out->verdict = verdict;
    out->reason = arena_str(p->attempt->a, str_slice(reason, 0, DELIVER_MAX_REASON));
}

str deliver_spf_denial(struct arena *a, const struct mailauth_spf *spf, str ip, const char *what)
{
    str reason =
        arena_printf(a, "SPF of %.*s: %.*s may not %s%s%.*s", STR_FMT(spf->domain), STR_FMT(ip),
                     what, spf->explanation.n ? "; it says: " : "", STR_FMT(spf->explanation));
    return str_slice(reason, 0, DELIVER_MAX_REASON);
}

static bool judge_spf(const struct proof *p, struct deliver_result *out)
{
    struct arena *a = p->attempt->a;
    const struct mailauth_spf *spf = &p->spf;
    if (spf->result != MAILAUTH_FAIL)
        spf = &p->spf_of_helo;
    if (spf->result != MAILAUTH_FAIL || !p->checks->spf_fail_is_final || is_proven_by_claims(p))
        return true;
    refuse(p, out, DELIVER_SPF_FAIL,
           deliver_spf_denial(a, spf, p->attempt->m->trace.peer_ip,
                              spf == &p->spf ? "send for it" : "call itself so"));
    return false;
}

static void judge_dmarc(const struct proof *p, struct deliver_result *out)
{
    if (!p->verdict.dmarc)
        return;
    if (is_author_unclear(p)) {
        refuse(p, out, DELIVER_AUTHOR_UNCLEAR,
               STR("A message needs one From field with authors of one domain"));
    } else if (p->dmarc.policy <= MAILAUTH_DMARC_ACCEPT || is_vouched_for(p)) {
        return;
    } else if (p->dmarc.result == MAILAUTH_TEMPERROR) {
        /* Whoever can make a proof fail for a while would else be believed without one. */
        refuse(p, out, DELIVER_DMARC_LATER,
               arena_printf(p->attempt->a,
                            "DMARC policy of %.*s: a proof cannot be checked now, try again later",
                            STR_FMT(p->author)));
    } else if (p->dmarc.result == MAILAUTH_FAIL && p->dmarc.policy == MAILAUTH_DMARC_REJECT) {
        refuse(p, out, DELIVER_DMARC_FAIL,
               arena_printf(p->attempt->a,
                            "DMARC policy of %.*s: neither SPF nor DKIM proves that it sent this",
                            STR_FMT(p->author)));
    }
}

static bool is_always_heard(const struct smtp_message *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (!deliver_is_always_heard(m->recipients[i].address))
            return false;
    }
    return true;
}

/* Where it would be refused, but is for who is always heard. What leaves of it waits, and a sender
 * who is not proven is told of nothing: a forged one is neither lent our name nor sent our reports.
 */
static void hear(struct deliver_attempt *attempt, enum deliver_verdict would)
{
    static const str reasons[] = {
        [DELIVER_SPF_FAIL] = STR_INIT("SPF of its sender failed"),
        [DELIVER_DMARC_FAIL] = STR_INIT("DMARC of its author failed"),
        [DELIVER_DMARC_LATER] = STR_INIT("DMARC of its author could not be checked"),
        [DELIVER_AUTHOR_UNCLEAR] = STR_INIT("it has no author, or several"),
    };
    if (would == DELIVER_DONE)
        return;
    attempt->is_unproven = true;
    attempt->held_why = reasons[would];
}

static void judge(const struct proof *p, struct deliver_attempt *attempt,
                  struct deliver_result *out)
{
    struct deliver_result judged = *out;
    if (judge_spf(p, &judged))
        judge_dmarc(p, &judged);
    /* What would be held and never let go, because the DNS did not answer once, comes again. */
    bool may_come_again = judged.verdict == DELIVER_DMARC_LATER && attempt->n_forwards > 0;
    if (is_always_heard(attempt->m) && !may_come_again) {
        hear(attempt, judged.verdict);
    } else {
        *out = judged;
    }
}

/* Whether it comes in, but not among the mail that is to be believed. */
static bool is_suspect(const struct proof *p, const struct deliver_result *out)
{
    return out->verdict == DELIVER_DONE && p->verdict.dmarc && p->dmarc.result == MAILAUTH_FAIL &&
           p->dmarc.policy >= MAILAUTH_DMARC_QUARANTINE && !is_vouched_for(p);
}

/* Whether a server that asked for DMARC now would find no proof, whatever the policy. */
static bool is_doubted(const struct proof *p)
{
    return p->verdict.dmarc && p->dmarc.result != MAILAUTH_PASS &&
           p->dmarc.result != MAILAUTH_NONE && !is_vouched_for(p);
}

/* ---- telling ---- */

static const char *dkim_word(const struct proof *p)
{
    enum mailauth_result best = MAILAUTH_NONE;
    for (size_t i = 0; i < p->dkim.n; i++) {
        if (best != MAILAUTH_PASS)
            best = p->dkim.list[i].result;
    }
    return mailauth_result_name(best);
}

static void tell(const struct proof *p, const struct deliver_result *out)
{
    const char *spf = p->verdict.spf ? mailauth_result_name(p->spf.result) : "off";
    const char *dkim = p->verdict.dkim ? dkim_word(p) : "off";
    const char *dmarc = p->verdict.dmarc ? mailauth_result_name(p->dmarc.result) : "off";
    char label[32];
    (void)snprintf(label, sizeof(label), "%s,%s", spf, dmarc);
    obs_count(METRIC_SENDER_PROOFS, label, 1);
    obs_log(EV_DELIVER_PROOF, p->attempt->m->trace.session, OBS_STR("spf", str_from_cstr(spf)),
            OBS_STR("dkim", str_from_cstr(dkim)), OBS_STR("dmarc", str_from_cstr(dmarc)),
            OBS_STR("author", p->author), OBS_STR("from", p->attempt->m->sender),
            OBS_BOOL("refused", out->verdict != DELIVER_DONE),
            OBS_BOOL("quarantined", is_suspect(p, out)));
}

static str format_field(const struct proof *p)
{
    struct buf text;
    buf_init(&text, DELIVER_MAX_PROVEN);
    bool ok = mailauth_authres_format(str_from_cstr(p->attempt->d->hostname), &p->verdict, &text);
    str field = ok ? arena_str(p->attempt->a, buf_str(&text)) : STR_EMPTY;
    buf_fini(&text);
    return field;
}

/* What is known of who brought it: *client, where that is known, too. */
struct origin {
    bool is_known; /* as an address, or as one without */
    bool is_local;
};

static struct origin origin_of(const struct deliver_attempt *attempt, struct net_address *client)
{
    const struct net_networks *local = attempt->d->local;
    const struct smtp_trace *t = &attempt->m->trace;
    if (t->is_peer_unknown)
        return (struct origin){ .is_known = true };
    bool is_known = net_address_parse_ip(t->peer_ip, client, NULL);
    return (struct origin){ .is_known = is_known,
                            .is_local = is_known && local && net_networks_contain(local, client) };
}

bool deliver_prove(struct deliver_attempt *attempt, int64_t deadline_ms, struct deliver_result *out,
                   str *field, struct err *e)
{
    int64_t until_ms = clock_deadline_in(DELIVER_PROOF_MS);
    struct proof p = {
        .attempt = attempt,
        .checks = &attempt->d->checks,
        .deadline_ms = until_ms < deadline_ms ? until_ms : deadline_ms,
        .now_s = clock_utc_us() / 1000000,
    };
    const struct origin origin = origin_of(attempt, &p.client);
    *field = STR_EMPTY;
    /* Who brings mail by LMTP has it from others. */
    attempt->is_sender_proven = origin.is_local && !attempt->m->trace.is_lmtp;
    if (!attempt->d->dns || !(p.checks->spf || p.checks->dkim) || !origin.is_known ||
        origin.is_local)
        return true;
    p.resolver = mailauth_resolver_of(attempt->d->dns);
    p.resolver.keys = attempt->d->keys;
    mailauth_message_init(attempt->a, attempt->m->content, &p.message);
    p.message.turn = fiber_yield;
    p.author = mailauth_message_author(attempt->a, &p.message);
    p.verdict.client = &p.client;
    p.verdict.sender = attempt->m->sender;
    p.verdict.helo = attempt->m->trace.helo;
    if (!check_sender(&p, e) || !check_author(&p, e))
        return false;
    attempt->iprev = p.verdict.iprev;
    judge(&p, attempt, out);
    if (out->verdict == DELIVER_DONE && unproven_claim(&p)) {
        out->verdict = DELIVER_UNPROVEN; /* it comes here again, or goes: told and counted then */
        return true;
    }
    attempt->is_sender_proven = p.spf.result == MAILAUTH_PASS && !p.spf.is_helo;
    attempt->is_sender_unproven = p.verdict.spf && !attempt->is_sender_proven;
    attempt->is_sender_denied = attempt->held_why.n > 0 && !attempt->is_sender_proven;
    if (is_doubted(&p))
        attempt->doubted = p.author;
    if (is_suspect(&p, out)) {
        attempt->is_unproven = true;
        attempt->is_junk = true;
        if (attempt->held_why.n == 0)
            attempt->held_why = STR("DMARC of its author failed");
    }
    tell(&p, out);
    deliver_count_proof(attempt->d, &p.verdict, out->verdict, is_vouched_for(&p),
                        attempt->m->trace.peer_ip);
    if (!is_vouched_for(&p)) {
        deliver_tell_failure(attempt->d, attempt->m, &p.verdict, out->verdict, attempt->a,
                             deadline_ms);
    }
    *field = format_field(&p);
    if (p.verdict.arc && field->n > 0) {
        attempt->results = str_skip(*field, (size_t)str_find_byte(*field, ':') + 1);
        attempt->chain = p.arc.result;
    }
    return true;
}
