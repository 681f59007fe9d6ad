/* SPDX-License-Identifier: Apache-2.0 */
/* The tree walk, alignment and the policy. */
#include "mailauth/dmarc.h"

enum {
    WALK_MAX = 8, /* questions of one walk (RFC 9989 section 4.10) */
    WALKS_KEPT = 4
};

/* The records found on the way from a domain to the root, as far as that was gone. */
struct walk {
    str domain;
    str next;     /* that is to be asked; empty: it is over */
    size_t asked; /* questions */
    struct {
        str domain;
        struct mailauth_dmarc_record record; /* without a policy when it asks for nothing */
    } found[WALK_MAX];
    size_t n;
};

struct dmarc_check {
    const struct mailauth_resolver *resolver;
    struct arena *a;
    int64_t deadline_ms;
    struct walk walks[WALKS_KEPT];
    size_t n_walks;
    const char *problem; /* a temporary failure */
};

/* ---- the tree walk ---- */

static size_t count_labels(str domain)
{
    size_t n = domain.n ? 1 : 0;
    for (size_t i = 0; i < domain.n; i++)
        n += domain.p[i] == '.';
    return n;
}

static str without_first_label(str domain)
{
    str label, rest;
    return str_cut(domain, '.', &label, &rest) ? rest : STR_EMPTY;
}

/* The only record of a domain, whatever it says; *is_there false when there is none. False: the DNS
 * did not answer (c->problem), or *e. */
static YIELDS bool load(struct dmarc_check *c, str domain, struct mailauth_dmarc_record *record,
                        bool *is_there, struct err *e)
{
    struct dns_answer answer;
    struct err why = ERR_CLEAR;
    str name = arena_printf(c->a, "_dmarc.%.*s", STR_FMT(domain));
    size_t n = 0;
    *is_there = false;
    if (!c->resolver->query(c->resolver->arg, name, DNS_TXT, c->a, c->deadline_ms, &answer, &why)) {
        if (why.kind == ERR_SYNTAX)
            return true;
        if (why.kind == ERR_TIMEOUT) {
            c->problem = "the DNS took too long";
        } else {
            *e = why;
        }
        return false;
    }
    if (answer.status == DNS_TEMPFAIL || answer.status == DNS_BOGUS) {
        c->problem = "the DNS did not answer";
        return false;
    }
    for (size_t i = 0; i < answer.n; i++) {
        struct err broken = ERR_CLEAR;
        struct mailauth_dmarc_record one;
        if (!mailauth_dmarc_record_parse(dns_join_txt(c->a, answer.rdata[i]), &one, &broken) &&
            broken.kind == ERR_NOT_FOUND)
            continue;
        *record = one;
        n++;
    }
    *is_there = n == 1; /* several: none of them counts */
    return true;
}

/* Long names are cut to seven labels at once. */
static str next_of(str domain)
{
    domain = without_first_label(domain);
    while (count_labels(domain) > WALK_MAX - 1)
        domain = without_first_label(domain);
    return domain;
}

/* One question. False: as load; the walk stays where it is. */
static YIELDS bool walk_on(struct dmarc_check *c, struct walk *w, struct err *e)
{
    bool is_there;
    if (!load(c, w->next, &w->found[w->n].record, &is_there, e))
        return false;
    bool is_end = is_there && w->found[w->n].record.psd != 'u';
    if (is_there)
        w->found[w->n++].domain = w->next;
    w->next = ++w->asked == WALK_MAX || is_end ? STR_EMPTY : next_of(w->next);
    return true;
}

static YIELDS bool walk_to_end(struct dmarc_check *c, struct walk *w, struct err *e)
{
    while (w->next.n) {
        if (!walk_on(c, w, e))
            return false;
    }
    return true;
}

/* The walk from a domain upwards; one that was begun before is given again. */
static struct walk *walk_from(struct dmarc_check *c, str domain)
{
    for (size_t i = 0; i < c->n_walks; i++) {
        if (str_ieq(c->walks[i].domain, domain))
            return &c->walks[i];
    }
    struct walk *w = &c->walks[c->n_walks < WALKS_KEPT ? c->n_walks++ : WALKS_KEPT - 1];
    *w = (struct walk){ .domain = domain, .next = domain };
    return w;
}

