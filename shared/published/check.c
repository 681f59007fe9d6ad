/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the DNS for the records of a domain of ours, and for what belongs to them: where mail comes
 * in, and where it leaves. */
#include "published/private.h"

enum {
    FURTHER_MAX =
        5 + PUBLISHED_SOURCES_MAX + PUBLISHED_POOLS_MAX, /* findings without a record of the list */
    FOUND_MAX = 20,                                      /* values that are told of one name */
    SRV_HEAD = 6,                                        /* octets before the name */
    MX_HEAD = 2
};

/* ---- questions ---- */

bool published_ask(const struct check *c, str name, enum dns_type type, struct dns_answer *out,
                   struct err *e)
{
    struct err why = ERR_CLEAR;
    int64_t deadline_ms = clock_deadline_in(PUBLISHED_QUESTION_MS);
    if (deadline_ms > c->until_ms)
        deadline_ms = c->until_ms;
    if (c->resolver->query(c->resolver->arg, name, type, c->a, deadline_ms, out, &why))
        return true;
    *out = (struct dns_answer){ .status = why.kind == ERR_SYNTAX ? DNS_NODATA : DNS_TEMPFAIL };
    if (why.kind != ERR_CANCELLED)
        return true;
    *e = why;
    return false;
}

enum published_reason published_reason_of(enum dns_status status)
{
    static const enum published_reason reasons[] = { [DNS_OK] = PUBLISHED_IS_RIGHT,
                                                     [DNS_NXDOMAIN] = PUBLISHED_IS_MISSING,
                                                     [DNS_NODATA] = PUBLISHED_IS_MISSING,
                                                     [DNS_TEMPFAIL] = PUBLISHED_NO_ANSWER,
                                                     [DNS_BOGUS] = PUBLISHED_IS_FORGED };
    return reasons[status];
}

void published_note(struct arena *a, struct published_finding *f, str found)
{
    if (!f->found)
        f->found = ARENA_ARRAY(a, str, FOUND_MAX);
    if (f->n_found < FOUND_MAX)
        f->found[f->n_found++] = found;
}

static void take_addresses(const struct dns_answer *answer, struct published_addresses *out)
{
    out->is_alias = out->is_alias || answer->canonical;
    for (size_t i = 0; i < answer->n && out->n < PUBLISHED_ADDRESSES_MAX; i++) {
        const str *rdata = &answer->rdata[i];
        out->n += (rdata->n == 4 || rdata->n == 16) &&
                  net_address_from_ip(rdata->p, rdata->n, 0, &out->list[out->n]);
    }
}

bool published_ask_addresses(const struct check *c, str host, struct published_addresses *out,
                             struct err *e)
{
    struct dns_answer v4;
    struct dns_answer v6;
    *out = (struct published_addresses){ .reason = PUBLISHED_IS_RIGHT };
    if (!published_ask(c, host, DNS_A, &v4, e) || !published_ask(c, host, DNS_AAAA, &v6, e))
        return false;
    take_addresses(&v4, out);
    take_addresses(&v6, out);
    if (out->n == 0) {
        bool is_known = v4.status == DNS_NODATA || v4.status == DNS_NXDOMAIN;
        out->reason = published_reason_of(is_known ? v6.status : v4.status);
    }
    return true;
}

static bool has_address(const struct published_addresses *in, const struct net_address *one)
{
    for (size_t i = 0; i < in->n; i++) {
        if (net_address_is_same_ip(&in->list[i], one))
            return true;
    }
    return false;
}

static str name_without_dot(str name)
{
    return str_has_suffix(name, STR(".")) ? str_slice(name, 0, name.n - 1) : name;
}

static bool is_our_host(const struct check *c, str name)
{
    return str_ieq(name_without_dot(name), name_without_dot(str_from_cstr(c->self->host)));
}

/* ---- where mail comes in ---- */

/* A server of the MX records: wrong where others stumble over it. Yields. */
YIELDS static bool check_exchanger(const struct check *c, str host, struct published_finding *f,
                                   struct err *e)
{
    struct published_addresses found;
    if (!published_ask_addresses(c, host, &found, e))
        return false;
    if (found.is_alias) {
        f->reason = PUBLISHED_MX_ALIAS;
    } else if (found.n == 0) {
        f->reason = found.reason == PUBLISHED_IS_MISSING ? PUBLISHED_MX_NO_ADDRESS : found.reason;
    }
    if (f->reason != PUBLISHED_IS_RIGHT)
        f->detail = host;
    return true;
}

