/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP service as it offers itself to a worker process. */
#include "services/smtp/service.h"

#include "config/config.h"
#include "mailauth/keys.h"
#include "services/smtp/session.h"

/* Its sessions look before they go on (U13). -1: hints may have been lost, for all of them. */
static void account_changed(enum notify_topic topic, int64_t id, void *arg)
{
    struct smtp_state *state = arg;
    (void)topic;
    LIST_FOR_EACH (item, &state->sessions) {
        struct smtp_session *s = CONTAINER_OF(item, struct smtp_session, link);
        if (s->account_id != 0 && (id == -1 || id == s->account_id))
            smtp_note_account_change(s);
    }
}

static bool start(struct app *app, struct err *e)
{
    struct smtp_state *state = HEAP_NEW(struct smtp_state);
    state->app = app;
    arena_init(&state->arena);
    if (!app_filters_read(app, APP_FILTERS_INBOUND, &state->arena, &state->inbound, e) ||
        !app_filters_read(app, APP_FILTERS_SUBMISSION, &state->arena, &state->outgoing, e)) {
        app_filters_close(&state->inbound);
        arena_fini(&state->arena);
        free(state);
        return false;
    }
    state->deliver = (struct deliver){
        .store = app->store,
        .queue = app->queue,
        .accounts = app->accounts,
        .hostname = app->hostname,
        .dns = app->dns,
        .keys = mailauth_keys_new(),
        .local = app->local,
        .spam = app->spam,
        .reports = app->reports,
        .milters = &state->inbound.milters,
        .hooks = &state->inbound.hooks,
    };
    state->submit = (struct submit){
        .store = app->store,
        .queue = app->queue,
        .accounts = app->accounts,
        .spam = app->spam,
        .hostname = app->hostname,
        .hide_client = config_bool(app->config, CONFIG_SUBMISSION_HIDE_CLIENT),
        .signs = config_bool(app->config, CONFIG_SECURITY_SIGN_OUTBOUND),
        .rules = app->sending,
        .milters = &state->outgoing.milters,
        .hooks = &state->outgoing.hooks,
    };
    list_init(&state->sessions);
    state->account_listener.fn = account_changed;
    state->account_listener.arg = state;
    notify_listen(app->notify, NOTIFY_ACCOUNT, &state->account_listener);
    app->smtp = state;
    return true;
}

static void stop(struct app *app)
{
    if (!app->smtp)
        return;
    notify_unlisten(&app->smtp->account_listener);
    mailauth_keys_free(&app->smtp->deliver.keys);
    app_filters_close(&app->smtp->inbound);
    app_filters_close(&app->smtp->outgoing);
    arena_fini(&app->smtp->arena);
    free(app->smtp);
    app->smtp = NULL;
}

/* One for each listener, as the limit of connections is. */
static void *front(struct app *app, const struct app_listener_kind *kind)
{
    static const struct {
        const char *kind;
        enum smtp_policy policy;
    } policies[] = {
        { "smtp", SMTP_INBOUND },
        { "submission", SMTP_SUBMISSION },
        { "submissions", SMTP_SUBMISSION },
        { "lmtp", SMTP_LMTP },
    };
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        if (!str_eq(str_from_cstr(kind->name), str_from_cstr(policies[i].kind)))
            continue;
        struct smtp_front *one = ARENA_NEW(&app->smtp->arena, struct smtp_front);
        one->state = app->smtp;
        one->policy = policies[i].policy;
        one->name = kind->name;
        one->requires_tls = one->policy == SMTP_SUBMISSION;
        return one;
    }
    return NULL;
}

#define SPEAKS_SMTP .protocol = &smtp_protocol, .context = front
/* How many connections one client may have at these doors: the same at each. */
#define LIMITED_BY_CLIENT                                                                   \
    .max_per_ip = 30, .max_new_per_minute = 300, .per_ip_param = CONFIG_LIMITS_SMTP_PER_IP, \
    .new_per_minute_param = CONFIG_LIMITS_SMTP_NEW_PER_MINUTE

static const struct app_listener_kind kinds[] = {
    {
        SPEAKS_SMTP,
        LIMITED_BY_CLIENT,
        .name = "smtp",
        .default_port = 25,
        .limit_scope = "smtp",
    },
    {
        SPEAKS_SMTP,
        LIMITED_BY_CLIENT,
        .name = "submission",
        .default_port = 587,
        .limit_scope = "submission",
    },
    {
        SPEAKS_SMTP,
        LIMITED_BY_CLIENT,
        .name = "submissions",
        .default_port = 465,
        .implicit_tls = true,
        .limit_scope = "submission",
    },
    {
        SPEAKS_SMTP,
        .name = "lmtp",
        .default_port = 24,
        .is_on_request = true,
        .may_be_unix = true,
        .limit_scope = "lmtp",
    },
};

const struct app_service smtp_service = {
    .role = "smtp",
    .listeners = kinds,
    .n_listeners = COUNT_OF(kinds),
    .start = start,
    .stop = stop,
};
