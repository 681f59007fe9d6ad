/* SPDX-License-Identifier: Apache-2.0 */
/* From `milters:` and `hooks:` of the configuration to the chains that deliver or submit ask. */
#include "services/app/filters.h"

#include "config/config.h"
#include "http/http_client.h"

static bool is_for(const char *wanted, enum app_filters_of of)
{
    static const char *const names[] = {
        [APP_FILTERS_INBOUND] = "inbound",
        [APP_FILTERS_SUBMISSION] = "submission",
    };
    return strcmp(wanted, "both") == 0 || strcmp(wanted, names[of]) == 0;
}

static bool skips_whitelisted(const char *skip)
{
    return strcmp(skip, "whitelisted") == 0;
}

static bool read_milters(const struct app *app, enum app_filters_of of, struct arena *a,
                         struct milter_chain *out, struct err *e)
{
    size_t n;
    const struct config_milter *wanted = config_milters(app->config, &n);
    struct milter_server *servers = ARENA_ARRAY(a, struct milter_server, n + 1);
    *out = (struct milter_chain){ .runtime = app->runtime,
                                  .servers = servers,
                                  .timeout_ms = config_int(app->config, CONFIG_MILTER_TIMEOUT) };
    for (size_t i = 0; i < n; i++) {
        struct milter_server *server = &servers[out->n];
        server->name = arena_str(a, str_from_cstr(wanted[i].addr));
        server->is_optional = strcmp(wanted[i].on_failure, "accept") == 0;
        server->stage = strcmp(wanted[i].stage, "rcpt") == 0 ? MILTER_AT_RCPT : MILTER_AT_END;
        server->skips_whitelisted = skips_whitelisted(wanted[i].skip);
        if (!net_address_parse(server->name, &server->at, e)) {
            return err_wrap(e, "%s:%d: addr of a milter", config_file(app->config), wanted[i].line);
        }
        out->n += is_for(wanted[i].mail, of);
    }
    return true;
}

/* Names are the operating system's to resolve: those of the operator's own hosts may be in no DNS.
 */
static bool read_hooks(const struct app *app, enum app_filters_of of, struct arena *a,
                       struct hook_chain *out, struct err *e)
{
    size_t n;
    const struct config_hook *wanted = config_hooks(app->config, &n);
    const char *anchors = config_text(app->config, CONFIG_DELIVERY_CA_FILE);
    const struct http_client_options options = {
        .ca_file = *anchors ? arena_cstr(a, str_from_cstr(anchors)) : NULL
    };
    struct hook_server *servers = ARENA_ARRAY(a, struct hook_server, n + 1);
    *out = (struct hook_chain){ .servers = servers,
                                .large = ARENA_NEW(a, struct semaphore),
                                .timeout_ms = config_int(app->config, CONFIG_HOOK_TIMEOUT) };
    semaphore_init(out->large, HOOK_LARGE_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!is_for(wanted[i].mail, of))
            continue;
        servers[out->n++] = (struct hook_server){
            .url = arena_str(a, str_from_cstr(wanted[i].url)),
            .secret = arena_str(a, str_from_cstr(wanted[i].secret)),
            .stage = strcmp(wanted[i].stage, "rcpt") == 0 ? HOOK_AT_RCPT : HOOK_AT_DATA,
            .contents_max = (size_t)wanted[i].contents_bytes,
            .is_optional = strcmp(wanted[i].on_error, "accept") == 0,
            .skips_whitelisted = skips_whitelisted(wanted[i].skip),
        };
    }
    if (out->n > 0)
        out->http = http_client_new(app->runtime, &options, e);
    return out->n == 0 || out->http;
}

bool app_filters_read(const struct app *app, enum app_filters_of of, struct arena *a,
                      struct app_filters *out, struct err *e)
{
    return read_milters(app, of, a, &out->milters, e) && read_hooks(app, of, a, &out->hooks, e);
}

void app_filters_close(struct app_filters *filters)
{
    if (filters->hooks.http)
        http_client_free(&filters->hooks.http);
}
