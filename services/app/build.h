/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and ends the struct app of a process: what every service needs, in the order that the
 * layers demand. */
#ifndef APP_BUILD_H
#define APP_BUILD_H

#include "services/app/app.h"

struct app_options {
    const struct config *config;         /* keeps */
    const char *process;                 /* "front.1"; keeps */
    bool with_dns;                       /* the process resolves names */
    struct net_tally *tally;             /* counts shared with other workers; NULL: alone; keeps */
    const struct app_services *services; /* of the program; NULL: not known; keeps */
    bool is_tool;                        /* the command line: no node id, no waiting for one */
    const struct tls_cert_files *certificates;
    size_t n_certificates; /* 0: no TLS */
};

/* Connects lazily; with a database that is away it takes up to 2 s. ERR_SYNTAX, ERR_CONFLICT,
 * ERR_DENIED: configuration or certificates that can not be used. Gives. */
bool app_new(const struct app_options *options, struct app **out, struct err *e);
/* After the runtime has ended and the services have stopped. Harmless for NULL. */
void app_free(struct app **app_ptr);

/* Uses `config` (takes it) from now on; older ones are kept until app_free, as texts may be
 * borrowed. What needs a restart stays as it was. */
void app_reload(struct app *app, struct config *config);

/* Sets the log up as the configuration says, for the process called `name`. */
void app_log_init(const struct config *config, const char *name, int fd);

/* The name in the configuration, or the machine's when there is none; in the arena. */
const char *app_hostname(const struct config *config, struct arena *a);

#endif
