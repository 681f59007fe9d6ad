/* SPDX-License-Identifier: Apache-2.0 */
/* TLSA records: which ones SMTP can use, and what they demand (RFC 7672 sections 2.2 and 3.1). */
#include "transport_policy/transport_policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HASH32 "01234567890123456789012345678901"

static void demands(void **state)
{
    (void)state;
    static const struct {
        str records[2];
        size_t n;
        enum tlsa_demand demand;
        size_t usable;
    } cases[] = {
        { { { NULL, 0 } }, 0, TLSA_NOTHING, 0 },
        { { STR_INIT("\3\1\1" HASH32) }, 1, TLSA_AUTHENTICATE, 1 },
        { { STR_INIT("\2\0\2" HASH32 HASH32) }, 1, TLSA_AUTHENTICATE, 1 },
        { { STR_INIT("\3\1\0x"), STR_INIT("\1\1\1" HASH32) }, 2, TLSA_AUTHENTICATE, 1 },
        { { STR_INIT("\0\1\1" HASH32), STR_INIT("\1\1\1" HASH32) }, 2, TLSA_ENCRYPT, 0 },
        { { STR_INIT("\3\2\1" HASH32) }, 1, TLSA_ENCRYPT, 0 },
        { { STR_INIT("\3\1\3" HASH32) }, 1, TLSA_ENCRYPT, 0 },
        { { STR_INIT("\3\1\1x" HASH32) }, 1, TLSA_ENCRYPT, 0 },
        { { STR_INIT("\3\1\2" HASH32) }, 1, TLSA_ENCRYPT, 0 },
        { { STR_INIT("\3\1\1") }, 1, TLSA_ENCRYPT, 0 },
        { { STR_INIT("\3") }, 1, TLSA_ENCRYPT, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tls_dane_record out[TLSA_MAX];
        size_t n = 99;
        if (tlsa_select(cases[i].records, cases[i].n, out, &n) != cases[i].demand ||
            n != cases[i].usable)
            fail_msg("case %zu: %zu", i, n);
    }
}

static void fields_and_the_line_of_a_zone(void **state)
{
    (void)state;
    const uint8_t *hash = (const uint8_t *)HASH32;
    struct tls_dane_record one;
    struct buf line;
    assert_true(tlsa_parse(STR("\2\1\1" HASH32), &one));
    assert_int_equal(one.usage, TLSA_TRUST_ANCHOR);
    assert_int_equal(one.selector, 1);
    assert_int_equal(one.matching, 1);
    assert_true(str_eq(one.data, STR(HASH32)));
    buf_init(&line, 200);
    assert_true(tlsa_format(STR("mx.example.com"), 25, hash, &line));
    assert_string_equal(buf_cstr(&line),
                        "_25._tcp.mx.example.com. IN TLSA 3 1 1 "
                        "3031323334353637383930313233343536373839303132333435363738393031");
    buf_fini(&line);
    buf_init(&line, 50);
    assert_false(tlsa_format(STR("mx.example.com"), 25, hash, &line));
    assert_int_equal(line.n, 0);
    buf_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demands),
        cmocka_unit_test(fields_and_the_line_of_a_zone),
    };
    return cmocka_run_group_tests_name("transport_policy/tlsa", tests, NULL, NULL);
}
