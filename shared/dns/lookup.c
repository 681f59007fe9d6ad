/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of fibers: from a name to records, mail exchangers, addresses, names of addresses. */
#include "dns/dns.h"
#include "dns/name.h"
#include "dns/question.h"

#include "crypto/random.h"

#include <unbound.h>

enum {
    RECORDS_MAX = 200, /* of one answer that are looked at */
    RCODE_NOERROR = 0,
    RCODE_NXDOMAIN = 3
};

static enum dns_status status_of(const struct ub_result *r)
{
    if (!r)
        return DNS_TEMPFAIL;
    if (r->bogus)
        return DNS_BOGUS;
    if (r->rcode != RCODE_NOERROR && r->rcode != RCODE_NXDOMAIN)
        return DNS_TEMPFAIL;
    if (r->havedata)
        return DNS_OK;
    return r->nxdomain ? DNS_NXDOMAIN : DNS_NODATA;
}

static void copy_records(const struct ub_result *r, struct arena *a, struct dns_answer *out)
{
    size_t n = 0;
    while (n < RECORDS_MAX && r->data[n])
        n++;
    out->rdata = ARENA_ARRAY(a, str, n);
    for (; out->n < n; out->n++)
        out->rdata[out->n] = arena_str(a, str_of(r->data[out->n], (size_t)r->len[out->n]));
}

static void copy_answer(const struct ub_result *r, struct arena *a, struct dns_answer *out)
{
    *out = (struct dns_answer){ .status = status_of(r) };
    if (!r)
        return;
    out->secure = r->secure;
    out->ttl = r->ttl > 0 ? (uint32_t)r->ttl : 0;
    if (out->status != DNS_OK)
        return;
    copy_records(r, a, out);
    if (r->canonname && !str_ieq(str_from_cstr(r->canonname), str_from_cstr(r->qname)))
        out->canonical = arena_cstr(a, str_from_cstr(r->canonname));
}

static bool check_name(struct arena *a, str name, const char **cstr, struct err *e)
{
    if (!dns_name_is_valid(name))
        return ERR(e, ERR_SYNTAX, "no domain name: %.*s", STR_FMT(str_slice(name, 0, 64)));
    *cstr = arena_cstr(a, name);
    return true;
}

bool dns_query(struct dns *d, str name, enum dns_type type, struct arena *a, int64_t deadline_ms,
               struct dns_answer *out, struct err *e)
{
    const char *cstr = NULL;
    if (!check_name(a, name, &cstr, e))
        return false;
    struct question *q = question_ask(d, cstr, type);
    bool ok = question_wait(q, deadline_ms, e);
    if (ok)
        copy_answer(q->result, a, out);
    question_end(d, &q);
    return ok;
}

/* ---- mail exchangers ---- */

static bool parse_mx(str rdata, struct arena *a, struct dns_mx *out)
{
    struct buf name;
    size_t end;
    if (rdata.n < 3)
        return false;
    buf_init(&name, DNS_NAME_MAX);
    bool ok = dns_parse_name(rdata, 2, &name, &end) && end == rdata.n;
    if (ok) {
        out->preference = (uint16_t)((unsigned char)rdata.p[0] << 8 | (unsigned char)rdata.p[1]);
        out->host = arena_lower(a, buf_str(&name));
    }
    buf_fini(&name);
    return ok;
}

static void swap_mx(struct dns_mx *a, struct dns_mx *b)
{
    struct dns_mx kept = *a;
    *a = *b;
    *b = kept;
}

/* Shuffles all; then by preference, with a sort that keeps the order of equal ones, so that those
 * are tried in a random order (RFC 5321 5.1). Lists are short: insertion it is. */
static void order_mx(struct dns_mx *list, size_t n)
{
    for (size_t i = n; i > 1; i--)
        swap_mx(&list[i - 1], &list[crypto_random_below(i)]);
    for (size_t i = 1; i < n; i++) {
        for (size_t j = i; j > 0 && list[j - 1].preference > list[j].preference; j--)
            swap_mx(&list[j - 1], &list[j]);
    }
}

