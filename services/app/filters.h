/* SPDX-License-Identifier: Apache-2.0 */
/* The filters (milters) of the configuration, as smtp and whoever sends mail of the apps need them.
 */
#ifndef APP_FILTERS_H
#define APP_FILTERS_H

#include "milter/milter.h"
#include "services/app/app.h"

/* Which mail a chain is for. */
enum app_filters_of {
    APP_FILTERS_INBOUND,   /* from outside */
    APP_FILTERS_SUBMISSION /* of our users */
};

/* Those of `milters:` that are for such mail; the texts and servers of *out are in the arena.
 * ERR_SYNTAX with the place: an address that is none. */
bool app_filters_read(const struct app *app, enum app_filters_of of, struct arena *a,
                      struct milter_chain *out, struct err *e);

#endif
