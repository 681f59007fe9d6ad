/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: verbs, arguments and parameters. */
#include "wire/smtp_command.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

static void test_verbs(void **state)
{
    (void)state;
    static const struct {
        str line;
        enum smtp_verb verb;
        str argument;
    } cases[] = {
        { STR_INIT("EHLO a.example"), SMTP_EHLO, STR_INIT("a.example") },
        { STR_INIT("ehlo a.example  "), SMTP_EHLO, STR_INIT("a.example") },
        { STR_INIT("DATA"), SMTP_DATA, STR_INIT("") },
        { STR_INIT("DATA  x"), SMTP_DATA, STR_INIT(" x") },
        { STR_INIT("DATAX"), SMTP_UNKNOWN, STR_INIT("") },
        { STR_INIT("DATA\tx"), SMTP_UNKNOWN, STR_INIT("") },
        { STR_INIT(""), SMTP_UNKNOWN, STR_INIT("") },
        { STR_INIT(" QUIT"), SMTP_UNKNOWN, STR_INIT("QUIT") },
        { STR_INIT("SSH-2.0-OpenSSH_9.2"), SMTP_FOREIGN, STR_INIT("") },
        { STR_INIT("\x16\x03\x01\x02"), SMTP_FOREIGN, STR_INIT("") },
        { STR_INIT("GET / HTTP/1.1"), SMTP_FOREIGN, STR_INIT("/ HTTP/1.1") },
        { STR_INIT("post /"), SMTP_FOREIGN, STR_INIT("/") },
        { STR_INIT("PROXY TCP4 192.0.2.1"), SMTP_FOREIGN, STR_INIT("TCP4 192.0.2.1") },
        { STR_INIT("QUIT\0x"), SMTP_UNKNOWN, STR_INIT("") },
        { STR_INIT("starttls"), SMTP_STARTTLS, STR_INIT("") },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_command command = smtp_command_parse(cases[i].line);
        if (command.verb != cases[i].verb || !str_eq(command.argument, cases[i].argument)) {
            fail_msg("%.*s: verb %d, argument '%.*s'", STR_FMT(cases[i].line), (int)command.verb,
                     STR_FMT(command.argument));
        }
    }
    assert_string_equal(smtp_verb_name(SMTP_RCPT), "RCPT");
    assert_string_equal(smtp_verb_name(SMTP_UNKNOWN), "?");
    assert_int_equal(smtp_verb_line_max(SMTP_NOOP), 510);
    assert_int_equal(smtp_verb_line_max(SMTP_MAIL), 2046);
    assert_int_equal(smtp_verb_line_max(SMTP_AUTH), 12286);
}

static void test_helo_names(void **state)
{
    (void)state;
    assert_true(smtp_is_helo_name(STR("client.example")));
    assert_true(smtp_is_helo_name(STR("MY_PC")));
    assert_true(smtp_is_helo_name(STR("[192.0.2.1]")));
    assert_true(smtp_is_helo_name(STR("[IPv6:::1]")));
    assert_false(smtp_is_helo_name(STR("")));
    assert_false(smtp_is_helo_name(STR("a b")));
    assert_false(smtp_is_helo_name(STR("a..b")));
    assert_false(smtp_is_helo_name(STR("$(id)")));
    assert_false(smtp_is_helo_name(STR("[x]")));
    assert_false(smtp_is_helo_name(STR("a\xc3\xa4")));
}

