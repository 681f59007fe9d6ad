/* SPDX-License-Identifier: Apache-2.0 */
/* From `milters:` of the configuration to the chain that deliver asks. */
#include "services/smtp/filters.h"

#include "config/config.h"

bool smtp_filters_read(const struct app *app, struct arena *a, struct milter_chain *out,
                       struct err *e)
{
    size_t n;
    const struct config_milter *wanted = config_milters(app->config, &n);
    struct milter_server *servers = ARENA_ARRAY(a, struct milter_server, n + 1);
    for (size_t i = 0; i < n; i++) {
        servers[i].name = arena_str(a, str_from_cstr(wanted[i].addr));
        servers[i].is_optional = str_eq(str_from_cstr(wanted[i].on_failure), STR("accept"));
        if (!net_address_parse(servers[i].name, &servers[i].at, e)) {
            return err_wrap(e, "%s:%d: addr of a milter", config_file(app->config), wanted[i].line);
        }
    }
    *out = (struct milter_chain){ .runtime = app->runtime,
                                  .servers = servers,
                                  .n = n,
                                  .timeout_ms = config_int(app->config, CONFIG_MILTER_TIMEOUT) };
    return true;
}
