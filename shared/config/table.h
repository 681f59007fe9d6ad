/* SPDX-License-Identifier: Apache-2.0 */
/* The table of parameters and what a loaded configuration looks like inside config. */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include "config/tree.h"
#include "config/value.h"

extern const struct config_row config_rows[CONFIG_PARAM_COUNT];

struct config_value {
    int line;         /* 0: the default */
    int64_t number;   /* BOOL, INT, BYTES, DURATION */
    const char *text; /* TEXT, CHOICE */
    struct config_list list;
};

struct config {
    struct arena arena; /* everything below */
    const char *file;
    struct config_value values[CONFIG_PARAM_COUNT];
    struct config_listener *listeners;
    size_t n_listeners;
    struct config_certificate *certificates;
    size_t n_certificates;
    struct config_milter *milters;
    size_t n_milters;
    struct config_hook *hooks;
    size_t n_hooks;
    struct config_dns_update *dns_updates;
    size_t n_dns_updates;
    struct config_port *ports;
    size_t n_ports;
    struct config_domain *domains;
    size_t n_domains;
    struct config_account *accounts;
    size_t n_accounts;
};

/* Fills the configuration, which has its defaults, from the tree. ERR_SYNTAX with the place. */
bool config_interpret(struct config *c, const struct tree_node *root, struct err *e);

/* Sets one parameter from a list of texts (one text for scalars). ERR_SYNTAX without the place. */
bool config_set(struct config *c, enum config_param p, const char *const *texts, size_t n, int line,
                struct err *e);

#endif
