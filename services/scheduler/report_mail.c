/* SPDX-License-Identifier: Apache-2.0 */
/* Reports on their way out. */
#include "services/scheduler/report_mail.h"

#include "account/account.h"
#include "account/dkim.h"
#include "wire/smtp_path.h"

bool report_mail_find(const struct app *app, const struct reports_uri *uri, size_t size,
                      struct arena *a, int64_t deadline_ms, struct report_mail_target *out,
                      struct err *e)
{
    const struct account_poster nobody = { .account_id = 0 };
    struct smtp_path path;
    struct account_route route;
    *out = (struct report_mail_target){ .why = STR_EMPTY };
    if (uri->max_bytes > 0 && size > uri->max_bytes) {
        out->why = arena_printf(a, "too big for %.*s", STR_FMT(uri->target));
        return true;
    }
    if (smtp_mailbox_parse(uri->target, a, &path) != SMTP_GOOD) {
        out->why = arena_printf(a, "%.*s is no address", STR_FMT(uri->target));
        return true;
    }
    if (!account_route(app->accounts, path.local, uri->host, a, deadline_ms, &route, e))
        return false;
    out->recipient = (struct smtp_recipient){ .account_id = route.account_id,
                                              .address = uri->target,
                                              .domain = uri->host,
                                              .targets = route.targets,
                                              .n_targets = route.n_targets };
    if (route.kind == ACCOUNT_ROUTE_UNKNOWN || route.is_way_back ||
        !account_may_post(&route, &nobody))
        out->why = arena_printf(a, "%.*s is not here", STR_FMT(uri->target));
    return true;
}

bool report_mail_check_key(const struct app *app, str domain, struct arena *a, int64_t deadline_ms,
                           str *why, struct err *e)
{
    struct account_dkim_signer *signer = NULL;
    if (!account_dkim_signer(app->accounts, domain, deadline_ms, &signer, e))
        return false;
    bool has_one = signer != NULL;
    account_dkim_release(&signer);
    *why = has_one ? STR_EMPTY
                   : arena_printf(a, "%.*s has no DKIM key: heronry dkim generate %.*s",
                                  STR_FMT(domain), STR_FMT(domain));
    return true;
}

bool report_mail_send(const struct app *app, const struct report_mail *mail, struct arena *a,
                      int64_t deadline_ms, str *why, struct err *e)
{
    enum submit_verdict verdict = SUBMIT_DONE;
    const struct submit submit = { .store = app->store,
                                   .queue = app->queue,
                                   .accounts = app->accounts,
                                   .hostname = app->hostname,
                                   .signs = true };
    const struct smtp_message m = {
        .trace = { .hostname = str_from_cstr(app->hostname), .session = mail->session },
        .content = mail->content,
        .transaction = mail->transaction,
        .recipients = mail->recipients,
        .n = mail->n,
        .max_hops = (size_t)config_int(app->config, CONFIG_LIMITS_HOPS),
    };
    if (!submit_system_message(&submit, &m, mail->also, a, deadline_ms, &verdict, e))
        return false;
    *why = verdict == SUBMIT_DONE         ? STR_EMPTY
           : verdict == SUBMIT_OVER_QUOTA ? STR("the mailbox is full")
                                          : STR("the mail could not be made");
    return true;
}
