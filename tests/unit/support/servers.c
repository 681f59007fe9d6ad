/* SPDX-License-Identifier: Apache-2.0 */
/* The private directory, PostgreSQL and Redis of a test program. */
#include "support/servers.h"

#include "base/base.h"
#include "base/clock.h"
#include "support/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum {
    PATH_SIZE = 256,
    START_TIMEOUT_MS = 30000,
    MIGRATION_MAX = 1024 * 1024
};

/* Below those of clients, and those of tests of the running server (conftest.py). */
enum {
    PORTS_FIRST = 7000,
    PORTS_END = 10000,
    PORTS_SHARE = 50 /* of them, for one test program */
};

#define MEMORY_LEAST ((uint64_t)1024 * 1024 * 1024)

/* The one place of state: a test program has one of each, and they end with it. */
static struct {
    pid_t owner; /* the process that made it; a forked child must not clean up */
    char directory[PATH_SIZE];
    int guard_fd;       /* closed by our end, which the guard sees */
    unsigned port_base; /* of our share, 0: not chosen yet */
    unsigned port_next; /* of it */
    char pg_bin[PATH_SIZE];
    char pg_conninfo[PATH_SIZE];
    pid_t pg;
    bool pg_durable;
    bool pg_migrated;
    char redis_url[PATH_SIZE];
    char redis_socket[PATH_SIZE];
    pid_t redis;
} servers;

static void end_pg(int signo);

/* ---- directory ---- */

static const char *temp_root(void)
{
    const char *dir = getenv("TMPDIR");
    return dir && *dir ? dir : "/tmp";
}

/* In memory where there is plenty: a database has two thousand files, and some file systems take a
 * millisecond to make each. */
static const char *quick_root(void)
{
    static const char memory[] = "/dev/shm";
    const char *dir = getenv("TMPDIR");
    struct statvfs room;
    bool is_roomy =
        statvfs(memory, &room) == 0 && (uint64_t)room.f_bavail * room.f_frsize > MEMORY_LEAST;
    return is_roomy && !(dir && *dir) && access(memory, W_OK) == 0 ? memory : temp_root();
}

static void remove_tree(const char *path)
{
    const char *argv[] = { "rm", "-rf", "--", path, NULL };
    test_run(&(struct test_command){ .argv = argv }, NULL);
}

/* ---- who is awaited ----
 * The promises give a server that does not answer half a second, or less. On a machine that is busy
 * with other tests a server that works is as slow as that: none is away but where the test takes it
 * away. See FAILPOINT_PATIENCE. */

static const char *awaited_path(char path[PATH_SIZE], const char *name)
{
    (void)snprintf(path, PATH_SIZE, "%.200s/%.20s-is-awaited", servers.directory, name);
    return path;
}

