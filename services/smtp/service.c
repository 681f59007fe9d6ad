/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP service as it offers itself to a worker process. */
#include "services/smtp/service.h"

#include "config/config.h"
#include "services/smtp/session.h"

static bool start(struct app *app, struct err *e)
{
    struct smtp_state *state = HEAP_NEW(struct smtp_state);
    (void)e;
    state->app = app;
    state->deliver = (struct deliver){
        .store = app->store,
        .queue = app->queue,
        .accounts = app->accounts,
        .hostname = app->hostname,
    };
    state->submit = (struct submit){
        .store = app->store,
        .queue = app->queue,
        .accounts = app->accounts,
        .hostname = app->hostname,
        .hide_client = config_bool(app->config, CONFIG_SUBMISSION_HIDE_CLIENT),
    };
    state->fronts[SMTP_INBOUND] = (struct smtp_front){ .state = state, .policy = SMTP_INBOUND };
    state->fronts[SMTP_SUBMISSION] = (struct smtp_front){
        .state = state,
        .policy = SMTP_SUBMISSION,
        .requires_tls = true,
    };
    app->smtp = state;
    return true;
}

static void stop(struct app *app)
{
    free(app->smtp);
    app->smtp = NULL;
}

static void *inbound(struct app *app, const struct app_listener_kind *kind)
{
    (void)kind;
    return &app->smtp->fronts[SMTP_INBOUND];
}

static void *submission(struct app *app, const struct app_listener_kind *kind)
{
    (void)kind;
    return &app->smtp->fronts[SMTP_SUBMISSION];
}

static const struct app_listener_kind kinds[] = {
    { .name = "smtp",
      .default_port = 25,
      .protocol = &smtp_protocol,
      .context = inbound,
      .max_per_ip = 30,
      .max_new_per_minute = 300,
      .per_ip_param = CONFIG_LIMITS_SMTP_PER_IP,
      .new_per_minute_param = CONFIG_LIMITS_SMTP_NEW_PER_MINUTE },
    { .name = "submission",
      .default_port = 587,
      .protocol = &smtp_protocol,
      .context = submission,
      .max_per_ip = 30,
      .max_new_per_minute = 300,
      .per_ip_param = CONFIG_LIMITS_SMTP_PER_IP,
      .new_per_minute_param = CONFIG_LIMITS_SMTP_NEW_PER_MINUTE },
    { .name = "submissions",
      .default_port = 465,
      .implicit_tls = true,
      .protocol = &smtp_protocol,
      .context = submission,
      .max_per_ip = 30,
      .max_new_per_minute = 300,
      .per_ip_param = CONFIG_LIMITS_SMTP_PER_IP,
      .new_per_minute_param = CONFIG_LIMITS_SMTP_NEW_PER_MINUTE },
};

const struct app_service smtp_service = {
    .role = "smtp",
    .listeners = kinds,
    .n_listeners = COUNT_OF(kinds),
    .start = start,
    .stop = stop,
};
