/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports a configuration asks for, and which service answers there. Opens nothing. */
#ifndef APP_LISTENERS_H
#define APP_LISTENERS_H

#include "services/app/app.h"

struct app_services {
    const struct app_service *const *list;
    size_t n;
};

struct app_listener {
    const struct app_service *service;
    const struct app_listener_kind *kind;
    struct net_address address;
    bool proxy_protocol; /* from trusted networks */
};

struct app_listeners {
    struct app_listener *list; /* in the arena */
    size_t n;
};

/* Whether `role` is among the comma list `roles`; NULL means all. */
bool app_has_role(const char *roles, const char *role);
/* ERR_SYNTAX when `roles` names one that no service has. NULL is fine. */
bool app_check_roles(const char *roles, const struct app_services *services, struct err *e);

/* The listeners of the configuration whose service is among the roles; without any in the file, all
 * kinds that are not on request at server.address (127.0.0.1) and their standard ports. ERR_SYNTAX
 * with file and line: a kind that no service has, a bad address. */
bool app_listeners_plan(const struct config *c, const struct app_services *services,
                        const char *roles, struct arena *a, struct app_listeners *out,
                        struct err *e);

/* Starts to accept on `fd` (takes it) as the plan's entry says; services are started before. Gives
 * *out; NULL where the service accepts by itself. Fails as kind->listen does. */
bool app_listener_open(struct app *app, const struct app_listener *plan, int fd,
                       struct net_listener **out, struct err *e);

#endif
