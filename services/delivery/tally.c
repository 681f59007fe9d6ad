/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions as TLS-RPT counts them. */
#include "services/delivery/tally.h"

#include "base/hex.h"
#include "reports/reports.h"

enum {
    POLICY_MAX = REPORTS_LONG_MAX
};

/* The lines of the MTA-STS policy. */
static void add_policy(const struct mta_sts_policy *policy, struct buf *out)
{
    struct buf file;
    str rest, line;
    buf_init(&file, 2 * (size_t)MTA_STS_POLICY_MAX);
    (void)mta_sts_policy_format(policy, &file);
    rest = buf_str(&file);
    while (str_cut(rest, '\n', &line, &rest))
        (void)buf_addf(out, "%s%.*s", out->n ? "\n" : "", STR_FMT(str_trim(line)));
    buf_fini(&file);
}

/* The TLSA records that count, as RFC 8460 section 4.4 shows them. */
static void add_records(const struct dane *dane, struct buf *out)
{
    for (size_t i = 0; i < dane->n; i++) {
        const struct tls_dane_record *r = &dane->records[i];
        size_t before = out->n;
        if (!buf_addf(out, "%s%u %u %u ", out->n ? "\n" : "", (unsigned)r->usage,
                      (unsigned)r->selector, (unsigned)r->matching) ||
            !hex_encode(r->data, out)) {
            buf_truncate(out, before); /* a whole certificate may be too long */
            return;
        }
    }
}

/* The policy that a session was judged by, in words of the report. The policy of DANE belongs to
 * the server and is found below its name (section 1.1). */
static void fill_policy(const struct delivery_demand *demand, const struct delivery_route *route,
                        const struct delivery_host *host, struct buf *lines,
                        struct reports_tls_result *out)
{
    out->domain = route->domain;
    out->policy_type = str_from_cstr(demand->policy);
    out->policy_domain = route->domain;
    if (str_eq(out->policy_type, STR("tlsa")) && host->dane) {
        out->policy_domain = host->dane->base.n ? host->dane->base : host->name;
        add_records(host->dane, lines);
    } else if (str_eq(out->policy_type, STR("sts")) && route->policy) {
        add_policy(route->policy, lines);
    }
    out->policy = buf_str(lines);
}

/* Without a policy nobody promised a certificate: that there is TLS at all is what was hoped for.
 */
static const char *judged(const struct delivery_session *s, const char *result)
{
    const struct tls_facts *facts = s->conn ? net_conn_tls(s->conn) : NULL;
    if (s->demand.fault)
        return s->demand.fault;
    bool is_free = str_eq(str_from_cstr(s->demand.policy), STR("no-policy-found"));
    return is_free && facts ? "successful" : result;
}

void delivery_count_tls(const struct delivery_session *s, const char *result, str reason)
{
    const struct delivery_host *host = s->host;
    struct buf lines;
    char mx_ip[NET_ADDRESS_TEXT];
    char our_ip[NET_ADDRESS_TEXT];
    struct reports_tls_result t = {
        .result = str_from_cstr(judged(s, result)),
        .mx = host->name,
        .mx_ip = net_address_ip(&host->address, mx_ip),
        .our_ip = s->conn ? net_address_ip(net_conn_local(s->conn), our_ip) : STR_EMPTY,
        .reason = reason,
    };
    if (s->is_uncounted)
        return;
    buf_init(&lines, POLICY_MAX);
    fill_policy(&s->demand, s->route, host, &lines, &t);
    reports_count_tls(s->d->app->reports, &t);
    buf_fini(&lines);
}

bool delivery_is_uncounted(const struct queue_lease *lease)
{
    for (size_t i = 0; i < lease->n; i++) {
        if (lease->messages[i].account_id != 0 || lease->messages[i].envelope_from.n)
            return false;
    }
    return true;
}

void delivery_count_no_route(const struct delivery *d, const struct queue_lease *lease,
                             const struct delivery_route *route)
{
    struct buf lines;
    str type, result;
    const struct delivery_host nobody = { .dane = NULL };
    if (delivery_is_uncounted(lease) || !str_cut(route->failure.tls, ' ', &type, &result))
        return;
    bool is_tlsa = str_eq(type, STR("tlsa"));
    const struct delivery_demand demand = { .policy = is_tlsa ? "tlsa" : "sts" };
    struct reports_tls_result t = { .result = result, .reason = route->failure.reply };
    buf_init(&lines, POLICY_MAX);
    fill_policy(&demand, route, &nobody, &lines, &t);
    reports_count_tls(d->app->reports, &t);
    buf_fini(&lines);
}