static void test_mail(void **state)
{
    (void)state;
    static const struct smtp_offer offer = { .auth = true, .requiretls = true, .max_size = 1000 };
    static const struct {
        str argument;
        enum smtp_fault fault;
        uint64_t size; /* UINT64_MAX: none */
        bool eight_bit;
    } cases[] = {
        { STR_INIT("FROM:<a@b>"), SMTP_GOOD, UINT64_MAX, false },
        { STR_INIT("from:<>"), SMTP_GOOD, UINT64_MAX, false },
        { STR_INIT("FROM:<a@b> SIZE=1000 BODY=8BITMIME"), SMTP_GOOD, 1000, true },
        { STR_INIT("FROM:<a@b> body=7bit size=0"), SMTP_GOOD, 0, false },
        { STR_INIT("FROM:<a@b> SIZE=1001"), SMTP_FAULT_SIZE, UINT64_MAX, false },
        { STR_INIT("FROM:<a@b> SIZE=9223372036854775808"), SMTP_FAULT_SIZE, UINT64_MAX, false },
        { STR_INIT("FROM:<a@b> SIZE=99999999999999999999"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> SIZE=-1"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> SIZE="), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> SIZE"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> SIZE=1 SIZE=2"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> BODY=8BITMIME BODY=7BIT"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> BODY=BINARYMIME"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> SMTPUTF8"), SMTP_FAULT_UNKNOWN_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> RET=FULL"), SMTP_FAULT_UNKNOWN_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> AUTH=<>"), SMTP_GOOD, UINT64_MAX, false },
        { STR_INIT("FROM:<a@b> requiretls"), SMTP_GOOD, UINT64_MAX, false },
        { STR_INIT("FROM:<a@b> REQUIRETLS REQUIRETLS"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> REQUIRETLS=yes"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> REQUIRETLS="), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> AUTH=c+2Bd@e"), SMTP_GOOD, UINT64_MAX, false },
        { STR_INIT("FROM:<a@b> AUTH=c+0D+0Ad@e"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> AUTH=c+2"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> AUTH=<> AUTH=<>"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b>SIZE=1"), SMTP_FAULT_SYNTAX, 0, false },
        { STR_INIT("FROM:<a@b>  SIZE=1"), SMTP_FAULT_SYNTAX, 0, false },
        { STR_INIT("FROM: <a@b>"), SMTP_FAULT_PATH, 0, false },
        { STR_INIT("FROM:a@b"), SMTP_FAULT_PATH, 0, false },
        { STR_INIT("TO:<a@b>"), SMTP_FAULT_SYNTAX, 0, false },
        { STR_INIT(""), SMTP_FAULT_SYNTAX, 0, false },
        { STR_INIT("FROM:<\xc3\xa4@b>"), SMTP_FAULT_NOT_ASCII, 0, false },
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_mail mail;
        enum smtp_fault fault = smtp_mail_parse(cases[i].argument, &offer, &a, &mail);
        if (fault != cases[i].fault)
            fail_msg("%.*s: fault %d", STR_FMT(cases[i].argument), (int)fault);
        if (fault != SMTP_GOOD)
            continue;
        assert_int_equal(mail.has_size, cases[i].size != UINT64_MAX);
        if (mail.has_size)
            assert_int_equal(mail.size, cases[i].size);
        assert_int_equal(mail.eight_bit, cases[i].eight_bit);
    }
    arena_fini(&a);
}

/* RFC 4865: one of both, once, in the future, and no further ahead than was offered. */
static void test_hold(void **state)
{
    static const int64_t now_us = INT64_C(1796083200) * 1000000; /* 2026-12-01T00:00:00Z */
    static const struct smtp_offer none = { .max_size = 1000, .now_us = now_us };
    static const struct smtp_offer offer = { .max_size = 1000,
                                             .hold_max_us = INT64_C(86400) * 1000000,
                                             .now_us = now_us };
    static const struct {
        str argument;
        enum smtp_fault fault;
        int64_t wait_s;
        str request;
    } cases[] = {
        { STR_INIT("FROM:<a@b>"), SMTP_GOOD, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=1"), SMTP_GOOD, 1, STR_INIT("for;1") },
        { STR_INIT("FROM:<a@b> holdfor=86400"), SMTP_GOOD, 86400, STR_INIT("for;86400") },
        { STR_INIT("FROM:<a@b> HOLDFOR=86401"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=999999999"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=0000000001"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=01"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=0"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=-1"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=1.5"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR="), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL=2026-12-01T00:00:01Z"), SMTP_GOOD, 1,
          STR_INIT("until;2026-12-01T00:00:01Z") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL=2026-12-01T02:00:00+01:00"), SMTP_GOOD, 3600,
          STR_INIT("until;2026-12-01T02:00:00+01:00") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL=2026-12-02T00:00:01Z"), SMTP_FAULT_PARAMETER, 0,
          STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL=2026-12-01T00:00:00Z"), SMTP_FAULT_PARAMETER, 0,
          STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL=2025-12-01T00:00:00Z"), SMTP_FAULT_PARAMETER, 0,
          STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL=2026-12-01"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL=2026-13-01T00:00:00Z"), SMTP_FAULT_PARAMETER, 0,
          STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL=2026-12-01T00:00:01.00000000000000000000000000Z"),
          SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDUNTIL"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=1 HOLDFOR=1"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("FROM:<a@b> HOLDFOR=1 HOLDUNTIL=2026-12-01T00:00:01Z"), SMTP_FAULT_PARAMETER, 0,
          STR_INIT("") },
    };
    struct smtp_mail mail;
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum smtp_fault fault = smtp_mail_parse(cases[i].argument, &offer, &a, &mail);
        if (fault != cases[i].fault)
            fail_msg("%.*s: fault %d", STR_FMT(cases[i].argument), (int)fault);
        if (fault != SMTP_GOOD)
            continue;
        assert_int_equal(mail.release_us, cases[i].wait_s ? now_us + cases[i].wait_s * 1000000 : 0);
        assert_true(str_eq(mail.hold_request, cases[i].request));
    }
    assert_int_equal(smtp_mail_parse(STR("FROM:<a@b> HOLDFOR=1"), &none, &a, &mail),
                     SMTP_FAULT_UNKNOWN_PARAMETER);
    assert_int_equal(
        smtp_mail_parse(STR("FROM:<a@b> HOLDUNTIL=2026-12-01T00:00:01Z"), &none, &a, &mail),
        SMTP_FAULT_UNKNOWN_PARAMETER);
    arena_fini(&a);
}

/* Without TLS there is no such word (RFC 8689 section 2). */
static void test_requiretls_needs_an_offer(void **state)
{
    static const struct smtp_offer none = { .max_size = 1000 };
    static const struct smtp_offer offer = { .requiretls = true, .max_size = 1000 };
    struct smtp_mail mail;
    struct arena a;
    (void)state;
    arena_init(&a);
    assert_int_equal(smtp_mail_parse(STR("FROM:<a@b> REQUIRETLS"), &none, &a, &mail),
                     SMTP_FAULT_UNKNOWN_PARAMETER);
    assert_int_equal(smtp_mail_parse(STR("FROM:<a@b> REQUIRETLS"), &offer, &a, &mail), SMTP_GOOD);
    assert_true(mail.requiretls);
    assert_int_equal(smtp_mail_parse(STR("FROM:<a@b>"), &offer, &a, &mail), SMTP_GOOD);
    assert_false(mail.requiretls);
    arena_fini(&a);
}

/* The delimiters of Postfix, with which a report finds back, and no others. */
static void test_verp(void **state)
{
    static const struct smtp_offer none = { .max_size = 1000 };
    static const struct smtp_offer offer = { .verp = true, .max_size = 1000 };
    static const struct {
        str argument;
        enum smtp_fault fault;
    } cases[] = {
        { STR_INIT("FROM:<a@b> XVERP"), SMTP_GOOD },
        { STR_INIT("FROM:<a@b> xverp=+="), SMTP_GOOD },
        { STR_INIT("FROM:<a@b> XVERP="), SMTP_FAULT_PARAMETER },
        { STR_INIT("FROM:<a@b> XVERP=-="), SMTP_FAULT_PARAMETER },
        { STR_INIT("FROM:<a@b> XVERP=+=="), SMTP_FAULT_PARAMETER },
        { STR_INIT("FROM:<a@b> XVERP XVERP"), SMTP_FAULT_PARAMETER },
    };
    struct smtp_mail mail;
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(smtp_mail_parse(cases[i].argument, &offer, &a, &mail), cases[i].fault);
        if (cases[i].fault == SMTP_GOOD)
            assert_true(mail.verp);
    }
    assert_int_equal(smtp_mail_parse(cases[0].argument, &none, &a, &mail),
                     SMTP_FAULT_UNKNOWN_PARAMETER);
    assert_int_equal(smtp_mail_parse(STR("FROM:<a@b>"), &offer, &a, &mail), SMTP_GOOD);
    assert_false(mail.verp);
    arena_fini(&a);
}

/* "The SMTPUTF8 parameter does not accept a value" (RFC 6531 section 3.4), not even an empty one.
 */
static void test_smtputf8_has_no_value(void **state)
{
    static const struct smtp_offer offer = { .smtputf8 = true, .max_size = 1000 };
    static const struct {
        str argument;
        enum smtp_fault fault;
    } cases[] = {
        { STR_INIT("FROM:<a@b> SMTPUTF8"), SMTP_GOOD },
        { STR_INIT("FROM:<a@b> SMTPUTF8 SIZE=1"), SMTP_GOOD },
        { STR_INIT("FROM:<a@b> SMTPUTF8=1"), SMTP_FAULT_PARAMETER },
        { STR_INIT("FROM:<a@b> SMTPUTF8= SIZE=1"), SMTP_FAULT_PARAMETER },
        { STR_INIT("FROM:<a@b> SMTPUTF8="), SMTP_FAULT_PARAMETER },
        { STR_INIT("FROM:<\xc3\xa4@b> SMTPUTF8"), SMTP_GOOD },
        { STR_INIT("FROM:<\xc3\xa4@b> SIZE=1 smtputf8"), SMTP_GOOD },
        { STR_INIT("FROM:<a@\xc3\xa4.example> SMTPUTF8"), SMTP_GOOD },
        { STR_INIT("FROM:<\xc3\xa4@b>"), SMTP_FAULT_NOT_ASCII },
        { STR_INIT("FROM:<a@\xc3\xa4.example> SIZE=1"), SMTP_FAULT_NOT_ASCII },
        { STR_INIT("FROM:<\xff@b> SMTPUTF8"), SMTP_FAULT_PATH },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_mail mail;
        if (smtp_mail_parse(cases[i].argument, &offer, &a, &mail) != cases[i].fault)
            fail_msg("%.*s", STR_FMT(cases[i].argument));
    }
    arena_fini(&a);
}

static void test_auth_parameter_needs_auth(void **state)
{
    (void)state;
    static const struct smtp_offer offer = { .max_size = 1000 };
    struct arena a;
    struct smtp_mail mail;
    arena_init(&a);
    assert_int_equal(smtp_mail_parse(STR("FROM:<a@b> AUTH=<>"), &offer, &a, &mail),
                     SMTP_FAULT_UNKNOWN_PARAMETER);
    arena_fini(&a);
}

static void test_rcpt(void **state)
{
    (void)state;
    struct arena a;
    struct smtp_rcpt r;
    static const struct smtp_offer none = { 0 };
    arena_init(&a);
    assert_int_equal(smtp_rcpt_parse(STR("TO:<a@b>"), &none, &a, &r), SMTP_GOOD);
    assert_int_equal(smtp_rcpt_parse(STR("to:<postmaster>"), &none, &a, &r), SMTP_GOOD);
    assert_true(r.path.is_postmaster);
    assert_int_equal(smtp_rcpt_parse(STR("TO:<a@b> ORCPT=rfc822;x"), &none, &a, &r),
                     SMTP_FAULT_UNKNOWN_PARAMETER);
    assert_int_equal(smtp_rcpt_parse(STR("TO:<a@b>x"), &none, &a, &r), SMTP_FAULT_SYNTAX);
    assert_int_equal(smtp_rcpt_parse(STR("TO:<>"), &none, &a, &r), SMTP_FAULT_PATH);
    arena_fini(&a);
}

static const struct smtp_offer with_dsn = { .dsn = true, .max_size = 1000 };

/* RFC 3461 4.1 and 4.2. */
static void test_rcpt_dsn(void **state)
{
    (void)state;
    static const struct {
        str parameters;
        enum smtp_fault fault;
        unsigned notify; /* 99: not given */
        str orcpt;
    } cases[] = {
        { STR_INIT(""), SMTP_GOOD, 99, STR_INIT("") },
        { STR_INIT(" NOTIFY=NEVER"), SMTP_GOOD, 0, STR_INIT("") },
        { STR_INIT(" notify=success,Failure,DELAY"), SMTP_GOOD, 7, STR_INIT("") },
        { STR_INIT(" NOTIFY=DELAY ORCPT=rfc822;a+2Bb@c"), SMTP_GOOD, 2,
          STR_INIT("rfc822;a+2Bb@c") },
        { STR_INIT(" ORCPT=utf-8;x"), SMTP_GOOD, 99, STR_INIT("utf-8;x") },
        { STR_INIT(" NOTIFY=NEVER,DELAY"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" NOTIFY=DELAY,NEVER"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" NOTIFY="), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" NOTIFY"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" NOTIFY=DELAY,"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" NOTIFY=DELAY NOTIFY=DELAY"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" ORCPT=rfc822"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" ORCPT=;x"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" ORCPT=rfc822;"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" ORCPT=rf\r;x"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" ORCPT=rfc822;x ORCPT=rfc822;x"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" ORCPT=rfc822;x+0D+0ARCPT"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" ORCPT=rfc822;x+0"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" ORCPT=rfc822;x+zz"), SMTP_FAULT_PARAMETER, 0, STR_INIT("") },
        { STR_INIT(" RET=FULL"), SMTP_FAULT_UNKNOWN_PARAMETER, 0, STR_INIT("") },
        { STR_INIT("  NOTIFY=DELAY"), SMTP_FAULT_SYNTAX, 0, STR_INIT("") },
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_rcpt r;
        str line = arena_printf(&a, "TO:<a@b>%.*s", STR_FMT(cases[i].parameters));
        enum smtp_fault fault = smtp_rcpt_parse(line, &with_dsn, &a, &r);
        if (fault != cases[i].fault)
            fail_msg("%.*s: fault %d", STR_FMT(line), (int)fault);
        if (fault != SMTP_GOOD)
            continue;
        assert_int_equal(r.has_notify ? r.notify : 99, cases[i].notify);
        assert_true(str_eq(r.orcpt, cases[i].orcpt));
    }
    arena_fini(&a);
}

