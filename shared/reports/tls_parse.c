/* SPDX-License-Identifier: Apache-2.0 */
/* TLS-RPT as JSON (RFC 8460 section 4.4), as others write it. */
#include "base/date.h"
#include "reports/clean.h"

#include <jansson.h>

enum {
    POLICY_MAX = REPORTS_FIELD_MAX * 8, /* octets kept of a policy's lines */
    DEPTH_MAX = 32                      /* a report has 6 */
};

struct reading {
    struct arena *a;
    struct reports_received *out;
};

static str text(const struct reading *r, const json_t *o, const char *key)
{
    const json_t *value = json_object_get(o, key);
    if (!json_is_string(value))
        return STR_EMPTY;
    return reports_clean(r->a, str_of(json_string_value(value), json_string_length(value)),
                         REPORTS_FIELD_MAX);
}

/* Some write counts as texts. */
static int64_t count(const json_t *o, const char *key)
{
    const json_t *value = json_object_get(o, key);
    int64_t n = 0;
    if (json_is_integer(value)) {
        n = json_integer_value(value);
    } else if (json_is_string(value)) {
        (void)str_to_int(str_from_cstr(json_string_value(value)), 0, REPORTS_COUNT_MAX, &n);
    }
    return n < 0 || n > REPORTS_COUNT_MAX ? 0 : n;
}

static int64_t time_of(const struct reading *r, const json_t *o, const char *key)
{
    struct err ignored = ERR_CLEAR;
    int64_t us = 0;
    return date_parse_rfc3339(text(r, o, key), &us, &ignored) ? us / 1000000 : 0;
}

/* ---- policies ---- */

/* The lines of the policy; some give one text in place of a list. They are copied into the arena
 * once: a copy for each line would be many times the document. */
static str policy_lines(const struct reading *r, const json_t *policy)
{
    const json_t *lines = json_object_get(policy, "policy-string");
    struct arena scratch;
    struct buf all;
    bool has_room = true;
    if (json_is_string(lines))
        return text(r, policy, "policy-string");
    arena_init(&scratch);
    buf_init(&all, POLICY_MAX);
    for (size_t i = 0; i < json_array_size(lines) && has_room; i++) {
        str line = str_from_cstr(json_string_value(json_array_get(lines, i)));
        str clean = reports_clean(&scratch, line, REPORTS_FIELD_MAX);
        has_room = buf_addf(&all, "%s%.*s", all.n ? "\n" : "", STR_FMT(clean));
        arena_reset(&scratch);
    }
    str kept = arena_str(r->a, buf_str(&all));
    buf_fini(&all);
    arena_fini(&scratch);
    return kept;
}

static void add_row(struct reading *r, const struct reports_tls_row *row)
{
    if (row->sessions > 0)
        r->out->tls[r->out->n++] = *row;
}

/* Each failure, then what the summary has beyond them. */
static void add_failures(struct reading *r, const struct reports_tls_row *policy,
                         const json_t *details, int64_t all)
{
    for (size_t i = 0; i < json_array_size(details); i++) {
        const json_t *d = json_array_get(details, i);
        struct reports_tls_row row = *policy;
        row.result = text(r, d, "result-type");
        row.mx = text(r, d, "receiving-mx-hostname");
        row.mx_ip = text(r, d, "receiving-ip");
        row.our_ip = text(r, d, "sending-mta-ip");
        row.reason = text(r, d, "failure-reason-code");
        row.sessions = count(d, "failed-session-count");
        if (!row.result.n)
            row.result = STR("unspecified");
        r->out->bad += row.sessions;
        all -= row.sessions;
        add_row(r, &row);
    }
    if (all > 0) {
        struct reports_tls_row row = *policy;
        row.result = STR("unspecified");
        row.sessions = all;
        r->out->bad += all;
        add_row(r, &row);
    }
}

static void add_policy(struct reading *r, const json_t *o)
{
    const json_t *policy = json_object_get(o, "policy");
    const json_t *summary = json_object_get(o, "summary");
    struct reports_tls_row row = {
        .policy_type = text(r, policy, "policy-type"),
        .policy_domain = text(r, policy, "policy-domain"),
        .policy = policy_lines(r, policy),
        .result = STR("successful"),
        .sessions = count(summary, "total-successful-session-count"),
    };
    if (!r->out->domain.n)
        r->out->domain = reports_clean_domain(r->a, row.policy_domain);
    if (!r->out->policy.n)
        r->out->policy = row.policy;
    r->out->good += row.sessions;
    add_row(r, &row);
    add_failures(r, &row, json_object_get(o, "failure-details"),
                 count(summary, "total-failure-session-count"));
}

/* Rows that there can be: of each policy its successes, its failures, and the rest. */
static size_t count_rows(const json_t *policies)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(policies); i++) {
        const json_t *o = json_array_get(policies, i);
        n += 2 + json_array_size(json_object_get(o, "failure-details"));
    }
    return n;
}

static bool read_root(struct reading *r, const json_t *root, struct err *e)
{
    const json_t *policies = json_object_get(root, "policies");
    const json_t *range = json_object_get(root, "date-range");
    size_t most = count_rows(policies);
    if (most == 0)
        return ERR(e, ERR_SYNTAX, "the JSON is no TLS report");
    if (most > REPORTS_ROWS_MAX)
        return ERR(e, ERR_LIMIT, "the report has too many rows");
    r->out->organization = text(r, root, "organization-name");
    r->out->contact = text(r, root, "contact-info");
    r->out->id = text(r, root, "report-id");
    r->out->begin_s = time_of(r, range, "start-datetime");
    r->out->end_s = time_of(r, range, "end-datetime");
    r->out->tls = ARENA_ARRAY(r->a, struct reports_tls_row, most);
    for (size_t i = 0; i < json_array_size(policies); i++)
        add_policy(r, json_array_get(policies, i));
    return reports_check(r->out, e);
}

/* ---- before it is read ---- */

/* A text of many tiny values would become a tree of a hundred times its size, and one of many
 * brackets a deep recursion: both are counted before there is one. Strings are not told apart:
 * what is in them counts, too, and no report comes near. */
static bool is_bounded(str json)
{
    size_t values = 0;
    size_t depth = 0;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        values += c == ',' || c == '[' || c == '{';
        if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
        if (values > REPORTS_JSON_VALUES_MAX || depth > DEPTH_MAX)
            return false;
    }
    return true;
}

bool reports_tls_parse(str json, struct arena *a, struct reports_received *out, struct err *e)
{
    struct reading r = { .a = a, .out = out };
    json_error_t problem;
    *out = (struct reports_received){ .kind = REPORTS_TLS };
    if (json.n > REPORTS_DOCUMENT_MAX || !is_bounded(json))
        return ERR(e, ERR_LIMIT, "the report has too many values");
    json_t *root = json_loadb(json.p ? json.p : "", json.n, JSON_DISABLE_EOF_CHECK, &problem);
    if (!root)
        return ERR(e, ERR_SYNTAX, "the report is no JSON: %s", problem.text);
    bool ok = read_root(&r, root, e);
    json_decref(root);
    return ok;
}
