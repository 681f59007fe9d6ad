/* SPDX-License-Identifier: Apache-2.0 */
/* From `milters:` of the configuration to the chain that deliver or submit asks. */
#include "services/app/filters.h"

#include "config/config.h"

static bool is_for(const struct config_milter *wanted, enum app_filters_of of)
{
    static const char *const names[] = {
        [APP_FILTERS_INBOUND] = "inbound",
        [APP_FILTERS_SUBMISSION] = "submission",
    };
    return strcmp(wanted->mail, "both") == 0 || strcmp(wanted->mail, names[of]) == 0;
}

bool app_filters_read(const struct app *app, enum app_filters_of of, struct arena *a,
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
        if (!net_address_parse(server->name, &server->at, e)) {
            return err_wrap(e, "%s:%d: addr of a milter", config_file(app->config), wanted[i].line);
        }
        out->n += is_for(&wanted[i], of);
    }
    return true;
}
