/* SPDX-License-Identifier: Apache-2.0 */
/* check_host(): one record after the other, inside the limits of RFC 7208 section 4.6.4. */
#include "mailauth/spf.h"

#include "base/address.h"
#include "base/idn.h"
#include "base/utf8.h"
#include "mailauth/spf_record.h"

enum {
    MAX_HOSTS = 10 /* of one MX or PTR answer (section 4.6.4) */
};

/* One check in work; counts what all its records together ask. */
struct spf_check {
    const struct mailauth_resolver *resolver;
    const struct mailauth_spf_query *query;
    struct arena *a;
    int64_t deadline_ms;
    unsigned lookups;
    unsigned voids;
    struct spf_macros macros; /* without `domain` */
    struct mailauth_spf *out;
};

/* How evaluating goes on. */
enum spf_step {
    SPF_NO_MATCH,
    SPF_MATCH,
    SPF_ENDS,  /* with out->result, an error of the record or of the DNS */
    SPF_BREAKS /* with *e */
};

static enum spf_step end(struct spf_check *c, enum mailauth_result result, const char *problem)
{
    c->out->result = result;
    c->out->problem = problem;
    return SPF_ENDS;
}

/* ---- asking ---- */

/* SPF_MATCH: the answer has records; SPF_NO_MATCH: it has none, which is counted unless `is_free`.
 */
static YIELDS enum spf_step ask(struct spf_check *c, str name, enum dns_type type, bool is_free,
                                struct dns_answer *answer, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (!c->resolver->query(c->resolver->arg, name, type, c->a, c->deadline_ms, answer, &why)) {
        answer->n = 0;
        if (why.kind == ERR_SYNTAX)
            return SPF_NO_MATCH; /* no such name can exist (section 4.3) */
        if (why.kind == ERR_TIMEOUT)
            return end(c, MAILAUTH_TEMPERROR, "the DNS took too long");
        *e = why;
        return SPF_BREAKS;
    }
    if (answer->status == DNS_TEMPFAIL || answer->status == DNS_BOGUS)
        return end(c, MAILAUTH_TEMPERROR, "the DNS did not answer");
    if (answer->n)
        return SPF_MATCH;
    if (!is_free && ++c->voids > MAILAUTH_SPF_VOIDS)
        return end(c, MAILAUTH_PERMERROR, "more than 2 lookups without an answer");
    return SPF_NO_MATCH;
}

/* Counts a term that asks the DNS. */
static bool may_look_up(struct spf_check *c)
{
    if (++c->lookups <= MAILAUTH_SPF_LOOKUPS)
        return true;
    (void)end(c, MAILAUTH_PERMERROR, "more than 10 terms that look up");
    return false;
}

