/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what auth remembers: windowed counters, right passwords, and the names of counters. */
#include "auth/cache.h"
#include "auth/counters.h"
#include "auth/throttle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static str number_key(char text[32], unsigned number)
{
    return str_of(text, (size_t)snprintf(text, 32, "key%u", number));
}

static void windows_begin_and_end(void **state)
{
    (void)state;
    struct counters c;
    counters_init(&c);
    assert_int_equal(counters_get(&c, STR("a"), 0), 0);
    counters_add(&c, STR("a"), 100, 1000);
    counters_add(&c, STR("a"), 100, 1099);
    counters_add(&c, STR("b"), 100, 1050);
    assert_int_equal(counters_get(&c, STR("a"), 1099), 2);
    assert_int_equal(counters_get(&c, STR("a"), 1100), 0); /* the window began with the first */
    assert_int_equal(counters_get(&c, STR("b"), 1100), 1);
    counters_add(&c, STR("a"), 100, 1100);
    assert_int_equal(counters_get(&c, STR("a"), 1199), 1);
    counters_fini(&c);
}

/* A flood of new addresses pushes out the oldest, and nothing grows. */
static void counters_are_bounded(void **state)
{
    (void)state;
    struct counters c;
    char text[32];
    counters_init(&c);
    for (unsigned i = 0; i < 25000; i++)
        counters_add(&c, number_key(text, i), 1000000, 0);
    assert_int_equal(c.by_key.n, 20000);
    assert_int_equal(counters_get(&c, number_key(text, 4999), 0), 0);
    assert_int_equal(counters_get(&c, number_key(text, 5000), 0), 1);
    assert_int_equal(counters_get(&c, number_key(text, 24999), 0), 1);
    counters_fini(&c);
}

static void put(struct auth_cache *c, const char *login, const char *password, int64_t id,
                int64_t now)
{
    uint8_t mac[CRYPTO_HMAC_SIZE];
    cache_mac(c, str_from_cstr(login), str_from_cstr(password), mac);
    const struct auth_identity who = { .account_id = id, .login = str_from_cstr(login) };
    cache_put(c, mac, &who, now);
}

static int64_t find(struct auth_cache *c, const char *login, const char *password, int64_t now)
{
    uint8_t mac[CRYPTO_HMAC_SIZE];
    cache_mac(c, str_from_cstr(login), str_from_cstr(password), mac);
    const struct cache_entry *entry = cache_find(c, mac, now);
    return entry ? entry->who.account_id : 0;
}

static void passwords_are_remembered_for_a_time(void **state)
{
    (void)state;
    struct auth_cache c;
    cache_init(&c, 100);
    put(&c, "ada@x", "secret", 7, 1000);
    assert_int_equal(find(&c, "ada@x", "secret", 1099), 7);
    assert_int_equal(find(&c, "ADA@X", "secret", 1099), 7);
    assert_int_equal(find(&c, "ada@x", "Secret", 1099), 0);
    assert_int_equal(find(&c, "ada@", "xsecret", 1099), 0);
    assert_int_equal(find(&c, "ada@x", "secret", 1100), 0);
    assert_int_equal(c.by_mac.n, 0);
    put(&c, "ada@x", "secret", 7, 2000);
    put(&c, "ada@x", "secret", 7, 2050); /* right again: lives longer */
    assert_int_equal(find(&c, "ada@x", "secret", 2149), 7);
    put(&c, "bob@x", "secret", 8, 2050);
    cache_forget(&c, 7);
    assert_int_equal(find(&c, "ada@x", "secret", 2100), 0);
    assert_int_equal(find(&c, "bob@x", "secret", 2100), 8);
    cache_forget(&c, 0);
    assert_int_equal(c.by_mac.n, 0);
    cache_fini(&c);
}

static void no_life_keeps_nothing(void **state)
{
    (void)state;
    struct auth_cache c;
    cache_init(&c, 0);
    put(&c, "ada@x", "secret", 7, 1000);
    assert_int_equal(c.by_mac.n, 0);
    cache_fini(&c);
}

static void the_cache_is_bounded(void **state)
{
    (void)state;
    struct auth_cache c;
    char text[32];
    cache_init(&c, 100000);
    for (unsigned i = 0; i < 21000; i++) {
        (void)number_key(text, i);
        put(&c, text, "p", i + 1, 1000);
    }
    assert_int_equal(c.by_mac.n, 20000);
    assert_int_equal(find(&c, "key999", "p", 1000), 0);
    assert_int_equal(find(&c, "key1000", "p", 1000), 1001);
    put(&c, "late", "p", 1, 200000); /* all others are over by then */
    assert_int_equal(c.by_mac.n, 1);
    cache_fini(&c);
}

/* Two caches of two processes: what one holds says nothing to the other. */
static void each_process_has_its_own_key(void **state)
{
    (void)state;
    struct auth_cache one, two;
    uint8_t a[CRYPTO_HMAC_SIZE];
    uint8_t b[CRYPTO_HMAC_SIZE];
    cache_init(&one, 100);
    cache_init(&two, 100);
    cache_mac(&one, STR("ada@x"), STR("secret"), a);
    cache_mac(&two, STR("ada@x"), STR("secret"), b);
    assert_memory_not_equal(a, b, sizeof(a));
    cache_fini(&one);
    cache_fini(&two);
}

static void counters_have_names(void **state)
{
    static const struct {
        const char *ip;
        const char *keys[6];
    } cases[] = {
        { "192.0.2.77",
          { "auth:m:192.0.2.77/32", "auth:d:192.0.2.77/32", "auth:m:192.0.2.0/24",
            "auth:d:192.0.2.0/24", "auth:m:192.0.0.0/16", "auth:d:192.0.0.0/16" } },
        { "2001:db8:1:2::9",
          { "auth:m:2001:db8:1:2::/64", "auth:d:2001:db8:1:2::/64", "auth:m:2001:db8:1::/48",
            "auth:d:2001:db8:1::/48", "auth:m:2001:db8::/32", "auth:d:2001:db8::/32" } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct throttle_subject s, other;
        struct net_address peer;
        assert_true(net_address_parse_ip(str_from_cstr(cases[i].ip), &peer, NULL));
        throttle_subject_init(&s, &peer, STR("Ada@example.org"));
        for (size_t k = 0; k < 6; k++)
            assert_string_equal(s.text[k], cases[i].keys[k]);
        throttle_subject_init(&other, NULL, STR("ada@EXAMPLE.org"));
        assert_true(str_eq(s.keys[THROTTLE_ACCOUNT], other.keys[THROTTLE_ACCOUNT]));
        assert_int_equal(other.keys[0].n, 0);
        assert_null(strstr(s.text[THROTTLE_ACCOUNT], "ada"));
        assert_int_equal(s.keys[THROTTLE_ACCOUNT].n, strlen("auth:a:") + 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_begin_and_end),
        cmocka_unit_test(counters_are_bounded),
        cmocka_unit_test(passwords_are_remembered_for_a_time),
        cmocka_unit_test(no_life_keeps_nothing),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(each_process_has_its_own_key),
        cmocka_unit_test(counters_have_names),
    };
    return cmocka_run_group_tests_name("auth/memory", tests, NULL, NULL);
}
