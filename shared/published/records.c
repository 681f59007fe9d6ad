/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS records that a domain of ours needs: only of what this server does. */
#include "published/published.h"

enum {
    SMTP_PORT = 25,
    RECORD_MAX = 1024,
    FIXED_MAX = 16 /* records beside those of keys */
};

/* One domain's records on the way into a list. */
struct listing {
    struct arena *a;
    const struct published_self *self;
    str domain;
    struct published_records *out;
};

static void add(struct listing *l, struct published_record record)
{
    l->out->list[l->out->n++] = record;
}

static void add_text(struct listing *l, enum published_purpose purpose, str name, str text)
{
    add(l, (struct published_record){
               .purpose = purpose, .type = "TXT", .name = name, .value = text, .is_needed = true });
}

/* A name below the domain: "_dmarc" gives "_dmarc.example.org". */
static str below(const struct listing *l, const char *label)
{
    return arena_printf(l->a, "%s.%.*s", label, STR_FMT(l->domain));
}

static void add_services(struct listing *l)
{
    static const struct {
        enum published_purpose purpose;
        const char *name;
        unsigned port;
    } services[] = { { PUBLISHED_IMAPS, "_imaps._tcp", 993 },
                     { PUBLISHED_SUBMISSIONS, "_submissions._tcp", 465 },
                     { PUBLISHED_SUBMISSION, "_submission._tcp", 587 } };
    for (size_t i = 0; i < COUNT_OF(services); i++) {
        add(l, (struct published_record){
                   .purpose = services[i].purpose,
                   .type = "SRV",
                   .name = below(l, services[i].name),
                   .value = arena_printf(l->a, "0 1 %u %s.", services[i].port, l->self->host) });
    }
}

/* Who signs needs its records, and who waits waits for them; those of a former key are for mail
 * that is still on its way. */
size_t published_key_records(str domain, const struct account_dkim_key *key, struct arena *a,
                             struct published_record out[PUBLISHED_KEY_RECORDS])
{
    const str values[PUBLISHED_KEY_RECORDS] = { key->rsa_record, key->ed_record };
    size_t n = 0;
    for (size_t i = 0; i < PUBLISHED_KEY_RECORDS; i++) {
        if (values[i].n == 0)
            continue;
        out[n] = (struct published_record){ .purpose = PUBLISHED_DKIM,
                                            .type = "TXT",
                                            .name = arena_printf(
                                                a, "%.*s%s._domainkey.%.*s", STR_FMT(key->selector),
                                                n == 0 ? "" : "-ed", STR_FMT(domain)),
                                            .value = values[i],
                                            .is_needed = key->state != ACCOUNT_DKIM_RETIRED };
        n++;
    }
    return n;
}

static void add_keys(struct listing *l, const struct account_dkim_list *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        l->out->is_signed = l->out->is_signed || keys->list[i].state == ACCOUNT_DKIM_SIGNING;
        l->out->n +=
            published_key_records(l->domain, &keys->list[i], l->a, &l->out->list[l->out->n]);
    }
}

/* The policy host is this server, as the file is served here (RFC 8461 section 3). */
static void add_mta_sts(struct listing *l, const struct account_mta_sts *own)
{
    add_text(l, PUBLISHED_MTA_STS, below(l, "_mta-sts"),
             arena_printf(l->a, "v=STSv1; id=%.*s;", STR_FMT(own->id)));
    add(l, (struct published_record){ .purpose = PUBLISHED_MTA_STS,
                                      .type = "CNAME",
                                      .name = below(l, "mta-sts"),
                                      .value = arena_printf(l->a, "%s.", l->self->host),
                                      .is_needed = true });
}

bool published_tlsa_record(const char *host, const uint8_t key[TLS_KEY_SHA256], struct arena *a,
                           struct published_record *out)
{
    static const str between = STR_INIT(". IN TLSA ");
    struct buf line;
    buf_init(&line, RECORD_MAX);
    bool ok = tlsa_format(str_from_cstr(host), SMTP_PORT, key, &line);
    if (ok) {
        str all = arena_str(a, buf_str(&line));
        ptrdiff_t at = str_find(all, between);
        INVARIANT(at > 0);
        *out =
            (struct published_record){ .purpose = PUBLISHED_TLSA,
                                       .type = "TLSA",
                                       .name = str_slice(all, 0, (size_t)at),
                                       .value = str_trim(str_skip(all, (size_t)at + between.n)) };
    }
    buf_fini(&line);
    return ok;
}

