/* SPDX-License-Identifier: Apache-2.0 */
/* One hook after the other. */
#include "hook/hook.h"

#include "base/clock.h"
#include "hook/answer.h"
#include "hook/request.h"
#include "http/http_client.h"
#include "milter/edit.h"
#include "obs/obs.h"

enum {
    ON_LOOP_MAX = 64 * 1024 /* octets of a message that are made JSON within a turn */
};

/* ---- asking ---- */

static void log_failure(const struct hook_about *about, str hook, const struct err *why)
{
    obs_log(EV_HOOK_FAILED, about->message.session, OBS_STR("hook", hook),
            OBS_STR("transaction", about->message.transaction), OBS_ERR(why));
}

static bool is_skipped(const struct hook_about *about, const struct hook_server *server,
                       struct arena *a)
{
    const struct milter_message *m = &about->message;
    if (!server->skips_whitelisted || !m->is_whitelisted)
        return false;
    obs_log(EV_FILTER_SKIPPED, m->session, OBS_STR("filter", hook_url_shown(server->url, a)),
            OBS_STR("transaction", m->transaction), OBS_STR("from", m->envelope.sender));
    return true;
}

/* What is small is built at once, what takes longer than a turn should, in the offload pool. When
 * it fails the request is gone. Yields. */
YIELDS static bool build(struct hook_request *r, int64_t deadline_ms, struct err *e)
{
    if (r->weight > ON_LOOP_MAX)
        return work_run(&r->work, deadline_ms, e);
    hook_request_build(r);
    return true;
}

/* The operator names them, so they may be anywhere, and nobody sends us elsewhere. Yields. */
YIELDS static bool fetch_answer(const struct hook_chain *chain, const struct hook_server *server,
                                const struct hook_request *r, struct arena *a, int64_t deadline_ms,
                                struct hook_answer *out, struct err *e)
{
    struct http_fetched answer;
    const struct http_field fields[] = {
        { STR("Content-Type"), STR("application/json") },
        { STR("Heronry-Signature"), r->signature },
    };
    const struct http_fetch fetch = {
        .method = HTTP_POST,
        .url = server->url,
        .fields = fields,
        .n_fields = r->signature.n > 0 ? COUNT_OF(fields) : 1,
        .body = r->body,
        .max_bytes = HOOK_ANSWER_MAX,
        .any_port = true,
        .allow_special = true,
    };
    if (!http_client_fetch(chain->http, &fetch, a, deadline_ms, &answer, e))
        return false;
    if (answer.status != 200)
        return ERR(e, ERR_UNAVAILABLE, "it answered %u", answer.status);
    if (!hook_answer_parse(a, answer.body, out, e))
        return false;
    return server->stage == HOOK_AT_DATA || hook_answer_is_of_recipient(out) ||
           ERR(e, ERR_SYNTAX, "a recipient can only be accepted or rejected");
}

/* Those that hold much of a message are few at a time, with what is built for them. Yields. */
YIELDS static bool ask_one(const struct hook_chain *chain, const struct hook_server *server,
                           const struct hook_about *about, struct arena *a, struct hook_answer *out,
                           struct err *e)
{
    int64_t deadline_ms = clock_deadline_in(chain->timeout_ms);
    bool is_large = hook_request_weigh(server, about->message.content) > ON_LOOP_MAX;
    struct semaphore *gate = is_large ? chain->large : NULL;
    if (gate && !semaphore_acquire(gate, deadline_ms, e))
        return false;
    struct hook_request *r = hook_request_new(server, about, clock_utc_us() / 1000000);
    bool ok = build(r, deadline_ms, e);
    if (ok) {
        ok = fetch_answer(chain, server, r, a, deadline_ms, out, e);
        work_finish(&r->work);
    }
    if (gate)
        semaphore_release(gate);
    return ok;
}

static void take_answer(const struct hook_answer *answer, struct arena *a,
                        struct milter_result *said)
{
    switch (answer->action) {
    case HOOK_REJECT:
        said->verdict = answer->is_later ? MILTER_LATER : MILTER_REFUSED;
        said->text = answer->text.n > 0 ? answer->text
                     : answer->is_later ? STR("A filter wants the message to come later")
                                        : STR("The message was refused by a filter");
        return;
    case HOOK_DISCARD:
        said->verdict = MILTER_DISCARDED;
        return;
    case HOOK_QUARANTINE:
        said->is_quarantine = true;
        break;
    case HOOK_ACCEPT:
        break;
    }
    said->content = milter_edit(a, said->content, answer->changes, answer->n_changes, NULL);
    milter_envelope_edit(a, &said->envelope, answer->moves, answer->n_moves);
}

bool hook_ask(const struct hook_chain *chain, enum hook_stage stage, const struct hook_about *about,
              struct arena *a, struct milter_result *said, struct err *e)
{
    struct hook_about now = *about;
    for (size_t i = 0; i < chain->n && said->verdict == MILTER_PASSED; i++) {
        const struct hook_server *server = &chain->servers[i];
        struct hook_answer answer;
        struct err why = ERR_CLEAR;
        if (server->stage != stage || is_skipped(about, server, a))
            continue;
        now.message.content = said->content;
        now.message.envelope = said->envelope;
        if (ask_one(chain, server, &now, a, &answer, &why)) {
            take_answer(&answer, a, said);
            said->by = hook_url_shown(server->url, a);
            continue;
        }
        if (why.kind == ERR_CANCELLED) {
            *e = why;
            return false;
        }
        str shown = hook_url_shown(server->url, a);
        log_failure(about, shown, &why);
        if (!server->is_optional) {
            said->verdict = MILTER_LATER;
            said->text = STR("A filter does not answer, try again later");
            said->by = shown;
        }
    }
    return true;
}
