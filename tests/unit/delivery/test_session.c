/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP client against a server that follows a script: who gets which result, what is on the
 * wire, and what is not. The queue and its database are not here (tests/integration). */
#include "script_fixture.h"
#include "services/delivery/crowd.h"

struct wire_case {
    const char *name;
    struct script script;
    const char *seen; /* NULL: not looked at */
    struct {
        enum queue_outcome outcome;
        const char *status;
        const char *reply;
    } results[2];
};

static const struct wire_case wire_cases[] = {
    { "pipelined",
      { "220 hi\r\n",
        { PIPELINING_EHLO, "250 ok\r\n", "250 ok\r\n", "550 5.1.1 nobody\r\n", "354 go\r\n",
          "250 2.0.0 taken\r\n", "221 bye\r\n" } },
      "EHLO us.example|MAIL FROM:<from@us.example> SIZE=30|RCPT TO:<one@example>|"
      "RCPT TO:<two@example> NOTIFY=NEVER|DATA|" BODY "QUIT|<end>",
      { { QUEUE_DELIVERED, "2.0.0", "250 2.0.0 taken" },
        { QUEUE_FAILED, "5.1.1", "550 5.1.1 nobody" } } },
    { "in steps",
      { "220-hello\r\n220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "450 4.2.0 later\r\n", "250 ok\r\n", "354 go\r\n",
          "250 taken\r\n", "221 bye\r\n" } },
      "EHLO us.example|" ENVELOPE BODY "QUIT|<end>",
      { { QUEUE_DEFERRED, "4.2.0", "later" }, { QUEUE_DELIVERED, "", "250 taken" } } },
    { "HELO",
      { "220 hi\r\n",
        { "502 what\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
          "250 taken\r\n", "221 bye\r\n" } },
      "EHLO us.example|HELO us.example|" ENVELOPE BODY "QUIT|<end>",
      { { QUEUE_DELIVERED, "", "250 taken" }, { QUEUE_DELIVERED, "", "250 taken" } } },
    { "MAIL refused, pipelined",
      { "220 hi\r\n",
        { PIPELINING_EHLO, "451 4.7.1 greylisted\r\n", "503 5.5.1 no\r\n", "503 5.5.1 no\r\n",
          "503 5.5.1 no\r\n", "221 bye\r\n" } },
      NULL,
      { { QUEUE_DEFERRED, "4.7.1", "451 4.7.1 greylisted" },
        { QUEUE_DEFERRED, "4.7.1", "greylisted" } } },
    { "MAIL refused, in steps",
      { "220 hi\r\n", { PLAIN_EHLO, "550 5.7.1 spam\r\n", "221 bye\r\n" } },
      "EHLO us.example|MAIL FROM:<from@us.example>|QUIT|<end>",
      { { QUEUE_FAILED, "5.7.1", "spam" }, { QUEUE_FAILED, "5.7.1", "spam" } } },
    { "nobody accepted, but 354",
      { "220 hi\r\n",
        { PIPELINING_EHLO, "250 ok\r\n", "550 5.1.1 no\r\n", "552 5.5.3 too many\r\n", "354 go\r\n",
          "554 5.5.1 nobody\r\n", "221 bye\r\n" } },
      "EHLO us.example|MAIL FROM:<from@us.example> SIZE=30|RCPT TO:<one@example>|"
      "RCPT TO:<two@example> NOTIFY=NEVER|DATA|.|QUIT|<end>",
      { { QUEUE_FAILED, "5.1.1", "550" }, { QUEUE_DEFERRED, "5.5.3", "552" } } },
    { "DATA refused",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "554 5.6.0 no\r\n",
          "221 bye\r\n" } },
      "EHLO us.example|" ENVELOPE "QUIT|<end>",
      { { QUEUE_FAILED, "5.6.0", "554" }, { QUEUE_FAILED, "5.6.0", "554" } } },
    { "DATA answered by 250",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "221 bye\r\n" } },
      "EHLO us.example|" ENVELOPE "QUIT|<end>",
      { { QUEUE_DEFERRED, "", "250" }, { QUEUE_DEFERRED, "", "250" } } },
    { "message refused",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "552 5.2.2 full\r\n",
          "221 bye\r\n" } },
      NULL,
      { { QUEUE_FAILED, "5.2.2", "full" }, { QUEUE_FAILED, "5.2.2", "full" } } },
    { "status of another class",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "450 5.1.1 odd\r\n", "550 4.1.1 odd\r\n", "221 bye\r\n" } },
      NULL,
      { { QUEUE_DEFERRED, "", "450" }, { QUEUE_FAILED, "", "550" } } },
    { "dropped after the dot",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "drop" } },
      "EHLO us.example|" ENVELOPE BODY "<end>",
      { { QUEUE_DEFERRED, "4.4.2", "no answer after the message" },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message" } } },
    { "dropped after a recipient",
      { "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "550 5.1.1 no\r\n", "drop" } },
      NULL,
      { { QUEUE_FAILED, "5.1.1", "550" }, { QUEUE_DEFERRED, "4.4.2", "lost" } } },
    { "no reply of SMTP",
      { "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "nonsense\r\n" } },
      NULL,
      { { QUEUE_DEFERRED, "4.4.2", "lost" }, { QUEUE_DEFERRED, "4.4.2", "lost" } } },
    { "code 999",
      { "220 hi\r\n", { PLAIN_EHLO, "999 ok\r\n" } },
      NULL,
      { { QUEUE_DEFERRED, "4.4.2", "lost" }, { QUEUE_DEFERRED, "4.4.2", "lost" } } },
};

static void test_what_becomes_of_recipients(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wire_cases); i++) {
        const struct wire_case *c = &wire_cases[i];
        struct world w;
        begin(&w, &c->script, "");
        print_message("%s\n", c->name);
        go(&w);
        assert_true(w.opened);
        for (size_t k = 0; k < 2; k++)
            expect_result(&w.results[k], c->results[k].outcome, c->results[k].status,
                          c->results[k].reply);
        if (c->seen)
            expect_seen(&w, c->seen);
        end(&w);
    }
}

