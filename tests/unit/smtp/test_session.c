/* SPDX-License-Identifier: Apache-2.0 */
/* The session machine on a real listener, without a database: what it says by itself, and that a
 * database that is away makes temporary replies within two seconds (PROMISES R6). What needs
 * accounts is in tests/dialogue/smtp and tests/integration. */
#include "account/account.h"
#include "config/config.h"
#include "db/db.h"
#include "services/smtp/pace.h"
#include "services/smtp/service.h"
#include "services/smtp/session.h"
#include "services/smtp/transfer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    EXCHANGES_MAX = 30,
    WAIT_MS = 30000,
    TIMED_ROUNDS = 3
};

/* What a client sends, and what each line of the answer begins with (separated by '|'). */
struct exchange {
    str send;
    const char *expect;
};

/* The same conversation is held again and again, with what is sent cut in two at another place. */
struct dialogue {
    const char *name;
    struct exchange exchanges[EXCHANGES_MAX];
    bool ends;         /* the server closes at the end */
    bool is_cut;       /* the last send is cut at every place */
    int64_t within_ms; /* 0: not looked at; else the quickest of some rounds is */
};

struct world {
    struct runtime *rt;
    struct app app;
    struct config *config;
    struct net_listener *listener;
    struct net_address at;
    const struct dialogue *dialogue;
    size_t cut; /* of the last send */
    int64_t took_ms;
    bool failed;
};

#define EHLO_REPLY \
    "250-|250-PIPELINING|250-SIZE 26214400|250-8BITMIME|250-SMTPUTF8|250-CHUNKING|250-BINARYMIME|250-ENHANCED|250-DSN|250-LIMITS|250 HELP"

static const struct dialogue dialogues[] = {
    { .name = "greeting, EHLO, QUIT",
      .exchanges = { { STR_INIT(""), "220 mx.example ESMTP" },
                     { STR_INIT("EHLO client.example\r\n"), EHLO_REPLY },
                     { STR_INIT("NOOP\r\n"), "250 2.0.0" },
                     { STR_INIT("QUIT\r\n"), "221 2.0.0" } },
      .ends = true,
      .is_cut = true },
    { .name = "input before the banner",
      .exchanges = { { STR_INIT("EHLO client.example\r\n"), "554 5.5.0" } },
      .ends = true },
    { .name = "input before the reply to EHLO",
      .exchanges = { { STR_INIT(""), "220 " },
                     { STR_INIT("EHLO client.example\r\nNOOP\r\n"), "554 5.5.0" } },
      .ends = true },
    { .name = "HTTP",
      .exchanges = { { STR_INIT(""), "220 " }, { STR_INIT("POST / HTTP/1.1\r\n"), "521 5.7.0" } },
      .ends = true,
      .is_cut = true },
    { .name = "bare LF",
      .exchanges = { { STR_INIT(""), "220 " }, { STR_INIT("NOOP\n"), "500 5.5.2" } },
      .ends = true,
      .is_cut = true },
    { .name = "bare CR",
      .exchanges = { { STR_INIT(""), "220 " }, { STR_INIT("NO\rOP\r\n"), "500 5.5.2" } },
      .ends = true,
      .is_cut = true },
    { .name = "NUL",
      .exchanges = { { STR_INIT(""), "220 " }, { STR_INIT("NOOP\0\r\n"), "500 5.5.2" } },
      .ends = true,
      .is_cut = true },
    { .name = "no database: a temporary reply in time",
      .exchanges = { { STR_INIT(""), "220 " },
                     { STR_INIT("EHLO client.example\r\n"), EHLO_REPLY },
                     { STR_INIT("MAIL FROM:<a@remote.example>\r\n"), "250 2.1.0" },
                     { STR_INIT("RCPT TO:<b@ours.example>\r\n"), "451 4.3.0" },
                     { STR_INIT("RCPT TO:<b@ours.example>\r\n"), "451 4.3.0" },
                     { STR_INIT("DATA\r\n"), "554 5.5.1" } },
      .within_ms = 3600 },
    { .name = "a pipelined group is answered in order",
      .exchanges = { { STR_INIT(""), "220 " },
                     { STR_INIT("EHLO client.example\r\n"), EHLO_REPLY },
                     { STR_INIT("RSET\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nRSET\r\nNOOP\r\n"),
                       "250 2.0.0|250 2.1.0|503 5.5.1|250 2.0.0|250 2.0.0" } },
      .is_cut = true },
    { .name = "STARTTLS without certificates",
      .exchanges = { { STR_INIT(""), "220 " },
                     { STR_INIT("EHLO client.example\r\n"), EHLO_REPLY },
                     { STR_INIT("STARTTLS\r\n"), "502 5.5.1" } } },
};