/* Whether an address record is the client, as far as `bits` of it. */
static bool is_client(const struct spf_check *c, str rdata, unsigned bits)
{
    uint8_t client[16];
    size_t n = net_address_octets(c->query->client, client);
    if (rdata.n != n || bits > n * 8)
        return false;
    size_t whole = bits / 8;
    if (memcmp(rdata.p, client, whole) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((unsigned)((uint8_t)rdata.p[whole] ^ client[whole]) >> (8 - rest)) == 0;
}

/* Whether one of a host's addresses is the client. */
static YIELDS enum spf_step host_matches(struct spf_check *c, str host, const struct spf_term *term,
                                         bool is_free, struct err *e)
{
    bool is_ip4 = net_address_is_ipv4(c->query->client);
    unsigned bits = is_ip4 ? term->bits4 : term->bits6;
    struct dns_answer answer;
    enum spf_step step = ask(c, host, is_ip4 ? DNS_A : DNS_AAAA, is_free, &answer, e);
    if (step != SPF_MATCH)
        return step;
    for (size_t i = 0; i < answer.n; i++) {
        if (is_client(c, answer.rdata[i], bits))
            return SPF_MATCH;
    }
    return SPF_NO_MATCH;
}

static YIELDS enum spf_step match_mx(struct spf_check *c, str domain, const struct spf_term *term,
                                     struct err *e)
{
    struct dns_answer answer;
    enum spf_step step = ask(c, domain, DNS_MX, false, &answer, e);
    if (step != SPF_MATCH)
        return step;
    if (answer.n > MAX_HOSTS)
        return end(c, MAILAUTH_PERMERROR, "more than 10 MX records");
    for (size_t i = 0; i < answer.n; i++) {
        str host = mailauth_name_of(c->a, answer.rdata[i], 2);
        step = host.n ? host_matches(c, host, term, true, e) : SPF_NO_MATCH;
        if (step != SPF_NO_MATCH)
            return step;
    }
    return SPF_NO_MATCH;
}

/* ---- the client's name ---- */

static str reverse_name(const struct spf_check *c)
{
    struct spf_macros m = c->macros;
    str name;
    if (!spf_macro_expand(c->a, STR("%{ir}.%{v}.arpa"), &m, false, &name))
        return STR_EMPTY;
    return name;
}

/* The client's names whose addresses lead back to it (section 5.5); the first that is `domain`,
 * else the first below it; with `any` else the first of all. Empty when there is none. A DNS that
 * does not answer means no name. */
static YIELDS bool find_validated(struct spf_check *c, str parent, bool any, bool is_free, str *out,
                                  struct err *e)
{
    static const struct spf_term exact = { .bits4 = 32, .bits6 = 128 };
    struct dns_answer answer;
    str below = STR_EMPTY;
    str other = STR_EMPTY;
    *out = STR_EMPTY;
    enum spf_step step = ask(c, reverse_name(c), DNS_PTR, is_free, &answer, e);
    size_t n = step == SPF_MATCH ? answer.n : 0;
    for (size_t i = 0; i < n && i < MAX_HOSTS; i++) {
        str name = mailauth_name_of(c->a, answer.rdata[i], 0);
        bool is_below = mailauth_domain_is_within(name, parent);
        if (!name.n || (!is_below && !any))
            continue;
        step = host_matches(c, name, &exact, true, e);
        if (step == SPF_BREAKS)
            return false;
        if (step != SPF_MATCH)
            continue;
        if (str_ieq(name, parent)) {
            *out = name;
            return true;
        }
        str *best = is_below ? &below : &other;
        *best = best->n ? *best : name;
    }
    *out = below.n ? below : other;
    return step != SPF_BREAKS;
}

/* Expands a domain-spec, or gives the present domain. */
static YIELDS enum spf_step expand(struct spf_check *c, str text, str domain, bool explains,
                                   str *out, struct err *e)
{
    struct spf_macros m = c->macros;
    m.domain = domain;
    *out = domain;
    if (text.n == 0)
        return SPF_MATCH;
    if (spf_macro_uses(text, STR("p"))) {
        if (!find_validated(c, domain, true, true, &m.validated, e))
            return SPF_BREAKS;
        m.validated = m.validated.n ? m.validated : STR("unknown");
    }
    if (!spf_macro_expand(c->a, text, &m, explains, out))
        return end(c, MAILAUTH_PERMERROR, "a name that is too long");
    return SPF_MATCH;
}

/* ---- terms ---- */

static YIELDS enum spf_step evaluate(struct spf_check *c, str domain, bool is_include,
                                     struct err *e);

/* The table of section 5.2. */
static YIELDS enum spf_step match_include(struct spf_check *c, str domain, struct err *e)
{
    enum spf_step step = evaluate(c, domain, true, e);
    if (step == SPF_BREAKS)
        return step;
    c->out->mechanism = STR_EMPTY; /* a term of the other record decides nothing */
    switch (c->out->result) {
    case MAILAUTH_PASS:
        return SPF_MATCH;
    case MAILAUTH_FAIL:
    case MAILAUTH_SOFTFAIL:
    case MAILAUTH_NEUTRAL:
        return SPF_NO_MATCH;
    case MAILAUTH_NONE:
        return end(c, MAILAUTH_PERMERROR, "an included domain has no record");
    case MAILAUTH_POLICY:
    case MAILAUTH_TEMPERROR:
    case MAILAUTH_PERMERROR:
        break;
    }
    return SPF_ENDS;
}

static YIELDS enum spf_step match_ptr(struct spf_check *c, str domain, struct err *e)
{
    str name;
    if (!find_validated(c, domain, false, false, &name, e))
        return SPF_BREAKS;
    if (c->voids > MAILAUTH_SPF_VOIDS)
        return SPF_ENDS;
    return name.n ? SPF_MATCH : SPF_NO_MATCH;
}

static bool asks(enum spf_mechanism mechanism)
{
    return mechanism != SPF_ALL && mechanism != SPF_IP4 && mechanism != SPF_IP6;
}

static bool in_network(const struct spf_check *c, const struct spf_term *term)
{
    struct net_network network = term->network;
    const struct net_networks one = { .list = &network, .n = 1 };
    bool is_ip4 = net_address_is_ipv4(c->query->client);
    return is_ip4 == (term->mechanism == SPF_IP4) && net_networks_contain(&one, c->query->client);
}

/* Names in the DNS hold no local part beyond ASCII: what would ask for one matches nothing (RFC
 * 8616 section 4). */
static bool asks_for_utf8(const struct spf_check *c, const struct spf_term *term)
{
    return spf_macro_uses(term->domain, STR("sl")) &&
           !utf8_is_ascii(address_local(c->macros.sender));
}

static YIELDS enum spf_step match(struct spf_check *c, const struct spf_term *term, str present,
                                  struct err *e)
{
    struct dns_answer answer;
    str domain = present;
    if (asks(term->mechanism)) {
        if (!may_look_up(c))
            return SPF_ENDS;
        if (asks_for_utf8(c, term))
            return SPF_NO_MATCH;
        enum spf_step step = expand(c, term->domain, present, false, &domain, e);
        if (step != SPF_MATCH)
            return step;
    }
    switch (term->mechanism) {
    case SPF_ALL:
        return SPF_MATCH;
    case SPF_IP4:
    case SPF_IP6:
        return in_network(c, term) ? SPF_MATCH : SPF_NO_MATCH;
    case SPF_INCLUDE:
        return match_include(c, domain, e);
    case SPF_A:
        return host_matches(c, domain, term, false, e);
    case SPF_MX:
        return match_mx(c, domain, term, e);
    case SPF_PTR:
        return match_ptr(c, domain, e);
    case SPF_EXISTS:
        return ask(c, domain, DNS_A, false, &answer, e);
    }
    return SPF_NO_MATCH;
}

/* ---- records ---- */

/* The one record of the domain; SPF_NO_MATCH: it has none. */
static YIELDS enum spf_step load(struct spf_check *c, str domain, str *record, struct err *e)
{
    struct dns_answer answer;
    size_t n = 0;
    enum spf_step step = ask(c, domain, DNS_TXT, true, &answer, e);
    if (step != SPF_MATCH)
        return step;
    for (size_t i = 0; i < answer.n; i++) {
        str text = dns_join_txt(c->a, answer.rdata[i]);
        if (!spf_record_is(text))
            continue;
        *record = text;
        n++;
    }
    if (n > 1)
        return end(c, MAILAUTH_PERMERROR, "more than one record");
    return n ? SPF_MATCH : SPF_NO_MATCH;
}

static bool is_printable(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < ' ' || text.p[i] > '~')
            return false;
    }
    return true;
}