static void await(const char *name, bool is_awaited)
{
    char path[PATH_SIZE];
    if (!is_awaited) {
        (void)unlink(awaited_path(path, name));
        return;
    }
    int fd = open(awaited_path(path, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        test_die("%s: %s", path, strerror(errno));
    close(fd);
}

static void await_all(void)
{
    static const char *const names[] = { "database", "redis", "dns" };
    char path[PATH_SIZE];
    struct buf rules;
    buf_init(&rules, sizeof(path) * 2 * COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        await(names[i], true);
        (void)buf_addf(&rules, "%s%s-is-awaited:while=%s", i ? "," : "", names[i],
                       awaited_path(path, names[i]));
    }
    if (setenv("HERONRY_FAILPOINT", buf_cstr(&rules), 1) != 0)
        test_die("setenv: %s", strerror(errno));
    buf_fini(&rules);
}

void test_pg_await(bool is_awaited)
{
    await("database", is_awaited);
}

void test_redis_await(bool is_awaited)
{
    await("redis", is_awaited);
}

void test_dns_await(bool is_awaited)
{
    await("dns", is_awaited);
}

/* A process that outlives a crash of the test and removes its directory. Servers die by their
 * death signal. */
static void start_guard(void)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        test_die("pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        test_die("fork: %s", strerror(errno));
    if (pid == 0) {
        close(fds[1]);
        setsid();
        /* Not to hold the test runner's pipes open. */
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        char byte;
        while (read(fds[0], &byte, 1) < 0 && errno == EINTR)
            ;
        for (int i = 0; i < 20 && access(servers.directory, F_OK) == 0; i++) {
            usleep(100 * 1000);
            remove_tree(servers.directory);
        }
        _exit(0);
    }
    close(fds[0]);
    servers.guard_fd = fds[1];
}

const char *test_directory(void)
{
    if (servers.directory[0])
        return servers.directory;
    (void)snprintf(servers.directory, sizeof(servers.directory), "%s/heronry-test-XXXXXX",
                   quick_root());
    if (!mkdtemp(servers.directory) || chmod(servers.directory, 0755) != 0)
        test_die("mkdtemp %s: %s", servers.directory, strerror(errno));
    servers.owner = getpid();
    start_guard();
    await_all();
    if (atexit(test_servers_stop) != 0)
        test_die("atexit");
    return servers.directory;
}

/* For reading only, which is enough for a lock: the file may be another user's, whose files nobody
 * else may "make" in a folder for all (fs.protected_regular). */
static int open_lock(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
}

/* A share that no other test program has as long as this one lives: the lock ends with it. */
static unsigned take_ports(void)
{
    for (unsigned first = PORTS_FIRST; first < PORTS_END; first += PORTS_SHARE) {
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof(path), "%.200s/heronry-test-ports-%u", temp_root(), first);
        int fd = open_lock(path);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            return first;
        if (fd >= 0)
            close(fd);
    }
    test_die("other test programs have all ports");
}

static bool is_free(unsigned port)
{
    const struct sockaddr_in sa = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        test_die("socket: %s", strerror(errno));
    bool is_free = bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0;
    close(fd);
    return is_free;
}

unsigned test_free_port(void)
{
    if (!servers.port_base)
        servers.port_base = take_ports();
    for (unsigned i = 0; i < PORTS_SHARE; i++) {
        unsigned port = servers.port_base + servers.port_next++ % PORTS_SHARE;
        if (is_free(port))
            return port;
    }
    test_die("no port is free");
}

void test_servers_stop(void)
{
    if (!servers.directory[0] || servers.owner != getpid())
        return;
    test_end_child(&servers.redis, SIGKILL);
    end_pg(SIGQUIT);
    remove_tree(servers.directory);
    servers.directory[0] = '\0';
    servers.pg_conninfo[0] = '\0';
    servers.redis_url[0] = '\0';
    servers.pg_migrated = false;
    close(servers.guard_fd);
}

/* ---- PostgreSQL ---- */

static void find_pg(void)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) != 0 || found.gl_pathc == 0)
        test_die("no PostgreSQL server is installed under /usr/lib/postgresql");
    const char *last = found.gl_pathv[found.gl_pathc - 1];
    size_t n = strlen(last) - strlen("/postgres");
    if (n >= sizeof(servers.pg_bin))
        test_die("the path of PostgreSQL is too long");
    memcpy(servers.pg_bin, last, n);
    servers.pg_bin[n] = '\0';
    globfree(&found);
}

static const char *pg_program(const char *name, char path[PATH_SIZE])
{
    size_t n = strlen(servers.pg_bin);
    if (n + strlen(name) + 2 > PATH_SIZE)
        test_die("the path of %s is too long", name);
    (void)snprintf(path, PATH_SIZE, "%.200s/%.40s", servers.pg_bin, name);
    return path;
}

/* mkdtemp as the user that PostgreSQL runs as. */
static void make_pg_directory(char path[PATH_SIZE])
{
    if (!mkdtemp(path))
        test_die("mkdtemp %s: %s", path, strerror(errno));
    if (geteuid() != 0)
        return;
    const struct passwd *pw = getpwnam("postgres");
    if (!pw || chown(path, pw->pw_uid, pw->pw_gid) != 0)
        test_die("chown %s: %s", path, strerror(errno));
}

