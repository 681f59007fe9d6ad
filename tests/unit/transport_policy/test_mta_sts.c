/* SPDX-License-Identifier: Apache-2.0 */
/* MTA-STS: records, policies, and which hosts they name. */
#include "transport_policy/transport_policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void records(void **state)
{
    (void)state;
    static const struct {
        str records[3];
        const char *id; /* NULL: no MTA-STS */
    } cases[] = {
        { { STR_INIT("v=STSv1; id=20160831085700Z;") }, "20160831085700Z" },
        { { STR_INIT("v=STSv1;id=a") }, "a" },
        { { STR_INIT("v=STSv1; more=x; id = 7 ;x") }, "7" },
        { { STR_INIT("v=spf1 -all"), STR_INIT("v=STSv1; id=1") }, "1" },
        { { STR_INIT("v=STSv1; id=1"), STR_INIT("v=STSv1; id=2") }, NULL },
        { { STR_INIT("v=STSv1") }, NULL },
        { { STR_INIT("v=STSv1;") }, NULL },
        { { STR_INIT("v=STSv1; id=") }, NULL },
        { { STR_INIT("v=STSv1; id=a; id=b") }, NULL },
        { { STR_INIT("v=STSv1; id=a-b") }, NULL },
        { { STR_INIT("v=STSv1; id=123456789012345678901234567890123") }, NULL },
        { { STR_INIT("v=STSv2; id=1") }, NULL },
        { { STR_INIT(" v=STSv1; id=1") }, NULL },
        { { STR_INIT("") }, NULL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str id = STR_EMPTY;
        struct err e = ERR_CLEAR;
        bool found = mta_sts_record_find(cases[i].records, 3, &id, &e);
        if (found != (cases[i].id != NULL) || (found && !str_eq(id, str_from_cstr(cases[i].id))))
            fail_msg("%s: '%.*s'", cases[i].records[0].p, STR_FMT(id));
        assert_int_equal(e.kind, found ? ERR_NONE : ERR_NOT_FOUND);
    }
}

#define HEAD "version: STSv1\r\nmode: enforce\r\nmax_age: 604800\r\n"

static void policies(void **state)
{
    (void)state;
    static const struct {
        str body;
        bool is_valid;
    } cases[] = {
        { STR_INIT(HEAD "mx: mail.example.com\r\n"), true },
        { STR_INIT("mx: *.example.com\nmax_age:1\nmode:testing\nversion:STSv1"), true },
        { STR_INIT(HEAD "mx: a.b\r\nfuture: x: y\r\n\r\n"), true },
        { STR_INIT("version: STSv1\nmode: none\nmax_age: 86400\n"), true },
        { STR_INIT(HEAD), false },
        { STR_INIT("mode: enforce\nmax_age: 1\nmx: a.b\n"), false },
        { STR_INIT("version: STSv2\nmode: enforce\nmax_age: 1\nmx: a.b\n"), false },
        { STR_INIT("version: STSv1\nmode: strict\nmax_age: 1\nmx: a.b\n"), false },
        { STR_INIT("version: STSv1\nmode: enforce\nmax_age: soon\nmx: a.b\n"), false },
        { STR_INIT("version: STSv1\nmode: enforce\nmx: a.b\n"), false },
        { STR_INIT(HEAD "mx: *\r\n"), false },
        { STR_INIT(HEAD "mx: a.*.b\r\n"), false },
        { STR_INIT(HEAD "mx: a..b\r\n"), false },
        { STR_INIT(HEAD "mx:\r\n"), false },
        { STR_INIT(HEAD "mx mail.example.com\r\n"), false },
        { STR_INIT("<html>404</html>"), false },
        { STR_INIT(""), false },
    };
    struct mta_sts_policy policy;
    struct err e = ERR_CLEAR;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err why = ERR_CLEAR;
        if (mta_sts_policy_parse(cases[i].body, &policy, &why) != cases[i].is_valid)
            fail_msg("%s: %s", cases[i].body.p, why.msg);
    }
    assert_true(mta_sts_policy_parse(
        STR("version: STSv1\nmode: testing\nmode: enforce\nmax_age: 9999999999\nmx: a.b\n"),
        &policy, &e));
    assert_int_equal(policy.mode, MTA_STS_TESTING);
    assert_int_equal(policy.max_age_s, MTA_STS_AGE_MAX);
    assert_string_equal(mta_sts_mode_name(policy.mode), "testing");
}

static void written_and_read_again(void **state)
{
    (void)state;
    struct mta_sts_policy policy;
    struct err e = ERR_CLEAR;
    struct buf text;
    buf_init(&text, 200);
    assert_true(mta_sts_policy_parse(STR(HEAD "mx: *.example.net\r\nmx: mail.example.com\r\n"),
                                     &policy, &e));
    assert_true(mta_sts_policy_format(&policy, &text));
    assert_string_equal(buf_cstr(&text), "version: STSv1\nmode: enforce\nmax_age: 604800\n"
                                         "mx: *.example.net\nmx: mail.example.com\n");
    buf_fini(&text);
    buf_init(&text, 60);
    assert_false(mta_sts_policy_format(&policy, &text));
    buf_fini(&text);
}

static void hosts(void **state)
{
    (void)state;
    static const struct {
        str host;
        bool allowed;
    } cases[] = {
        { STR_INIT("mail.example.com"), true },
        { STR_INIT("MAIL.Example.COM."), true },
        { STR_INIT("x.mail.example.com"), false },
        { STR_INIT("a.example.net"), true },
        { STR_INIT("a.b.example.net"), false },
        { STR_INIT("example.net"), false },
        { STR_INIT(".example.net"), false },
        { STR_INIT("aexample.net"), false },
        { STR_INIT(""), false },
    };
    struct mta_sts_policy policy;
    struct err e = ERR_CLEAR;
    assert_true(mta_sts_policy_parse(STR(HEAD "mx: mail.example.com\r\nmx: *.example.net\r\n"),
                                     &policy, &e));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (mta_sts_policy_allows(&policy, cases[i].host) != cases[i].allowed)
            fail_msg("%s", cases[i].host.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(policies),
        cmocka_unit_test(written_and_read_again),
        cmocka_unit_test(hosts),
    };
    return cmocka_run_group_tests_name("transport_policy/mta_sts", tests, NULL, NULL);
}