static enum published_reason zone_reason(const struct dns_answer *answer)
{
    return answer->status == DNS_TEMPFAIL ? PUBLISHED_NO_ANSWER
           : answer->status == DNS_BOGUS  ? PUBLISHED_ZONE_FORGED
           : answer->secure               ? PUBLISHED_IS_RIGHT
                                          : PUBLISHED_UNSIGNED;
}

YIELDS static bool check_mx(struct check *c, struct published_finding *f, struct err *e)
{
    struct dns_answer answer;
    bool is_ours = false;
    if (!published_ask(c, f->record.name, DNS_MX, &answer, e))
        return false;
    c->zone = zone_reason(&answer);
    f->reason = published_reason_of(answer.status);
    for (size_t i = 0; i < answer.n && i < PUBLISHED_HOSTS_MAX; i++) {
        str rdata = answer.rdata[i];
        str host = mailauth_name_of(c->a, rdata, MX_HEAD);
        if (rdata.n <= MX_HEAD)
            continue;
        published_note(
            c->a, f,
            arena_printf(c->a, "%u %.*s.",
                         (unsigned)((unsigned char)rdata.p[0] << 8 | (unsigned char)rdata.p[1]),
                         STR_FMT(host)));
        is_ours = is_ours || is_our_host(c, host);
        if (host.n == 0) {
            f->reason = PUBLISHED_MX_NULL;
        } else if (f->reason == PUBLISHED_IS_RIGHT && !check_exchanger(c, host, f, e)) {
            return false;
        }
    }
    if (f->reason == PUBLISHED_IS_RIGHT && !is_ours)
        f->reason = PUBLISHED_MX_ELSEWHERE;
    return true;
}

YIELDS static bool check_service(struct check *c, struct published_finding *f, struct err *e)
{
    struct dns_answer answer;
    if (!published_ask(c, f->record.name, DNS_SRV, &answer, e))
        return false;
    f->reason = published_reason_of(answer.status);
    if (f->reason != PUBLISHED_IS_RIGHT)
        return true;
    f->reason = PUBLISHED_IS_OTHER;
    for (size_t i = 0; i < answer.n; i++) {
        str rdata = answer.rdata[i];
        if (rdata.n <= SRV_HEAD)
            continue;
        const unsigned char *p = (const unsigned char *)rdata.p;
        unsigned port = (unsigned)(p[4] << 8 | p[5]);
        str end =
            arena_printf(c->a, "%u %.*s.", port, STR_FMT(mailauth_name_of(c->a, rdata, SRV_HEAD)));
        published_note(
            c->a, f,
            arena_printf(c->a, "%d %d %.*s", p[0] << 8 | p[1], p[2] << 8 | p[3], STR_FMT(end)));
        if (str_has_isuffix(f->record.value, arena_printf(c->a, " %.*s", STR_FMT(end))))
            f->reason = PUBLISHED_IS_RIGHT;
    }
    return true;
}

/* The alias of the policy host. Another way to the same policy is as good. */
YIELDS static bool check_policy_host(struct check *c, struct published_finding *f, struct err *e)
{
    struct dns_answer answer;
    bool is_served = c->policy->is_asked && !c->policy->problem;
    if (!published_ask(c, f->record.name, DNS_CNAME, &answer, e))
        return false;
    f->reason = published_reason_of(answer.status);
    if (answer.n) {
        str target = mailauth_name_of(c->a, answer.rdata[0], 0);
        published_note(c->a, f, arena_printf(c->a, "%.*s.", STR_FMT(target)));
        f->reason = is_our_host(c, target) ? PUBLISHED_IS_RIGHT : PUBLISHED_IS_OTHER;
    }
    if (is_served && f->reason != PUBLISHED_NO_ANSWER)
        f->reason = PUBLISHED_IS_RIGHT;
    return true;
}

YIELDS static bool check_mta_sts(struct check *c, struct published_finding *f, struct err *e)
{
    return strcmp(f->record.type, "CNAME") == 0 ? check_policy_host(c, f, e)
                                                : published_check_text(c, f, e);
}

YIELDS static bool check_text(struct check *c, struct published_finding *f, struct err *e)
{
    return published_check_text(c, f, e);
}

/* ---- TLSA ---- */

