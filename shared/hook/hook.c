/* SPDX-License-Identifier: Apache-2.0 */
/* One hook after the other. */
#include "hook/hook.h"

#include "account/account.h"
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
                           const struct hook_about *about, str content, struct arena *a,
                           struct hook_answer *out, struct err *e)
{
    int64_t deadline_ms = clock_deadline_in(chain->timeout_ms);
    bool is_large = hook_request_weigh(server, content) > ON_LOOP_MAX;
    struct semaphore *gate = is_large ? chain->large : NULL;
    if (gate && !semaphore_acquire(gate, deadline_ms, e))
        return false;
    struct hook_request *r = hook_request_new(server, about, content, clock_utc_us() / 1000000);
    bool ok = build(r, deadline_ms, e);
    if (ok) {
        ok = fetch_answer(chain, server, r, a, deadline_ms, out, e);
        work_finish(&r->work);
    }
    if (gate)
        semaphore_release(gate);
    return ok;
}

static const str *joined(struct arena *a, const str *list, size_t *n, const str *more, size_t extra)
{
    str *all = ARENA_ARRAY(a, str, *n + extra + 1);
    for (size_t i = 0; i < *n; i++)
        all[i] = list[i];
    for (size_t i = 0; i < extra; i++)
        all[*n + i] = more[i];
    *n += extra;
    return all;
}

static void take_answer(const struct hook_answer *answer, struct arena *a, struct hook_result *out)
{
    struct milter_result *said = &out->said;
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
    out->added = joined(a, out->added, &out->n_added, answer->added, answer->n_added);
    out->removed = joined(a, out->removed, &out->n_removed, answer->removed, answer->n_removed);
}

bool hook_ask(const struct hook_chain *chain, enum hook_stage stage, const struct hook_about *about,
              struct arena *a, struct hook_result *out, struct err *e)
{
    *out = (struct hook_result){ .said = { .content = about->message.content } };
    for (size_t i = 0; i < chain->n && out->said.verdict == MILTER_PASSED; i++) {
        const struct hook_server *server = &chain->servers[i];
        struct hook_answer answer;
        struct err why = ERR_CLEAR;
        if (server->stage != stage)
            continue;
        if (ask_one(chain, server, about, out->said.content, a, &answer, &why)) {
            take_answer(&answer, a, out);
            out->said.by = hook_url_shown(server->url, a);
            continue;
        }
        if (why.kind == ERR_CANCELLED) {
            *e = why;
            return false;
        }
        str shown = hook_url_shown(server->url, a);
        log_failure(about, shown, &why);
        if (!server->is_optional) {
            out->said.verdict = MILTER_LATER;
            out->said.text = STR("A filter does not answer, try again later");
            out->said.by = shown;
        }
    }
    return true;
}

/* ---- recipients ---- */

static bool is_in(const str *list, size_t n, str address)
{
    for (size_t i = 0; i < n; i++) {
        if (str_ieq(list[i], address))
            return true;
    }
    return false;
}

struct search {
    struct account_directory *d;
    bool may_leave;
    struct arena *a;
    int64_t deadline_ms;
};

/* out->address stays empty when it is nobody's. Yields. */
YIELDS static bool find_recipient(const struct search *w, str address, struct smtp_recipient *out,
                                  struct err *e)
{
    struct account_route route;
    struct err why = ERR_CLEAR;
    size_t at = (size_t)str_rfind_byte(address, '@');
    str domain = str_skip(address, at + 1);
    *out = (struct smtp_recipient){ .account_id = 0 };
    if (!account_route(w->d, str_slice(address, 0, at), domain, w->a, w->deadline_ms, &route,
                       &why)) {
        *e = why;
        return why.kind == ERR_SYNTAX || why.kind == ERR_LIMIT;
    }
    bool is_good = route.kind == ACCOUNT_ROUTE_LOCAL || route.kind == ACCOUNT_ROUTE_LEADS ||
                   (w->may_leave && route.kind == ACCOUNT_ROUTE_REMOTE);
    if (is_good && !route.is_way_back) {
        *out = (struct smtp_recipient){ .account_id = route.account_id,
                                        .address = address,
                                        .domain = domain,
                                        .targets = route.targets,
                                        .n_targets = route.n_targets };
    }
    return true;
}

bool hook_change_recipients(const struct hook_result *result, struct account_directory *d,
                            bool may_leave, const struct smtp_message **m, struct arena *a,
                            int64_t deadline_ms, struct err *e)
{
    const struct search search = { d, may_leave, a, deadline_ms };
    struct smtp_message *changed = ARENA_NEW(a, struct smtp_message);
    struct smtp_recipient *list =
        ARENA_ARRAY(a, struct smtp_recipient, (*m)->n + result->n_added + 1);
    size_t n = 0;
    for (size_t i = 0; i < (*m)->n; i++) {
        if (!is_in(result->removed, result->n_removed, (*m)->recipients[i].address))
            list[n++] = (*m)->recipients[i];
    }
    for (size_t i = 0; i < result->n_added; i++) {
        struct err why = ERR_CLEAR;
        if (!find_recipient(&search, result->added[i], &list[n], &why)) {
            *e = why;
            return false;
        }
        if (list[n].address.n == 0) {
            obs_log(EV_HOOK_RECIPIENT, (*m)->trace.session, OBS_STR("to", result->added[i]),
                    OBS_STR("transaction", (*m)->transaction));
        }
        n += list[n].address.n > 0;
    }
    *changed = **m;
    changed->recipients = list;
    changed->n = n;
    *m = changed;
    return true;
}
