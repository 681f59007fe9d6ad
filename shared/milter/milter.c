/* SPDX-License-Identifier: Apache-2.0 */
/* Filters one after the other. */
#include "milter/milter.h"

#include "milter/session.h"
#include "obs/obs.h"

static void log_failure(const struct milter_message *message, const struct milter_server *server,
                        const struct err *why)
{
    obs_log(EV_MILTER_FAILED, message->session, OBS_STR("filter", server->name),
            OBS_STR("transaction", message->transaction), OBS_ERR(why));
}

static bool is_skipped(const struct milter_message *message, const struct milter_server *server)
{
    if (!server->skips_whitelisted || !message->is_whitelisted)
        return false;
    obs_log(EV_FILTER_SKIPPED, message->session, OBS_STR("filter", server->name),
            OBS_STR("transaction", message->transaction),
            OBS_STR("from", message->envelope.sender));
    return true;
}

struct milter_result milter_result_of(const struct milter_message *message)
{
    return (struct milter_result){ .content = message->content, .envelope = message->envelope };
}

bool milter_has_any(const struct milter_chain *chain, enum milter_stage stage)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (chain->servers[i].stage == stage)
            return true;
    }
    return false;
}

bool milter_ask(const struct milter_chain *chain, enum milter_stage stage,
                const struct milter_message *message, struct arena *a, struct milter_result *out,
                struct err *e)
{
    *out = milter_result_of(message);
    for (size_t i = 0; i < chain->n && out->verdict == MILTER_PASSED; i++) {
        const struct milter_server *server = &chain->servers[i];
        struct err why = ERR_CLEAR;
        if (server->stage != stage || is_skipped(message, server))
            continue;
        if (milter_session_run(chain, server, message, a, out, &why))
            continue;
        if (why.kind == ERR_CANCELLED) {
            *e = why;
            return false;
        }
        log_failure(message, server, &why);
        if (!server->is_optional) {
            out->verdict = MILTER_LATER;
            out->text = STR("A filter does not answer, try again later");
            out->by = server->name;
        }
    }
    return true;
}
