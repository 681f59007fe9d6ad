/* SPDX-License-Identifier: Apache-2.0 */
/* The sender of reports. */
#include "services/app/report_sender.h"

#include "account/account.h"
#include "mailauth/tags.h"

str app_report_domain(str hostname, const str *domains, size_t n)
{
    str best = STR_EMPTY;
    for (size_t i = 0; i < n; i++) {
        if (domains[i].n > best.n && mailauth_domain_is_within(hostname, domains[i]))
            best = domains[i];
    }
    return best.n || n != 1 ? best : domains[0];
}

/* The domain that nobody named. Yields. */
YIELDS static bool find_domain(const struct app *app, struct arena *a, int64_t deadline_ms,
                               str *out, struct err *e)
{
    struct account_domain_list found;
    if (!account_domain_list(app->accounts, a, deadline_ms, &found, e))
        return false;
    str *names = ARENA_ARRAY(a, str, found.n);
    for (size_t i = 0; i < found.n; i++)
        names[i] = found.list[i].name;
    *out = app_report_domain(str_from_cstr(app->hostname), names, found.n);
    return out->n > 0 ||
           ERR(e, ERR_NOT_FOUND, "set reports.from: hostname %s belongs to no domain of ours",
               app->hostname);
}

/* The parameter, or the text where it is empty. */
static str text_or(const struct config *c, enum config_param param, str otherwise)
{
    const char *text = config_text(c, param);
    return *text ? str_from_cstr(text) : otherwise;
}

bool app_report_sender(const struct app *app, struct arena *a, int64_t deadline_ms,
                       struct reports_sender *out, struct err *e)
{
    const struct config *c = app->config;
    str from = str_from_cstr(config_text(c, CONFIG_REPORTS_FROM));
    str local;
    if (from.n) {
        if (!account_address_normalize(a, from, &local, &out->domain, e))
            return err_wrap(e, "reports.from");
    } else if (!find_domain(app, a, deadline_ms, &out->domain, e)) {
        return false;
    }
    out->from =
        from.n ? arena_str(a, from) : arena_printf(a, "noreply-reports@%.*s", STR_FMT(out->domain));
    out->organization = text_or(c, CONFIG_REPORTS_ORGANIZATION, out->domain);
    out->contact = text_or(c, CONFIG_REPORTS_CONTACT,
                           arena_printf(a, "postmaster@%.*s", STR_FMT(out->domain)));
    return true;
}
