/* SPDX-License-Identifier: Apache-2.0 */
/* LMTP as a client (RFC 2033): one answer for each recipient that was taken, whatever becomes of
 * the connection between them. */
#include "script_fixture.h"

#define LHLO "250-mx.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n"
#define LINES                                                                                  \
    "LHLO us.example|MAIL FROM:<from@us.example>|RCPT TO:<one@example>|RCPT TO:<two@example> " \
    "NOTIFY=NEVER|RCPT TO:<three@example>|DATA|"

struct expected {
    enum queue_outcome outcome;
    const char *status;
    const char *reply;
    bool elsewhere; /* another server may be asked at once */
};

struct lmtp_case {
    const char *name;
    struct script script;
    const char *seen; /* NULL: not looked at */
    struct expected results[3];
};

static const struct lmtp_case cases[] = {
    { "each has its own",
      { "220 hi LMTP\r\n",
        { LHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
          "250 2.0.0 <one> kept\r\n550-5.2.1 <two>\r\n550 5.2.1 closed\r\n451 4.2.0 <three>\r\n",
          "250 ok\r\n", "221 bye\r\n" } },
      LINES BODY "QUIT|<end>",
      { { QUEUE_DELIVERED, "2.0.0", "<one> kept", false },
        { QUEUE_FAILED, "5.2.1", "closed", false },
        { QUEUE_DEFERRED, "4.2.0", "<three>", true } } },
    { "who was not taken has no answer",
      { "220 hi\r\n",
        { LHLO, "250 ok\r\n", "550 5.1.1 no one\r\n", "250 ok\r\n", "452 4.2.2 full\r\n",
          "354 go\r\n", "250 2.0.0 <two>\r\n", "221 bye\r\n" } },
      NULL,
      { { QUEUE_FAILED, "5.1.1", "no one", false },
        { QUEUE_DELIVERED, "2.0.0", "<two>", false },
        { QUEUE_DEFERRED, "4.2.2", "full", false } } },
    { "lost between the answers",
      { "220 hi\r\n",
        { LHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
          "550 5.2.2 <one> full\r\ndrop" } },
      LINES BODY "<end>",
      { { QUEUE_FAILED, "5.2.2", "<one> full", false },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false } } },
    { "lost within an answer",
      { "220 hi\r\n",
        { LHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
          "250 2.0.0 <one>\r\n250-2.0.0\r\ndrop" } },
      NULL,
      { { QUEUE_DELIVERED, "2.0.0", "<one>", false },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false } } },
    { "no answer of LMTP",
      { "220 hi\r\n",
        { LHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
          "250 2.0.0 <one>\r\nwhat?\r\n250 2.0.0 <three>\r\n" } },
      NULL,
      { { QUEUE_DELIVERED, "2.0.0", "<one>", false },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false } } },
    { "lost before all answers",
      { "220 hi\r\n",
        { LHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "drop" } },
      NULL,
      { { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false },
        { QUEUE_DEFERRED, "4.4.2", "no answer after the message", false } } },
    { "it closes for lack of time",
      { "220 hi\r\n",
        { LHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
          "250 2.0.0 <one>\r\n250 2.0.0 <two>\r\n421 4.3.2 closing\r\n" } },
      LINES BODY "<end>",
      { { QUEUE_DELIVERED, "2.0.0", "<one>", false },
        { QUEUE_DELIVERED, "2.0.0", "<two>", false },
        { QUEUE_DEFERRED, "4.3.2", "closing", true } } },
    { "DATA has one answer",
      { "220 hi\r\n",
        { LHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "451 4.3.0 no disk\r\n",
          "221 bye\r\n" } },
      LINES "QUIT|<end>",
      { { QUEUE_DEFERRED, "4.3.0", "no disk", true },
        { QUEUE_DEFERRED, "4.3.0", "no disk", true },
        { QUEUE_DEFERRED, "4.3.0", "no disk", true } } },
    { "nobody is taken, and a message waited for",
      { "220 hi\r\n",
        { LHLO, "250 ok\r\n", "550 5.1.1 no\r\n", "550 5.1.1 no\r\n", "550 5.1.1 no\r\n",
          "354 go\r\n" } },
      LINES "<end>",
      { { QUEUE_FAILED, "5.1.1", "no", false },
        { QUEUE_FAILED, "5.1.1", "no", false },
        { QUEUE_FAILED, "5.1.1", "no", false } } },
};