/* ---- kept clusters ----
 * What every test program would do first, initdb and all migrations, is done once a machine and
 * copied from then on. Each is made aside and renamed, so that programs that start at the same time
 * do not see half of it; whoever comes second throws its own away. */

static void kept_path(char path[PATH_SIZE], const char *what, uint64_t hash)
{
    (void)snprintf(path, PATH_SIZE, "%.150s/heronry-test-pg-%s-%u-%016" PRIx64, temp_root(), what,
                   geteuid(), hash);
}

static void copy_tree(const char *from, const char *to)
{
    const char *argv[] = { "cp", "-a", "--reflink=auto", from, to, NULL };
    if (test_run(&(struct test_command){ .argv = argv, .as_postgres = true }, NULL) != 0)
        test_die("cannot copy %s", from);
}

static void keep(const char *made, const char *path)
{
    if (rename(made, path) != 0)
        remove_tree(made); /* somebody else was faster */
}

static void run_as_postgres(const char *const *argv, const char *input)
{
    char *output = NULL;
    const struct test_command command = { .argv = argv, .as_postgres = true, .stdin_text = input };
    if (test_run(&command, &output) != 0)
        test_die("%s failed: %s", argv[0], output);
    free(output);
}

/* An initialised cluster with the database. */
static void kept_fresh(char path[PATH_SIZE])
{
    kept_path(path, "fresh", str_hash(str_from_cstr(servers.pg_bin), 3));
    if (access(path, F_OK) == 0)
        return;
    char made[PATH_SIZE];
    (void)snprintf(made, sizeof(made), "%.200s.XXXXXX", path);
    make_pg_directory(made);
    char initdb[PATH_SIZE];
    char postgres[PATH_SIZE];
    const char *init[] = { pg_program("initdb", initdb),
                           "-D",
                           made,
                           "-U",
                           "heronry",
                           "-A",
                           "trust",
                           "-E",
                           "UTF8",
                           "--locale=C.UTF-8",
                           "--no-sync",
                           NULL };
    const char *single[] = { pg_program("postgres", postgres),
                             "--single",
                             "-F",
                             "-D",
                             made,
                             "-c",
                             "exit_on_error=on",
                             "postgres",
                             NULL };
    run_as_postgres(init, NULL);
    run_as_postgres(single, "CREATE DATABASE heronry\n");
    keep(made, path);
}

static uint64_t file_hash(const char *path, uint64_t seed)
{
    char *text = heap_zalloc(MIGRATION_MAX);
    FILE *f = fopen(path, "rbe");
    if (!f)
        test_die("%s: %s", path, strerror(errno));
    size_t n = fread(text, 1, MIGRATION_MAX, f);
    if (n == MIGRATION_MAX)
        test_die("%s has more than %d bytes", path, MIGRATION_MAX);
    (void)fclose(f);
    seed = str_hash(str_of(text, n), seed);
    free(text);
    return seed;
}

static void find_migrations(glob_t *found)
{
    if (glob(TEST_MIGRATIONS_DIR "/[0-9]*.sql", 0, NULL, found) != 0)
        test_die("no migrations in " TEST_MIGRATIONS_DIR);
}

/* The place of a cluster with all migrations as they are now, made today: they make tables for the
 * days from now on. */