static str show_tlsa(struct arena *a, str rdata)
{
    struct buf text;
    buf_init(&text, 1024);
    for (size_t i = 0; i < rdata.n; i++)
        (void)buf_addf(&text, i < 3 ? "%u " : "%02x", (unsigned)(unsigned char)rdata.p[i]);
    str shown = arena_str(a, str_trim(buf_str(&text)));
    buf_fini(&text);
    return shown;
}

/* Whether one is of the key. A record 3 1 1 can be compared with it; one of another kind may or may
 * not match. */
static bool has_tlsa(const struct dns_answer *answer, const uint8_t key[TLS_KEY_SHA256],
                     bool *has_others)
{
    *has_others = false;
    for (size_t i = 0; i < answer->n; i++) {
        struct tls_dane_record record;
        if (!tlsa_parse(answer->rdata[i], &record))
            continue;
        bool is_key = record.usage == TLSA_END_ENTITY && record.selector == 1 &&
                      record.matching == 1 && record.data.n == TLS_KEY_SHA256;
        if (is_key && memcmp(record.data.p, key, TLS_KEY_SHA256) == 0)
            return true;
        *has_others = *has_others || !is_key;
    }
    return false;
}

/* Of the key in use: who has some has to have the right ones. */
static void judge_tlsa(const struct check *c, const struct dns_answer *answer,
                       struct published_finding *f)
{
    bool has_others = true;
    f->record.is_needed = true;
    if (!c->self->tls_key || !has_tlsa(answer, c->self->tls_key, &has_others))
        f->reason = has_others ? PUBLISHED_TLSA_UNKNOWN : PUBLISHED_TLSA_OTHER;
    if (!answer->secure && f->reason != PUBLISHED_TLSA_OTHER) {
        f->reason = PUBLISHED_TLSA_UNSIGNED;
        f->record.is_needed = false;
    }
}

/* Of the one that comes next: needed where there are others, and nothing else could match it. */
static void judge_next(const struct check *c, const struct dns_answer *answer,
                       struct published_finding *f)
{
    bool has_others = true;
    if (!c->self->next_tls_key || !has_tlsa(answer, c->self->next_tls_key, &has_others)) {
        f->reason = PUBLISHED_IS_MISSING;
        f->record.is_needed = answer->secure && !has_others;
    } else if (!answer->secure) {
        f->reason = PUBLISHED_TLSA_UNSIGNED;
    }
}

YIELDS static bool check_tlsa(struct check *c, struct published_finding *f, struct err *e)
{
    struct dns_answer answer;
    if (!published_ask(c, f->record.name, DNS_TLSA, &answer, e))
        return false;
    f->reason = published_reason_of(answer.status);
    for (size_t i = 0; i < answer.n; i++)
        published_note(c->a, f, show_tlsa(c->a, answer.rdata[i]));
    if (f->reason != PUBLISHED_IS_RIGHT)
        return true;
    (f->record.purpose == PUBLISHED_TLSA_NEXT ? judge_next : judge_tlsa)(c, &answer, f);
    return true;
}

/* ---- what stands in no list ---- */

static struct published_finding *begin(struct check *c, const struct published_record *record)
{
    struct published_finding *f = &c->out->list[c->out->n++];
    *f = (struct published_finding){ .record = *record };
    return f;
}

static void note_address(const struct check *c, struct published_finding *f,
                         const struct net_address *address)
{
    char ip[NET_ADDRESS_TEXT];
    published_note(c->a, f, arena_str(c->a, net_address_ip(address, ip)));
}

/* Who we are to others, and from where: that goes before all else. Yields. */
YIELDS static bool check_host(struct check *c, struct err *e)
{
    struct published_addresses *found = ARENA_NEW(c->a, struct published_addresses);
    const struct published_record record = { .purpose = PUBLISHED_HOST,
                                             .type = "A",
                                             .name = name_without_dot(str_from_cstr(c->self->host)),
                                             .is_needed = true };
    struct published_finding *f = begin(c, &record);
    bool is_public = false;
    if (!published_ask_addresses(c, record.name, found, e))
        return false;
    for (size_t i = 0; i < found->n; i++) {
        note_address(c, f, &found->list[i]);
        is_public = is_public || c->self->allow_private || !net_address_is_special(&found->list[i]);
    }
    f->reason = found->reason == PUBLISHED_IS_MISSING ? PUBLISHED_NO_ADDRESS
                : found->n && !is_public              ? PUBLISHED_PRIVATE
                                                      : found->reason;
    c->sources = c->self->n_sources ? c->self->sources : found->list;
    c->n_sources = c->self->n_sources ? c->self->n_sources : is_public ? found->n : 0;
    if (c->n_sources > PUBLISHED_SOURCES_MAX)
        c->n_sources = PUBLISHED_SOURCES_MAX;
    return true;
}