/* The organizational domain (section 4.10.2), of a walk to its end. */
static str organization_of(const struct walk *w)
{
    for (size_t i = 0; i < w->n; i++) {
        str at = w->found[i].domain;
        if (w->found[i].record.psd == 'n')
            return at;
        if (w->found[i].record.psd == 'y' && !str_ieq(at, w->domain)) {
            str below = w->domain;
            while (count_labels(below) > count_labels(at) + 1)
                below = without_first_label(below);
            return below;
        }
    }
    return w->n ? w->found[w->n - 1].domain : w->domain;
}

/* ---- alignment ---- */

/* Whether both may be of one organization: they end in the same label at least. */
static bool may_be_related(str one, str other)
{
    str top = str_skip(one, (size_t)(str_rfind_byte(one, '.') + 1));
    return mailauth_domain_is_within(other, top);
}

/* The author's; asked for only when somebody has to know it. */
static YIELDS bool find_organization(struct dmarc_check *c, struct mailauth_dmarc *d, struct err *e)
{
    struct walk *walk = walk_from(c, d->author);
    if (!d->organization.n && !walk_to_end(c, walk, e))
        return false;
    d->organization = organization_of(walk);
    return true;
}

/* Whether a domain that was proven is the author's (section 4.4). */
static YIELDS bool is_aligned(struct dmarc_check *c, str proven, bool is_strict,
                              struct mailauth_dmarc *d, bool *out, struct err *e)
{
    *out = str_ieq(proven, d->author);
    if (*out || is_strict || !may_be_related(proven, d->author))
        return true;
    if (!find_organization(c, d, e))
        return false;
    if (!mailauth_domain_is_within(proven, d->organization))
        return true;
    struct walk *walk = walk_from(c, proven);
    if (!walk_to_end(c, walk, e))
        return false;
    *out = str_ieq(organization_of(walk), d->organization);
    return true;
}

/* One proof whose domain cannot be placed (c->problem) leaves it to the others. */
static YIELDS bool align(struct dmarc_check *c, const struct mailauth_dmarc_query *query,
                         struct mailauth_dmarc *d, struct err *e)
{
    const struct mailauth_spf *spf = query->spf;
    if (spf && spf->result == MAILAUTH_PASS &&
        !is_aligned(c, spf->domain, d->record.is_spf_strict, d, &d->is_spf_aligned, e) &&
        !c->problem)
        return false;
    for (size_t i = 0; query->dkim && i < query->dkim->n && !d->is_dkim_aligned; i++) {
        const struct mailauth_dkim *dkim = &query->dkim->list[i];
        str domain;
        if (dkim->result != MAILAUTH_PASS ||
            !dns_domain_to_ascii(c->a, dkim->signature.domain, &domain, NULL))
            continue;
        if (!is_aligned(c, domain, d->record.is_dkim_strict, d, &d->is_dkim_aligned, e) &&
            !c->problem)
            return false;
    }
    return d->is_spf_aligned || d->is_dkim_aligned || !c->problem;
}

/* ---- the policy ---- */

/* Of the walk's records the one that applies: the author's own, else the organization's, else the
 * public suffix's; its place, or w->n for none. */
static size_t pick_record(const struct walk *w, str author, str organization)
{
    for (size_t i = 0; i < w->n; i++) {
        if (str_ieq(w->found[i].domain, author) || str_ieq(w->found[i].domain, organization))
            return i;
    }
    return w->n && w->found[w->n - 1].record.psd == 'y' ? w->n - 1 : w->n;
}

/* *is_there: one applies, and asks for something (section 4.10.1). For a record of the author's own
 * nobody above it is asked. */
static YIELDS bool find_record(struct dmarc_check *c, struct mailauth_dmarc *d, bool *is_there,
                               struct err *e)
{
    struct walk *walk = walk_from(c, d->author);
    if (!walk_on(c, walk, e) || (walk->n == 0 && !find_organization(c, d, e)))
        return false;
    size_t pick = pick_record(walk, d->author, d->organization);
    *is_there = pick < walk->n && walk->found[pick].record.policy != MAILAUTH_DMARC_NO_POLICY;
    if (*is_there) {
        d->policy_domain = walk->found[pick].domain;
        d->record = walk->found[pick].record;
    }
    return true;
}

/* Whether the author's domain does not exist at all (RFC 8020: nor can anything below it). */
static YIELDS bool is_nonexistent(struct dmarc_check *c, str domain, bool *out, struct err *e)
{
    struct dns_answer answer;
    struct err why = ERR_CLEAR;
    *out = false;
    if (c->resolver->query(c->resolver->arg, domain, DNS_A, c->a, c->deadline_ms, &answer, &why)) {
        *out = answer.status == DNS_NXDOMAIN;
        return true;
    }
    if (why.kind != ERR_CANCELLED)
        return true;
    *e = why;
    return false;
}