/* ---- the client ---- */

static void note_failure(struct world *w, const char *what, str line)
{
    print_error("%s (cut at %zu): %s: '%.*s'\n", w->dialogue->name, w->cut, what, STR_FMT(line));
    w->failed = true;
}

static bool expect_lines(struct world *w, struct net_conn *c, const char *expected)
{
    str rest = str_from_cstr(expected);
    bool more = true;
    while (more) {
        struct err e = ERR_CLEAR;
        str wanted;
        str line;
        bool is_clean;
        more = str_cut(rest, '|', &wanted, &rest);
        if (!net_read_line(c, 1000, clock_deadline_in(WAIT_MS), &line, &is_clean, &e)) {
            note_failure(w, e.msg, wanted);
            return false;
        }
        if (!is_clean || !str_has_prefix(line, wanted)) {
            note_failure(w, "unexpected", line);
            return false;
        }
    }
    return true;
}

static bool send_bytes(struct net_conn *c, str bytes)
{
    struct err e = ERR_CLEAR;
    return net_write(c, bytes, &e) && net_flush(c, &e);
}

/* In two pieces with a moment between them, when this is the exchange that is cut. */
static bool send_cut(struct net_conn *c, str bytes, size_t cut)
{
    struct err e = ERR_CLEAR;
    if (cut > 0 && cut < bytes.n) {
        return send_bytes(c, str_slice(bytes, 0, cut)) &&
               fiber_sleep_until(clock_deadline_in(2), &e) && send_bytes(c, str_skip(bytes, cut));
    }
    return send_bytes(c, bytes);
}

static size_t count_exchanges(const struct dialogue *d)
{
    size_t n = 0;
    while (n < EXCHANGES_MAX && d->exchanges[n].expect)
        n++;
    return n;
}

static void hold(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct net_conn *c = NULL;
    const struct dialogue *d = w->dialogue;
    int64_t began_ms = clock_monotonic_ms();
    size_t n = count_exchanges(d);
    str byte;
    assert_true(net_connect(w->rt, &w->at, NULL, clock_deadline_in(WAIT_MS), &c, &e));
    for (size_t i = 0; i < n && !w->failed; i++) {
        if (!send_cut(c, d->exchanges[i].send, i + 1 == n ? w->cut : 0)) {
            note_failure(w, "cannot send", d->exchanges[i].send);
        } else {
            (void)expect_lines(w, c, d->exchanges[i].expect);
        }
    }
    if (d->ends && !w->failed && net_read_some(c, 1, clock_deadline_in(WAIT_MS), &byte, &e))
        note_failure(w, "still open", byte);
    net_close(&c);
    w->took_ms = clock_monotonic_ms() - began_ms;
}

/* On a busy machine any one of them may take longer. */
static void hold_in_time(struct world *w)
{
    int64_t within_ms = w->dialogue->within_ms;
    int64_t least_ms = INT64_MAX;
    for (int i = 0; i < TIMED_ROUNDS && least_ms > within_ms && !w->failed; i++) {
        hold(w);
        least_ms = w->took_ms < least_ms ? w->took_ms : least_ms;
    }
    if (least_ms > within_ms)
        note_failure(w, "too slow", STR_EMPTY);
}

static void client(void *arg)
{
    struct world *w = arg;
    for (size_t i = 0; i < COUNT_OF(dialogues) && !w->failed; i++) {
        w->dialogue = &dialogues[i];
        size_t n = count_exchanges(w->dialogue);
        size_t cuts = w->dialogue->is_cut ? w->dialogue->exchanges[n - 1].send.n : 1;
        for (w->cut = 0; w->cut < cuts && !w->failed; w->cut++)
            (w->dialogue->within_ms > 0 ? hold_in_time : hold)(w);
    }
    net_listener_stop(w->listener);
    runtime_stop(w->rt);
}