/* From an address that mail leaves from to its name and back, and from our name in EHLO to it; an
 * address of a pool has the name that a transport says, so any name of its own is right. Yields. */
YIELDS static bool check_source(struct check *c, const struct net_address *source, bool is_of_pool,
                                struct err *e)
{
    char ip[NET_ADDRESS_TEXT];
    struct published_addresses *hello = ARENA_NEW(c->a, struct published_addresses);
    struct mailauth_iprev back;
    str helo = name_without_dot(str_from_cstr(c->self->helo));
    str expected = is_of_pool ? STR_EMPTY : arena_printf(c->a, "%.*s.", STR_FMT(helo));
    const struct published_record record = {
        .purpose = PUBLISHED_REVERSE,
        .type = "PTR",
        .name = arena_str(c->a, net_address_ip(source, ip)),
        .value = expected,
        .is_needed = true,
    };
    struct published_finding *f = begin(c, &record);
    if (!mailauth_iprev_check(c->resolver, source, c->a, c->until_ms, &back, e) ||
        (!is_of_pool && !published_ask_addresses(c, helo, hello, e)))
        return false;
    if (back.name.n)
        published_note(c->a, f, arena_printf(c->a, "%.*s.", STR_FMT(back.name)));
    f->reason = back.result == MAILAUTH_TEMPERROR          ? PUBLISHED_NO_ANSWER
                : back.name.n == 0                         ? PUBLISHED_NO_NAME
                : back.result != MAILAUTH_PASS             ? PUBLISHED_NAME_OTHER
                : is_of_pool || has_address(hello, source) ? PUBLISHED_IS_RIGHT
                                                           : PUBLISHED_HELO_OTHER;
    if (f->reason == PUBLISHED_HELO_OTHER)
        f->detail = helo;
    return true;
}

static void check_policy(struct check *c)
{
    const struct published_policy *p = c->policy;
    const struct published_record record = {
        .purpose = PUBLISHED_POLICY,
        .type = "HTTPS",
        .name = arena_printf(c->a, "mta-sts.%.*s/.well-known/mta-sts.txt", STR_FMT(c->domain)),
        .is_needed = true
    };
    if (!p->is_asked)
        return;
    struct published_finding *f = begin(c, &record);
    if (p->problem) {
        f->reason = PUBLISHED_POLICY_GONE;
        f->detail = str_from_cstr(p->problem);
        return;
    }
    for (size_t i = 0; i < p->policy.n_mx; i++)
        published_note(c->a, f, p->policy.mx[i]);
    bool is_named = p->policy.mode == MTA_STS_NONE ||
                    mta_sts_policy_allows(&p->policy, str_from_cstr(c->self->host));
    f->reason = is_named ? PUBLISHED_IS_RIGHT : PUBLISHED_POLICY_OTHER;
    f->detail = str_from_cstr(mta_sts_mode_name(p->policy.mode));
}

static void check_dnssec(struct check *c)
{
    const struct published_record record = { .purpose = PUBLISHED_DNSSEC,
                                             .type = "DNSSEC",
                                             .name = c->domain };
    begin(c, &record)->reason = c->zone;
}

/* Mail leaves unsigned: there is no record to ask for, and that is what has to be told. */
static void check_signing(struct check *c, const struct published_records *records)
{
    const struct published_record record = { .purpose = PUBLISHED_DKIM,
                                             .type = "TXT",
                                             .name = arena_printf(c->a, "_domainkey.%.*s",
                                                                  STR_FMT(c->domain)),
                                             .is_needed = true };
    if (c->self->signs_mail && !records->is_signed)
        begin(c, &record)->reason = PUBLISHED_NO_KEY;
}

/* ---- all of it ---- */

typedef bool (*check_fn)(struct check *c, struct published_finding *f, struct err *e);

