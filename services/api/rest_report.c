/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to other domains, for administrators: what is counted, what goes out, and to whom. */
#include "api_routes.h"
#include "reports/destination.h"
#include "reports/ledger.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/app/report_sender.h"

static json_t *shape_report(struct api_call *call, const struct reports_entry *entry)
{
    enum {
        DAY_SIZE = sizeof("2026-11-20") - 1
    };
    const struct reports_name name = { entry->kind, entry->day, entry->domain };
    const char *kind = reports_kind_name(entry->kind);
    json_t *o = json_object();
    str id = reports_name_format(call->arena, &name);
    api_set(o, "id", api_text(id));
    api_set(o, "kind", json_string(kind));
    api_set(o, "day", api_text(str_slice(id, strlen(kind) + 1, DAY_SIZE)));
    api_set(o, "domain", api_text(entry->domain));
    api_set(o, "state", json_string(reports_state_name(entry->state)));
    api_set(o, "dueAt", api_time(entry->due_us));
    api_set(o, "changedAt", api_time(entry->changed_us));
    api_set(o, "attempts", json_integer(entry->attempts));
    api_set(o, "count", json_integer(entry->count));
    api_set(o, "note", api_text(entry->note));
    return o;
}

/* The report of the id in the path; false: answered. Yields. */
YIELDS static bool find(struct api_call *call, str id, struct reports_entry *out)
{
    struct err e = ERR_CLEAR;
    struct reports_name name;
    if (reports_name_parse(call->arena, id, &name, &e) &&
        reports_get(call->app->db, &name, call->arena, call->deadline_ms, out, &e))
        return true;
    (void)admin_fail(call, &e);
    return false;
}

/* ---- list ---- */

static void read_filter(struct api_call *call, const struct list_reports_params *p,
                        const struct call_cursor *at, struct reports_filter *out)
{
    static const enum reports_kind kinds[] = { [LIST_REPORTS_KIND_ALL] = REPORTS_KINDS,
                                               [LIST_REPORTS_KIND_TLS] = REPORTS_TLS,
                                               [LIST_REPORTS_KIND_DMARC] = REPORTS_DMARC };
    static const enum reports_state states[] = { [LIST_REPORTS_STATE_ALL] = REPORTS_STATES,
                                                 [LIST_REPORTS_STATE_DUE] = REPORTS_DUE,
                                                 [LIST_REPORTS_STATE_SENT] = REPORTS_SENT,
                                                 [LIST_REPORTS_STATE_DROPPED] = REPORTS_DROPPED };
    *out = (struct reports_filter){
        .kind = kinds[p->kind],
        .state = states[p->state],
        .domain = admin_domain(call, p->domain),
        .after_day = at->numbers[0],
        .after_kind = at->numbers[1] == REPORTS_DMARC ? REPORTS_DMARC : REPORTS_TLS,
        .after_domain = at->text,
        .limit = (unsigned)p->limit,
    };
}

void rest_list_reports(struct api_call *call, const struct list_reports_params *p,
                       const json_t *body)
{
    struct call_cursor at = { .numbers = { INT64_MAX }, .text = STR_EMPTY };
    struct reports_filter filter;
    struct reports_entries found;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    read_filter(call, p, &at, &filter);
    if (!reports_list(call->app->db, &filter, call->arena, call->deadline_ms, &found, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < found.n; i++)
        api_add(items, shape_report(call, &found.list[i]));
    struct call_cursor next = { .text = STR_EMPTY };
    if (found.n == filter.limit) {
        const struct reports_entry *last = &found.list[found.n - 1];
        next = (struct call_cursor){ .numbers = { last->day, last->kind }, .text = last->domain };
    }
    call_items_page(call, items, found.n == filter.limit ? &next : NULL);
}

/* ---- one report ---- */

static json_t *shape_uris(const struct reports_uris *uris)
{
    json_t *list = json_array();
    for (size_t i = 0; i < uris->n; i++)
        api_add(list, api_text(uris->list[i].target));
    return list;
}

/* Who would get it; null without a resolver (on the command line) or an answer. Yields. */
YIELDS static json_t *shape_recipients(struct api_call *call, const struct reports_entry *entry,
                                       const struct reports_document *doc, str *problem)
{
    struct err e = ERR_CLEAR;
    struct reports_destinations to;
    const struct reports_question question = { .kind = entry->kind,
                                               .domain = entry->domain,
                                               .dmarc = doc->record };
    if (!call->app->dns)
        return json_null();
    const struct mailauth_resolver resolver = mailauth_resolver_of(call->app->dns);
    if (!reports_find_destinations(&resolver, &question, call->arena, call->deadline_ms, &to, &e)) {
        *problem = arena_str(call->arena, str_from_cstr(e.msg));
        return json_null();
    }
    *problem = to.why;
    return shape_uris(&to.uris);
}

/* What is in the way of making it is told, and is no failure of the call. Yields. */
YIELDS static bool load(struct api_call *call, const struct reports_entry *entry,
                        struct reports_sender *sender, struct reports_document *out, str *problem,
                        struct err *e)
{
    struct err why = ERR_CLEAR;
    *problem = STR_EMPTY;
    if (app_report_sender(call->app, call->arena, call->deadline_ms, sender, &why) &&
        reports_load(call->app->db, entry, sender, call->arena, call->deadline_ms, out, &why))
        return true;
    out->text = (str){ NULL, 0 };
    *problem = arena_str(call->arena, str_from_cstr(why.msg));
    if (why.kind == ERR_NOT_FOUND || why.kind == ERR_SYNTAX || why.kind == ERR_LIMIT)
        return true;
    *e = why;
    return false;
}

void rest_get_report(struct api_call *call, const struct get_report_params *p, const json_t *body)
{
    struct reports_entry entry;
    struct reports_sender sender;
    struct reports_document doc = { .text = { NULL, 0 } };
    struct err e = ERR_CLEAR;
    str problem;
    (void)body;
    if (!find(call, p->report_id, &entry))
        return;
    if (!load(call, &entry, &sender, &doc, &problem, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    api_set(o, "report", shape_report(call, &entry));
    api_set(o, "text", doc.text.p ? api_text(doc.text) : json_null());
    api_set(o, "recipients",
            doc.text.p ? shape_recipients(call, &entry, &doc, &problem) : json_null());
    api_set(o, "problem", api_text(problem));
    call_json(call, 200, o);
}

void rest_send_report(struct api_call *call, const struct send_report_params *p, const json_t *body)
{
    struct reports_entry entry;
    struct err e = ERR_CLEAR;
    (void)body;
    if (!find(call, p->report_id, &entry))
        return;
    const struct reports_name name = { entry.kind, entry.day, entry.domain };
    if (!reports_send_now(call->app->db, &name, call->deadline_ms, &e)) {
        if (e.kind != ERR_CONFLICT) {
            (void)call_fail(call, &e);
        } else if (find(call, p->report_id, &entry)) { /* it may have been sent just now */
            (void)call_problem(call, "too-late",
                               entry.state == REPORTS_SENT ? "It was sent already."
                                                           : "Its day is not over.");
        }
        return;
    }
    call_audit(call, "report.send", p->report_id, STR_EMPTY, "ok");
    if (find(call, p->report_id, &entry))
        call_json(call, 200, shape_report(call, &entry));
}