bool dns_query_mx(struct dns *d, str domain, struct arena *a, int64_t deadline_ms,
                  struct dns_mx_list *out, struct err *e)
{
    struct dns_answer answer;
    if (!dns_query(d, domain, DNS_MX, a, deadline_ms, &answer, e))
        return false;
    *out = (struct dns_mx_list){ .status = answer.status, .secure = answer.secure };
    out->list = ARENA_ARRAY(a, struct dns_mx, answer.n);
    for (size_t i = 0; i < answer.n; i++) {
        if (parse_mx(answer.rdata[i], a, &out->list[out->n]))
            out->n++;
    }
    if (out->status == DNS_OK && out->n == 0)
        out->status = DNS_TEMPFAIL; /* all malformed: a fault of theirs that may be mended */
    order_mx(out->list, out->n);
    return true;
}

/* ---- addresses ---- */

static void add_addresses(const struct dns_answer *answer, size_t octets, struct dns_addresses *out)
{
    for (size_t i = 0; i < answer->n; i++) {
        const str *rdata = &answer->rdata[i];
        if (rdata->n == octets && net_address_from_ip(rdata->p, rdata->n, 0, &out->list[out->n]))
            out->n++;
    }
}

/* Of two answers, none with addresses: what to say about the host. A failure may hide addresses. */
static enum dns_status worse(enum dns_status a, enum dns_status b)
{
    static const enum dns_status order[] = { DNS_BOGUS, DNS_TEMPFAIL, DNS_NODATA };
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        if (a == order[i] || b == order[i])
            return order[i];
    }
    return a == DNS_OK ? DNS_NODATA : a;
}

static bool has_failed(const struct dns_answer *answer)
{
    return answer->status == DNS_TEMPFAIL || answer->status == DNS_BOGUS;
}

/* Whether the host's zone is signed. Who suppresses one of the answers must not make it look as if
 * it were not (RFC 7672 section 2.1.2). */
static bool are_secure(const struct dns_answer *a, const struct dns_answer *b)
{
    if (has_failed(a) || has_failed(b))
        return a->secure || b->secure;
    return a->secure && b->secure;
}

static str name_of(const struct dns_answer *answer)
{
    return answer->canonical ? str_from_cstr(answer->canonical) : STR_EMPTY;
}

bool dns_query_addresses(struct dns *d, str host, struct arena *a, int64_t deadline_ms,
                         struct dns_addresses *out, struct err *e)
{
    const char *cstr = NULL;
    struct dns_answer v6;
    struct dns_answer v4;
    if (!check_name(a, host, &cstr, e))
        return false;
    struct question *q6 = question_ask(d, cstr, DNS_AAAA);
    struct question *q4 = question_ask(d, cstr, DNS_A);
    bool ok = question_wait(q6, deadline_ms, e) && question_wait(q4, deadline_ms, e);
    if (ok) {
        copy_answer(q6->result, a, &v6);
        copy_answer(q4->result, a, &v4);
    }
    question_end(d, &q6);
    question_end(d, &q4);
    if (!ok)
        return false;
    *out = (struct dns_addresses){ .secure = are_secure(&v6, &v4),
                                   .canonical = v6.n ? name_of(&v6) : name_of(&v4) };
    out->list = ARENA_ARRAY(a, struct net_address, v6.n + v4.n);
    add_addresses(&v6, 16, out);
    add_addresses(&v4, 4, out);
    out->status = out->n ? DNS_OK : worse(v6.status, v4.status);
    return true;
}

/* ---- names of addresses ---- */

static bool reverse_name(const struct net_address *address, struct buf *out)
{
    uint8_t octets[16];
    size_t n = net_address_octets(address, octets);
    bool ok = n > 0;
    for (size_t i = n; i-- > 0 && ok;) {
        ok = n == 4 ? buf_addf(out, "%u.", octets[i])
                    : buf_addf(out, "%x.%x.", octets[i] & 15, octets[i] >> 4);
    }
    return ok && buf_add(out, n == 4 ? STR("in-addr.arpa") : STR("ip6.arpa"));
}

bool dns_query_ptr(struct dns *d, const struct net_address *address, struct arena *a,
                   int64_t deadline_ms, str *name, struct err *e)
{
    struct buf text;
    struct dns_answer answer;
    size_t end;
    buf_init(&text, DNS_NAME_MAX);
    *name = STR_EMPTY;
    bool ok = reverse_name(address, &text) || ERR(e, ERR_SYNTAX, "this address has no name");
    str asked = arena_str(a, buf_str(&text));
    ok = ok && dns_query(d, asked, DNS_PTR, a, deadline_ms, &answer, e);
    buf_clear(&text);
    if (ok && answer.n > 0 && dns_parse_name(answer.rdata[0], 0, &text, &end))
        *name = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return ok;
}