/* RFC 3461 4.3 and 4.4. */
static void test_mail_dsn(void **state)
{
    (void)state;
    static const struct {
        str parameters;
        enum smtp_fault fault;
        bool has_ret;
        bool ret_full;
        str envid;
    } cases[] = {
        { STR_INIT(""), SMTP_GOOD, false, false, STR_INIT("") },
        { STR_INIT(" RET=FULL"), SMTP_GOOD, true, true, STR_INIT("") },
        { STR_INIT(" ret=hdrs ENVID=QQ+2B3"), SMTP_GOOD, true, false, STR_INIT("QQ+2B3") },
        { STR_INIT(" RET=SOME"), SMTP_FAULT_PARAMETER, false, false, STR_INIT("") },
        { STR_INIT(" RET"), SMTP_FAULT_PARAMETER, false, false, STR_INIT("") },
        { STR_INIT(" RET=FULL RET=FULL"), SMTP_FAULT_PARAMETER, false, false, STR_INIT("") },
        { STR_INIT(" ENVID="), SMTP_FAULT_PARAMETER, false, false, STR_INIT("") },
        { STR_INIT(" ENVID=a=b"), SMTP_FAULT_PARAMETER, false, false, STR_INIT("") },
        { STR_INIT(" ENVID=+0D+0ASubject:x"), SMTP_FAULT_PARAMETER, false, false, STR_INIT("") },
        { STR_INIT(" ENVID=x ENVID=y"), SMTP_FAULT_PARAMETER, false, false, STR_INIT("") },
        { STR_INIT(" NOTIFY=DELAY"), SMTP_FAULT_UNKNOWN_PARAMETER, false, false, STR_INIT("") },
    };
    struct arena a;
    struct smtp_mail mail;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str line = arena_printf(&a, "FROM:<a@b>%.*s", STR_FMT(cases[i].parameters));
        enum smtp_fault fault = smtp_mail_parse(line, &with_dsn, &a, &mail);
        if (fault != cases[i].fault)
            fail_msg("%.*s: fault %d", STR_FMT(line), (int)fault);
        if (fault != SMTP_GOOD)
            continue;
        assert_int_equal(mail.has_ret, cases[i].has_ret);
        assert_int_equal(mail.ret_full, cases[i].ret_full);
        assert_true(str_eq(mail.envid, cases[i].envid));
    }
    char text[102];
    memset(text, 'e', sizeof(text));
    str full = arena_printf(&a, "FROM:<a@b> ENVID=%.*s", 100, text);
    str over = arena_printf(&a, "FROM:<a@b> ENVID=%.*s", 101, text);
    assert_int_equal(smtp_mail_parse(full, &with_dsn, &a, &mail), SMTP_GOOD);
    assert_int_equal(smtp_mail_parse(over, &with_dsn, &a, &mail), SMTP_FAULT_PARAMETER);
    arena_fini(&a);
}

