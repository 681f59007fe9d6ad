/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of the command line: tables of commands, their options, help, exit codes and output.
 * The verbs themselves are thin over the shared modules (one file a noun). */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "services/app/listeners.h"

/* Exit codes, after sysexits.h; the table in output.c documents them. */
enum cli_exit {
    CLI_OK = 0,
    CLI_WRONG = 1, /* a check found something wrong: that is its result, not a fault */
    CLI_USAGE = 64,
    CLI_DATA = 65,
    CLI_NOT_FOUND = 66,
    CLI_UNAVAILABLE = 69,
    CLI_INTERNAL = 70,
    CLI_EXISTS = 73,
    CLI_TRY_LATER = 75,
    CLI_DENIED = 77,
    CLI_CONFIG = 78
};

struct cli_option {
    const char *name;       /* "--quota" */
    const char *value_name; /* "SIZE"; NULL for a switch */
    const char *help;
};

struct cli;
struct cli_session;

struct cli_command {
    const char *name;      /* "user add" */
    const char *also;      /* another name of it, or NULL */
    const char *arguments; /* "ADDRESS", as in the usage line; "" for none */
    const char *summary;
    const char *details; /* more lines of help, or NULL */
    const struct cli_option *options;
    size_t n_options;
    size_t least_words; /* positional arguments */
    size_t most_words;
    enum cli_exit (*run)(struct cli *cli);
    bool is_local;  /* `run` calls no operation: there is no --url */
    bool with_dns;  /* `work` asks the DNS from here, so not at --url */
    bool calls_dns; /* an operation that it calls asks the DNS: at --url from there */
    /* Instead of `run`, where all there is to do is calling the API (cli_run_calls). Yields. */
    bool (*work)(struct cli_session *s, struct err *e);
};

struct cli_group {
    const struct cli_command *list;
    size_t n;
};

enum {
    CLI_OPTIONS_MAX = 16 /* of one command, with the common ones */
};

/* One run of the program. */
struct cli {
    struct arena arena;
    struct app_services services;
    const struct cli_group *groups;
    size_t n_groups;
    const struct cli_command *command;
    const char *config_path;
    bool json;
    const char *url;     /* of the server whose API is called; NULL: in this process */
    const char *token;   /* for it */
    const char *ca_file; /* trusted for it; NULL: the system's */
    char **words;        /* positional arguments; in the arena */
    size_t n_words;
    char *values[CLI_OPTIONS_MAX]; /* of the command's own options; NULL: not given */
};

/* Finds the command of the arguments in the groups, reads its options, runs it. Gives the exit code
 * of the program. */
int cli_main(int argc, char **argv, const struct cli_group *groups, size_t n_groups,
             const struct app_services *services);

/* The value of an own option ("" for a switch), or NULL when it was not given. */
char *cli_option(const struct cli *cli, const char *name);

/* The groups of this service, for the table in main.c. */
extern const struct cli_group cli_base_group;
extern const struct cli_group cli_domain_group;
extern const struct cli_group cli_tenant_group;
extern const struct cli_group cli_domain_check_group;
extern const struct cli_group cli_delivery_test_group;
extern const struct cli_group cli_dkim_group;
extern const struct cli_group cli_dkim_import_group;
extern const struct cli_group cli_publish_group;
extern const struct cli_group cli_mta_sts_group;
extern const struct cli_group cli_user_group;
extern const struct cli_group cli_address_group;
extern const struct cli_group cli_app_password_group;
extern const struct cli_group cli_token_group;
extern const struct cli_group cli_expunged_group;
extern const struct cli_group cli_share_group;
extern const struct cli_group cli_dnsbl_group;
extern const struct cli_group cli_hold_rule_group;
extern const struct cli_group cli_receipt_group;
extern const struct cli_group cli_queue_group;
extern const struct cli_group cli_transport_group;
extern const struct cli_group cli_relay_group;
extern const struct cli_group cli_hold_group;
extern const struct cli_group cli_trace_group;
extern const struct cli_group cli_received_report_group;
extern const struct cli_group cli_sending_group;
extern const struct cli_group cli_suppression_group;
extern const struct cli_group cli_queue_act_group;
extern const struct cli_group cli_report_group;
extern const struct cli_group cli_capability_group;
extern const struct cli_group cli_log_group;

#endif