static void kept_migrated(char path[PATH_SIZE])
{
    glob_t found;
    struct tm today;
    time_t now = time(NULL);
    if (!localtime_r(&now, &today))
        test_die("localtime_r");
    uint64_t hash = str_hash(str_from_cstr(servers.pg_bin), (uint64_t)today.tm_yday);
    find_migrations(&found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        hash = file_hash(found.gl_pathv[i], hash);
    globfree(&found);
    kept_path(path, "migrated", hash);
}

/* Those of migrations that nobody tests any more; what is used is touched. */
static void remove_old_kept(void)
{
    const char *argv[] = { "find",  temp_root(), "-maxdepth",
                           "1",     "-name",     "heronry-test-pg-migrated-*",
                           "-mmin", "+1440",     "-exec",
                           "rm",    "-rf",       "--",
                           "{}",    "+",         NULL };
    (void)test_run(&(struct test_command){ .argv = argv, .log_path = "/dev/null" }, NULL);
}

static bool unix_socket_answers(const char *path)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(sa.sun_path))
        test_die("the socket path %s is too long", path);
    memcpy(sa.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
    close(fd);
    return ok;
}

static bool pg_answers(void)
{
    const char *argv[] = { "psql", "-XAtq", "-d", servers.pg_conninfo, "-c", "SELECT 1", NULL };
    char *output = NULL;
    int status = test_run(&(struct test_command){ .argv = argv, .log_path = "/dev/null" }, &output);
    free(output);
    return status == 0;
}

static void wait_for(bool (*ready)(void), const char *what, const pid_t *pid)
{
    int64_t deadline = clock_deadline_in(START_TIMEOUT_MS);
    while (!ready()) {
        if (kill(*pid, 0) != 0 || clock_monotonic_ms() > deadline)
            test_die("%s does not start; see %s", what, servers.directory);
        usleep(10 * 1000);
    }
}

static bool pg_socket_ready(void)
{
    char path[PATH_SIZE + 32];
    (void)snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", servers.directory);
    return unix_socket_answers(path);
}

static const char *pg_data(char path[PATH_SIZE + 8])
{
    (void)snprintf(path, PATH_SIZE + 8, "%s/pg", servers.directory);
    return path;
}

static void pg_spawn(void)
{
    char program[PATH_SIZE];
    char data[PATH_SIZE + 8];
    char socket_option[PATH_SIZE + 32];
    char log[PATH_SIZE + 8];
    (void)snprintf(log, sizeof(log), "%s/pg.log", servers.directory);
    (void)snprintf(socket_option, sizeof(socket_option), "unix_socket_directories=%s",
                   servers.directory);
    const char *fsync = servers.pg_durable ? "fsync=on" : "fsync=off";
    const char *pages = servers.pg_durable ? "full_page_writes=on" : "full_page_writes=off";
    const char *argv[] = { pg_program("postgres", program),
                           "-D",
                           pg_data(data),
                           "-c",
                           "listen_addresses=",
                           "-c",
                           socket_option,
                           "-c",
                           fsync,
                           "-c",
                           pages,
                           "-c",
                           "max_connections=200",
                           "-c",
                           "shared_buffers=64MB",
                           "-c",
                           "log_min_messages=warning",
                           "-c",
                           "autovacuum=off",
                           NULL };
    servers.pg = test_spawn(&(struct test_command){
        .argv = argv, .as_postgres = true, .log_path = log, .death_signal = SIGQUIT });
    wait_for(pg_socket_ready, "PostgreSQL", &servers.pg);
}

static void prepare_pg(void)
{
    test_directory();
    find_pg();
    if (chmod(servers.directory, 0777) != 0)
        test_die("chmod: %s", strerror(errno));
    (void)snprintf(servers.pg_conninfo, sizeof(servers.pg_conninfo),
                   "host=%.180s user=heronry dbname=heronry", servers.directory);
}

static void start_copy_of(const char *kept)
{
    char data[PATH_SIZE + 8];
    copy_tree(kept, pg_data(data));
    pg_spawn();
    wait_for(pg_answers, "PostgreSQL", &servers.pg);
    test_pg_await(true);
}

const char *test_pg_start(void)
{
    if (servers.pg_conninfo[0])
        return servers.pg_conninfo;
    prepare_pg();
    char kept[PATH_SIZE];
    kept_fresh(kept);
    start_copy_of(kept);
    return servers.pg_conninfo;
}