/* Junk has its end: 100 commands that bring no mail (S11). That of errors, which takes its time, is
 * in tests/dialogue/smtp/too-many-errors.dlg. */
static void count_answers(struct world *w, str command, unsigned *answers)
{
    struct err e = ERR_CLEAR;
    struct net_conn *c = NULL;
    assert_true(net_connect(w->rt, &w->at, NULL, clock_deadline_in(WAIT_MS), &c, &e));
    (void)expect_lines(w, c, "220 ");
    *answers = 0;
    for (;;) {
        str line;
        if (!send_bytes(c, command) ||
            !net_read_line(c, 1000, clock_deadline_in(WAIT_MS), &line, NULL, &e))
            break;
        (*answers)++;
        if (str_has_prefix(line, STR("421 4.7.0")))
            break;
    }
    net_close(&c);
}

static void counting_client(void *arg)
{
    struct world *w = arg;
    unsigned answers;
    count_answers(w, STR("NOOP\r\n"), &answers);
    if (answers != SMTP_JUNK_MAX + 1)
        note_failure(w, "junk was answered too often or not often enough", STR("NOOP"));
    runtime_stop(w->rt);
}

/* ---- the server ---- */

static void begin(struct world *w)
{
    struct err e = ERR_CLEAR;
    int fd;
    memset(w, 0, sizeof(*w));
    w->dialogue = &dialogues[0];
    w->rt = runtime_new(NULL, &e);
    assert_non_null(w->rt);
    const struct db_options nowhere = { .conninfo = "host=/nonexistent dbname=none" };
    w->config = config_defaults();
    w->app = (struct app){
        .config = w->config,
        .runtime = w->rt,
        .db = db_new(w->rt, &nowhere),
        .hostname = "mx.example",
    };
    w->app.accounts = account_directory_new(w->app.db, NULL);
    w->app.notify = notify_new(w->rt, w->app.db, NULL, NULL);
    assert_true(smtp_service.start(&w->app, &e));
    assert_true(net_address_parse(STR("127.0.0.1:0"), &w->at, &e));
    assert_true(net_listen_open(&w->at, &fd, &e));
    assert_int_equal(getsockname(fd, (struct sockaddr *)&w->at.sa, &w->at.len), 0);
    const struct app_listener_kind *kind = &smtp_service.listeners[0];
    const struct net_listener_options options = { .protocol = kind->protocol,
                                                  .service = kind->context(&w->app, kind) };
    w->listener = net_listener_new(w->rt, fd, &options);
}

static void run_and_end(struct world *w, fiber_fn fn)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(w->rt, "client", fn, w, NULL, &e));
    runtime_run(w->rt);
    net_listener_free(&w->listener);
    smtp_service.stop(&w->app);
    notify_free(&w->app.notify);
    account_directory_free(&w->app.accounts);
    db_free(&w->app.db);
    runtime_free(&w->rt);
    config_free(&w->config);
    assert_false(w->failed);
}

static void test_dialogues(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    run_and_end(&w, client);
}

static void stop(void *arg)
{
    struct world *w = arg;
    runtime_stop(w->rt);
}

static void test_limit_of_junk(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    run_and_end(&w, counting_client);
}

/* A message that comes in chunks holds memory: between them it keeps the pace of one by DATA (S14).
 */
static void test_pace_between_chunks(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    int64_t now_ms = clock_monotonic_ms();
    struct smtp_state common = { .app = &w.app };
    struct smtp_transfer begun = { .started_ms = now_ms - 50000, .decoder = { .wire = 1000 } };
    struct smtp_transfer far = { .started_ms = now_ms - 50000, .decoder = { .wire = 20000000 } };
    struct smtp_front front = { .state = &common };
    struct smtp_session s = { .state = &common, .front = &front };
    assert_true(smtp_command_deadline(&s) >= now_ms + SMTP_COMMAND_MS);
    s.chunked = &begun;
    assert_int_equal(smtp_command_deadline(&s), now_ms + 10000);
    s.chunked = &far;
    assert_true(smtp_command_deadline(&s) >= now_ms + SMTP_DATA_BLOCK_MS);
    assert_true(smtp_command_deadline(&s) < now_ms + SMTP_COMMAND_MS);
    run_and_end(&w, stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogues),
        cmocka_unit_test(test_limit_of_junk),
        cmocka_unit_test(test_pace_between_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
