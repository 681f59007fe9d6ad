/* SPDX-License-Identifier: Apache-2.0 */
/* A command's work on the configured database: a small app, one fiber, then the end. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "services/cli/cli.h"

enum {
    CLI_LIMIT_MS = 30000 /* that a command may wait for the database */
};

struct http_client;

/* What the work of a command gets. */
struct cli_session {
    struct cli *cli;
    struct app *app;            /* NULL: with --url */
    struct http_client *remote; /* with --url, else NULL */
    struct arena arena;
    int64_t deadline_ms;
    bool is_wrong; /* set by `work`: ends with CLI_WRONG */
    void *arg;
};

/* Loads the configuration, connects, runs work(session) in a fiber and prints its error, if any.
 * Gives the exit code. */
enum cli_exit cli_run_session(struct cli *cli, bool (*work)(struct cli_session *s, struct err *e),
                              void *arg);
/* The same for work that calls operations only (cli_call): with --url there. */
enum cli_exit cli_run_calls(struct cli *cli, bool (*work)(struct cli_session *s, struct err *e),
                            void *arg);

/* What to do where there is no configuration file yet, on standard error; nothing where there is.
 */
void cli_advise_config(const struct cli *cli);

/* Loads the configuration; prints what is wrong with it. Free it with config_free. */
bool cli_load_config(struct cli *cli, struct config **out, enum cli_exit *code);

#endif
