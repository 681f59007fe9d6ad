/* SPDX-License-Identifier: Apache-2.0 */
/* Connects to the configured database and runs one fiber. */
#include "services/cli/session.h"

#include "db/db.h"
#include "http/http_client.h"
#include "obs/obs.h"
#include "redis/redis.h"
#include "services/app/build.h"
#include "services/app/endpoints.h"
#include "services/cli/output.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct run {
    struct cli_session session;
    bool (*work)(struct cli_session *s, struct err *e);
    bool ok;
    struct err err;
};

void cli_advise_config(const struct cli *cli)
{
    if (cli->json || access(cli->config_path, F_OK) == 0 || errno != ENOENT)
        return;
    (void)fprintf(stderr,
                  "There is no configuration yet. An empty file will do to begin with:\n"
                  "  install -D -m 600 /dev/null %s\n"
                  "or name another with --config FILE.\n",
                  cli->config_path);
}

bool cli_load_config(struct cli *cli, struct config **out, enum cli_exit *code)
{
    struct err e = ERR_CLEAR;
    *code = CLI_OK;
    if (config_load(cli->config_path, out, &e))
        return true;
    (void)cli_fail(cli, &e);
    cli_advise_config(cli);
    *code = CLI_CONFIG;
    return false;
}

/* The embedded database is there only while `heronry serve` runs: better said at once than after a
 * long wait. */
static bool check_embedded(const struct cli *cli, const struct config *config, struct arena *a,
                           struct err *e)
{
    struct app_endpoints at;
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (!app_endpoints_find(config, a, &at, e))
        return false;
    if (!at.embedded_database)
        return true;
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/.s.PGSQL.5432", at.socket_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
    int sys = errno;
    if (fd >= 0)
        (void)close(fd);
    if (ok)
        return true;
    if (sys == EACCES) {
        return ERR(e, ERR_DENIED, "this user may not use the database in %s; try as root",
                   at.socket_dir);
    }
    return ERR(e, ERR_UNAVAILABLE,
               "the server is not running, and its database with it; start it with "
               "\"heronry serve --config %s\"",
               cli->config_path);
}

/* Hints to running workers go through Redis without an answer. One command before them makes sure
 * that there is a connection, one behind them that they are sent. Both may fail. */
YIELDS static void sync_redis(struct app *app)
{
    static const str ping[] = { STR_INIT("PING") };
    struct redis_value ignored;
    struct err failed = ERR_CLEAR;
    struct arena a;
    if (!app->redis)
        return;
    arena_init(&a);
    (void)redis_command(app->redis, ping, COUNT_OF(ping), &a, &ignored, &failed);
    arena_fini(&a);
}

YIELDS static void run_work(void *arg)
{
    struct run *run = arg;
    struct app *app = run->session.app;
    sync_redis(app);
    run->ok = run->work(&run->session, &run->err);
    sync_redis(app);
    runtime_stop(app->runtime);
}

static void run_fiber(struct run *run)
{
    struct cli_session *s = &run->session;
    arena_init(&s->arena);
    s->deadline_ms = clock_deadline_in(CLI_LIMIT_MS);
    if (fiber_spawn(s->app->runtime, "cli", run_work, run, NULL, &run->err))
        runtime_run(s->app->runtime);
    arena_fini(&s->arena);
}

static enum cli_exit end(const struct run *run)
{
    if (!run->ok)
        return cli_fail(run->session.cli, &run->err);
    return run->session.is_wrong ? CLI_WRONG : CLI_OK;
}

enum cli_exit cli_run_session(struct cli *cli, bool (*work)(struct cli_session *s, struct err *e),
                              void *arg)
{
    struct run run = { .session = { .cli = cli, .arg = arg }, .work = work };
    struct config *config = NULL;
    enum cli_exit code;
    if (!cli_load_config(cli, &config, &code))
        return code;
    /* The result is on standard output; what the modules log is of no use to a person here. */
    obs_log_init(STDERR_FILENO, OBS_ERROR, OBS_TEXT, "cli", "");
    const struct app_options options = {
        .config = config,
        .process = "cli",
        .services = &cli->services,
        .is_tool = true,
        .with_dns = cli->command->with_dns || cli->command->calls_dns,
    };
    if ((!cli->command->with_dns && !check_embedded(cli, config, &cli->arena, &run.err)) ||
        !app_new(&options, &run.session.app, &run.err)) {
        config_free(&config);
        return cli_fail(cli, &run.err);
    }
    run_fiber(&run);
    app_free(&run.session.app);
    config_free(&config);
    return end(&run);
}

/* ---- at --url ---- */

YIELDS static void run_remote(void *arg)
{
    struct run *run = arg;
    run->ok = run->work(&run->session, &run->err);
    runtime_stop(fiber_runtime());
}

/* A token must not be readable on the way. */
static bool check_url(const struct cli *cli, struct err *e)
{
    static const str safe[] = { STR_INIT("https://"), STR_INIT("http://localhost"),
                                STR_INIT("http://127.0.0.1"), STR_INIT("http://[::1]") };
    if (!cli->token)
        return ERR(e, ERR_DENIED, "--url needs a token: --token, or HERONRY_TOKEN");
    for (size_t i = 0; i < COUNT_OF(safe); i++) {
        if (str_has_prefix(str_from_cstr(cli->url), safe[i]))
            return true;
    }
    return ERR(e, ERR_SYNTAX, "--url has to begin with https://, not \"%s\"", cli->url);
}

enum cli_exit cli_run_calls(struct cli *cli, bool (*work)(struct cli_session *s, struct err *e),
                            void *arg)
{
    struct run run = { .session = { .cli = cli, .arg = arg }, .work = work };
    struct cli_session *s = &run.session;
    if (!cli->url || cli->command->with_dns)
        return cli_run_session(cli, work, arg);
    if (!check_url(cli, &run.err))
        return cli_fail(cli, &run.err);
    obs_log_init(STDERR_FILENO, OBS_ERROR, OBS_TEXT, "cli", "");
    struct runtime *rt = runtime_new(&(struct runtime_options){ 0 }, &run.err);
    const struct http_client_options options = { .ca_file = cli->ca_file };
    s->remote = rt ? http_client_new(rt, &options, &run.err) : NULL;
    arena_init(&s->arena);
    s->deadline_ms = clock_deadline_in(CLI_LIMIT_MS);
    if (s->remote && fiber_spawn(rt, "cli", run_remote, &run, NULL, &run.err))
        runtime_run(rt);
    arena_fini(&s->arena);
    if (s->remote)
        http_client_free(&s->remote);
    if (rt)
        runtime_free(&rt);
    return end(&run);
}
