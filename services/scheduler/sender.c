/* SPDX-License-Identifier: Apache-2.0 */
/* Any number of processes may look: each submission, of the apps or one that SMTP gave a time, is
 * claimed by one of them. */
#include "services/scheduler/sender.h"

#include "compose/submission.h"
#include "config/config.h"
#include "obs/obs.h"
#include "services/app/filters.h"
#include "submit/release.h"

enum {
    PAUSE_MS = 400,   /* between looks: a message goes this much later at most */
    FAILED_MS = 3000, /* after a failure */
    LIMIT_MS = 40000,
    AT_ONCE = 20
};

static void send_until_drained(struct app *app, const struct app_filters *filters)
{
    int64_t pause_ms = PAUSE_MS;
    struct err e = ERR_CLEAR;
    while (fiber_sleep_until(clock_deadline_in(pause_ms), &e) &&
           !runtime_is_draining(app->runtime)) {
        size_t n = 0;
        const struct compose_sender_options options = {
            .db = app->db,
            .notify = app->notify,
            .submit = { .signs = config_bool(app->config, CONFIG_SECURITY_SIGN_OUTBOUND),
                        .store = app->store,
                        .queue = app->queue,
                        .accounts = app->accounts,
                        .spam = app->spam,
                        .hostname = app->hostname,
                        .hide_client = true,
                        .rules = app->sending,
                        .waits = true,
                        .milters = &filters->milters,
                        .hooks = &filters->hooks },
            .max_hops = (size_t)config_int(app->config, CONFIG_LIMITS_HOPS),
        };
        pause_ms = PAUSE_MS;
        size_t released = 0;
        if (!compose_send_due(&options, AT_ONCE, clock_deadline_in(LIMIT_MS), &n, &e) ||
            !submit_release_due(&options.submit, options.max_hops, AT_ONCE,
                                clock_deadline_in(LIMIT_MS), &released, &e)) {
            if (e.kind != ERR_CANCELLED)
                obs_log(EV_JOB_FAILED, STR_EMPTY, OBS_CSTR("job", "sender"), OBS_ERR(&e));
            e = ERR_CLEAR;
            pause_ms = FAILED_MS;
        } else if (n == AT_ONCE || released == AT_ONCE) {
            pause_ms = 0;
        }
    }
}

void sender_run(void *arg)
{
    struct app *app = arg;
    struct arena a;
    struct app_filters filters = { 0 };
    struct err e = ERR_CLEAR;
    arena_init(&a);
    /* Nothing goes past filters that cannot be read; smtp does not even start with them. */
    if (app_filters_read(app, APP_FILTERS_SUBMISSION, &a, &filters, &e)) {
        send_until_drained(app, &filters);
    } else {
        obs_log(EV_JOB_FAILED, STR_EMPTY, OBS_CSTR("job", "sender"), OBS_ERR(&e));
    }
    app_filters_close(&filters);
    arena_fini(&a);
}
