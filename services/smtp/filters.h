/* SPDX-License-Identifier: Apache-2.0 */
/* The filters (milters) of the configuration. */
#ifndef SMTP_FILTERS_H
#define SMTP_FILTERS_H

#include "milter/milter.h"
#include "services/app/app.h"

/* Reads `milters:`; the texts and servers of *out are in the arena. ERR_SYNTAX with the place: an
 * address that is none. */
bool smtp_filters_read(const struct app *app, struct arena *a, struct milter_chain *out,
                       struct err *e);

#endif