static void begin_lmtp(struct world *w, const struct script *script)
{
    begin(w, script, "");
    w->message.n = 3;
    w->route.relay = (struct account_transport){
        .host = STR("mx.example"),
        .port = 24,
        .protocol = ACCOUNT_TRANSPORT_LMTP,
        .tls = ACCOUNT_TRANSPORT_MAY,
    };
}

static void test_each_recipient_has_its_own_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct lmtp_case *c = &cases[i];
        struct world w;
        begin_lmtp(&w, &c->script);
        print_message("%s\n", c->name);
        go(&w);
        assert_true(w.opened);
        for (size_t k = 0; k < COUNT_OF(c->results); k++) {
            const struct expected *wanted = &c->results[k];
            expect_result(&w.results[k], wanted->outcome, wanted->status, wanted->reply);
            assert_int_equal(w.elsewhere[k], wanted->elsewhere);
        }
        if (c->seen)
            expect_seen(&w, c->seen);
        end(&w);
    }
}

/* As for SMTP of more than one transaction: a server that takes one recipient at a time. */
static void test_several_transactions(void **state)
{
    (void)state;
    static const struct script script = {
        "220 hi\r\n",
        { "250-mx\r\n250 LIMITS RCPTMAX=2\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n",
          "354 go\r\n", "250 2.0.0 <one>\r\n452 4.2.2 <two>\r\n", "250 reset\r\n", "250 ok\r\n",
          "250 ok\r\n", "354 go\r\n", "250 2.0.0 <three>\r\n", "221 bye\r\n" }
    };
    struct world w;
    begin_lmtp(&w, &script);
    go(&w);
    expect_result(&w.results[0], QUEUE_DELIVERED, "2.0.0", "<one>");
    expect_result(&w.results[1], QUEUE_DEFERRED, "4.2.2", "<two>");
    expect_result(&w.results[2], QUEUE_DELIVERED, "2.0.0", "<three>");
    expect_seen(&w, "LHLO us.example|" ENVELOPE BODY "RSET|MAIL FROM:<from@us.example>|"
                    "RCPT TO:<three@example>|DATA|" BODY "QUIT|<end>");
    end(&w);
}

/* RFC 2033 4.1: no EHLO, and no HELO when a server knows no LHLO: it is one of SMTP. */
static void test_a_server_of_smtp(void **state)
{
    (void)state;
    static const struct script script = { "220 hi\r\n", { "500 5.5.2 LHLO?\r\n", NULL } };
    struct world w;
    begin_lmtp(&w, &script);
    go(&w);
    assert_false(w.opened);
    expect_result(&w.failure, QUEUE_DEFERRED, "4.5.0", "LHLO?");
    expect_seen(&w, "LHLO us.example|<end>");
    end(&w);
}

/* Answers that come before the message has ended are to something else: nothing is delivered. */
static void test_answers_ahead(void **state)
{
    (void)state;
    static const struct script script = {
        "220 hi\r\n",
        { LHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n",
          "354 go\r\n250 2.0.0 <one>\r\n250 2.0.0 <two>\r\n250 2.0.0 <three>\r\n" }
    };
    struct world w;
    begin_lmtp(&w, &script);
    go(&w);
    for (size_t i = 0; i < 3; i++)
        expect_result(&w.results[i], QUEUE_DEFERRED, "4.4.2", "more than it was asked");
    assert_int_equal(str_find(buf_str(&w.seen), STR("|.|")), -1);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_recipient_has_its_own_answer),
        cmocka_unit_test(test_several_transactions),
        cmocka_unit_test(test_a_server_of_smtp),
        cmocka_unit_test(test_answers_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