static YIELDS bool find_policy(struct dmarc_check *c, struct mailauth_dmarc *d, struct err *e)
{
    const struct mailauth_dmarc_record *r = &d->record;
    enum mailauth_dmarc_policy policy = r->policy;
    if (!str_ieq(d->policy_domain, d->author)) {
        bool is_missing = false;
        if (r->nonexistent && !is_nonexistent(c, d->author, &is_missing, e))
            return false;
        policy = r->subdomain ? r->subdomain : policy;
        policy = is_missing ? r->nonexistent : policy;
    }
    d->declared = d->policy = policy;
    /* In test mode one step less is done (section 4.7, t=). */
    if (r->is_test && policy > MAILAUTH_DMARC_ACCEPT)
        d->policy = policy - 1;
    return true;
}

/* Whether a proof that could not be had, and no other, might have been the author's
 * (section 5.3.5). Anybody can put a signature into a message whose key cannot be asked for: those
 * of others, who could not speak for the author if they were right, keep nothing open. */
static YIELDS bool is_undecided(struct dmarc_check *c, const struct mailauth_dmarc_query *query,
                                struct mailauth_dmarc *d, bool *out, struct err *e)
{
    const struct mailauth_spf *spf = query->spf;
    *out = false;
    if (spf && spf->result == MAILAUTH_TEMPERROR &&
        !is_aligned(c, spf->domain, d->record.is_spf_strict, d, out, e))
        return false;
    for (size_t i = 0; query->dkim && i < query->dkim->n && !*out; i++) {
        const struct mailauth_dkim *dkim = &query->dkim->list[i];
        str domain;
        if (dkim->result == MAILAUTH_TEMPERROR &&
            dns_domain_to_ascii(c->a, dkim->signature.domain, &domain, NULL) &&
            !is_aligned(c, domain, d->record.is_dkim_strict, d, out, e))
            return false;
    }
    return true;
}

static bool conclude(struct mailauth_dmarc *d, enum mailauth_result result, const char *problem)
{
    d->result = result;
    d->problem = problem;
    return true;
}

static YIELDS bool check(struct dmarc_check *c, const struct mailauth_dmarc_query *query,
                         struct mailauth_dmarc *d, struct err *e)
{
    bool is_there;
    bool is_open;
    if (!find_record(c, d, &is_there, e))
        return false;
    if (!is_there)
        return conclude(d, MAILAUTH_NONE, NULL);
    if (!find_policy(c, d, e) || !align(c, query, d, e))
        return false;
    if (d->is_spf_aligned || d->is_dkim_aligned)
        return conclude(d, MAILAUTH_PASS, NULL);
    if (!is_undecided(c, query, d, &is_open, e))
        return false;
    /* A report of the failure says which proofs were the author's own. */
    if (!is_open && d->record.failure.n && !find_organization(c, d, e) && !c->problem)
        return false;
    return is_open ? conclude(d, MAILAUTH_TEMPERROR, "a proof could not be checked")
                   : conclude(d, MAILAUTH_FAIL, NULL);
}

bool mailauth_dmarc_check(const struct mailauth_resolver *resolver,
                          const struct mailauth_dmarc_query *query, struct arena *a,
                          int64_t deadline_ms, struct mailauth_dmarc *out, struct err *e)
{
    struct dmarc_check *c = ARENA_NEW(a, struct dmarc_check);
    c->resolver = resolver;
    c->a = a;
    c->deadline_ms = deadline_ms;
    *out = (struct mailauth_dmarc){ .author = query->author };
    if (query->author.n == 0)
        return conclude(out, MAILAUTH_PERMERROR, "not exactly one author with a domain");
    if (!check(c, query, out, e))
        return c->problem && conclude(out, MAILAUTH_TEMPERROR, c->problem);
    return true;
}

bool mailauth_dmarc_organization(const struct mailauth_resolver *resolver, str domain,
                                 struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct dmarc_check *c = ARENA_NEW(a, struct dmarc_check);
    c->resolver = resolver;
    c->a = a;
    c->deadline_ms = deadline_ms;
    struct walk *walk = walk_from(c, domain);
    if (!walk_to_end(c, walk, e))
        return c->problem ? ERR(e, ERR_UNAVAILABLE, "%s", c->problem) : false;
    *out = organization_of(walk);
    return true;
}
