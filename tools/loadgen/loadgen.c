/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator of tools/bench: speaks SMTP and IMAP to whichever server it is pointed at,
 * with one thread a session, and prints what it measured as JSON. */
#include "tools/loadgen/loadgen.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MAIL_MAX = 64 * 1024 * 1024,
    LIST_MAX = 20000
};

struct thread_start {
    void (*fn)(void *arg, size_t number);
    void *arg;
    size_t number;
};

static void *run_thread(void *arg)
{
    struct thread_start *start = arg;
    start->fn(start->arg, start->number);
    return NULL;
}

void load_threads(size_t n, void (*fn)(void *arg, size_t number), void *arg)
{
    pthread_t *threads = heap_zalloc(n * sizeof(*threads));
    struct thread_start *starts = heap_zalloc(n * sizeof(*starts));
    for (size_t i = 0; i < n; i++) {
        starts[i] = (struct thread_start){ fn, arg, i };
        if (pthread_create(&threads[i], NULL, run_thread, &starts[i]) != 0)
            bench_fail("cannot start a thread");
    }
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    free(threads);
    free(starts);
}

void load_imap_login(struct client *c, const struct load_options *o, const char *port,
                     const struct load_user *user)
{
    client_open(c, o->host, port);
    client_start_tls(c, o->tls);
    (void)client_line(c);
    client_sendf(c, "a LOGIN \"%s\" \"%s\"\r\n", user->address, user->password);
    (void)client_expect_imap(c, "a", STR_EMPTY);
}

static str read_file(const char *path)
{
    struct buf b;
    buf_init(&b, MAIL_MAX);
    FILE *file = fopen(path, "rb");
    if (!file)
        bench_fail("cannot read %s", path);
    for (size_t n = 1; n;) {
        char *room = buf_reserve(&b, 65536);
        if (!room)
            bench_fail("%s is too long", path);
        n = fread(room, 1, 65536, file);
        buf_commit(&b, n);
    }
    (void)fclose(file);
    return buf_str(&b);
}

/* Lines of "address password". */
static void read_users(struct load_options *o, const char *path)
{
    str text = read_file(path);
    o->users = heap_zalloc(LIST_MAX * sizeof(*o->users));
    struct arena *a = HEAP_NEW(struct arena); /* lives as long as the process */
    arena_init(a);
    while (text.n && o->n_users < LIST_MAX) {
        str line;
        str address;
        str password;
        (void)str_cut(text, '\n', &line, &text);
        if (str_cut(line, ' ', &address, &password))
            o->users[o->n_users++] =
                (struct load_user){ arena_cstr(a, address), arena_cstr(a, password) };
    }
}

/* A file that lists paths of mails, one a line. */
static void read_mails(struct load_options *o, const char *path)
{
    str text = read_file(path);
    o->mails = heap_zalloc(LIST_MAX * sizeof(*o->mails));
    struct arena a;
    arena_init(&a);
    while (text.n && o->n_mails < LIST_MAX) {
        str line;
        (void)str_cut(text, '\n', &line, &text);
        if (line.n)
            o->mails[o->n_mails++] = read_file(arena_cstr(&a, line));
    }
    arena_fini(&a);
}

static const struct option long_options[] = {
    { "host", required_argument, NULL, 'h' },       { "smtp", required_argument, NULL, 's' },
    { "imap", required_argument, NULL, 'i' },       { "starttls", no_argument, NULL, 't' },
    { "sessions", required_argument, NULL, 'n' },   { "count", required_argument, NULL, 'c' },
    { "recipients", required_argument, NULL, 'r' }, { "domains", required_argument, NULL, 'D' },
    { "users", required_argument, NULL, 'u' },      { "mails", required_argument, NULL, 'm' },
    { "domain", required_argument, NULL, 'd' },     { NULL, 0, NULL, 0 },
};

static size_t number_of(const char *text)
{
    uint64_t value = 0;
    if (!str_to_uint(str_from_cstr(text), UINT32_MAX, &value))
        bench_fail("%s is not a number", text);
    return (size_t)value;
}

static void take_option(struct load_options *o, int option, const char *value)
{
    switch (option) {
    case 'h':
        o->host = value;
        break;
    case 's':
        o->smtp_port = value;
        break;
    case 'i':
        o->imap_port = value;
        break;
    case 'd':
        o->domain = value;
        break;
    case 't':
        o->starttls = true;
        break;
    case 'n':
        o->sessions = number_of(value);
        break;
    case 'c':
        o->count = number_of(value);
        break;
    case 'r':
        o->recipients = number_of(value);
        break;
    case 'D':
        o->domains = number_of(value);
        break;
    case 'u':
        read_users(o, value);
        break;
    case 'm':
        read_mails(o, value);
        break;
    default:
        bench_fail("usage: loadgen smtp|submit|imap|idle|hold --users FILE [options]");
    }
}

struct mode {
    const char *name;
    int (*run)(const struct load_options *o);
};

static const struct mode modes[] = {
    { "smtp", load_smtp }, { "submit", load_submit }, { "imap", load_imap },
    { "idle", load_idle }, { "hold", load_hold },
};

int main(int argc, char **argv)
{
    struct load_options o = { .host = "127.0.0.1",
                              .domain = "client.example",
                              .sessions = 1,
                              .count = 1,
                              .recipients = 1,
                              .domains = 1 };
    for (int c = getopt_long(argc, argv, "", long_options, NULL); c != -1;
         c = getopt_long(argc, argv, "", long_options, NULL))
        take_option(&o, c, optarg);
    o.tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(o.tls, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_session_cache_mode(o.tls, SSL_SESS_CACHE_OFF);
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        if (optind < argc && strcmp(argv[optind], modes[i].name) == 0 && o.n_users)
            return modes[i].run(&o);
    }
    bench_fail("usage: loadgen smtp|submit|imap|idle|hold --users FILE [options]");
}
