/* SPDX-License-Identifier: Apache-2.0 */
/* Names of reports as operators write them. */
#include "base/date.h"
#include "reports/ledger.h"

str reports_name_format(struct arena *a, const struct reports_name *name)
{
    struct date d;
    date_civil_from_days(name->day, &d);
    return arena_printf(a, "%s.%04d-%02d-%02d.%.*s", reports_kind_name(name->kind), d.year, d.month,
                        d.day, STR_FMT(name->domain));
}

/* "2026-11-20" */
static bool parse_day(struct arena *a, str text, int64_t *day)
{
    enum {
        DAY_S = 86400
    };
    int64_t us;
    struct err ignored = ERR_CLEAR;
    str moment = arena_printf(a, "%.*sT00:00:00Z", STR_FMT(text));
    if (!date_parse_rfc3339(moment, &us, &ignored))
        return false;
    *day = us / 1000000 / DAY_S;
    return true;
}

bool reports_name_parse(struct arena *a, str text, struct reports_name *out, struct err *e)
{
    str kind, day, domain;
    bool has_parts = str_cut(text, '.', &kind, &domain) && str_cut(domain, '.', &day, &domain);
    bool is_tls = str_eq(kind, STR("tls"));
    out->kind = is_tls ? REPORTS_TLS : REPORTS_DMARC;
    if (!has_parts || (!is_tls && !str_eq(kind, STR("dmarc"))) || !domain.n ||
        !parse_day(a, day, &out->day))
        return ERR(e, ERR_SYNTAX, "a report is named like tls.2026-11-20.example.net");
    out->domain = arena_lower(a, domain);
    return true;
}