static void test_auth(void **state)
{
    (void)state;
    struct smtp_auth auth;
    assert_int_equal(smtp_auth_parse(STR("PLAIN"), &auth), SMTP_GOOD);
    assert_false(auth.has_initial);
    assert_int_equal(smtp_auth_parse(STR("plain AGEAYg=="), &auth), SMTP_GOOD);
    assert_true(auth.has_initial);
    assert_true(str_eq(auth.initial, STR("AGEAYg==")));
    assert_int_equal(smtp_auth_parse(STR("PLAIN ="), &auth), SMTP_GOOD);
    assert_true(str_eq(auth.initial, STR("=")));
    assert_int_equal(smtp_auth_parse(STR(""), &auth), SMTP_FAULT_SYNTAX);
    assert_int_equal(smtp_auth_parse(STR("PLAIN a b"), &auth), SMTP_FAULT_SYNTAX);
    assert_int_equal(smtp_auth_parse(STR("PL;AIN"), &auth), SMTP_FAULT_SYNTAX);
}

/* RCPT has no parameter of its own: what was said with MAIL counts (RFC 6531 section 3.4). An ORCPT
 * of the type utf-8 is kept in a form that every server can hold (RFC 6533 section 3). */
static void test_recipients_beyond_ascii(void **state)
{
    static const struct {
        str argument;
        bool utf8_mail;
        enum smtp_fault fault;
        const char *orcpt;
    } cases[] = {
        { STR_INIT("TO:<\xc3\xa4@b>"), true, SMTP_GOOD, "" },
        { STR_INIT("TO:<a@\xc3\xa4.example>"), true, SMTP_GOOD, "" },
        { STR_INIT("TO:<\xc3\xa4@b>"), false, SMTP_FAULT_NOT_ASCII, "" },
        { STR_INIT("TO:<a@\xc3\xa4.example>"), false, SMTP_FAULT_NOT_ASCII, "" },
        { STR_INIT("TO:<a@b> ORCPT=utf-8;\xc3\xa4@\xe4\xbe\x8b"), true, SMTP_GOOD,
          "utf-8;\\x{E4}@\\x{4F8B}" },
        { STR_INIT("TO:<a@b> ORCPT=utf-8;\\x{E4}@b"), true, SMTP_GOOD, "utf-8;\\x{E4}@b" },
        { STR_INIT("TO:<a@b> ORCPT=rfc822;\xc3\xa4@b"), true, SMTP_FAULT_PARAMETER, "" },
        { STR_INIT("TO:<a@b> ORCPT=utf-8;\xff@b"), true, SMTP_FAULT_PARAMETER, "" },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_rcpt r;
        const struct smtp_offer offer = { .smtputf8 = true,
                                          .utf8_mail = cases[i].utf8_mail,
                                          .dsn = true };
        assert_int_equal(smtp_rcpt_parse(cases[i].argument, &offer, &a, &r), cases[i].fault);
        if (cases[i].fault == SMTP_GOOD)
            assert_true(str_eq(r.orcpt, str_from_cstr(cases[i].orcpt)));
    }
    arena_fini(&a);
}

