/* SPDX-License-Identifier: Apache-2.0 */
/* Mode smtp: sends messages over some sessions, then waits until all can be seen by IMAP. */
#include "tools/loadgen/loadgen.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct smtp_run {
    const struct load_options *o;
    atomic_size_t next;
    double *reply_ms; /* of each message: final dot to 250 */
};

void load_smtp_open(struct client *c, const struct load_options *o)
{
    client_open(c, o->host, o->smtp_port);
    client_expect_smtp(c, '2');
    client_sendf(c, "EHLO %s\r\n", o->domain);
    client_expect_smtp(c, '2');
    if (!o->starttls)
        return;
    client_send(c, STR("STARTTLS\r\n"));
    client_expect_smtp(c, '2');
    client_start_tls(c, o->tls);
    client_sendf(c, "EHLO %s\r\n", o->domain);
    client_expect_smtp(c, '2');
}

double load_smtp_send(struct client *c, const char *sender, const char *const *recipients, size_t n,
                      str mail)
{
    client_sendf(c, "MAIL FROM:<%s>\r\n", sender);
    client_expect_smtp(c, '2');
    for (size_t i = 0; i < n; i++) {
        client_sendf(c, "RCPT TO:<%s>\r\n", recipients[i]);
        client_expect_smtp(c, '2');
    }
    client_send(c, STR("DATA\r\n"));
    client_expect_smtp(c, '3');
    client_send(c, mail);
    double sent = bench_now();
    client_expect_smtp(c, '2');
    return (bench_now() - sent) * 1000;
}

static void send_message(struct client *c, struct smtp_run *run, const char *sender,
                         const char **recipients, size_t number)
{
    const struct load_options *o = run->o;
    for (size_t i = 0; i < o->recipients; i++) {
        size_t user = o->first_user + (number * o->recipients + i) % (o->n_users - o->first_user);
        recipients[i] = o->users[user].address;
    }
    run->reply_ms[number] =
        load_smtp_send(c, sender, recipients, o->recipients, o->mails[number % o->n_mails]);
}

static void smtp_session(void *arg, size_t number)
{
    struct smtp_run *run = arg;
    struct client c;
    char sender[300];
    const char **recipients = heap_zalloc(run->o->recipients * sizeof(*recipients));
    (void)number;
    (void)snprintf(sender, sizeof(sender), "sender@%s", run->o->domain);
    load_smtp_open(&c, run->o);
    for (size_t i = atomic_fetch_add(&run->next, 1); i < run->o->count;
         i = atomic_fetch_add(&run->next, 1))
        send_message(&c, run, sender, recipients, i);
    client_send(&c, STR("QUIT\r\n"));
    client_expect_smtp(&c, '2');
    client_close(&c);
    free(recipients);
}

/* The number after "MESSAGES " in the STATUS answer of INBOX. */
static size_t count_messages(struct client *c)
{
    client_send(c, STR("s STATUS INBOX (MESSAGES)\r\n"));
    size_t count = 0;
    for (;;) {
        str line = client_line(c);
        ptrdiff_t at = str_find(line, STR("MESSAGES "));
        if (at >= 0)
            count = strtoul(line.p + at + 9, NULL, 10);
        if (str_has_prefix(line, STR("s ")))
            return count;
    }
}

struct mailbox_watch {
    struct client client;
    size_t before;
};

/* Waits until `expected` more messages are in the mailboxes together. */
static void wait_until_visible(struct mailbox_watch *watches, size_t n, size_t expected)
{
    for (size_t seen = 0; seen < expected;) {
        seen = 0;
        for (size_t i = 0; i < n; i++)
            seen += count_messages(&watches[i].client) - watches[i].before;
        if (seen < expected)
            (void)usleep(2000);
    }
}

int load_smtp(const struct load_options *o)
{
    struct smtp_run run = { .o = o, .reply_ms = heap_zalloc(o->count * sizeof(double)) };
    size_t n = o->n_users - o->first_user;
    struct mailbox_watch *watches = heap_zalloc(n * sizeof(*watches));
    for (size_t i = 0; i < n; i++) {
        load_imap_login(&watches[i].client, o, o->imap_port, &o->users[o->first_user + i]);
        watches[i].before = count_messages(&watches[i].client);
    }
    double start = bench_now();
    load_threads(o->sessions, smtp_session, &run);
    double accepted = bench_now() - start;
    wait_until_visible(watches, n, o->count * o->recipients);
    double visible = bench_now() - start;
    double p50 = bench_quantile(run.reply_ms, o->count, 0.5);
    double p99 = bench_quantile(run.reply_ms, o->count, 0.99);
    (void)printf("{\"accepted_per_s\": %.1f, \"visible_per_s\": %.1f, \"reply_p50_ms\": %.3f, "
                 "\"reply_p99_ms\": %.3f}\n",
                 (double)o->count / accepted, (double)o->count / visible, p50, p99);
    for (size_t i = 0; i < n; i++)
        client_close(&watches[i].client);
    free(watches);
    free(run.reply_ms);
    return 0;
}
