/* SPDX-License-Identifier: Apache-2.0 */
/* One row a limit. */
#include "services/app/sending.h"

struct account_sending_rules app_sending_rules(const struct config *c)
{
    static const enum config_param params[] = {
        [ACCOUNT_SENDING_MESSAGES_HOUR] = CONFIG_SUBMISSION_MESSAGES_PER_HOUR,
        [ACCOUNT_SENDING_RECIPIENTS_HOUR] = CONFIG_SUBMISSION_RECIPIENTS_PER_HOUR,
        [ACCOUNT_SENDING_MESSAGES_DAY] = CONFIG_SUBMISSION_MESSAGES_PER_DAY,
        [ACCOUNT_SENDING_RECIPIENTS_DAY] = CONFIG_SUBMISSION_RECIPIENTS_PER_DAY,
    };
    struct account_sending_rules rules = {
        .refusals = config_int(c, CONFIG_SUBMISSION_STOP_AFTER),
        .refused_recipients = config_int(c, CONFIG_SUBMISSION_STOP_AFTER_REFUSED),
        .networks = config_int(c, CONFIG_SUBMISSION_STOP_AFTER_NETWORKS),
        .suppresses =
            str_eq(str_from_cstr(config_text(c, CONFIG_SUBMISSION_SUPPRESS)), STR("refused")),
        .suppress_ms = config_int(c, CONFIG_SUBMISSION_SUPPRESS_FOR),
    };
    for (size_t i = 0; i < COUNT_OF(params); i++)
        rules.most[i] = config_int(c, params[i]);
    return rules;
}