void test_pg_make_durable(void)
{
    if (servers.pg_conninfo[0])
        test_die("test_pg_make_durable must be the first");
    servers.pg_durable = true;
}

static void apply_migrations(void)
{
    glob_t found;
    find_migrations(&found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *argv[] = { "psql",
                               "-Xq",
                               "-o",
                               "/dev/null",
                               "-v",
                               "ON_ERROR_STOP=1",
                               "-1",
                               "-d",
                               servers.pg_conninfo,
                               "-f",
                               found.gl_pathv[i],
                               NULL };
        if (test_run(&(struct test_command){ .argv = argv }, NULL) != 0)
            test_die("migration %s failed", found.gl_pathv[i]);
    }
    globfree(&found);
}

/* Starts a fresh cluster, migrates it, and keeps it as it is after a stop in good order. */
static void make_migrated(const char *path)
{
    char fresh[PATH_SIZE];
    char made[PATH_SIZE];
    char data[PATH_SIZE + 8];
    char contents[PATH_SIZE + 16];
    remove_old_kept();
    kept_fresh(fresh);
    start_copy_of(fresh);
    apply_migrations();
    test_pg_stop();
    (void)snprintf(made, sizeof(made), "%.200s.XXXXXX", path);
    (void)snprintf(contents, sizeof(contents), "%s/.", pg_data(data));
    make_pg_directory(made);
    copy_tree(contents, made);
    keep(made, path);
    remove_tree(data);
}

const char *test_pg_start_migrated(void)
{
    if (servers.pg_migrated)
        return servers.pg_conninfo;
    if (servers.pg_conninfo[0])
        test_die("test_pg_start_migrated must come before test_pg_start");
    servers.pg_migrated = true;
    prepare_pg();
    char kept[PATH_SIZE];
    kept_migrated(kept);
    /* Touched, and so seen to be there. */
    if (utimensat(AT_FDCWD, kept, NULL, 0) != 0)
        make_migrated(kept);
    start_copy_of(kept);
    return servers.pg_conninfo;
}

/* Signals the children of the postmaster, which the kernel lists. */
static void signal_pg_children(int signo)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)servers.pg,
                   (int)servers.pg);
    FILE *f = fopen(path, "re");
    if (!f)
        return; /* it has ended */
    char line[2048] = "";
    if (fgets(line, sizeof(line), f)) {
        str rest = str_trim(str_from_cstr(line));
        while (!str_is_empty(rest)) {
            str head;
            uint64_t pid = 0;
            str_cut(rest, ' ', &head, &rest);
            if (str_to_uint(head, INT32_MAX, &pid))
                kill((pid_t)pid, signo);
        }
    }
    (void)fclose(f);
}

/* A connection that came while the server was starting, and whose client (this process) is waiting
 * for the server's end, is not ended by the postmaster, which waits for it (PostgreSQL 15, dead-end
 * child): it is told again and again. The others know already. */
static void end_pg(int signo)
{
    enum {
        ROUND_MS = 10,
        TELL_ROUNDS = 20
    };
    if (servers.pg <= 0)
        return;
    kill(servers.pg, SIGCONT);
    kill(servers.pg, signo);
    for (unsigned i = 1; waitpid(servers.pg, NULL, WNOHANG) == 0; i++) {
        usleep(ROUND_MS * 1000);
        if (i % TELL_ROUNDS == 0)
            signal_pg_children(SIGTERM);
    }
    servers.pg = 0;
}

void test_pg_stop(void)
{
    test_pg_await(false);
    end_pg(SIGINT);
}

void test_pg_kill(void)
{
    test_pg_await(false);
    end_pg(SIGQUIT);
}

void test_pg_restart(void)
{
    test_pg_stop();
    pg_spawn();
    wait_for(pg_answers, "PostgreSQL", &servers.pg);
    test_pg_await(true);
}

