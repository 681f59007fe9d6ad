/* SPDX-License-Identifier: Apache-2.0 */
/* Modes imap (login, SELECT, 50 headers, LOGOUT), idle (notices of new mail) and hold (idle
 * connections that cost only memory). */
#include "tools/loadgen/loadgen.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct imap_run {
    const struct load_options *o;
    atomic_size_t next;
    double *round_ms;
};

static void imap_round(const struct load_options *o, size_t number)
{
    struct client c;
    load_imap_login(&c, o, o->imap_port, &o->users[number % o->n_users]);
    client_send(&c, STR("b SELECT INBOX\r\n"));
    (void)client_expect_imap(&c, "b", STR_EMPTY);
    client_send(
        &c, STR("c FETCH 1:50 (UID FLAGS BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])\r\n"));
    if (client_expect_imap(&c, "c", STR(" FETCH (")) != 50)
        bench_fail("the mailbox of the benchmark must hold at least 50 messages");
    client_send(&c, STR("d LOGOUT\r\n"));
    (void)client_expect_imap(&c, "d", STR_EMPTY);
    client_close(&c);
}

static void imap_client(void *arg, size_t number)
{
    struct imap_run *run = arg;
    (void)number;
    for (size_t i = atomic_fetch_add(&run->next, 1); i < run->o->count;
         i = atomic_fetch_add(&run->next, 1)) {
        double start = bench_now();
        imap_round(run->o, i);
        run->round_ms[i] = (bench_now() - start) * 1000;
    }
}

int load_imap(const struct load_options *o)
{
    struct imap_run run = { .o = o, .round_ms = heap_zalloc(o->count * sizeof(double)) };
    double start = bench_now();
    load_threads(o->sessions, imap_client, &run);
    double seconds = bench_now() - start;
    (void)printf("{\"rounds_per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
                 (double)o->count / seconds, bench_quantile(run.round_ms, o->count, 0.5),
                 bench_quantile(run.round_ms, o->count, 0.99));
    free(run.round_ms);
    return 0;
}

static void open_idle(struct client *c, const struct load_options *o, const struct load_user *user)
{
    load_imap_login(c, o, o->imap_port, user);
    client_send(c, STR("b SELECT INBOX\r\n"));
    (void)client_expect_imap(c, "b", STR_EMPTY);
    client_send(c, STR("c IDLE\r\n"));
    while (!str_has_prefix(client_line(c), STR("+")))
        continue;
}

/* Waits for each session's EXISTS line; notes how long after `sent` it came. */
static void gather_notices(struct client *sessions, size_t n, double sent, double *delays)
{
    struct pollfd *polls = heap_zalloc(n * sizeof(*polls));
    size_t waiting = n;
    for (size_t i = 0; i < n; i++)
        polls[i] = (struct pollfd){ .fd = sessions[i].fd, .events = POLLIN };
    while (waiting) {
        if (poll(polls, n, 60000) <= 0)
            bench_fail("%zu idle sessions were not told within a minute", waiting);
        for (size_t i = 0; i < n; i++) {
            if (polls[i].fd < 0 || !polls[i].revents)
                continue;
            while (str_find(client_line(&sessions[i]), STR(" EXISTS")) < 0)
                continue;
            delays[i] = (bench_now() - sent) * 1000;
            polls[i].fd = -1;
            waiting--;
        }
    }
    free(polls);
}

static void deliver_one(struct client *c, const struct load_options *o)
{
    client_sendf(c, "MAIL FROM:<sender@client.example>\r\nRCPT TO:<%s>\r\nDATA\r\n",
                 o->users[0].address);
    client_expect_smtp(c, '2');
    client_expect_smtp(c, '2');
    client_expect_smtp(c, '3');
    client_send(c, o->mails[0]);
    client_expect_smtp(c, '2');
}

int load_idle(const struct load_options *o)
{
    struct client *sessions = heap_zalloc(o->sessions * sizeof(*sessions));
    double *delays = heap_zalloc(o->sessions * o->count * sizeof(*delays));
    struct client smtp;
    client_open(&smtp, o->host, o->smtp_port);
    client_expect_smtp(&smtp, '2');
    client_send(&smtp, STR("EHLO client.example\r\n"));
    client_expect_smtp(&smtp, '2');
    for (size_t i = 0; i < o->sessions; i++)
        open_idle(&sessions[i], o, &o->users[0]);
    for (size_t round = 0; round < o->count; round++) {
        (void)usleep(300000);
        deliver_one(&smtp, o);
        gather_notices(sessions, o->sessions, bench_now(), delays + round * o->sessions);
    }
    size_t n = o->sessions * o->count;
    (void)printf("{\"notice_p50_ms\": %.3f, \"notice_p99_ms\": %.3f}\n",
                 bench_quantile(delays, n, 0.5), bench_quantile(delays, n, 0.99));
    for (size_t i = 0; i < o->sessions; i++)
        client_close(&sessions[i]);
    client_close(&smtp);
    free(sessions);
    free(delays);
    return 0;
}

int load_hold(const struct load_options *o)
{
    struct client *sessions = heap_zalloc(o->sessions * sizeof(*sessions));
    for (size_t i = 0; i < o->sessions; i++)
        open_idle(&sessions[i], o, &o->users[i % o->n_users]);
    (void)printf("{\"open\": %zu}\n", o->sessions);
    (void)fflush(stdout);
    (void)getchar(); /* until whoever measures closes our standard input */
    free(sessions);
    return 0;
}
