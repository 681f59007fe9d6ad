/* SPDX-License-Identifier: Apache-2.0 */
/* One filter and one message. Private to milter. */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include "milter/edit.h"
#include "milter/milter.h"

/* Connects, tells the filter of the message, and puts its verdict and the changed message into
 * *out, whose content and envelope are what it is shown. Errors: those of the connection, and of
 * the codec: then *out is as before. Yields. */
YIELDS bool milter_session_run(const struct milter_chain *chain, const struct milter_server *server,
                               const struct milter_message *message, struct arena *a,
                               struct milter_result *out, struct err *e);

#endif
