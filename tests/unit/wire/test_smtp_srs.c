/* SPDX-License-Identifier: Apache-2.0 */
/* Senders of forwarded mail: there and back, over several servers, and what nobody can make. */
#include "wire/smtp_srs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    DAY = 24 * 3600
};

static const struct smtp_srs ours = { STR_INIT("a key that nobody knows"), (int64_t)20000 * DAY };
static const struct smtp_srs theirs = { STR_INIT("another key"), (int64_t)20000 * DAY };

static enum err_kind restore(const struct smtp_srs *srs, struct arena *a, str rewritten, str *local,
                             str *domain)
{
    struct err e = ERR_CLEAR;
    *local = *domain = STR_EMPTY;
    (void)smtp_srs_restore(srs, rewritten, a, local, domain, &e);
    return e.kind;
}

static void senders_find_back(void **state)
{
    static const char *const locals[] = { "mia",   "Mia.R", "a=b",   "with space",
                                          "x+tag", "=",     "SRS2=x" };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(locals); i++) {
        str local = str_from_cstr(locals[i]);
        str made;
        str back;
        str domain;
        assert_true(smtp_srs_rewrite(&ours, local, STR("example.net"), &a, &made));
        assert_true(str_has_prefix(made, STR("SRS0=")) && smtp_srs_is_rewritten(made));
        assert_int_equal(restore(&ours, &a, made, &back, &domain), ERR_NONE);
        assert_true(str_eq(back, local) && str_eq(domain, STR("example.net")));
    }
    arena_fini(&a);
}

/* Others may have changed the case of all letters. */
static void case_does_not_matter(void **state)
{
    struct arena a;
    str made;
    str back;
    str domain;
    (void)state;
    arena_init(&a);
    assert_true(smtp_srs_rewrite(&ours, STR("Mia"), STR("example.net"), &a, &made));
    char *text = arena_cstr(&a, made);
    for (size_t i = 0; text[i]; i++)
        text[i] = ascii_lower(text[i]);
    assert_int_equal(restore(&ours, &a, str_from_cstr(text), &back, &domain), ERR_NONE);
    assert_true(str_eq(back, STR("mia")));
    for (size_t i = 0; text[i]; i++)
        text[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
    assert_int_equal(restore(&ours, &a, str_from_cstr(text), &back, &domain), ERR_NONE);
    assert_true(str_eq(domain, STR("example.net")));
    arena_fini(&a);
}

/* origin.example -> first.example (theirs) -> second (ours) -> third (ours again, another domain).
 */
static void ways_over_several_servers(void **state)
{
    struct arena a;
    str first;
    str second;
    str third;
    str back;
    str domain;
    (void)state;
    arena_init(&a);
    assert_true(smtp_srs_rewrite(&theirs, STR("m"), STR("o.example"), &a, &first));
    assert_true(smtp_srs_rewrite(&ours, first, STR("first.example"), &a, &second));
    assert_true(str_has_prefix(second, STR("SRS1=")));
    assert_int_equal(restore(&ours, &a, second, &back, &domain), ERR_NONE);
    assert_true(str_eq(back, first) && str_eq(domain, STR("first.example")));
    assert_int_equal(restore(&theirs, &a, back, &back, &domain), ERR_NONE);
    assert_true(str_eq(back, STR("m")) && str_eq(domain, STR("o.example")));
    /* The second is left out of the way back. */
    assert_true(smtp_srs_rewrite(&ours, second, STR("second.example"), &a, &third));
    assert_int_equal(restore(&ours, &a, third, &back, &domain), ERR_NONE);
    assert_true(str_eq(back, first) && str_eq(domain, STR("first.example")));
    arena_fini(&a);
}

static void they_end_and_cannot_be_made(void **state)
{
    static const struct {
        const char *text;
        enum err_kind kind;
    } cases[] = {
        { "mia", ERR_SYNTAX },
        { "SRS0=", ERR_SYNTAX },
        { "SRS0=000000=00=example.net", ERR_SYNTAX },
        { "SRS0=000000=00==mia", ERR_SYNTAX },
        { "SRS0=000000=00=example.net=mia", ERR_DENIED },
        { "SRS0===example.net=mia", ERR_DENIED },
        { "SRS1=000000=example.net=mia", ERR_SYNTAX },
        { "SRS1=000000=example.net==mia", ERR_DENIED },
    };
    struct smtp_srs later = ours;
    struct arena a;
    str made;
    str back;
    str domain;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(restore(&ours, &a, str_from_cstr(cases[i].text), &back, &domain),
                         cases[i].kind);
    }
    assert_true(smtp_srs_rewrite(&ours, STR("mia"), STR("example.net"), &a, &made));
    assert_int_equal(restore(&theirs, &a, made, &back, &domain), ERR_DENIED);
    for (size_t i = 0; i < made.n; i++) { /* no octet may be another one */
        char *other = arena_cstr(&a, made);
        other[i] = other[i] == '7' ? '8' : '7';
        assert_int_not_equal(restore(&ours, &a, str_from_cstr(other), &back, &domain), ERR_NONE);
    }
    later.now_s += (int64_t)SMTP_SRS_DAYS * DAY;
    assert_int_equal(restore(&later, &a, made, &back, &domain), ERR_NONE);
    later.now_s += DAY;
    assert_int_equal(restore(&later, &a, made, &back, &domain), ERR_DENIED);
    later.now_s = ours.now_s - DAY; /* made by a clock that is ahead of ours by a day */
    assert_int_equal(restore(&later, &a, made, &back, &domain), ERR_NONE);
    arena_fini(&a);
}

static void long_ones_are_refused(void **state)
{
    struct arena a;
    str made;
    (void)state;
    arena_init(&a);
    assert_true(smtp_srs_rewrite(&ours, STR("aaaaaaaaaabbbbbbbbbbccccccccccdddddddd"),
                                 STR("e.exampl"), &a, &made));
    assert_int_equal(made.n, 62);
    assert_false(smtp_srs_rewrite(&ours, STR("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddd"),
                                  STR("e.exampl"), &a, &made));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senders_find_back),         cmocka_unit_test(case_does_not_matter),
        cmocka_unit_test(ways_over_several_servers), cmocka_unit_test(they_end_and_cannot_be_made),
        cmocka_unit_test(long_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