static const struct script taker = { "220 hi\r\n",
                                     { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n",
                                       "354 go\r\n", "250 taken\r\n", "221 bye\r\n" } };

/* R20: whatever the queue holds, no bare CR or LF, no long line, no early end leaves. */
static void test_the_wire_is_clean(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &taker, "");
    w.body = STR("a\n.\nb\r\n.\r\nc\r.\rd\r\n..\r\n\0e\n.\r\nMAIL FROM:<x>");
    go(&w);
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    expect_seen(&w,
                "EHLO us.example|" ENVELOPE "a|..|b|..|c|..|d|...|e|..|MAIL FROM:<x>|.|QUIT|<end>");
    end(&w);
}

static void test_a_long_message_goes_out_whole(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &taker, "");
    char *text = arena_alloc(&w.a, 700000);
    for (size_t i = 0; i < 700000; i++)
        text[i] = i % 70 == 68 ? '\r' : i % 70 == 69 ? '\n' : (char)('a' + i / 70 % 26);
    w.body = str_of(text, 700000);
    go(&w);
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    assert_true(w.seen.n > 690000);
    end(&w);
}

/* R9: who does not hold the lease any more does not end the message. */
static void test_no_end_dot_without_a_lease(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &taker, "");
    w.lease.until_ms = clock_monotonic_ms() - 1;
    go(&w);
    expect_result(&w.results[0], QUEUE_DEFERRED, "4.4.2", "lease");
    assert_int_equal(str_find(buf_str(&w.seen), STR("|.|")), -1);
    assert_true(str_find(buf_str(&w.seen), STR("text|")) > 0);
    end(&w);
}

static void test_what_a_server_cannot_take(void **state)
{
    (void)state;
    static const struct script script = { "220 hi\r\n", { PIPELINING_EHLO, "221 bye\r\n" } };
    struct world w;
    begin(&w, &script, "");
    w.message.size = 1001;
    go(&w);
    expect_result(&w.results[1], QUEUE_FAILED, "5.3.4", "larger");
    expect_seen(&w, "EHLO us.example|QUIT|<end>");
    end(&w);
    begin(&w, &script, "");
    w.message.is_utf8 = true;
    go(&w);
    expect_result(&w.results[0], QUEUE_FAILED, "5.6.7", "ASCII");
    end(&w);
    begin(&w, &script, "");
    w.message.envelope_from = STR("a@b>\r\nRCPT TO:<victim");
    go(&w);
    expect_result(&w.results[0], QUEUE_FAILED, "5.1.3", "characters");
    expect_seen(&w, "EHLO us.example|QUIT|<end>");
    end(&w);
}

static void test_extensions_are_used(void **state)
{
    (void)state;
    static const struct script script = {
        "220 hi\r\n",
        { "250-mx\r\n250-8BITMIME\r\n250-SIZE\r\n250 SMTPUTF8\r\n", "250 ok\r\n", "250 ok\r\n",
          "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n" }
    };
    struct world w;
    begin(&w, &script, "");
    w.message.is_8bit = true;
    w.message.is_utf8 = true;
    w.message.envelope_from = STR_EMPTY;
    go(&w);
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    assert_true(str_find(buf_str(&w.seen), STR("|MAIL FROM:<> SIZE=30 BODY=8BITMIME SMTPUTF8|")) >
                0);
    end(&w);
}