/* The sentence of exp=. Whatever goes wrong, there is just none (section 6.2). */
static YIELDS bool explain(struct spf_check *c, str text, str domain, struct err *e)
{
    struct mailauth_spf kept = *c->out;
    struct dns_answer answer;
    str name, made;
    enum spf_step step = text.n ? expand(c, text, domain, false, &name, e) : SPF_NO_MATCH;
    if (step == SPF_MATCH)
        step = ask(c, name, DNS_TXT, true, &answer, e);
    if (step == SPF_MATCH && answer.n == 1) {
        str words = dns_join_txt(c->a, answer.rdata[0]);
        bool is_valid = words.n && spf_macro_is_valid(words, true);
        step = is_valid ? expand(c, words, domain, true, &made, e) : SPF_NO_MATCH;
        if (step == SPF_MATCH && is_printable(made))
            kept.explanation = made;
    }
    *c->out = kept;
    return step != SPF_BREAKS;
}

static bool is_domain(str domain)
{
    size_t label = 0;
    bool has_dot = false;
    if (domain.n == 0 || domain.n > SPF_MAX_DOMAIN)
        return false;
    for (size_t i = 0; i < domain.n; i++) {
        bool is_dot = domain.p[i] == '.';
        if ((is_dot && label == 0) || label > 63)
            return false;
        has_dot |= is_dot;
        label = is_dot ? 0 : label + 1;
    }
    return has_dot && label > 0 && label <= 63;
}

