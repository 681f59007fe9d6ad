/* SPDX-License-Identifier: Apache-2.0 */
/* Answers once more what was answered before. */
#include "services/api/idempotency.h"

#include "auth/once.h"
#include "crypto/hash.h"
#include "obs/obs.h"
#include "runtime/runtime.h"

#include <stdlib.h>

enum {
    KEEP_MS = 3000,
    WAIT_MS = 2000, /* for the first one to end */
    LOOK_MS = 50
};

/* The key, when the request has one and is one to be carried out once. */
static str key_of(const struct api_call *call)
{
    bool may = call->http && call->is_signed_in && call->route->method == API_POST;
    return may ? http_request_field(call->http, STR("idempotency-key")) : STR_EMPTY;
}

static void hash_request(const struct api_call *call, uint8_t out[CRYPTO_HASH_MAX])
{
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    crypto_hash_add(h, call->path); /* only POST has keys */
    crypto_hash_add(h, STR("?"));
    crypto_hash_add(h, call->http->query);
    crypto_hash_add(h, STR("\n"));
    crypto_hash_add(h, call->body);
    crypto_hash_finish(h, out);
    crypto_hash_free(&h);
}

/* Answers as the first time. An answer that was not kept (a secret was in it, or it was long) can
 * not be given twice. */
static bool repeat(struct api_call *call, const struct auth_once_answer *answer)
{
    json_t *json = answer->body.n ? json_loadb(answer->body.p, answer->body.n, 0, NULL) : NULL;
    if (!json && answer->status != 204)
        return call_problem(call, "idempotency-key-reused", "It was carried out before.");
    if (answer->location.n)
        call_field(call, "location", answer->location);
    call_json(call, (unsigned)answer->status, json);
    return false;
}

/* Asks who was first. One that is still at work is waited for a while: its answer may be on the way
 * already, as it is kept behind its sending. Yields. */
static YIELDS bool ask(struct api_call *call, str key, const uint8_t *hash, enum auth_once *what,
                       struct auth_once_answer *answer, struct err *e)
{
    int64_t until_ms = clock_deadline_in(WAIT_MS);
    for (;;) {
        if (!auth_once_begin(call->app->db, call->who.account_id, key, hash, call->arena,
                             call->deadline_ms, what, answer, e))
            return false;
        if (*what != AUTH_ONCE_AT_WORK || clock_monotonic_ms() >= until_ms)
            return true;
        if (!fiber_sleep_until(clock_deadline_in(LOOK_MS), e))
            return false;
    }
}

bool idempotency_begin(struct api_call *call)
{
    uint8_t hash[CRYPTO_HASH_MAX];
    struct err e = ERR_CLEAR;
    struct auth_once_answer answer = { 0 };
    enum auth_once what;
    str key = key_of(call);
    if (key.n == 0)
        return true;
    hash_request(call, hash);
    if (!ask(call, key, hash, &what, &answer, &e))
        return call_fail(call, &e);
    switch (what) {
    case AUTH_ONCE_FIRST:
        return true;
    case AUTH_ONCE_DONE:
        return repeat(call, &answer);
    case AUTH_ONCE_AT_WORK:
        return call_problem(call, "idempotency-key-reused", "It is still being carried out.");
    case AUTH_ONCE_OTHER:
        break;
    }
    return call_problem(call, "idempotency-key-reused", NULL);
}

void idempotency_end(struct api_call *call)
{
    struct err e = ERR_CLEAR;
    str key = key_of(call);
    int64_t deadline = clock_deadline_in(KEEP_MS);
    if (key.n == 0)
        return;
    if (call->status == 0 || call->status >= 500) {
        (void)auth_once_drop(call->app->db, call->who.account_id, key, deadline, &e);
        return;
    }
    char *text = call->json && !call->is_secret ? json_dumps(call->json, JSON_COMPACT) : NULL;
    const struct auth_once_answer answer = {
        .status = (int)call->status,
        .location = call->location,
        .body = text && strlen(text) <= AUTH_ONCE_BODY_MAX ? str_from_cstr(text) : STR_EMPTY,
    };
    if (!auth_once_keep(call->app->db, call->who.account_id, key, &answer, deadline, &e))
        obs_log(EV_API_REFUSED, call->id, OBS_CSTR("operation", "Idempotency-Key"), OBS_ERR(&e));
    free(text);
}