static char state_of(pid_t pid)
{
    char path[64];
    char line[512] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(line, sizeof(line), f))
        test_die("%s: %s", path, strerror(errno));
    (void)fclose(f);
    const char *end = strrchr(line, ')'); /* of the program's name */
    return (char)(end && end[1] == ' ' ? end[2] : '?');
}

void test_pg_pause(void)
{
    test_pg_await(false);
    kill(servers.pg, SIGSTOP);
    while (state_of(servers.pg) != 'T') /* it may be making one more child */
        usleep(1000);
    signal_pg_children(SIGSTOP);
}

void test_pg_resume(void)
{
    signal_pg_children(SIGCONT);
    kill(servers.pg, SIGCONT);
    test_pg_await(true);
}

char *test_pg_query(const char *sql)
{
    const char *argv[] = {
        "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", servers.pg_conninfo, NULL
    };
    char *output = NULL;
    int status = test_run(&(struct test_command){ .argv = argv, .stdin_text = sql }, &output);
    if (status != 0)
        test_die("psql failed (%d) on: %s", status, sql);
    size_t n = strlen(output);
    while (n > 0 && output[n - 1] == '\n')
        output[--n] = '\0';
    return output;
}

void test_pg_run(const char *sql)
{
    free(test_pg_query(sql));
}

long test_pg_number(const char *sql)
{
    char *text = test_pg_query(sql);
    int64_t number = 0;
    str first;
    str rest;
    str_cut(str_from_cstr(text), '\n', &first, &rest);
    str_cut(first, '|', &first, &rest);
    if (!str_to_int(first, INT64_MIN, INT64_MAX, &number))
        test_die("'%s' is no number, of: %s", text, sql);
    free(text);
    return (long)number;
}

/* ---- Redis ---- */

static bool redis_ready(void)
{
    return unix_socket_answers(servers.redis_socket);
}

static void redis_spawn(void)
{
    char log[PATH_SIZE + 16];
    (void)snprintf(log, sizeof(log), "%s/redis.log", servers.directory);
    const char *argv[] = { "redis-server",
                           "--port",
                           "0",
                           "--unixsocket",
                           servers.redis_socket,
                           "--save",
                           "",
                           "--appendonly",
                           "no",
                           "--daemonize",
                           "no",
                           "--dir",
                           servers.directory,
                           NULL };
    servers.redis = test_spawn(
        &(struct test_command){ .argv = argv, .log_path = log, .death_signal = SIGKILL });
    wait_for(redis_ready, "Redis", &servers.redis);
}

const char *test_redis_start(void)
{
    if (servers.redis_url[0])
        return servers.redis_url;
    test_directory();
    (void)snprintf(servers.redis_socket, sizeof(servers.redis_socket), "%.200s/redis.sock",
                   servers.directory);
    (void)snprintf(servers.redis_url, sizeof(servers.redis_url), "unix://%.200s",
                   servers.redis_socket);
    redis_spawn();
    return servers.redis_url;
}

void test_redis_kill(void)
{
    test_redis_await(false);
    test_end_child(&servers.redis, SIGKILL);
}

void test_redis_restart(void)
{
    test_redis_kill();
    redis_spawn();
    test_redis_await(true);
}

void test_redis_pause(void)
{
    test_redis_await(false);
    kill(servers.redis, SIGSTOP);
}

void test_redis_resume(void)
{
    kill(servers.redis, SIGCONT);
    test_redis_await(true);
}

char *test_redis_cli(const char *const *args, size_t n)
{
    const char *argv[32] = { "redis-cli", "-s", servers.redis_socket };
    if (n > COUNT_OF(argv) - 4)
        test_die("too many arguments for redis-cli");
    for (size_t i = 0; i < n; i++)
        argv[3 + i] = args[i];
    char *output = NULL;
    if (test_run(&(struct test_command){ .argv = argv }, &output) != 0)
        test_die("redis-cli failed: %s", output);
    size_t len = strlen(output);
    while (len > 0 && output[len - 1] == '\n')
        output[--len] = '\0';
    return output;
}
