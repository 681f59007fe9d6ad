/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the DNS as they are written in the file, and which of their answers count. */
#include "config/dnsbl_zone.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void zones_are_read(void **state)
{
    static const struct {
        const char *text;
        const char *zone; /* NULL: refused */
        int64_t weight;
    } cases[] = {
        { "bl.example", "bl.example", 1 },
        { "bl.example*3", "bl.example", 3 },
        { "wl.example*-2", "wl.example", -2 },
        { "bl.example=127.0.0.2", "bl.example", 1 },
        { "bl.example=127.0.0.[2..11;20]*4", "bl.example", 4 },
        { "wl.example=127.0.[0..255].[1..3]*-1000", "wl.example", -1000 },
        { "key_1.bl.example", "key_1.bl.example", 1 },
        { "", NULL, 0 },
        { "*2", NULL, 0 },
        { "bl.example.", NULL, 0 },
        { ".bl.example", NULL, 0 },
        { "bl..example", NULL, 0 },
        { "bl example", NULL, 0 },
        { "bl.example*", NULL, 0 },
        { "bl.example*0", NULL, 0 },
        { "bl.example*1001", NULL, 0 },
        { "bl.example*--1", NULL, 0 },
        { "bl.example=", NULL, 0 },
        { "bl.example=127.0.0", NULL, 0 },
        { "bl.example=127.0.0.2.3", NULL, 0 },
        { "bl.example=127.0.0.256", NULL, 0 },
        { "bl.example=127.0.0.0002", NULL, 0 },
        { "bl.example=127.0.0.[]", NULL, 0 },
        { "bl.example=127.0.0.[2..]", NULL, 0 },
        { "bl.example=127.0.0.[9..2]", NULL, 0 },
        { "bl.example=127.0.0.[2;]", NULL, 0 },
        { "bl.example=127.0.0.[2", NULL, 0 },
        { "bl.example=127.0.0.2x", NULL, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config_dnsbl_zone zone;
        struct err e = ERR_CLEAR;
        bool ok = config_dnsbl_zone_parse(str_from_cstr(cases[i].text), &zone, &e);
        if (ok != (cases[i].zone != NULL))
            fail_msg("%s: %s", cases[i].text, ok ? "was taken" : e.msg);
        if (ok) {
            assert_true(str_eq(zone.zone, str_from_cstr(cases[i].zone)));
            assert_int_equal(zone.weight, cases[i].weight);
        } else {
            assert_int_equal(e.kind, ERR_SYNTAX);
        }
    }
}

static void a_long_name_has_no_room_for_a_client(void **state)
{
    char text[CONFIG_DNSBL_ZONE_MAX + 2];
    struct config_dnsbl_zone zone;
    struct err e = ERR_CLEAR;
    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 ? '.' : 'a';
    text[CONFIG_DNSBL_ZONE_MAX - 1] = '\0';
    assert_true(config_dnsbl_zone_parse(str_from_cstr(text), &zone, &e));
    text[CONFIG_DNSBL_ZONE_MAX - 1] = '.';
    text[CONFIG_DNSBL_ZONE_MAX] = 'a';
    text[CONFIG_DNSBL_ZONE_MAX + 1] = '\0';
    assert_false(config_dnsbl_zone_parse(str_from_cstr(text), &zone, &e));
}

static void answers_count(void **state)
{
    static const struct {
        const char *text;
        uint8_t answer[4];
        bool counts;
    } cases[] = {
        { "bl.example", { 127, 0, 0, 2 }, true },
        { "bl.example", { 127, 200, 255, 255 }, true },
        { "bl.example", { 127, 0, 0, 1 }, false },
        { "bl.example", { 127, 255, 255, 2 }, false },
        { "bl.example", { 10, 0, 0, 2 }, false },
        { "bl.example=127.0.0.[2..11;20]", { 127, 0, 0, 2 }, true },
        { "bl.example=127.0.0.[2..11;20]", { 127, 0, 0, 11 }, true },
        { "bl.example=127.0.0.[2..11;20]", { 127, 0, 0, 20 }, true },
        { "bl.example=127.0.0.[2..11;20]", { 127, 0, 0, 12 }, false },
        { "bl.example=127.0.0.[2..11;20]", { 127, 0, 1, 2 }, false },
        { "wl.example=127.0.[0..255].3", { 127, 0, 255, 3 }, true },
        { "wl.example=10.0.0.[0..255]", { 10, 0, 0, 3 }, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config_dnsbl_zone zone;
        struct err e = ERR_CLEAR;
        assert_true(config_dnsbl_zone_parse(str_from_cstr(cases[i].text), &zone, &e));
        if (config_dnsbl_zone_counts(&zone, cases[i].answer) != cases[i].counts)
            fail_msg("%zu: %s", i, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_are_read),
        cmocka_unit_test(a_long_name_has_no_room_for_a_client),
        cmocka_unit_test(answers_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
