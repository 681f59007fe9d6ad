/* SPDX-License-Identifier: Apache-2.0 */
/* Asking lists of the DNS. */
#include "spam/dnsbl.h"

#include "base/clock.h"
#include "runtime/crew.h"

str spam_dnsbl_name(struct arena *a, const struct net_address *client, str zone)
{
    uint8_t octets[16];
    size_t n = net_address_octets(client, octets);
    str name = STR_EMPTY;
    for (size_t i = 0; i < n; i++) {
        name = n == 4
                   ? arena_printf(a, "%u.%.*s", octets[i], STR_FMT(name))
                   : arena_printf(a, "%x.%x.%.*s", octets[i] & 15, octets[i] >> 4, STR_FMT(name));
    }
    return arena_printf(a, "%.*s%.*s", STR_FMT(name), STR_FMT(zone));
}

/* One list and what it said. */
struct question {
    const struct mailauth_resolver *resolver;
    const struct net_address *client;
    struct config_dnsbl_zone zone;
    struct arena *a;
    int64_t deadline_ms;
    enum dns_status status; /* TEMPFAIL also when it took too long */
    bool counts;            /* an answer does */
    bool is_error;          /* an answer is 127.255.255.x */
};

static void read_answers(struct question *q, const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->n; i++) {
        uint8_t ip[4];
        if (answer->rdata[i].n != sizeof(ip))
            continue;
        memcpy(ip, answer->rdata[i].p, sizeof(ip));
        q->counts = q->counts || config_dnsbl_zone_counts(&q->zone, ip);
        q->is_error = q->is_error || (ip[0] == 127 && ip[1] == 255 && ip[2] == 255);
    }
}

/* ERR_CANCELLED only. Yields. */
static YIELDS bool look_up(struct question *q, str name, enum dns_type type,
                           struct dns_answer *answer, struct err *e)
{
    struct err why = ERR_CLEAR;
    *answer = (struct dns_answer){ .status = DNS_TEMPFAIL };
    if (q->resolver->query(q->resolver->arg, name, type, q->a, q->deadline_ms, answer, &why))
        return true;
    *answer = (struct dns_answer){ .status = DNS_TEMPFAIL };
    return why.kind != ERR_CANCELLED || ERR(e, ERR_CANCELLED, "%s", why.msg);
}

static YIELDS bool ask_for(struct question *q, const struct net_address *host, struct err *e)
{
    struct dns_answer answer;
    q->counts = false;
    q->is_error = false;
    if (!look_up(q, spam_dnsbl_name(q->a, host, q->zone.zone), DNS_A, &answer, e))
        return false;
    q->status = answer.status;
    read_answers(q, &answer);
    return true;
}

static struct net_address test_point(const char *ip)
{
    struct net_address address;
    struct err e = ERR_CLEAR;
    INVARIANT(net_address_parse_ip(str_from_cstr(ip), &address, &e));
    return address;
}

/* A client that is listed is so only when the list knows somebody who is not. Yields. */
static YIELDS bool ask_one(void *arg, struct err *e)
{
    struct question *q = arg;
    const struct net_address nobody = test_point("127.0.0.1");
    if (!ask_for(q, q->client, e))
        return false;
    if (!q->counts)
        return true;
    if (!ask_for(q, &nobody, e))
        return false;
    q->counts = !q->counts;
    return true;
}

static str printable(struct arena *a, str text)
{
    char *copy = arena_cstr(a, str_slice(text, 0, SPAM_DNSBL_TEXT_MAX));
    for (char *c = copy; *c; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
    return str_from_cstr(copy);
}

static YIELDS bool find_text(struct question *q, str *out, struct err *e)
{
    struct dns_answer answer;
    str name = spam_dnsbl_name(q->a, q->client, q->zone.zone);
    if (!look_up(q, name, DNS_TXT, &answer, e))
        return false;
    if (answer.status == DNS_OK && answer.n > 0)
        *out = printable(q->a, dns_join_txt(q->a, answer.rdata[0]));
    return true;
}

bool spam_dnsbl_ask(const struct mailauth_resolver *resolver, const struct spam_dnsbl_rules *rules,
                    const struct net_address *client, struct arena *a, int64_t deadline_ms,
                    struct spam_dnsbl_verdict *out, struct err *e)
{
    struct crew_task tasks[SPAM_DNSBL_ZONES_MAX];
    struct question *worst = NULL;
    struct question *questions = ARENA_ARRAY(a, struct question, SPAM_DNSBL_ZONES_MAX);
    int64_t until_ms = clock_deadline_in(SPAM_DNSBL_MS);
    size_t n = 0;
    *out = (struct spam_dnsbl_verdict){ .score = 0 };
    for (size_t i = 0; i < rules->n && n < SPAM_DNSBL_ZONES_MAX; i++) {
        struct question *q = &questions[n];
        struct err ignored = ERR_CLEAR; /* the configuration was checked */
        *q = (struct question){ .resolver = resolver, .client = client, .a = a };
        q->deadline_ms = until_ms < deadline_ms ? until_ms : deadline_ms;
        if (config_dnsbl_zone_parse(str_from_cstr(rules->zones[i]), &q->zone, &ignored))
            tasks[n++] = (struct crew_task){ ask_one, q };
    }
    if (!crew_run(tasks, n, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct question *q = &questions[i];
        out->score += q->counts ? q->zone.weight : 0;
        if (q->counts && (!worst || q->zone.weight > worst->zone.weight))
            worst = q;
    }
    out->zone = worst ? worst->zone.zone : STR_EMPTY;
    return !worst || out->score < rules->threshold || find_text(worst, &out->text, e);
}

bool spam_dnsbl_test(const struct mailauth_resolver *resolver, str zone, struct arena *a,
                     int64_t deadline_ms, enum spam_dnsbl_health *out, struct err *e)
{
    const struct net_address nobody = test_point("127.0.0.1");
    const struct net_address somebody = test_point("127.0.0.2");
    struct question q = { .resolver = resolver, .a = a, .deadline_ms = deadline_ms };
    if (!config_dnsbl_zone_parse(zone, &q.zone, e) || !ask_for(&q, &nobody, e))
        return false;
    bool lists_all = q.counts;
    if (!ask_for(&q, &somebody, e))
        return false;
    *out = SPAM_DNSBL_WORKS;
    if (q.status == DNS_TEMPFAIL || q.status == DNS_BOGUS) {
        *out = SPAM_DNSBL_SILENT;
    } else if (q.is_error) {
        *out = SPAM_DNSBL_REFUSES;
    } else if (lists_all) {
        *out = SPAM_DNSBL_LISTS_ALL;
    } else if (!q.counts) {
        *out = SPAM_DNSBL_EMPTY;
    }
    return true;
}