/* The result of the record that has been read. */
static YIELDS enum spf_step run(struct spf_check *c, const struct spf_record *record, str domain,
                                bool is_include, struct err *e)
{
    str target;
    for (size_t i = 0; i < record->n; i++) {
        const struct spf_term *term = &record->terms[i];
        enum spf_step step = match(c, term, domain, e);
        if (step == SPF_NO_MATCH)
            continue;
        if (step != SPF_MATCH)
            return step;
        c->out->mechanism = term->text;
        (void)end(c, term->result, NULL);
        if (term->result == MAILAUTH_FAIL && !is_include && !explain(c, record->explain, domain, e))
            return SPF_BREAKS;
        return SPF_ENDS;
    }
    if (!record->redirect.n)
        return end(c, MAILAUTH_NEUTRAL, NULL);
    if (!may_look_up(c))
        return SPF_ENDS;
    enum spf_step step = expand(c, record->redirect, domain, false, &target, e);
    if (step == SPF_MATCH)
        step = evaluate(c, target, is_include, e);
    if (step == SPF_ENDS && c->out->result == MAILAUTH_NONE)
        return end(c, MAILAUTH_PERMERROR, "the domain of redirect= has no record");
    return step;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by the 10 terms that look up. */
static enum spf_step evaluate(struct spf_check *c, str domain, bool is_include, struct err *e)
{
    struct spf_record record;
    struct err why = ERR_CLEAR;
    str text = STR_EMPTY;
    if (!is_domain(domain))
        return end(c, MAILAUTH_NONE, "no domain");
    enum spf_step step = load(c, domain, &text, e);
    if (step == SPF_NO_MATCH)
        return end(c, MAILAUTH_NONE, NULL);
    if (step != SPF_MATCH)
        return step;
    if (!spf_record_parse(c->a, text, &record, &why))
        return end(c, MAILAUTH_PERMERROR, arena_cstr(c->a, str_from_cstr(why.msg)));
    return run(c, &record, domain, is_include, e);
}

/* The domain of a sender or of HELO as the DNS has it: a name, though perhaps none of a host; with
 * an underscore it has a record like others. False for literals and what else is no name. */
static bool read_domain(struct arena *a, str text, str *out)
{
    str name = str_has_suffix(text, STR(".")) ? str_slice(text, 0, text.n - 1) : text;
    if (!idn_domain_to_ascii(a, name, out, NULL))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        if (!ascii_is_alnum(out->p[i]) && str_find_byte(STR("-_."), out->p[i]) < 0)
            return false;
    }
    return true;
}

bool mailauth_spf_check(const struct mailauth_resolver *resolver,
                        const struct mailauth_spf_query *query, struct arena *a,
                        int64_t deadline_ms, struct mailauth_spf *out, struct err *e)
{
    int64_t own = clock_deadline_in(MAILAUTH_SPF_MS);
    struct spf_check c = { .resolver = resolver,
                           .query = query,
                           .a = a,
                           .deadline_ms = own < deadline_ms ? own : deadline_ms,
                           .out = out };
    str local;
    str domain;
    *out = (struct mailauth_spf){ .result = MAILAUTH_NONE, .is_helo = query->sender.n == 0 };
    bool has_domain = address_split(query->sender, &local, &domain);
    if (!has_domain)
        domain = query->helo;
    if (!has_domain || local.n == 0)
        local = STR("postmaster");
    str ascii;
    if (!read_domain(a, domain, &ascii))
        return true;
    out->domain = ascii;
    c.macros = (struct spf_macros){
        .sender = arena_printf(a, "%.*s@%.*s", STR_FMT(local),
                               STR_FMT(utf8_is_ascii(domain) ? domain : ascii)),
        .domain = ascii,
        .helo = query->helo,
        .receiver = query->receiver,
        .client = query->client,
        .now_s = query->now_s,
        .validated = STR("unknown"),
    };
    return evaluate(&c, ascii, false, e) != SPF_BREAKS;
}
