/* SPDX-License-Identifier: Apache-2.0 */
/* What a server presents by TLS, and whether that is enough for a message; security.h says what is
 * demanded. */
#include "base/date.h"
#include "services/delivery/egress.h"
#include "services/delivery/session_steps.h"
#include "services/delivery/tally.h"

void delivery_tls_note(struct delivery_session *s, const char *result, const char *reason)
{
    s->tls =
        arena_printf(s->a, "%s %s", s->demand.policy, s->demand.fault ? s->demand.fault : result);
    if (s->n_former == 0) /* else nothing was negotiated */
        delivery_count_tls(s, result, str_from_cstr(reason));
}

/* ---- what the server presents, and whether that is enough ---- */

/* The failure that a verdict makes of it, with the reason of the server's or ours. */
static struct queue_result refuse(const struct delivery_session *s, enum tls_verdict verdict,
                                  const char *why)
{
    bool fails = verdict == TLS_FAIL;
    const char *by = delivery_demanded_by(&s->demand, &s->terms, s->presented);
    struct queue_result result = {
        .outcome = fails                 ? QUEUE_FAILED
                   : verdict == TLS_HOLD ? QUEUE_HELD
                                         : QUEUE_DEFERRED,
        .status = arena_printf(s->a, "%c.7.%c", fails ? '5' : '4',
                               s->presented == TLS_PRESENTED_NONE ? '4' : '5'),
        .remote = s->remote,
        .tls = s->tls,
        .stage = s->stage,
        .secured = s->secured,
    };
    switch (s->presented) {
    case TLS_PRESENTED_VERIFIED:
    case TLS_PRESENTED_NONE:
        result.reply = arena_printf(s->a, "TLS is required by %s, but %s", by, why);
        break;
    case TLS_PRESENTED_BROKEN:
        result.reply = arena_printf(s->a, "TLS failed, which %s demands: %s", by, why);
        break;
    case TLS_PRESENTED_UNVERIFIED:
        result.reply = arena_printf(
            s->a, "the server's certificate does not verify, as %s demands: %s", by, why);
        break;
    }
    if (verdict == TLS_HOLD && s->certificate.pin.n > 0) {
        struct queue_certificate *shown = ARENA_NEW(s->a, struct queue_certificate);
        *shown = s->certificate;
        result.certificate = shown;
    }
    if (fails && s->terms.requiretls)
        result.status = STR("5.7.10"); /* RFC 8689 section 4.2.1 */
    return result;
}

enum tls_waiver delivery_tls_overlooks(const struct delivery_session *s,
                                       const struct delivery_terms *terms)
{
    return tls_exception_allows(&s->route->exceptions, terms->account_id, s->certificate.pin)
               ? TLS_WAIVER_DECIDED
               : terms->waiver;
}

/* Whether the server proved who it is, but nobody proves that it is in charge of the domain: not
 * enough for REQUIRETLS (RFC 8689 section 4.2.1). */
static bool is_unproven(const struct delivery_session *s, const struct delivery_terms *terms)
{
    return terms->requiretls && s->presented == TLS_PRESENTED_VERIFIED && !s->host->is_proven;
}

static enum tls_verdict find_verdict(const struct delivery_session *s,
                                     const struct delivery_terms *terms)
{
    struct delivery_terms all = *terms;
    all.waiver = delivery_tls_overlooks(s, terms);
    return delivery_verdict(s->d->app->config, &s->demand, &all,
                            is_unproven(s, terms) ? TLS_PRESENTED_UNVERIFIED : s->presented);
}

enum tls_verdict delivery_session_verdict(const struct delivery_session *s)
{
    return find_verdict(s, &s->terms);
}

enum delivery_opened delivery_tls_judge(struct delivery_session *s, const char *why,
                                        struct queue_result *failure)
{
    enum tls_verdict verdict = find_verdict(s, &s->terms);
    if (s->presented != TLS_PRESENTED_VERIFIED)
        s->weak_tls = arena_str(s->a, str_from_cstr(why));
    switch (verdict) {
    case TLS_SEND:
    case TLS_SEND_UNVERIFIED:
        return DELIVERY_OPENED;
    case TLS_SEND_PLAIN:
        return s->presented == TLS_PRESENTED_BROKEN ? DELIVERY_OPEN_TLS_FAILED : DELIVERY_OPENED;
    case TLS_RETRY:
    case TLS_HOLD:
    case TLS_FAIL:
        break;
    }
    *failure = refuse(s, verdict, why);
    s->is_refused = true;
    delivery_session_drop(s);
    return DELIVERY_OPEN_FAILED;
}

