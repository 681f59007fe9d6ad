/* SPDX-License-Identifier: Apache-2.0 */
/* From the arguments of the program to a command with its options. */
#include "services/cli/cli.h"

#include "services/cli/output.h"
#include "services/cli/session.h"

#include <stdlib.h>

/* Those of COMMON_FOR_URL at the end are for commands that may call another server. */
static const struct cli_option common[] = {
    { "--config", "FILE", "configuration (default: $CONFIG_PATH, then /etc/heronry/heronry.yaml)" },
    { "--json", NULL, "print JSON, with the names of the API" },
    { "--help", NULL, "show this help" },
    { "--url", "URL", "call the API of this server, as https://mail.example.org ($HERONRY_URL)" },
    { "--token", "TOKEN", "for --url; better in $HERONRY_TOKEN, where other users do not see it" },
    { "--ca-file", "FILE", "certificate to trust for --url (default: those of the system)" },
};

enum {
    COMMON_FOR_URL = 3
};

/* How many of the common options a command has. */
static size_t count_common(const struct cli_command *c)
{
    return COUNT_OF(common) - (c->is_local || c->with_dns ? COMMON_FOR_URL : 0);
}

/* ---- finding the command ---- */

/* Whether the arguments begin with the words of the name; *used says how many those are. */
static bool matches(const char *name, char **args, int n, int *used)
{
    str rest = str_from_cstr(name);
    *used = 0;
    while (!str_is_empty(rest)) {
        str word;
        (void)str_cut(rest, ' ', &word, &rest);
        if (*used >= n || !str_eq(word, str_from_cstr(args[*used])))
            return false;
        ++*used;
    }
    return true;
}

/* Of several names that fit, the longest. */
static const struct cli_command *find_command(const struct cli *cli, char **args, int n, int *used)
{
    const struct cli_command *found = NULL;
    *used = 0;
    for (size_t g = 0; g < cli->n_groups; g++) {
        for (size_t i = 0; i < cli->groups[g].n; i++) {
            const struct cli_command *c = &cli->groups[g].list[i];
            int words;
            int other = 0;
            bool fits = matches(c->name, args, n, &words);
            words = fits ? words : 0;
            if (c->also && matches(c->also, args, n, &other) && other > words)
                words = other;
            if (words > *used) {
                found = c;
                *used = words;
            }
        }
    }
    return found;
}

/* ---- help ---- */

static str first_word(const struct cli_command *c)
{
    str first;
    str rest;
    (void)str_cut(str_from_cstr(c->name), ' ', &first, &rest);
    return first;
}

static size_t longest_name(const struct cli *cli)
{
    size_t longest = 0;
    for (size_t g = 0; g < cli->n_groups; g++) {
        for (size_t i = 0; i < cli->groups[g].n; i++) {
            size_t n = strlen(cli->groups[g].list[i].name);
            longest = n > longest ? n : longest;
        }
    }
    return longest;
}

/* Commands whose name begins with `word`. Gives how many. */
static size_t print_commands(const struct cli *cli, str word)
{
    size_t shown = 0;
    for (size_t g = 0; g < cli->n_groups; g++) {
        for (size_t i = 0; i < cli->groups[g].n; i++) {
            const struct cli_command *c = &cli->groups[g].list[i];
            if (!str_eq(first_word(c), word))
                continue;
            (void)printf("  %-*s  %s\n", (int)longest_name(cli), c->name, c->summary);
            shown++;
        }
    }
    return shown;
}

/* Whether a command before this one begins with the same word. */
static bool is_known(const struct cli *cli, size_t group, size_t at)
{
    str word = first_word(&cli->groups[group].list[at]);
    for (size_t g = 0; g <= group; g++) {
        size_t n = g < group ? cli->groups[g].n : at;
        for (size_t i = 0; i < n; i++) {
            if (str_eq(first_word(&cli->groups[g].list[i]), word))
                return true;
        }
    }
    return false;
}

/* All, those of one noun together. */
static void print_all_commands(const struct cli *cli)
{
    for (size_t g = 0; g < cli->n_groups; g++) {
        for (size_t i = 0; i < cli->groups[g].n; i++) {
            if (!is_known(cli, g, i))
                (void)print_commands(cli, first_word(&cli->groups[g].list[i]));
        }
    }
}

static void print_help(const struct cli *cli)
{
    (void)puts("Heronry is a mail server.\n\nUsage: heronry COMMAND [ARGUMENTS] [OPTIONS]\n\n"
               "Commands:");
    print_all_commands(cli);
    (void)puts("\nEvery command knows --help.\n");
    cli_print_exit_codes();
}

static void print_options(const struct cli_option *options, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "%s %s", options[i].name,
                       options[i].value_name ? options[i].value_name : "");
        (void)printf("  %-22s %s\n", left, options[i].help);
    }
}

static void print_command_help(const struct cli_command *c)
{
    (void)printf("%s\n\nUsage: heronry %s%s%s [OPTIONS]\n", c->summary, c->name,
                 *c->arguments ? " " : "", c->arguments);
    if (c->also)
        (void)printf("Also: heronry %s\n", c->also);
    if (c->details)
        (void)printf("\n%s\n", c->details);
    (void)puts("\nOptions:");
    print_options(c->options, c->n_options);
    print_options(common, count_common(c));
    (void)putchar('\n');
    cli_print_exit_codes();
}

/* ---- reading options ---- */

struct parse {
    struct cli *cli;
    char **args;
    int n;
    int at;
    bool help;
};

/* The text of a --name=value argument after the '=', or NULL. */
static char *value_in(char *arg)
{
    char *equals = strchr(arg, '=');
    return equals ? equals + 1 : NULL;
}

