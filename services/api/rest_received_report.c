/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of others about our domains, for administrators: lists, rows, sums for charts. */
#include "api_routes.h"
#include "reports/ledger.h"
#include "reports/received.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"

static json_t *shape_report(const struct reports_received_entry *entry)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(entry->id));
    api_set(o, "kind", json_string(reports_kind_name(entry->kind)));
    api_set(o, "domain", api_text(entry->domain));
    api_set(o, "cameBy", json_string(entry->is_posted ? "https" : "mail"));
    api_set(o, "organization", api_text(entry->organization));
    api_set(o, "contact", api_text(entry->contact));
    api_set(o, "reportId", api_text(entry->report_id));
    api_set(o, "policy", api_text(entry->policy));
    api_set(o, "beginAt", api_time(entry->begin_us));
    api_set(o, "endAt", api_time(entry->end_us));
    api_set(o, "receivedAt", api_time(entry->received_us));
    api_set(o, "good", json_integer(entry->good));
    api_set(o, "bad", json_integer(entry->bad));
    return o;
}

void rest_list_received_reports(struct api_call *call, const struct list_received_reports_params *p,
                                const json_t *body)
{
    static const enum reports_kind kinds[] = { [LIST_RECEIVED_REPORTS_KIND_ALL] = REPORTS_KINDS,
                                               [LIST_RECEIVED_REPORTS_KIND_TLS] = REPORTS_TLS,
                                               [LIST_RECEIVED_REPORTS_KIND_DMARC] = REPORTS_DMARC };
    struct call_cursor at = { .numbers = { INT64_MAX }, .text = STR_EMPTY };
    struct reports_received_entries found;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    const struct reports_received_filter filter = { .kind = kinds[p->kind],
                                                    .domain = admin_domain(call, p->domain),
                                                    .before_id = at.numbers[0],
                                                    .limit = (unsigned)p->limit };
    if (!reports_received_list(call->app->db, &filter, call->arena, call->deadline_ms, &found,
                               &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < found.n; i++)
        api_add(items, shape_report(&found.list[i]));
    struct call_cursor next = { .text = STR_EMPTY };
    if (found.n == filter.limit)
        next.numbers[0] = found.list[found.n - 1].id;
    call_items_page(call, items, found.n == filter.limit ? &next : NULL);
}

/* ---- rows ---- */

/* "pass example.org mail" for each line. */
static json_t *shape_lines(str lines)
{
    json_t *list = json_array();
    str line;
    while (lines.n) {
        (void)str_cut(lines, '\n', &line, &lines);
        api_add(list, api_text(str_trim(line)));
    }
    return list;
}

static json_t *shape_dmarc(const struct reports_dmarc_row *row)
{
    json_t *o = json_object();
    api_set(o, "messages", json_integer(row->messages));
    api_set(o, "source", api_text(row->source));
    api_set(o, "disposition", api_text(row->disposition));
    api_set(o, "dkim", api_text(row->dkim));
    api_set(o, "spf", api_text(row->spf));
    api_set(o, "reason", api_text(row->override));
    api_set(o, "comment", api_text(row->comment));
    api_set(o, "headerFrom", api_text(row->header_from));
    api_set(o, "envelopeFrom", api_text(row->envelope_from));
    api_set(o, "signatures", shape_lines(row->signatures));
    api_set(o, "spfDomain", api_text(row->spf_domain));
    api_set(o, "spfResult", api_text(row->spf_result));
    return o;
}

static json_t *shape_tls(const struct reports_tls_row *row)
{
    json_t *o = json_object();
    api_set(o, "sessions", json_integer(row->sessions));
    api_set(o, "policyType", api_text(row->policy_type));
    api_set(o, "policyDomain", api_text(row->policy_domain));
    api_set(o, "result", api_text(row->result));
    api_set(o, "mx", api_text(row->mx));
    api_set(o, "mxIp", api_text(row->mx_ip));
    api_set(o, "senderIp", api_text(row->our_ip));
    api_set(o, "reason", api_text(row->reason));
    return o;
}

void rest_get_received_report(struct api_call *call, const struct get_received_report_params *p,
                              const json_t *body)
{
    struct reports_received_entry entry;
    struct reports_received report;
    struct err e = ERR_CLEAR;
    (void)body;
    if (!reports_received_get(call->app->db, p->received_report_id, call->arena, call->deadline_ms,
                              &entry, &report, &e)) {
        (void)admin_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    json_t *dmarc = json_array();
    json_t *tls = json_array();
    for (size_t i = 0; i < report.n; i++) {
        if (report.kind == REPORTS_TLS) {
            api_add(tls, shape_tls(&report.tls[i]));
        } else {
            api_add(dmarc, shape_dmarc(&report.dmarc[i]));
        }
    }
    api_set(o, "report", shape_report(&entry));
    api_set(o, "dmarc", dmarc);
    api_set(o, "tls", tls);
    call_json(call, 200, o);
}

/* ---- sums ---- */

static json_t *shape_sums(const struct reports_received_sums *sums, bool are_days)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sums->n; i++) {
        const struct reports_received_sum *sum = &sums->list[i];
        json_t *o = json_object();
        api_set(o, are_days ? "day" : "what",
                are_days ? api_time(sum->day_us) : api_text(sum->what));
        api_set(o, "good", json_integer(sum->good));
        api_set(o, "bad", json_integer(sum->bad));
        api_add(list, o);
    }
    return list;
}

void rest_get_report_chart(struct api_call *call, const struct get_report_chart_params *p,
                           const json_t *body)
{
    struct reports_received_chart chart;
    struct err e = ERR_CLEAR;
    (void)body;
    if (!reports_received_sum_up(call->app->db, admin_domain(call, p->domain), (unsigned)p->days,
                                 call->arena, call->deadline_ms, &chart, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    api_set(o, "dmarcDays", shape_sums(&chart.dmarc_days, true));
    api_set(o, "dmarcSources", shape_sums(&chart.dmarc_sources, false));
    api_set(o, "tlsDays", shape_sums(&chart.tls_days, true));
    api_set(o, "tlsFailures", shape_sums(&chart.tls_failures, false));
    call_json(call, 200, o);
}
