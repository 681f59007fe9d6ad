/* SPDX-License-Identifier: Apache-2.0 */
/* Records that say where reports go. */
#include "reports/destination.h"

struct search {
    const struct mailauth_resolver *resolver;
    str domain; /* that the report is about */
    str tag;    /* of DMARC: that names who gets it, "rua" or "ruf" */
    struct arena *a;
    int64_t deadline_ms;
    str organization; /* of the domain; empty: not asked yet */
};

/* All TXT records of a name, each as a text; none is no error. Yields. */
static YIELDS bool load(const struct search *s, str name, str **out, size_t *n, struct err *e)
{
    struct dns_answer answer;
    struct err why = ERR_CLEAR;
    *n = 0;
    if (!s->resolver->query(s->resolver->arg, name, DNS_TXT, s->a, s->deadline_ms, &answer, &why)) {
        if (why.kind == ERR_SYNTAX)
            return true; /* a name that is too long has no records */
        *e = why;
        return why.kind != ERR_TIMEOUT && why.kind != ERR_CANCELLED
                   ? ERR(e, ERR_UNAVAILABLE, "%s", why.msg)
                   : false;
    }
    if (answer.status == DNS_TEMPFAIL || answer.status == DNS_BOGUS)
        return ERR(e, ERR_UNAVAILABLE, "no answer about %.*s", STR_FMT(name));
    *out = ARENA_ARRAY(s->a, str, answer.n);
    for (size_t i = 0; i < answer.n; i++)
        (*out)[(*n)++] = dns_join_txt(s->a, answer.rdata[i]);
    return true;
}

/* ---- TLS ---- */

YIELDS static bool find_tls(const struct search *s, struct reports_destinations *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    str *records = NULL;
    size_t n;
    str rua;
    if (!load(s, arena_printf(s->a, "_smtp._tls.%.*s", STR_FMT(s->domain)), &records, &n, e))
        return false;
    if (!reports_tls_record_find(records, n, &rua, &why)) {
        out->why = arena_printf(s->a, "%s at _smtp._tls.%.*s", why.msg, STR_FMT(s->domain));
        return true;
    }
    reports_uris_parse(REPORTS_TLS, rua, s->a, &out->uris);
    if (out->uris.n == 0)
        out->why = STR("the rua= of its record names no address that can be used");
    return true;
}

/* ---- DMARC ---- */

YIELDS static bool is_own(struct search *s, str host, bool *out, struct err *e)
{
    str organization;
    *out = mailauth_domain_is_within(host, s->domain);
    if (*out)
        return true;
    if (!s->organization.n && !mailauth_dmarc_organization(s->resolver, s->domain, s->a,
                                                           s->deadline_ms, &s->organization, e))
        return false;
    if (!mailauth_domain_is_within(host, s->organization))
        return true;
    if (!mailauth_dmarc_organization(s->resolver, host, s->a, s->deadline_ms, &organization, e))
        return false;
    *out = str_ieq(organization, s->organization);
    return true;
}

/* The rua= (or ruf=) of a record of version DMARC1 that consents; it need not have a policy. */
static bool reads_consent(str record, str tag, str *rua)
{
    str field, name, value;
    bool more = str_cut(record, ';', &field, &record);
    *rua = STR_EMPTY;
    if (!str_cut(field, '=', &name, &value) || !str_ieq(str_trim(name), STR("v")) ||
        !str_eq(str_trim(value), STR("DMARC1")))
        return false;
    while (more) {
        more = str_cut(record, ';', &field, &record);
        if (str_cut(field, '=', &name, &value) && str_ieq(str_trim(name), tag))
            *rua = str_trim(value);
    }
    return true;
}

/* Another address for the one that the domain named, at the very host. False for one elsewhere:
 * then neither gets anything (RFC 9990 section 4), or reports could be turned on a third. */
static bool replace(const struct search *s, str rua, struct reports_uri *uri)
{
    struct reports_uris others;
    reports_uris_parse(REPORTS_DMARC, rua, s->a, &others);
    for (size_t i = 0; i < others.n; i++) {
        if (!str_ieq(others.list[i].host, uri->host))
            return false;
    }
    if (others.n > 0)
        *uri = others.list[0];
    return true;
}

/* Whether the host of the address wants reports about the domain, there or at its other address;
 * *why not. Yields. */
YIELDS static bool consents(const struct search *s, struct reports_uri *uri, bool *out,
                            const char **why, struct err *e)
{
    str *records = NULL;
    size_t n;
    str rua;
    str name =
        arena_printf(s->a, "%.*s._report._dmarc.%.*s", STR_FMT(s->domain), STR_FMT(uri->host));
    *out = false;
    *why = "does not say that it wants reports about";
    if (!load(s, name, &records, &n, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!reads_consent(records[i], s->tag, &rua))
            continue;
        *out = replace(s, rua, uri);
        if (!*out) {
            *why = "names another host for reports about";
            return true;
        }
    }
    return true;
}

YIELDS static bool find_dmarc(struct search *s, str record, struct reports_destinations *out,
                              struct err *e)
{
    struct mailauth_dmarc_record policy;
    struct reports_uris named;
    if (!mailauth_dmarc_record_parse(record, &policy, e))
        return false;
    bool is_failure = str_eq(s->tag, STR("ruf"));
    reports_uris_parse(REPORTS_DMARC, is_failure ? policy.failure : policy.aggregate, s->a, &named);
    if (named.n == 0) {
        out->why = arena_printf(s->a, "the %.*s= of its record names no address that can be used",
                                STR_FMT(s->tag));
    }
    for (size_t i = 0; i < named.n; i++) {
        struct reports_uri *uri = &named.list[i];
        bool may_have = false;
        const char *why = "";
        if (!is_own(s, uri->host, &may_have, e) ||
            (!may_have && !consents(s, uri, &may_have, &why, e)))
            return false;
        if (may_have) {
            out->uris.list[out->uris.n++] = *uri;
        } else {
            out->why =
                arena_printf(s->a, "%.*s %s %.*s", STR_FMT(uri->host), why, STR_FMT(s->domain));
        }
    }
    return true;
}

bool reports_find_destinations(const struct mailauth_resolver *resolver,
                               const struct reports_question *question, struct arena *a,
                               int64_t deadline_ms, struct reports_destinations *out, struct err *e)
{
    struct search s = { .resolver = resolver,
                        .domain = question->domain,
                        .tag = question->is_failure ? STR("ruf") : STR("rua"),
                        .a = a,
                        .deadline_ms = deadline_ms };
    *out = (struct reports_destinations){ .why = STR_EMPTY };
    return question->kind == REPORTS_TLS ? find_tls(&s, out, e)
                                         : find_dmarc(&s, question->dmarc, out, e);
}
