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
        { STR_INIT("GET / HTTP/1.1"), SMTP_FOREIGN, STR_INIT("/ HTTP/1.1") },
        { STR_INIT("post /"), SMTP_FOREIGN, STR_INIT("/") },
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
    static const struct smtp_offer offer = { .auth = true, .max_size = 1000 };
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
        { STR_INIT("FROM:<a@b> BODY=BINARYMIME"), SMTP_FAULT_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> SMTPUTF8"), SMTP_FAULT_UNKNOWN_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> RET=FULL"), SMTP_FAULT_UNKNOWN_PARAMETER, 0, false },
        { STR_INIT("FROM:<a@b> AUTH=<>"), SMTP_GOOD, UINT64_MAX, false },
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
    struct smtp_path path;
    arena_init(&a);
    assert_int_equal(smtp_rcpt_parse(STR("TO:<a@b>"), &a, &path), SMTP_GOOD);
    assert_int_equal(smtp_rcpt_parse(STR("to:<postmaster>"), &a, &path), SMTP_GOOD);
    assert_true(path.is_postmaster);
    assert_int_equal(smtp_rcpt_parse(STR("TO:<a@b> ORCPT=rfc822;x"), &a, &path),
                     SMTP_FAULT_UNKNOWN_PARAMETER);
    assert_int_equal(smtp_rcpt_parse(STR("TO:<a@b>x"), &a, &path), SMTP_FAULT_SYNTAX);
    assert_int_equal(smtp_rcpt_parse(STR("TO:<>"), &a, &path), SMTP_FAULT_PATH);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs), cmocka_unit_test(test_helo_names),
        cmocka_unit_test(test_mail),  cmocka_unit_test(test_auth_parameter_needs_auth),
        cmocka_unit_test(test_rcpt),  cmocka_unit_test(test_auth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