/* Of the certificate that is in use for our name now, and of the one that comes next: who sets that
 * alone would keep mail away. */
static void add_tlsa(struct listing *l)
{
    const struct published_self *self = l->self;
    struct published_record record;
    if (!self->tls_key || !published_tlsa_record(self->host, self->tls_key, l->a, &record))
        return;
    add(l, record);
    if (!self->next_tls_key || memcmp(self->next_tls_key, self->tls_key, TLS_KEY_SHA256) == 0 ||
        !published_tlsa_record(self->host, self->next_tls_key, l->a, &record))
        return;
    record.purpose = PUBLISHED_TLSA_NEXT;
    add(l, record);
}

/* Who tells us of our mail: at the address whose reports are read (reports.inbox), and by HTTPS. */
static void add_reports(struct listing *l)
{
    const struct published_self *self = l->self;
    str post = self->report_path
                   ? arena_printf(l->a, ",https://%s%s", self->host, self->report_path)
                   : STR_EMPTY;
    str tls = arena_printf(l->a, "v=TLSRPTv1; rua=mailto:%s@%.*s%.*s", self->inbox,
                           STR_FMT(l->domain), STR_FMT(post));
    add_text(l, PUBLISHED_DMARC, below(l, "_dmarc"),
             arena_printf(l->a, "v=DMARC1; p=none; rua=mailto:%s@%.*s", self->inbox,
                          STR_FMT(l->domain)));
    add(l, (struct published_record){ .purpose = PUBLISHED_TLS_RPT,
                                      .type = "TXT",
                                      .name = below(l, "_smtp._tls"),
                                      .value = tls });
}

/* The addresses of `servers` ("mx": those that take its mail; "a": of the name itself), and those
 * of pools, which may be of other names, and say the same in EHLO where their transport has no name
 * of its own. Other frontends may have other pools: what is not listed is not denied then. */
static str spf_of(const struct listing *l, const char *servers)
{
    str terms = STR_EMPTY;
    for (size_t i = 0; i < l->self->n_pools; i++) {
        char ip[NET_ADDRESS_TEXT];
        const struct net_address *address = &l->self->pools[i];
        terms = arena_printf(l->a, "%.*s ip%d:%.*s", STR_FMT(terms),
                             net_address_is_ipv4(address) ? 4 : 6,
                             STR_FMT(net_address_ip(address, ip)));
    }
    return arena_printf(l->a, "v=spf1 %s%.*s %call", servers, STR_FMT(terms),
                        terms.n > 0 ? '~' : '-');
}

/* Reports have no sender but our name in EHLO, and receivers may look at that name anyway; a record
 * of its own lets nobody else use it. A domain of that name has its own already. */
static void add_host_spf(struct listing *l)
{
    str helo = arena_lower(l->a, str_from_cstr(l->self->helo));
    if (str_find_byte(helo, '.') < 0 || str_eq(helo, l->domain))
        return;
    add(l,
        (struct published_record){
            .purpose = PUBLISHED_SPF_HOST, .type = "TXT", .name = helo, .value = spf_of(l, "a") });
}

bool published_list(struct account_directory *d, const struct published_self *self, str domain,
                    struct arena *a, int64_t deadline_ms, struct published_records *out,
                    struct err *e)
{
    struct listing l = { .a = a, .self = self, .domain = domain, .out = out };
    struct account_dkim_list keys;
    struct account_mta_sts own;
    bool has_policy = false;
    if (!account_dkim_list(d, domain, a, deadline_ms, &keys, e) ||
        !account_mta_sts_find(d, domain, a, deadline_ms, &has_policy, &own, e))
        return false;
    *out = (struct published_records){
        .domain = domain,
        .list = ARENA_ARRAY(a, struct published_record, FIXED_MAX + PUBLISHED_KEY_RECORDS * keys.n)
    };
    add(&l, (struct published_record){ .purpose = PUBLISHED_MX,
                                       .type = "MX",
                                       .name = domain,
                                       .value = arena_printf(a, "10 %s.", self->host),
                                       .is_needed = true });
    add_text(&l, PUBLISHED_SPF, domain, spf_of(&l, "mx"));
    add_host_spf(&l);
    add_keys(&l, &keys);
    if (has_policy)
        add_mta_sts(&l, &own);
    add_reports(&l);
    add_tlsa(&l);
    add_services(&l);
    return true;
}