static bool names_option(const char *arg, const char *name)
{
    size_t n = strlen(name);
    return strncmp(arg, name, n) == 0 && (arg[n] == '\0' || arg[n] == '=');
}

/* Reads the value of the option at the present argument. */
static bool take_value(struct parse *p, const struct cli_option *o, char **out)
{
    char *arg = p->args[p->at];
    char *value = value_in(arg);
    if (!o->value_name) {
        if (value)
            (void)cli_usage(p->cli, "%s takes no value", o->name);
        *out = arg + strlen(arg);
        return !value;
    }
    if (!value && p->at + 1 < p->n)
        value = p->args[++p->at];
    if (!value)
        (void)cli_usage(p->cli, "%s needs a value: %s %s", o->name, o->name, o->value_name);
    *out = value;
    return value != NULL;
}

static bool take_common(struct parse *p, bool *known)
{
    char *values[COUNT_OF(common)] = { NULL };
    *known = true;
    for (size_t i = 0; i < count_common(p->cli->command); i++) {
        if (!names_option(p->args[p->at], common[i].name))
            continue;
        bool ok = take_value(p, &common[i], &values[i]);
        if (values[0])
            p->cli->config_path = values[0];
        p->cli->json = p->cli->json || values[1];
        p->help = p->help || values[2];
        p->cli->url = values[3] ? values[3] : p->cli->url;
        p->cli->token = values[4] ? values[4] : p->cli->token;
        p->cli->ca_file = values[5] ? values[5] : p->cli->ca_file;
        return ok;
    }
    *known = false;
    return true;
}

static bool take_option(struct parse *p)
{
    const struct cli_command *c = p->cli->command;
    bool known;
    if (strcmp(p->args[p->at], "-h") == 0) {
        p->help = true;
        return true;
    }
    if (!take_common(p, &known))
        return false;
    if (known)
        return true;
    for (size_t i = 0; i < c->n_options; i++) {
        if (names_option(p->args[p->at], c->options[i].name))
            return take_value(p, &c->options[i], &p->cli->values[i]);
    }
    (void)cli_usage(p->cli, "there is no option %s", p->args[p->at]);
    return false;
}

/* A lone "--" ends the options, so that anything can be named. */
static bool take_all(struct parse *p)
{
    bool only_words = false;
    for (; p->at < p->n; p->at++) {
        char *arg = p->args[p->at];
        if (!only_words && strcmp(arg, "--") == 0) {
            only_words = true;
        } else if (!only_words && arg[0] == '-' && arg[1]) {
            if (!take_option(p))
                return false;
        } else {
            p->cli->words[p->cli->n_words++] = arg;
        }
    }
    return true;
}

char *cli_option(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->command->n_options; i++) {
        if (strcmp(cli->command->options[i].name, name) == 0)
            return cli->values[i];
    }
    INVARIANT(!"an option of this command");
    return NULL;
}

/* ---- running ---- */

/* NULL when it is not set or empty. */
static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static enum cli_exit run_command(struct cli *cli, char **args, int n)
{
    struct parse p = { .cli = cli, .args = args, .n = n };
    const struct cli_command *c = cli->command;
    cli->config_path = NULL;
    cli->url = from_environment("HERONRY_URL");
    cli->token = from_environment("HERONRY_TOKEN");
    if (!take_all(&p))
        return CLI_USAGE;
    cli->config_path = config_path(cli->config_path);
    if (p.help) {
        print_command_help(c);
        return CLI_OK;
    }
    if (cli->n_words < c->least_words)
        return cli_usage(cli, "%s needs %s", c->name, c->arguments);
    if (cli->n_words > c->most_words) {
        return cli_usage(cli, "%s: \"%s\" is one argument too many", c->name,
                         cli->words[c->most_words]);
    }
    return c->run ? c->run(cli) : cli_run_calls(cli, c->work, NULL);
}

static enum cli_exit run_help(struct cli *cli, char **args, int n)
{
    int used;
    const struct cli_command *c = n > 0 ? find_command(cli, args, n, &used) : NULL;
    if (c) {
        print_command_help(c);
    } else if (n == 0 || !print_commands(cli, str_from_cstr(args[0]))) {
        print_help(cli);
    }
    return CLI_OK;
}

static bool asks_for_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static enum cli_exit dispatch(struct cli *cli, char **args, int n)
{
    int used = 0;
    if (n == 0) {
        print_help(cli);
        return CLI_USAGE;
    }
    if (strcmp(args[0], "help") == 0 || asks_for_help(args[0]))
        return run_help(cli, args + 1, n - 1);
    static char version[] = "version";
    if (strcmp(args[0], "--version") == 0)
        args[0] = version;
    cli->command = find_command(cli, args, n, &used);
    if (cli->command)
        return run_command(cli, args + used, n - used);
    if (n > 1 && asks_for_help(args[1]))
        return run_help(cli, args, 1);
    if (print_commands(cli, str_from_cstr(args[0])) > 0)
        return cli_usage(cli, "%s needs one of these verbs", args[0]);
    return cli_usage(cli, "there is no command \"%s\"", args[0]);
}

int cli_main(int argc, char **argv, const struct cli_group *groups, size_t n_groups,
             const struct app_services *services)
{
    struct cli cli = { .groups = groups, .n_groups = n_groups, .services = *services };
    arena_init(&cli.arena);
    cli.words = ARENA_ARRAY(&cli.arena, char *, (size_t)argc + 1);
    enum cli_exit code = dispatch(&cli, argv + (argc > 0), argc > 0 ? argc - 1 : 0);
    arena_fini(&cli.arena);
    if (fflush(stdout) != 0 && code == CLI_OK)
        code = CLI_INTERNAL;
    return (int)code;
}