static const check_fn checks[] = {
    [PUBLISHED_MX] = check_mx,
    [PUBLISHED_SPF] = check_text,
    [PUBLISHED_SPF_HOST] = check_text,
    [PUBLISHED_DKIM] = check_text,
    [PUBLISHED_DMARC] = check_text,
    [PUBLISHED_MTA_STS] = check_mta_sts,
    [PUBLISHED_TLS_RPT] = check_text,
    [PUBLISHED_TLSA] = check_tlsa,
    [PUBLISHED_TLSA_NEXT] = check_tlsa,
    [PUBLISHED_IMAPS] = check_service,
    [PUBLISHED_SUBMISSIONS] = check_service,
    [PUBLISHED_SUBMISSION] = check_service,
};

YIELDS static bool check_records(struct check *c, const struct published_records *records,
                                 struct err *e)
{
    for (size_t i = 0; i < records->n; i++) {
        if (!checks[records->list[i].purpose](c, begin(c, &records->list[i]), e))
            return false;
    }
    return true;
}

bool published_check_records(const struct mailauth_resolver *resolver,
                             const struct published_self *self,
                             const struct published_records *records, struct arena *a,
                             struct published_findings *out, struct err *e)
{
    const struct published_policy policy = { .is_asked = false };
    struct check c = { .resolver = resolver,
                       .self = self,
                       .domain = records->domain,
                       .policy = &policy,
                       .a = a,
                       .until_ms = clock_deadline_in(PUBLISHED_CHECK_MS),
                       .out = out };
    bool is_about_host = false;
    for (size_t i = 0; i < records->n; i++) {
        is_about_host = is_about_host || records->list[i].purpose == PUBLISHED_SPF ||
                        records->list[i].purpose == PUBLISHED_SPF_HOST;
    }
    *out = (struct published_findings){ .list = ARENA_ARRAY(a, struct published_finding,
                                                            records->n + 1) };
    if (is_about_host && !check_host(&c, e))
        return false;
    out->n = 0; /* what SPF is asked for is known now; a host is no record of the domain */
    return check_records(&c, records, e);
}

bool published_check(const struct mailauth_resolver *resolver, const struct published_self *self,
                     const struct published_records *records, const struct published_policy *policy,
                     struct arena *a, struct published_findings *out, struct err *e)
{
    struct check c = { .resolver = resolver,
                       .self = self,
                       .domain = records->domain,
                       .policy = policy,
                       .a = a,
                       .until_ms = clock_deadline_in(PUBLISHED_CHECK_MS),
                       .out = out };
    *out = (struct published_findings){ .list = ARENA_ARRAY(a, struct published_finding,
                                                            records->n + FURTHER_MAX) };
    if (!check_host(&c, e) || !check_records(&c, records, e))
        return false;
    check_signing(&c, records);
    check_policy(&c);
    for (size_t i = 0; i < c.n_sources; i++) {
        if (!check_source(&c, &c.sources[i], false, e))
            return false;
    }
    for (size_t i = 0; i < self->n_pools; i++) {
        if (!check_source(&c, &self->pools[i], true, e))
            return false;
    }
    check_dnssec(&c);
    return true;
}

bool published_has_key(const struct mailauth_resolver *resolver, str domain,
                       const struct account_dkim_key *key, struct arena *a, bool *out,
                       struct err *e)
{
    const struct check c = { .resolver = resolver,
                             .domain = domain,
                             .a = a,
                             .until_ms = clock_deadline_in(PUBLISHED_CHECK_MS) };
    struct published_record records[PUBLISHED_KEY_RECORDS];
    size_t n = published_key_records(domain, key, a, records);
    *out = true;
    for (size_t i = 0; i < n && *out; i++) {
        struct published_finding f = { .record = records[i] };
        if (!published_check_text(&c, &f, e))
            return false;
        *out = f.reason == PUBLISHED_IS_RIGHT;
    }
    return true;
}

bool published_tlsa(const struct mailauth_resolver *resolver, const struct published_self *self,
                    struct arena *a, enum published_reason *out, struct err *e)
{
    struct check c = { .resolver = resolver,
                       .self = self,
                       .a = a,
                       .until_ms = clock_deadline_in(PUBLISHED_CHECK_MS) };
    struct published_finding f = {
        .record = { .purpose = PUBLISHED_TLSA, .name = arena_printf(a, "_25._tcp.%s", self->host) }
    };
    if (!check_tlsa(&c, &f, e))
        return false;
    *out = f.reason;
    return true;
}