bool delivery_lacks_requiretls(const struct delivery_session *s, const struct delivery_terms *terms)
{
    return terms->requiretls && !s->offers.requiretls;
}

enum delivery_opened delivery_no_requiretls(struct delivery_session *s,
                                            struct queue_result *failure)
{
    *failure = (struct queue_result){ .outcome = QUEUE_FAILED,
                                      .status = STR("5.7.30"),
                                      .reply = STR("the sender asked for REQUIRETLS, which the "
                                                   "server does not offer"),
                                      .remote = s->remote,
                                      .tls = s->tls,
                                      .stage = s->stage,
                                      .secured = s->secured };
    s->is_refused = true;
    delivery_session_drop(s);
    return DELIVERY_OPEN_FAILED;
}

bool delivery_session_suits(const struct delivery_session *s, const struct delivery_terms *terms)
{
    enum tls_verdict verdict = find_verdict(s, terms);
    const struct delivery_pool *pool = s->route->pool;
    if (pool && !pool->is_turned &&
        s->source != delivery_egress_choose(pool->list, pool->n, &s->host->address, terms->sender))
        return false;
    if (delivery_lacks_requiretls(s, terms) ||
        (s->is_barred && delivery_tls_overlooks(s, terms) == TLS_WAIVER_NONE))
        return false;
    return verdict == TLS_SEND || verdict == TLS_SEND_UNVERIFIED || verdict == TLS_SEND_PLAIN;
}

static str shown_day(struct arena *a, int64_t us)
{
    struct date day;
    date_from_unix_us(us, &day);
    return arena_printf(a, "%04d-%02d-%02d", day.year, day.month, day.day);
}

/* Reads the certificate of a server that could not prove who it is. */
static void note_certificate(struct delivery_session *s)
{
    struct tls_certificate shown;
    if (!net_conn_certificate(s->conn, s->a, &shown))
        return;
    s->certificate.pin = arena_str(s->a, str_of((const char *)shown.key, sizeof(shown.key)));
    s->certificate.shown =
        arena_printf(s->a, "%.*s, issued by %.*s, valid until %.*s", STR_FMT(shown.subject),
                     STR_FMT(shown.issuer), STR_FMT(shown_day(s->a, shown.until_us)));
}

/* What the history says of TLS on this connection. */
static str describe_tls(const struct delivery_session *s, const struct tls_facts *facts)
{
    bool is_enforced = s->demand.published == TLS_PUBLISHED_VERIFY;
    const char *proof = !facts->verified                                      ? "none"
                        : facts->by_dane                                      ? "dane"
                        : is_enforced && strcmp(s->demand.policy, "sts") == 0 ? "mta-sts"
                                                                              : "pkix";
    return arena_printf(s->a, "%s %s %s", facts->version, facts->cipher, proof);
}

enum delivery_opened delivery_tls_judge_lack(struct delivery_session *s, const char *why,
                                             struct queue_result *failure)
{
    delivery_tls_note(s, "starttls-not-supported", why);
    s->presented = TLS_PRESENTED_NONE;
    return delivery_tls_judge(s, why, failure);
}

enum delivery_opened delivery_tls_judge_proof(struct delivery_session *s,
                                              struct queue_result *failure)
{
    const struct tls_facts *facts = net_conn_tls(s->conn);
    delivery_tls_note(s, delivery_tls_result(s->host, facts), facts->verify_error);
    s->secured = describe_tls(s, facts);
    if (s->demand.dane && !facts->by_dane) /* none of them is of any use (RFC 7672 section 2.2) */
        s->demand.published = TLS_PUBLISHED_ENCRYPT;
    s->presented = facts->verified ? TLS_PRESENTED_VERIFIED : TLS_PRESENTED_UNVERIFIED;
    if (!facts->verified)
        note_certificate(s);
    const char *why = facts->verify_error;
    if (is_unproven(s, &s->terms))
        why = "neither DNSSEC nor an MTA-STS policy says that this server is in charge";
    return delivery_tls_judge(s, why, failure);
}
