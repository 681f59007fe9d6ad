/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what the configuration says of mail from outside. */
#include "services/smtp/checks.h"

#include "config/config.h"

static struct deliver_checks checks_of(const struct config *c)
{
    const struct config_list arc = config_list(c, CONFIG_SECURITY_TRUSTED_ARC);
    const struct config_list zones = config_list(c, CONFIG_DNSBL_ZONES);
    return (struct deliver_checks){
        .spf = config_bool(c, CONFIG_SECURITY_VERIFY_SPF),
        .dkim = config_bool(c, CONFIG_SECURITY_VERIFY_DKIM),
        .dmarc = config_bool(c, CONFIG_SECURITY_VERIFY_DMARC),
        .spf_fail_is_final = str_eq(str_from_cstr(config_text(c, CONFIG_SPF_FAIL)), STR("reject")),
        .arc = arc.items,
        .n_arc = arc.n,
        .dnsbl = { .zones = zones.items,
                   .n = zones.n,
                   .threshold = config_int(c, CONFIG_DNSBL_THRESHOLD) },
        .greylists = config_bool(c, CONFIG_GREYLISTING_ENABLED),
        .greylist = { .min_delay_ms = config_int(c, CONFIG_GREYLISTING_MIN_DELAY),
                      .max_age_ms = config_int(c, CONFIG_GREYLISTING_MAX_AGE),
                      .history = config_int(c, CONFIG_GREYLISTING_HISTORY) },
    };
}

struct deliver smtp_deliver_now(const struct smtp_session *s)
{
    const struct config *c = s->state->app->config;
    struct deliver d = s->state->deliver;
    d.checks = checks_of(c);
    if (smtp_is_lmtp(s))
        d.dns = NULL; /* the server in front has seen who brought it, we have not */
    d.report_inbox = config_text(c, CONFIG_REPORTS_INBOX);
    d.keeps_report_mail = config_bool(c, CONFIG_REPORTS_KEEP_MAIL);
    d.success_reports_per_hour = config_int(c, CONFIG_LIMITS_SUCCESS_REPORTS_PER_HOUR);
    d.signs = config_bool(c, CONFIG_SECURITY_SIGN_OUTBOUND);
    d.seals = config_bool(c, CONFIG_SECURITY_SEAL_FORWARDED);
    d.retry_window_ms = config_int(c, CONFIG_DELIVERY_RETRY_WINDOW);
    return d;
}
