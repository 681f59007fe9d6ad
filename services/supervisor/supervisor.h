/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of the supervisor: `heronry serve`. One process opens the ports, runs the embedded
 * servers, forks the workers and starts again what dies. It serves nobody itself: it never makes a
 * thread, an event loop, or a TLS or database connection, so that forking is safe at any time. */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "services/app/listeners.h"

struct supervisor_options {
    const char *config_path;
    const char *roles; /* comma list, NULL = all */
    struct app_services services;
};

/* Works until SIGTERM or SIGINT. True: it was asked to stop and drained. Otherwise nothing runs any
 * more: ERR_SYNTAX and ERR_DENIED (configuration), ERR_CONFLICT (another one works on the data
 * directory), ERR_UNSUPPORTED (the schema is not ours), ERR_EXISTS (a port is in use),
 * ERR_NOT_FOUND (a program or user is missing), ERR_UNAVAILABLE (outside database), ERR_INTERNAL.
 */
bool supervisor_serve(const struct supervisor_options *options, struct err *e);

#endif
