/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of XCLIENT. */
#include "wire/smtp_xclient.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void attributes_are_read(void **state)
{
    static const struct {
        const char *argument;
        enum smtp_fault fault;
        const char *addr, *helo;
        int port; /* -1: not given */
        bool has_proto, is_esmtp;
    } cases[] = {
        { "ADDR=192.0.2.1", SMTP_GOOD, "192.0.2.1", "", -1, false, false },
        { "addr=IPv6:2001:DB8::1", SMTP_GOOD, "2001:DB8::1", "", -1, false, false },
        { "NAME=a+2Db.example PORT=25", SMTP_GOOD, "", "", 25, false, false },
        { "NAME=[UNAVAILABLE] PORT=[TEMPUNAVAIL]", SMTP_GOOD, "", "", 0, false, false },
        { "NAME=[TEMPUNAVAIL] REVERSE_NAME=+5BunAvailable+5D", SMTP_GOOD, "", "", -1, false,
          false },
        { "ADDR=[UNAVAILABLE]", SMTP_GOOD, "", "", -1, false, false },
        { "ADDR=+5Bunavailable+5D PORT=[UNAVAILABLE]", SMTP_GOOD, "", "", 0, false, false },
        { "DESTADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE]", SMTP_GOOD, "", "", -1, false, false },
        { "DESTADDR=mx.example", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "DESTADDR=", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "DESTPORT=65536", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "DESTPORT=", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "PORT=", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "ADDR=192.0.2.1=", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "HELO=a+2Db.example PROTO=SMTP", SMTP_GOOD, "", "a-b.example", -1, true, false },
        { "HELO=[unavailable] PROTO=ESMTP", SMTP_GOOD, "", "", -1, true, true },
        { "PORT=0", SMTP_GOOD, "", "", 0, false, false },
        { "", SMTP_FAULT_SYNTAX, "", "", -1, false, false },
        { "ADDR", SMTP_FAULT_SYNTAX, "", "", -1, false, false },
        { "PORT=25  NAME=x", SMTP_FAULT_SYNTAX, "", "", -1, false, false },
        { "ADDR=", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "ADDR=a.example", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "PORT=1 PORT=1", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "PORT=65536", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "PORT=+31", SMTP_GOOD, "", "", 1, false, false },
        { "PROTO=LMTP", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "HELO=a+0D+0Ab", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "NAME=+4", SMTP_FAULT_PARAMETER, "", "", -1, false, false },
        { "LOGIN=mia", SMTP_FAULT_UNKNOWN_PARAMETER, "", "", -1, false, false },
        { "=x", SMTP_FAULT_UNKNOWN_PARAMETER, "", "", -1, false, false },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_xclient x;
        enum smtp_fault fault = smtp_xclient_parse(str_from_cstr(cases[i].argument), &a, &x);
        if (fault != cases[i].fault)
            fail_msg("%s: fault %d", cases[i].argument, (int)fault);
        if (fault != SMTP_GOOD)
            continue;
        assert_true(str_eq(x.addr, str_from_cstr(cases[i].addr)));
        assert_true(str_eq(x.helo, str_from_cstr(cases[i].helo)));
        assert_int_equal(x.has_port ? x.port : -1, cases[i].port);
        assert_int_equal(x.has_proto, cases[i].has_proto);
        assert_int_equal(x.is_esmtp, cases[i].is_esmtp);
        assert_int_equal(x.has_addr, !strncasecmp(cases[i].argument, "ADDR=", 5));
    }
    arena_fini(&a);
}

static void where_the_client_went_is_read(void **state)
{
    static const struct {
        const char *argument;
        const char *addr;
        uint16_t port;
    } cases[] = {
        { "ADDR=192.0.2.1 DESTADDR=IPv6:2001:db8::2 DESTPORT=25", "2001:db8::2", 25 },
        { "destaddr=192.0.2.2", "192.0.2.2", 0 },
        { "DESTADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE]", "", 0 },
        { "ADDR=192.0.2.1", "", 0 },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_xclient x;
        assert_int_equal(smtp_xclient_parse(str_from_cstr(cases[i].argument), &a, &x), SMTP_GOOD);
        assert_true(str_eq(x.dest_addr, str_from_cstr(cases[i].addr)));
        assert_int_equal(x.dest_port, cases[i].port);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(attributes_are_read),
                                        cmocka_unit_test(where_the_client_went_is_read) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
