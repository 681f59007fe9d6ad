/* SPDX-License-Identifier: Apache-2.0 */
/* The server in figures, and who did what, for administrators. */
#include "account/lists.h"
#include "api_routes.h"
#include "audit/audit.h"
#include "base/date.h"
#include "services/api/api.h"
#include "services/api/health.h"
#include "services/api/shape_admin.h"
#include "store/figures.h"

enum {
    FULLEST = 10,
    STEPS_MAX = 1000,
    DAY_S = 86400
};

/* ---- now ---- */

YIELDS static bool load_fullest(struct api_call *call, json_t **out)
{
    struct account_list rows;
    struct err e = ERR_CLEAR;
    const struct account_query query = { .order = ACCOUNTS_BY_USED_DESC, .limit = FULLEST };
    if (!account_page(call->app->accounts, &query, call->arena, call->deadline_ms, &rows, &e))
        return call_fail(call, &e);
    *out = json_array();
    for (size_t i = 0; i < rows.n; i++)
        api_add(*out, shape_account_use(&rows.list[i]));
    return true;
}

void rest_get_overview(struct api_call *call, const void *p, const json_t *body)
{
    struct account_totals totals;
    struct queue_stats queue;
    struct health health;
    struct err e = ERR_CLEAR;
    json_t *fullest;
    (void)p;
    (void)body;
    if (!account_get_totals(call->app->accounts, call->arena, call->deadline_ms, &totals, &e) ||
        !queue_get_stats(call->app->queue, call->deadline_ms, &queue, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    if (!load_fullest(call, &fullest))
        return;
    health_look(call, true, &health);
    json_t *o = json_object();
    api_set(o, "version", json_string(HERONRY_VERSION));
    api_set(o, "hostname", json_string(call->app->hostname));
    api_set(o, "startedAt", api_time(call->api->began_us));
    api_set(o, "domains", json_integer(totals.domains));
    api_set(o, "accounts", json_integer(totals.accounts));
    api_set(o, "disabledAccounts", json_integer(totals.disabled));
    api_set(o, "administrators", json_integer(totals.admins));
    api_set(o, "messages", json_integer(totals.messages));
    api_set(o, "storedBytes", json_integer(totals.bytes));
    api_set(o, "queue", shape_queue_stats(&queue));
    api_set(o, "fullest", fullest);
    api_set(o, "status", json_string(health_word(health.status)));
    call_json(call, 200, o);
}

/* ---- over time ---- */

struct interval {
    int64_t from_us; /* beginning of the first step: a multiple of the step */
    int64_t step_s;
    size_t n;
    int64_t *values; /* n of them */
};

static const char *const metrics[] = {
    [GET_STATS_METRIC_MESSAGES_RECEIVED] = "messagesReceived",
    [GET_STATS_METRIC_BYTES_RECEIVED] = "bytesReceived",
    [GET_STATS_METRIC_SIGN_INS] = "signIns",
    [GET_STATS_METRIC_SIGN_IN_FAILURES] = "signInFailures",
    [GET_STATS_METRIC_CHANGES] = "changes",
};

static bool read_interval(struct api_call *call, const struct get_stats_params *p,
                          struct interval *out)
{
    static const int64_t steps[] = {
        [GET_STATS_STEP_60] = 60,     [GET_STATS_STEP_300] = 300,     [GET_STATS_STEP_900] = 900,
        [GET_STATS_STEP_3600] = 3600, [GET_STATS_STEP_86400] = DAY_S,
    };
    int64_t to_s = (p->has_to ? p->to : clock_utc_us()) / 1000000;
    int64_t from_s = p->has_from ? p->from / 1000000 : to_s - DAY_S;
    out->step_s = steps[p->step];
    from_s -= from_s % out->step_s;
    if (from_s < 0 || to_s < from_s || (to_s - from_s) / out->step_s >= STEPS_MAX) {
        return call_field_problem(call, "invalid-parameter", "from",
                                  "has to lie before `to`, by 1000 steps at most");
    }
    out->from_us = from_s * 1000000;
    out->n = (size_t)((to_s - from_s) / out->step_s) + 1;
    return true;
}

YIELDS static bool load_figures(struct api_call *call, enum get_stats_metric metric,
                                const struct interval *in)
{
    struct err e = ERR_CLEAR;
    int64_t *others = ARENA_ARRAY(call->arena, int64_t, in->n);
    bool bytes = metric == GET_STATS_METRIC_BYTES_RECEIVED;
    const struct store_received received = { .from_us = in->from_us,
                                             .step_s = in->step_s,
                                             .n = in->n,
                                             .counts = bytes ? others : in->values,
                                             .bytes = bytes ? in->values : others };
    struct audit_figures acts = {
        .from_us = in->from_us, .step_s = in->step_s, .n = in->n, .counts = in->values
    };
    if (bytes || metric == GET_STATS_METRIC_MESSAGES_RECEIVED) {
        return store_received_load(call->app->store, &received, call->arena, call->deadline_ms,
                                   &e) ||
               call_fail(call, &e);
    }
    acts.kind = metric == GET_STATS_METRIC_SIGN_INS           ? AUDIT_LOGINS
                : metric == GET_STATS_METRIC_SIGN_IN_FAILURES ? AUDIT_FAILED_LOGINS
                                                              : AUDIT_CHANGES;
    return audit_count(call->app->db, &acts, call->arena, call->deadline_ms, &e) ||
           call_fail(call, &e);
}

void rest_get_stats(struct api_call *call, const struct get_stats_params *p, const json_t *body)
{
    struct interval in;
    (void)body;
    if (!read_interval(call, p, &in))
        return;
    in.values = ARENA_ARRAY(call->arena, int64_t, in.n);
    if (!load_figures(call, p->metric, &in))
        return;
    json_t *o = json_object();
    json_t *times = json_array();
    json_t *column = json_array();
    for (size_t i = 0; i < in.n; i++) {
        api_add(times, json_integer(in.from_us / 1000000 + (int64_t)i * in.step_s));
        api_add(column, json_integer(in.values[i]));
    }
    api_set(o, "metric", json_string(metrics[p->metric]));
    api_set(o, "from", api_time(in.from_us));
    api_set(o, "to", api_time(in.from_us + (int64_t)in.n * in.step_s * 1000000));
    api_set(o, "stepSeconds", json_integer(in.step_s));
    api_set(o, "times", times);
    api_set(o, "values", column);
    call_json(call, 200, o);
}

/* ---- acts ---- */

void rest_list_audit(struct api_call *call, const struct list_audit_params *p, const json_t *body)
{
    struct call_cursor at = { .text = STR_EMPTY };
    struct audit_rows rows;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    const struct audit_query query = { .actor = p->actor,
                                       .action = p->action,
                                       .object = p->object,
                                       .from_us = p->has_from ? p->from : 0,
                                       .to_us = p->has_to ? p->to : DATE_UNIX_MAX * 1000000,
                                       .before = at.numbers[0],
                                       .limit = (size_t)p->limit + 1 };
    if (!audit_list(call->app->db, &query, call->arena, call->deadline_ms, &rows, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    struct call_cursor next = { .text = STR_EMPTY };
    size_t n = rows.n < query.limit ? rows.n : (size_t)p->limit;
    for (size_t i = 0; i < n; i++) {
        api_add(items, shape_audit_entry(&rows.list[i]));
        next.numbers[0] = rows.list[i].id;
    }
    call_items_page(call, items, rows.n == query.limit ? &next : NULL);
}
