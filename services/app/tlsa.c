/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the DNS a round, in a fiber, and what has to be changed there; an exchange of
 * certificates meanwhile makes another. */
#include "services/app/tlsa.h"

#include "obs/obs.h"
#include "published/published.h"
#include "services/app/self.h"
#include "services/app/tlsa_keep.h"

enum {
    FIRST_MS = 60 * 1000,
    AGAIN_MS = 5 * 60 * 1000,
    ROUND_MS = 60 * 60 * 1000
};

struct app_tlsa {
    struct app *app;
    struct timer round;
    bool is_looking; /* a fiber does */
    bool is_changed; /* and meanwhile the certificates were exchanged */
    bool is_other;
    bool is_gone;
    int64_t since_ms; /* the first round of those that went well without a break; 0: none */
};

static void note(struct app_tlsa *t, enum published_reason reason)
{
    bool was_other = t->is_other;
    t->is_other = reason == PUBLISHED_TLSA_OTHER;
    if (t->is_other != was_other)
        obs_gauge_add(METRIC_TLSA_MISMATCH, NULL, t->is_other ? 1 : -1);
    if (t->is_other) {
        obs_log(EV_TLSA_OTHER, STR_EMPTY, OBS_CSTR("host", t->app->hostname));
    } else if (was_other && reason == PUBLISHED_IS_RIGHT) {
        obs_log(EV_TLSA_RIGHT, STR_EMPTY, OBS_CSTR("host", t->app->hostname));
    }
}

/* One round: what the DNS says, then what it should. Yields. */
YIELDS static bool look_once(struct app_tlsa *t, struct arena *a)
{
    const struct mailauth_resolver resolver = mailauth_resolver_of(t->app->dns);
    struct published_self self;
    struct err why = ERR_CLEAR;
    struct app_tlsa_round round = { .seen = PUBLISHED_NO_ANSWER, .is_gone = &t->is_gone };
    int64_t since_ms = t->since_ms ? t->since_ms : clock_monotonic_ms();
    t->since_ms = 0;
    if (!app_self(t->app, a, &self, NULL))
        return true;
    if (published_tlsa(&resolver, &self, a, &round.seen, NULL))
        note(t, round.seen);
    round.kept_ms = clock_monotonic_ms() - since_ms;
    if (app_tlsa_keep(t->app, &self, &round, a, &why)) {
        t->since_ms = since_ms;
        return true;
    }
    if (why.kind != ERR_CANCELLED)
        obs_log(EV_TLSA_KEEP_FAILED, STR_EMPTY, OBS_CSTR("host", t->app->hostname), OBS_ERR(&why));
    return false;
}

YIELDS static void look(void *arg)
{
    struct app_tlsa *t = arg;
    struct arena a;
    bool ok;
    arena_init(&a);
    do {
        t->is_changed = false;
        ok = look_once(t, &a);
        arena_reset(&a);
    } while (t->is_changed && !fiber_is_cancelled());
    arena_fini(&a);
    t->is_looking = false;
    if (!runtime_is_draining(t->app->runtime))
        timer_start(t->app->runtime, &t->round, clock_deadline_in(ok ? ROUND_MS : AGAIN_MS));
}

static void begin(void *arg)
{
    struct app_tlsa *t = arg;
    if (t->is_looking || runtime_is_draining(t->app->runtime))
        return;
    t->is_looking = fiber_spawn(t->app->runtime, "tlsa", look, t, NULL, NULL);
    if (!t->is_looking)
        timer_start(t->app->runtime, &t->round, clock_deadline_in(FIRST_MS));
}

static void certificates_changed(void *arg)
{
    struct app_tlsa *t = arg;
    t->is_changed = true;
    timer_stop(t->app->runtime, &t->round);
    begin(t);
}

struct app_tlsa *app_tlsa_new(struct app *app)
{
    struct app_tlsa *t = HEAP_NEW(struct app_tlsa);
    t->app = app;
    timer_init(&t->round, begin, t);
    timer_start(app->runtime, &t->round, clock_deadline_in(FIRST_MS));
    tls_server_on_change(app->tls, certificates_changed, t);
    return t;
}

void app_tlsa_free(struct app_tlsa **t_ptr)
{
    struct app_tlsa *t = *t_ptr;
    *t_ptr = NULL;
    if (!t)
        return;
    tls_server_off_change(t->app->tls, certificates_changed, t);
    timer_stop(t->app->runtime, &t->round);
    free(t);
}
