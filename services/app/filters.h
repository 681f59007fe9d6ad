/* SPDX-License-Identifier: Apache-2.0 */
/* The filters (milters and hooks) of the configuration, as smtp and whoever sends mail of the apps
 * need them.
 */
#ifndef APP_FILTERS_H
#define APP_FILTERS_H

#include "hook/hook.h"
#include "milter/milter.h"
#include "services/app/app.h"

/* Which mail a chain is for. */
enum app_filters_of {
    APP_FILTERS_INBOUND,   /* from outside */
    APP_FILTERS_SUBMISSION /* of our users */
};

/* In the caller's storage; made by app_filters_read. */
struct app_filters {
    struct milter_chain milters;
    struct hook_chain hooks;
};

/* Those of `milters:` and `hooks:` that are for such mail; their texts are in the arena, and
 * app_filters_close ends them. ERR_SYNTAX with the place: an address that is none; ERR_INTERNAL. */
bool app_filters_read(const struct app *app, enum app_filters_of of, struct arena *a,
                      struct app_filters *out, struct err *e);
/* Ends what the hooks are asked by. Harmless for filters that were not read (all zero). */
void app_filters_close(struct app_filters *filters);

#endif