/* RFC 9422: no more recipients in a transaction than the server takes, each with its own result. */
static void test_limits_are_kept(void **state)
{
    (void)state;
    static const struct script script = { "220 hi\r\n",
                                          { "250-mx\r\n250 LIMITS RCPTMAX=1\r\n", "250 ok\r\n",
                                            "250 ok\r\n", "354 go\r\n", "250 2.0.0 taken\r\n",
                                            "250 ok\r\n", "550 5.1.1 who?\r\n", "221 bye\r\n" } };
    static const struct script once = { "220 hi\r\n",
                                        { "250-mx\r\n250 LIMITS RCPTMAX=1 MAILMAX=1\r\n",
                                          "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                          "250 2.0.0 taken\r\n", "221 bye\r\n" } };
    struct world w;
    begin(&w, &script, "");
    go(&w);
    expect_result(&w.results[0], QUEUE_DELIVERED, "2.0.0", "taken");
    expect_result(&w.results[1], QUEUE_FAILED, "5.1.1", "who?");
    end(&w);
    begin(&w, &once, "");
    go(&w);
    expect_result(&w.results[0], QUEUE_DELIVERED, "2.0.0", "taken");
    assert_int_equal(w.results[1].outcome, QUEUE_DEFERRED);
    end(&w);
}

/* Each recipient in a transaction with a sender of its own, over one connection. */
static void test_verp(void **state)
{
    (void)state;
    static const struct script script = {
        "220 hi\r\n",
        { PIPELINING_EHLO, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 2.0.0 taken\r\n",
          "250 ok\r\n", "550 5.1.1 who?\r\n", "503 5.5.1 nobody\r\n", "250 reset\r\n", "250 ok\r\n",
          "250 ok\r\n", "354 go\r\n", "452 4.3.1 full\r\n", "221 bye\r\n" }
    };
    struct world w;
    begin(&w, &script, "");
    w.message.is_verp = true;
    w.message.n = 3;
    go(&w);
    expect_result(&w.results[0], QUEUE_DELIVERED, "2.0.0", "taken");
    expect_result(&w.results[1], QUEUE_FAILED, "5.1.1", "who?");
    expect_result(&w.results[2], QUEUE_DEFERRED, "4.3.1", "full");
    expect_seen(&w, "EHLO us.example|MAIL FROM:<from+one=example@us.example> SIZE=30|"
                    "RCPT TO:<one@example>|DATA|" BODY
                    "MAIL FROM:<from+two=example@us.example> SIZE=30|"
                    "RCPT TO:<two@example> NOTIFY=NEVER|DATA|RSET|"
                    "MAIL FROM:<from+three=example@us.example> SIZE=30|"
                    "RCPT TO:<three@example>|DATA|" BODY "QUIT|<end>");
    end(&w);
}

/* RFC 3461 5.2.1: a server with DSN hears what the sender wants, and reports by itself. */
static void test_dsn_is_passed_on(void **state)
{
    (void)state;
    static const struct script script = { "220 hi\r\n",
                                          { PIPELINING_EHLO, "250 ok\r\n", "250 ok\r\n",
                                            "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                            "250 2.0.0 taken\r\n", "221 bye\r\n" } };
    static struct queue_recipient list[] = {
        { .address = STR_INIT("one@example"),
          .notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY | QUEUE_NOTIFY_GIVEN,
          .orcpt = STR_INIT("rfc822;o+2Bld@example") },
        { .address = STR_INIT("two@example"), .notify = QUEUE_NOTIFY_GIVEN },
        { .address = STR_INIT("three@example"),
          .notify = QUEUE_NOTIFY_DEFAULT,
          .orcpt = STR_INIT("rfc822;x NOTIFY=NEVER") }, /* never out of an SMTP session */
    };
    struct world w;
    begin(&w, &script, "");
    w.message.recipients = list;
    w.message.n = 3;
    w.message.has_ret = true;
    w.message.envelope_id = STR("QQ+2B3");
    go(&w);
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    assert_true(w.results[0].peer_reports);
    expect_seen(&w, "EHLO us.example|MAIL FROM:<from@us.example> SIZE=30 RET=HDRS ENVID=QQ+2B3|"
                    "RCPT TO:<one@example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o+2Bld@example|"
                    "RCPT TO:<two@example> NOTIFY=NEVER|RCPT TO:<three@example>|DATA|" BODY
                    "QUIT|<end>");
    end(&w);
    begin(&w, &taker, "");
    w.message.recipients = list;
    w.message.has_ret = true;
    w.message.envelope_id = STR("QQ+2B3");
    go(&w);
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    assert_false(w.results[0].peer_reports);
    expect_seen(&w, "EHLO us.example|" ENVELOPE BODY "QUIT|<end>");
    end(&w);
}

static void test_greetings(void **state)
{
    (void)state;
    static const struct script refusing = { "554 5.7.1 go away\r\n", { NULL } };
    static struct world w;
    begin(&w, &refusing, "");
    w.route.hosts[1] = w.route.hosts[0];
    w.route.n = 2;
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.3.2", "go away");
    expect_seen(&w, "<end><end>"); /* both were tried */
    end(&w);

    begin(&w, &taker, "");
    struct err e = ERR_CLEAR;
    w.route.hosts[1] = w.route.hosts[0];
    w.route.n = 2;
    assert_true(net_address_parse(STR("127.0.0.1:1"), &w.route.hosts[0].address, &e));
    go(&w); /* nobody listens at the first */
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    end(&w);

    begin(&w, &taker, "");
    assert_true(net_address_parse(STR("127.0.0.1:1"), &w.route.hosts[0].address, &e));
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.4.1", "refused");
    end(&w);
}

/* ---- 8-bit text and servers of 7 bits ---- */

/* RFC 6152 3: re-encoded where the server does not take 8 bits, as it is where it does. */
static void test_eight_bit(void **state)
{
    (void)state;
    static const struct script eight_bit = { "220 hi\r\n",
                                             { "250-mx.example\r\n250 8BITMIME\r\n", "250 ok\r\n",
                                               "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                               "250 taken\r\n", "221 bye\r\n" } };
    static const struct script refusing = { "220 hi\r\n", { PLAIN_EHLO, "221 bye\r\n" } };
    struct world w;
    begin(&w, &taker, "");
    w.message.is_8bit = true;
    w.body = STR("Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9f=e\r\n");
    w.message.size = w.body.n;
    go(&w);
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    expect_seen(&w, "EHLO us.example|" ENVELOPE
                    "Subject: x|MIME-Version: 1.0|Content-Type: text/plain; charset=utf-8|"
                    "Content-Transfer-Encoding: quoted-printable||gr=C3=BC=C3=9F=3De|.|QUIT|<end>");
    end(&w);
    begin(&w, &eight_bit, "");
    w.message.is_8bit = true;
    w.body = STR("Subject: x\r\n\r\n\xc3\xbc\r\n");
    w.message.size = w.body.n;
    go(&w);
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    assert_true(str_find(buf_str(&w.seen), STR("BODY=8BITMIME|")) > 0);
    assert_true(str_find(buf_str(&w.seen), STR("||\xc3\xbc|.|")) > 0);
    end(&w);
    begin(&w, &refusing, "");
    w.message.is_8bit = true;
    w.body =
        STR("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b--\r\n");
    w.message.size = w.body.n;
    go(&w);
    expect_result(&w.results[0], QUEUE_FAILED, "5.6.3", "8-bit");
    expect_seen(&w, "EHLO us.example|QUIT|<end>");
    end(&w);
}

/* ---- servers that mean ill ---- */

/* What a server says without being asked is never taken for an answer. */
static void test_replies_ahead(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct script script;
        bool opened;
    } cases[] = {
        { "with the greeting", { "220 hi\r\n250 ok\r\n", { PLAIN_EHLO } }, false },
        { "with EHLO", { "220 hi\r\n", { PLAIN_EHLO "250 ok\r\n", "250 ok\r\n" } }, true },
        { "with MAIL",
          { "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n" } },
          true },
        { "with 354",
          { "220 hi\r\n",
            { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n250 taken\r\n" } },
          true },
        { "with 354, pipelined",
          { "220 hi\r\n",
            { PIPELINING_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n",
              "354 go\r\n250 taken\r\n" } },
          true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world w;
        begin(&w, &cases[i].script, "");
        print_message("%s\n", cases[i].name);
        go(&w);
        assert_int_equal(w.opened, cases[i].opened);
        expect_result(cases[i].opened ? &w.results[0] : &w.failure, QUEUE_DEFERRED, "4.4.2",
                      "more than it was asked");
        assert_int_equal(str_find(buf_str(&w.seen), STR("|.|")), -1);
        end(&w);
    }
}

/* O3: too much of anything ends the connection, and nothing is lost. */
static void test_endless_replies(void **state)
{
    (void)state;
    static struct world w;
    char *lines = heap_zalloc(200000);
    char *line = heap_zalloc(100000);
    for (size_t i = 0; i < 10000; i++)
        memcpy(lines + i * 9, "250-abc\r\n", 9);
    memset(line, 'x', 99000);
    memcpy(line, "250-", 4);
    const struct script scripts[] = {
        { "220 hi\r\n", { PLAIN_EHLO, lines } },
        { "220 hi\r\n", { PLAIN_EHLO, line } },
        { "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "250-ok\r\n550 ok\r\n" } },
        { "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "000 ok\r\n" } },
        { "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "-250 ok\r\n" } },
    };
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        begin(&w, &scripts[i], "");
        go(&w);
        expect_result(&w.results[0], QUEUE_DEFERRED, "4.4.2", "lost");
        end(&w);
    }
    const struct script greets = { lines, { NULL } };
    begin(&w, &greets, "");
    go(&w);
    assert_false(w.opened);
    end(&w);
    /* Control bytes of a reply do not get into results. */
    const struct script controls = { "220 hi\r\n",
                                     { PLAIN_EHLO, "550 a\1\33[2Jb\r\n", "221 bye\r\n" } };
    begin(&w, &controls, "");
    go(&w);
    assert_int_equal(str_find_byte(w.results[0].reply, '\33'), -1);
    assert_int_equal(str_find_byte(w.results[0].reply, '\1'), -1);
    end(&w);
    free(lines);
    free(line);
}

/* A server that drips its answers holds us for the time of all together, not of each. */
static void test_dripping(void **state)
{
    (void)state;
    static const struct script never = { "220-hi\r\n", { NULL } };
    static const struct script rcpt = { "220 hi\r\n",
                                        { PLAIN_EHLO, "250 ok\r\n", "250-and\r\n", "250 on\r\n" } };
    struct world w;
    begin(&w, &never, "");
    w.session.patience.open_ms = 200;
    int64_t start = clock_monotonic_ms();
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.4.2", "no greeting");
    assert_true(clock_monotonic_ms() - start < 15000); /* the server of the test waits too */
    end(&w);
    begin(&w, &rcpt, "");
    w.session.patience.envelope_ms = 200;
    start = clock_monotonic_ms();
    go(&w);
    expect_result(&w.results[0], QUEUE_DEFERRED, "4.4.2", "lost");
    assert_true(clock_monotonic_ms() - start < 15000);
    assert_int_equal(str_find(buf_str(&w.seen), STR("DATA")), -1);
    end(&w);
}

/* When it has said nothing for a while, as seen from another fiber; its places are few. */
static void hurry(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    while (str_find(buf_str(&w->seen), STR("EHLO")) < 0)
        assert_true(fiber_sleep_until(clock_deadline_in(5), &e));
    int64_t later_ms = clock_monotonic_ms() + DELIVERY_HURRY_MS;
    w->d.n_slow = DELIVERY_SLOW_MANY - 1;
    delivery_hurry(&w->d, later_ms);
    assert_false(w->session.is_hurried);
    w->d.n_slow = DELIVERY_SLOW_MANY;
    delivery_hurry(&w->d, later_ms - DELIVERY_HURRY_MS);
    assert_false(w->session.is_hurried);
    w->session.is_ended = true; /* the message may be there */
    delivery_hurry(&w->d, later_ms);
    assert_false(w->session.is_hurried);
    w->session.is_ended = false;
    struct delivery_session in_line = { .place = { .is_waiting = true } };
    list_add_tail(&w->d.sessions, &in_line.link);
    delivery_hurry(&w->d, later_ms); /* no server keeps that one waiting */
    list_remove(&in_line.link);
    assert_false(w->session.is_hurried);
    delivery_hurry(&w->d, later_ms);
    assert_true(w->session.is_hurried);
}

/* With very many that wait, nobody is waited for as long as else. */
static void test_hurry(void **state)
{
    (void)state;
    static const struct script silent = { "220 hi\r\n", { "" } };
    static struct world w;
    struct err e = ERR_CLEAR;
    begin(&w, &silent, "");
    assert_true(fiber_spawn(w.rt, "hurry", hurry, &w, NULL, &e));
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.4.2", "very many others wait");
    end(&w);
}

/* Has the only place at the server until the session has waited for a while. */
static void hold_place(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct delivery_place place = { .mode = DELIVERY_PLACE_IN_LINE };
    signal_point_init(&place.turn);
    assert_true(delivery_place_take(&w->d, &place, &w->mx.at, STR("other.example")));
    while (!w->session.place.is_waiting)
        assert_true(fiber_sleep_until(clock_deadline_in(1), &e));
    int64_t opening_ms = w->session.opening_ms;
    assert_true(fiber_sleep_until(clock_deadline_in(20), &e));
    delivery_place_leave(&place);
    while (str_find(buf_str(&w->seen), STR("EHLO")) < 0)
        assert_true(fiber_sleep_until(clock_deadline_in(1), &e));
    assert_true(w->session.opening_ms >= opening_ms + 20);
    net_conn_abort(w->session.conn);
}

/* The server is not to blame for the line before it. */
static void test_waiting_in_line_is_no_opening(void **state)
{
    (void)state;
    static const struct script silent = { "220 hi\r\n", { "" } };
    static struct world w;
    struct err e = ERR_CLEAR;
    begin(&w, &silent, "delivery: { connections_per_server: 1 }\n");
    w.session.place.mode = DELIVERY_PLACE_IN_LINE;
    assert_true(fiber_spawn(w.rt, "holder", hold_place, &w, NULL, &e));
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.4.2", "no answer to EHLO");
    end(&w);
}

/* A server that closes a connection it was kept on says nothing about the message (RFC 5321 3.8).
 */
static void test_421_at_mail(void **state)
{
    (void)state;
    static const struct script closing = { "220 hi\r\n",
                                           { PLAIN_EHLO, "421 4.3.2 closing\r\n", "drop" } };
    struct world w;
    begin(&w, &closing, "");
    go(&w);
    assert_false(w.answered || w.is_working); /* an old connection: it is tried again at once */
    expect_result(&w.results[0], QUEUE_DEFERRED, "4.3.2", "421");
    end(&w);
}

/* The same where the replies to the other commands say something else, and the server stays. */
static void test_421_at_mail_and_no_end(void **state)
{
    (void)state;
    static const struct script closing = { "220 hi\r\n",
                                           { PIPELINING_EHLO, "421 4.3.2 closing\r\n",
                                             "503 5.5.1 no\r\n", "503 5.5.1 no\r\n",
                                             "503 5.5.1 no\r\n", "221 bye\r\n" } };
    struct world w;
    begin(&w, &closing, "");
    go(&w);
    assert_false(w.answered || w.is_working);
    expect_result(&w.results[0], QUEUE_DEFERRED, "4.3.2", "421");
    expect_seen(&w, "EHLO us.example|MAIL FROM:<from@us.example> SIZE=30|RCPT TO:<one@example>|"
                    "RCPT TO:<two@example> NOTIFY=NEVER|DATA|<end>"); /* it is not used again */
    end(&w);
}

/* ---- from server to server ---- */

static const struct script taker_of_one = { "220 hi\r\n",
                                            { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                              "250 taken\r\n", "221 bye\r\n" } };

/* What the first server says, and whether the second one is asked for the second recipient (RFC
 * 5321 5.1). */
static const struct onward_case {
    const char *name;
    struct script first;
    bool goes_on;
    const char *said; /* by the first server */
    bool only_second; /* the first recipient is done with */
} onward_cases[] = {
    { "lost at MAIL", { "220 hi\r\n", { PLAIN_EHLO, "drop" } }, true, "lost", false },
    { "421 to MAIL",
      { "220 hi\r\n", { PLAIN_EHLO, "421 4.3.2 closing\r\n", "drop" } },
      true,
      "421",
      false },
    { "451 to MAIL",
      { "220 hi\r\n", { PLAIN_EHLO, "451 4.3.0 not now\r\n", "221 bye\r\n" } },
      true,
      "451",
      false },
    { "550 to MAIL",
      { "220 hi\r\n", { PLAIN_EHLO, "550 5.7.1 spam\r\n", "221 bye\r\n" } },
      false,
      "550",
      false },
    { "lost at RCPT",
      { "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "550 5.1.1 no\r\n", "drop" } },
      true,
      "lost",
      true },
    { "nobody is taken now",
      { "220 hi\r\n",
        { PIPELINING_EHLO, "250 ok\r\n", "550 5.1.1 no\r\n", "452 4.2.2 full\r\n",
          "554 5.5.1 nobody\r\n", "221 bye\r\n" } },
      true,
      "452",
      true },
    { "one is taken",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "452 4.2.2 full\r\n", "354 go\r\n",
          "250 taken\r\n", "221 bye\r\n" } },
      false,
      "452",
      false },
    { "451 to DATA",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "550 5.1.1 no\r\n", "250 ok\r\n", "451 4.3.0 not now\r\n",
          "221 bye\r\n" } },
      true,
      "451",
      true },
    { "lost at DATA",
      { "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "550 5.1.1 no\r\n", "250 ok\r\n", "drop" } },
      true,
      "lost",
      true },
    { "452 to the message",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
          "452 4.3.1 no room\r\n", "221 bye\r\n" } },
      true,
      "452",
      false },
    { "421 to the message",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
          "421 4.4.2 too slow\r\n", "drop" } },
      true,
      "421",
      false },
    { "no answer to the message",
      { "220 hi\r\n",
        { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "drop" } },
      false,
      "no answer after the message",
      false },
};

static void test_the_next_server_is_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(onward_cases); i++) {
        const struct onward_case *c = &onward_cases[i];
        const struct script scripts[] = { c->first, c->only_second ? taker_of_one : taker };
        static struct world w;
        print_message("%s\n", c->name);
        begin(&w, NULL, "");
        w.scripts = scripts;
        w.goes_on = true;
        w.route.hosts[1] = w.route.hosts[0];
        w.route.n = 2;
        go(&w);
        assert_true(w.opened);
        const struct queue_result *r = &w.results[1];
        const struct queue_result *first = c->goes_on ? r->before : r;
        assert_int_equal(r->outcome == QUEUE_DELIVERED, c->goes_on);
        assert_int_equal(w.scripts - scripts, c->goes_on ? 2 : 1);
        assert_non_null(first);
        assert_null(first->before);
        assert_true(str_find(first->reply, str_from_cstr(c->said)) >= 0);
        if (c->only_second) {
            assert_true(w.results[0].outcome == QUEUE_FAILED && !w.results[0].before);
            assert_true(str_find(buf_str(&w.seen), STR("<end>EHLO us.example|MAIL "
                                                       "FROM:<from@us.example>|RCPT "
                                                       "TO:<two@example>|DATA|")) > 0);
        }
        if (c->goes_on)
            assert_true(w.answered);
        end(&w);
    }
}

/* Waits for the place of the session from its begin on, and has it until that is done or waits. */
static void take_place_over(void *arg)
{
    struct world *w = arg;
    struct delivery_place place = { .mode = DELIVERY_PLACE_IN_LINE };
    signal_point_init(&place.turn);
    while (!w->session.place.server)
        fiber_yield();
    assert_true(delivery_place_take(&w->d, &place, &w->mx.at, STR("other.example")));
    while (!w->session.place.is_waiting && !w->is_done)
        fiber_yield();
    w->has_waited = w->session.place.is_waiting;
    delivery_place_leave(&place);
}

/* It goes to the next server for those who are left, and stands in line only when all are: what
 * became of the others is not written down before that ends. */
static void test_no_line_when_some_have_it(void **state)
{
    (void)state;
    static const struct {
        struct script first;
        bool waits;
    } cases[] = {
        { { "220 hi\r\n",
            { "250-mx\r\n250 LIMITS RCPTMAX=1\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
              "250 2.0.0 taken\r\n", "421 4.3.2 closing\r\n", "drop" } },
          false },
        { { "220 hi\r\n", { PLAIN_EHLO, "451 4.3.0 not now\r\n", "221 bye\r\n" } }, true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct script scripts[] = { cases[i].first, taker };
        static struct world w;
        struct err e = ERR_CLEAR;
        begin(&w, NULL, "delivery: { connections_per_server: 1 }\n");
        w.scripts = scripts;
        w.goes_on = true;
        w.route.hosts[1] = w.route.hosts[0];
        w.route.n = 2;
        w.session.place.mode = DELIVERY_PLACE_IN_LINE;
        assert_true(fiber_spawn(w.rt, "other", take_place_over, &w, NULL, &e));
        go(&w);
        assert_int_equal(w.has_waited, cases[i].waits);
        assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
        assert_int_equal(w.results[1].outcome, cases[i].waits ? QUEUE_DELIVERED : QUEUE_DEFERRED);
        if (!cases[i].waits)
            assert_true(w.elsewhere[1]);
        assert_int_equal(w.session.place.mode, DELIVERY_PLACE_IN_LINE);
        end(&w);
    }
}

/* One pass over the servers; those that cannot be opened are told of, and do not replace the word
 * of the one that answered. */
static void test_no_server_is_left(void **state)
{
    (void)state;
    static const struct script busy = { "220 hi\r\n",
                                        { PLAIN_EHLO, "451 4.3.0 not now\r\n", "221 bye\r\n" } };
    struct err e = ERR_CLEAR;
    static struct world w;
    begin(&w, &busy, "");
    w.goes_on = true;
    w.route.hosts[1] = w.route.hosts[0];
    w.route.hosts[2] = w.route.hosts[0];
    w.route.n = 3;
    assert_true(net_address_parse(STR("127.0.0.1:1"), &w.route.hosts[0].address, &e));
    assert_true(net_address_parse(STR("127.0.0.1:1"), &w.route.hosts[2].address, &e));
    go(&w);
    expect_result(&w.results[0], QUEUE_DEFERRED, "4.3.0", "451");
    assert_true(w.answered);
    const struct queue_result *last = w.results[0].before;
    assert_non_null(last);
    expect_result(last, QUEUE_DEFERRED, "4.4.1", "refused");
    assert_non_null(last->before);
    expect_result(last->before, QUEUE_DEFERRED, "4.4.1", "refused");
    assert_null(last->before->before);
    expect_seen(&w, "EHLO us.example|MAIL FROM:<from@us.example>|QUIT|<end>");
    end(&w);
}

/* Servers that are not asked (crowd.h): with another one tried it is an attempt, by its word. */
static void test_who_was_put_off(void **state)
{
    (void)state;
    static struct delivery_route ways[DELIVERY_STALLING_MAX];
    static struct delivery_session on[DELIVERY_STALLING_MAX];
    static struct world w;
    assert_true(net_address_parse(STR("192.0.2.1:25"), &ways->hosts->address, &(struct err){ 0 }));
    for (size_t n = 0; n < 3; n++) { /* it is the first, the second, the only one */
        begin(&w, &(const struct script){ "421 4.3.2 not now\r\n", { NULL } }, "");
        for (size_t i = 0; i < DELIVERY_STALLING_MAX; i++) {
            on[i] = (struct delivery_session){ .route = &ways[i], .host = ways->hosts };
            on[i].is_busy = true;
            list_add_tail(&w.d.sessions, &on[i].link);
        }
        w.route.n = n < 2 ? 2 : 1;
        w.route.hosts[1] = w.route.hosts[0];
        w.route.hosts[n % 2] = ways->hosts[0];
        go(&w);
        assert_true(!w.opened && w.session.is_put_off == (n == 2));
        assert_true(n == 2 || str_find(w.failure.reply, STR("421")) >= 0);
        end(&w);
    }
}

/* What the breaker hears: who says 421 does not work, wherever it comes; who says 451 does. */
static void test_what_counts_as_working(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_working;
        struct script script;
    } cases[] = {
        { "421 to RCPT",
          false,
          { "220 hi\r\n",
            { PLAIN_EHLO, "250 ok\r\n", "421 4.7.0 no\r\n", "421 4.7.0 no\r\n", "221 bye\r\n" } } },
        { "421 to DATA",
          false,
          { "220 hi\r\n",
            { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "421 4.7.0 no\r\n",
              "drop" } } },
        { "421 to the message",
          false,
          { "220 hi\r\n",
            { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
              "421 4.7.0 no\r\n", "drop" } } },
        { "451 to RCPT",
          true,
          { "220 hi\r\n",
            { PLAIN_EHLO, "250 ok\r\n", "451 4.7.1 later\r\n", "451 4.7.1 later\r\n",
              "221 bye\r\n" } } },
        { "taken",
          true,
          { "220 hi\r\n",
            { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n",
              "221 bye\r\n" } } },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world w;
        begin(&w, &cases[i].script, "");
        go(&w);
        if (!w.opened || !w.answered || w.is_working != cases[i].is_working)
            fail_msg("%s", cases[i].name);
        end(&w);
    }
}

/* ---- TLS ---- */

#define TLS_EHLO "250-mx.example\r\n250 STARTTLS\r\n"

static const struct script tls_taker = { "220 hi\r\n",
                                         { TLS_EHLO, "220 go\r\n", PLAIN_EHLO, "250 ok\r\n",
                                           "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                           "250 taken\r\n", "221 bye\r\n" } };

static void test_opportunistic_tls(void **state)
{
    (void)state;
    struct world w;
    static const char *const configs[] = {
        "delivery:\n  on_tls_failure: fallback\n", "delivery:\n  verify_tls: false\n",
        "delivery:\n  verify_tls: false\n  require_tls: true\n"
    };
    for (size_t i = 0; i < COUNT_OF(configs); i++) { /* the certificate does not verify */
        begin(&w, &tls_taker, configs[i]);
        go(&w);
        assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
        expect_seen(&w, "EHLO us.example|STARTTLS|EHLO us.example|" ENVELOPE BODY "QUIT|<end>");
        end(&w);
    }
}

static void test_demanded_tls(void **state)
{
    (void)state;
    static const struct script refusing = { "220 hi\r\n", { TLS_EHLO, "454 4.7.0 no\r\n" } };
    struct world w;
    begin(&w, &tls_taker, "delivery:\n  verify_tls: true\n  require_tls: true\n");
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.7.5", "certificate");
    assert_int_equal(str_find(buf_str(&w.seen), STR("MAIL")), -1);
    end(&w);
    begin(&w, &taker, "delivery:\n  require_tls: true\n");
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.7.4", "does not offer");
    end(&w);
    begin(&w, &refusing, "delivery:\n  require_tls: true\n");
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.7.4", "refused STARTTLS");
    end(&w);
}

/* The server says plain text after agreeing to TLS (O1): never taken as replies. */
static void test_injected_replies(void **state)
{
    (void)state;
    static const struct script injecting = {
        "220 hi\r\n", { TLS_EHLO, "220 go\r\n250 injected\r\n250 injected\r\n", "drop" }
    };
    struct world w;
    begin(&w, &injecting, "delivery:\n  require_tls: true\n");
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.7.5", "TLS");
    assert_int_equal(str_find(buf_str(&w.seen), STR("MAIL")), -1);
    end(&w);
    /* Not required: another connection, in plain text, from the beginning. */
    begin(&w, &injecting, "");
    go(&w);
    assert_true(str_find(buf_str(&w.seen), STR("STARTTLS|")) > 0);
    assert_int_equal(str_find(str_skip(buf_str(&w.seen), 30), STR("STARTTLS|")), -1);
    assert_int_not_equal(w.results[0].outcome, QUEUE_DELIVERED);
    end(&w);
}

/* Waits for the place of the session from its begin on. */
static void want_place(void *arg)
{
    struct world *w = arg;
    struct delivery_place place = { .mode = DELIVERY_PLACE_IN_LINE };
    signal_point_init(&place.turn);
    while (!w->session.place.server)
        fiber_yield();
    (void)delivery_place_take(&w->d, &place, &w->mx.at, STR("other.example"));
    assert_true(w->opened);
    delivery_place_leave(&place);
}

/* The second try at a server, in plain text, has the place of the first one. */
static void test_a_place_outlives_broken_tls(void **state)
{
    (void)state;
    static const struct script scripts[] = {
        { "220 hi\r\n", { TLS_EHLO, "220 go\r\n250 injected\r\n", "drop" } },
        { "220 hi\r\n",
          { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n",
            "221 bye\r\n" } },
    };
    static struct world w;
    struct err e = ERR_CLEAR;
    begin(&w, NULL, "delivery: { connections_per_server: 1 }\n");
    w.scripts = scripts;
    w.session.place.mode = DELIVERY_PLACE_IF_FREE;
    assert_true(fiber_spawn(w.rt, "want", want_place, &w, NULL, &e));
    go(&w);
    assert_true(w.opened);
    assert_int_equal(w.results[0].outcome, QUEUE_DELIVERED);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_becomes_of_recipients),
        cmocka_unit_test(test_the_wire_is_clean),
        cmocka_unit_test(test_a_long_message_goes_out_whole),
        cmocka_unit_test(test_no_end_dot_without_a_lease),
        cmocka_unit_test(test_what_a_server_cannot_take),
        cmocka_unit_test(test_extensions_are_used),
        cmocka_unit_test(test_limits_are_kept),
        cmocka_unit_test(test_verp),
        cmocka_unit_test(test_dsn_is_passed_on),
        cmocka_unit_test(test_greetings),
        cmocka_unit_test(test_eight_bit),
        cmocka_unit_test(test_replies_ahead),
        cmocka_unit_test(test_endless_replies),
        cmocka_unit_test(test_dripping),
        cmocka_unit_test(test_hurry),
        cmocka_unit_test(test_waiting_in_line_is_no_opening),
        cmocka_unit_test(test_421_at_mail),
        cmocka_unit_test(test_421_at_mail_and_no_end),
        cmocka_unit_test(test_what_counts_as_working),
        cmocka_unit_test(test_the_next_server_is_asked),
        cmocka_unit_test(test_no_line_when_some_have_it),
        cmocka_unit_test(test_no_server_is_left),
        cmocka_unit_test(test_who_was_put_off),
        cmocka_unit_test(test_opportunistic_tls),
        cmocka_unit_test(test_demanded_tls),
        cmocka_unit_test(test_injected_replies),
        cmocka_unit_test(test_a_place_outlives_broken_tls),
    };
    return cmocka_run_group_tests_name("delivery/session", tests, NULL, NULL);
}
