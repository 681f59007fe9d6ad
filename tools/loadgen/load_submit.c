/* SPDX-License-Identifier: Apache-2.0 */
/* Mode submit: users log in, each over a session of their own; when all are in it says so, and
 * sends at a line on its standard input. Who counts what arrives is somebody else. */
#include "base/base64.h"
#include "tools/loadgen/loadgen.h"

#include <stdatomic.h>
#include <stdio.h>

struct submit_run {
    const struct load_options *o;
    struct client *clients;
    atomic_size_t next;
    double *reply_ms; /* of each message: final dot to 250 */
};

static void log_in(struct client *c, const struct load_user *user)
{
    struct buf plain;
    struct buf text;
    buf_init(&plain, 1024);
    buf_init(&text, 2048);
    (void)buf_add_byte(&plain, '\0');
    (void)buf_add(&plain, str_from_cstr(user->address));
    (void)buf_add_byte(&plain, '\0');
    (void)buf_add(&plain, str_from_cstr(user->password));
    if (!base64_encode(BASE64_STANDARD, buf_str(&plain), &text))
        bench_fail("the password of %s is too long", user->address);
    client_sendf(c, "AUTH PLAIN %.*s\r\n", STR_FMT(buf_str(&text)));
    client_expect_smtp(c, '2');
    buf_fini(&plain);
    buf_fini(&text);
}

static void open_session(void *arg, size_t number)
{
    struct submit_run *run = arg;
    load_smtp_open(&run->clients[number], run->o);
    log_in(&run->clients[number], &run->o->users[number % run->o->n_users]);
}

/* Of the mails, every n_users-th is from the same user, in the order of users. */
static str choose_mail(const struct load_options *o, size_t user, size_t i)
{
    return o->mails[user + o->n_users * (i % (o->n_mails / o->n_users))];
}

/* Each mail goes from the session's user to somebody of the domains d0, d1, ... below --domain. */
static void send_mails(void *arg, size_t number)
{
    struct submit_run *run = arg;
    const struct load_options *o = run->o;
    size_t user = number % o->n_users;
    char to[300];
    const char *recipient = to;
    for (size_t i = atomic_fetch_add(&run->next, 1); i < o->count;
         i = atomic_fetch_add(&run->next, 1)) {
        (void)snprintf(to, sizeof(to), "someone%zu@d%zu.%s", i, i % o->domains, o->domain);
        run->reply_ms[i] = load_smtp_send(&run->clients[number], o->users[user].address, &recipient,
                                          1, choose_mail(o, user, i));
    }
    client_send(&run->clients[number], STR("QUIT\r\n"));
    client_expect_smtp(&run->clients[number], '2');
    client_close(&run->clients[number]);
}

int load_submit(const struct load_options *o)
{
    struct submit_run run = { .o = o,
                              .clients = heap_zalloc(o->sessions * sizeof(struct client)),
                              .reply_ms = heap_zalloc(o->count * sizeof(double)) };
    if (o->n_mails < o->n_users)
        bench_fail("too few mails: each user sends mails of his own");
    load_threads(o->sessions, open_session, &run);
    (void)puts("open");
    (void)fflush(stdout);
    (void)getchar();
    double start = bench_now();
    load_threads(o->sessions, send_mails, &run);
    (void)printf("{\"accepted_per_s\": %.1f, \"reply_p50_ms\": %.3f, \"reply_p99_ms\": %.3f}\n",
                 (double)o->count / (bench_now() - start),
                 bench_quantile(run.reply_ms, o->count, 0.5),
                 bench_quantile(run.reply_ms, o->count, 0.99));
    free(run.reply_ms);
    free(run.clients);
    return 0;
}
