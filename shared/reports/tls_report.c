/* SPDX-License-Identifier: Apache-2.0 */
/* TLS-RPT as JSON (RFC 8460 section 4.4). */
#include "base/date.h"
#include "reports/document.h"

#include <jansson.h>

static json_t *text(str s)
{
    json_t *value = json_stringn(s.p ? s.p : "", s.n);
    return value ? value : json_string("?"); /* what is not UTF-8 */
}

static void set(json_t *o, const char *key, json_t *value)
{
    INVARIANT(json_object_set_new(o, key, value) == 0);
}

static void set_unless_empty(json_t *o, const char *key, str value)
{
    if (value.n)
        set(o, key, text(value));
}

static json_t *time_of(int64_t s)
{
    struct buf b;
    buf_init(&b, 64);
    INVARIANT(date_format_rfc3339(s * 1000000, 0, &b));
    json_t *value = text(buf_str(&b));
    buf_fini(&b);
    return value;
}

/* ---- one policy ---- */

static bool is_same_policy(const struct reports_tls_row *a, const struct reports_tls_row *b)
{
    return str_eq(a->policy_type, b->policy_type) && str_eq(a->policy_domain, b->policy_domain) &&
           str_eq(a->policy, b->policy);
}

/* The lines of the policy, and the servers that one of MTA-STS names. */
static void set_policy_lines(json_t *o, const struct reports_tls_row *row)
{
    json_t *lines = json_array();
    json_t *hosts = json_array();
    str rest = row->policy;
    str line, name, value;
    while (rest.n) {
        (void)str_cut(rest, '\n', &line, &rest);
        INVARIANT(json_array_append_new(lines, text(line)) == 0);
        bool has_name = str_cut(line, ':', &name, &value);
        if (has_name && str_eq(name, STR("mx")))
            INVARIANT(json_array_append_new(hosts, text(str_trim(value))) == 0);
    }
    set(o, "policy-string", lines);
    if (str_eq(row->policy_type, STR("sts")) && json_array_size(hosts) > 0) {
        set(o, "mx-host", hosts);
    } else {
        json_decref(hosts);
    }
}

static json_t *policy_of(const struct reports_tls_row *row)
{
    json_t *o = json_object();
    set(o, "policy-type", text(row->policy_type));
    if (row->policy.n)
        set_policy_lines(o, row);
    set(o, "policy-domain", text(row->policy_domain));
    return o;
}

static json_t *failure_of(const struct reports_tls_row *row)
{
    json_t *o = json_object();
    set(o, "result-type", text(row->result));
    set_unless_empty(o, "sending-mta-ip", row->our_ip);
    set_unless_empty(o, "receiving-mx-hostname", row->mx);
    set_unless_empty(o, "receiving-ip", row->mx_ip);
    set(o, "failed-session-count", json_integer(row->sessions));
    set_unless_empty(o, "failure-reason-code", row->reason);
    return o;
}

/* The rows of the first one's policy; gives how many they are. */
static size_t add_policy(json_t *policies, const struct reports_tls_row *rows, size_t n)
{
    json_t *o = json_object();
    json_t *summary = json_object();
    json_t *failures = json_array();
    int64_t good = 0;
    int64_t bad = 0;
    size_t used = 0;
    for (; used < n && is_same_policy(&rows[0], &rows[used]); used++) {
        if (str_eq(rows[used].result, STR("successful"))) {
            good += rows[used].sessions;
            continue;
        }
        bad += rows[used].sessions;
        INVARIANT(json_array_append_new(failures, failure_of(&rows[used])) == 0);
    }
    set(summary, "total-successful-session-count", json_integer(good));
    set(summary, "total-failure-session-count", json_integer(bad));
    set(o, "policy", policy_of(&rows[0]));
    set(o, "summary", summary);
    set(o, "failure-details", failures);
    INVARIANT(json_array_append_new(policies, o) == 0);
    return used;
}

bool reports_tls_format(const struct reports_about *about, const struct reports_tls_row *rows,
                        size_t n, struct buf *out, struct err *e)
{
    json_t *o = json_object();
    json_t *range = json_object();
    json_t *policies = json_array();
    set(range, "start-datetime", time_of(about->begin_s));
    set(range, "end-datetime", time_of(about->end_s));
    set(o, "organization-name", text(about->sender->organization));
    set(o, "date-range", range);
    set(o, "contact-info", text(about->sender->contact));
    set(o, "report-id", text(about->id));
    for (size_t i = 0; i < n;)
        i += add_policy(policies, &rows[i], n - i);
    set(o, "policies", policies);
    char *written = json_dumps(o, JSON_INDENT(1));
    json_decref(o);
    INVARIANT(written);
    bool ok = buf_add(out, str_from_cstr(written)) || ERR(e, ERR_LIMIT, "the report is too long");
    free(written);
    return ok;
}