static void test_bdat(void **state)
{
    static const struct {
        str argument;
        bool good;
        uint64_t size;
        bool is_last;
    } cases[] = {
        { STR_INIT("0"), true, 0, false },
        { STR_INIT("0 LAST"), true, 0, true },
        { STR_INIT("1000 last"), true, 1000, true },
        { STR_INIT("9223372036854775807"), true, INT64_MAX, false },
        { STR_INIT("9223372036854775808"), false, 0, false },
        { STR_INIT("00000000000000000000010"), false, 0, false },
        { STR_INIT(""), false, 0, false },
        { STR_INIT("LAST"), false, 0, false },
        { STR_INIT("-1"), false, 0, false },
        { STR_INIT("+1"), false, 0, false },
        { STR_INIT("1x"), false, 0, false },
        { STR_INIT("0x10"), false, 0, false },
        { STR_INIT("1 FIRST"), false, 0, false },
        { STR_INIT("1 LAST 2"), false, 0, false },
        { STR_INIT("1  LAST"), false, 0, false },
        { STR_INIT("1\0LAST"), false, 0, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_bdat bdat;
        bool good = smtp_bdat_parse(cases[i].argument, &bdat) == SMTP_GOOD;
        if (good != cases[i].good)
            fail_msg("BDAT %.*s", STR_FMT(cases[i].argument));
        if (good) {
            assert_int_equal(bdat.size, cases[i].size);
            assert_int_equal(bdat.is_last, cases[i].is_last);
        }
    }
}

static void test_binary_is_offered_or_not(void **state)
{
    static const struct smtp_offer offers = { .binary = true };
    static const struct smtp_offer none = { 0 };
    const str argument = STR("FROM:<a@b> BODY=BINARYMIME");
    struct smtp_mail mail;
    struct arena a;
    (void)state;
    arena_init(&a);
    assert_int_equal(smtp_mail_parse(argument, &offers, &a, &mail), SMTP_GOOD);
    assert_true(mail.binary && !mail.eight_bit);
    assert_int_equal(smtp_mail_parse(argument, &none, &a, &mail), SMTP_FAULT_PARAMETER);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_helo_names),
        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_requiretls_needs_an_offer),
        cmocka_unit_test(test_verp),
        cmocka_unit_test(test_smtputf8_has_no_value),
        cmocka_unit_test(test_bdat),
        cmocka_unit_test(test_binary_is_offered_or_not),
        cmocka_unit_test(test_recipients_beyond_ascii),
        cmocka_unit_test(test_auth_parameter_needs_auth),
        cmocka_unit_test(test_rcpt),
        cmocka_unit_test(test_rcpt_dsn),
        cmocka_unit_test(test_mail_dsn),
        cmocka_unit_test(test_auth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
