/* SPDX-License-Identifier: Apache-2.0 */
/* Which address of ours mail leaves from, and when mail that had to wait asks again. */
#include "services/delivery/egress.h"
#include "services/delivery/way.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    SOURCES = 5,
    FOURS = 3, /* the first of them */
    DOMAINS = 600
};

static void read_all(struct net_address *out, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err e = ERR_CLEAR;
        assert_true(net_address_parse_ip(str_from_cstr(texts[i]), &out[i], &e));
    }
}

static str sender_of(char *text, size_t size, int i)
{
    int n = snprintf(text, size, "mia@d%d.example", i);
    return str_of(text, (size_t)n);
}

static void test_choice(void **state)
{
    static const char *const texts[SOURCES] = { "192.0.2.1", "192.0.2.2", "192.0.2.3",
                                                "2001:db8::1", "2001:db8::2" };
    static const char *const servers[] = { "198.51.100.1", "2001:db8:1::1" };
    struct net_address sources[SOURCES];
    struct net_address to[2];
    unsigned used[SOURCES] = { 0 };
    char text[64];
    (void)state;
    read_all(sources, texts, SOURCES);
    read_all(to, servers, 2);
    for (int i = 0; i < DOMAINS; i++) {
        str sender = sender_of(text, sizeof(text), i);
        const struct net_address *four = delivery_egress_choose(sources, SOURCES, &to[0], sender);
        const struct net_address *six = delivery_egress_choose(sources, SOURCES, &to[1], sender);
        assert_true(four < sources + FOURS && six >= sources + FOURS);
        used[four - sources]++;
        used[six - sources]++;
        /* Without the last of its kind, only those that had it move. */
        const struct net_address *fewer =
            delivery_egress_choose(sources, FOURS - 1, &to[0], sender);
        assert_true(fewer == four || four == sources + FOURS - 1);
    }
    for (size_t i = 0; i < SOURCES; i++)
        assert_in_range(used[i], DOMAINS / 6, DOMAINS);
    assert_ptr_equal(delivery_egress_choose(sources, SOURCES, &to[0], STR("a@Far.Example")),
                     delivery_egress_choose(sources, SOURCES, &to[0], STR("b@far.example")));
    assert_non_null(delivery_egress_choose(sources, SOURCES, &to[0], STR_EMPTY));
    assert_null(delivery_egress_choose(sources, FOURS, &to[1], STR("a@far.example")));
    assert_null(delivery_egress_choose(NULL, 0, &to[0], STR("a@far.example")));
}

static struct config *config_of(const char *text)
{
    struct config *config = NULL;
    struct err e = ERR_CLEAR;
    if (!config_parse(str_from_cstr(text), "test", NULL, NULL, &config, &e))
        fail_msg("%s", e.msg);
    return config;
}

static void test_pools(void **state)
{
    struct delivery d = { .n_pools = 0 };
    struct err e = ERR_CLEAR;
    struct net_address to;
    struct arena a;
    struct config *config = config_of("delivery:\n  source: [192.0.2.1]\n  pools: "
                                      "[\"bulk: 192.0.2.2 192.0.2.3\", "
                                      "\"news turn: 192.0.2.4 2001:db8::4 192.0.2.5\"]\n");
    (void)state;
    arena_init(&a);
    assert_true(net_address_parse_ip(STR("198.51.100.1"), &to, &e));
    if (!delivery_egress_read(config, &a, &d.pools, &d.n_pools, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(d.n_pools, 3);
    assert_null(delivery_egress_find(&d, STR("other")));
    struct delivery_pool *own = delivery_egress_find(&d, STR_EMPTY);
    assert_ptr_equal(delivery_egress_next(own, &to, STR("mia@example.org")), &own->list[0]);
    struct delivery_pool *bulk = delivery_egress_find(&d, STR("bulk"));
    assert_int_equal(bulk->n, 2);
    assert_ptr_equal(delivery_egress_next(bulk, &to, STR("mia@example.org")),
                     delivery_egress_next(bulk, &to, STR("leo@example.org")));
    struct delivery_pool *news = delivery_egress_find(&d, STR("news"));
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(delivery_egress_next(news, &to, STR("mia@example.org")),
                         &news->list[i % 2 ? 2 : 0]);
    }
    assert_true(net_address_parse_ip(STR("2001:db8:1::1"), &to, &e));
    assert_true(delivery_egress_reaches(own, &to) && delivery_egress_reaches(news, &to));
    assert_false(delivery_egress_reaches(bulk, &to));
    config_free(&config);
    arena_fini(&a);
}

static void test_pools_that_are_none(void **state)
{
    static const char *const wrong[] = { "bulk", "bulk:", ": 192.0.2.1", "bulk: nowhere",
                                         "bulk often: 192.0.2.1" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct err e = ERR_CLEAR;
        struct arena a;
        struct delivery_pool *pools;
        size_t n;
        arena_init(&a);
        struct config *config =
            config_of(arena_printf(&a, "delivery:\n  pools: [\"%s\"]\n", wrong[i]).p);
        if (delivery_egress_read(config, &a, &pools, &n, &e))
            fail_msg("\"%s\"", wrong[i]);
        config_free(&config);
        arena_fini(&a);
    }
}

static void test_crowds_come_back_apart(void **state)
{
    static const struct {
        unsigned waiting;
        uint64_t random;
        int64_t wanted_ms;
    } cases[] = { { 1, 0, 1000 },       { 1, 1000, 2000 },    { 1, 1001, 1000 },
                  { 10, 10000, 11000 }, { 29, 29000, 30000 }, { 4000000000, 29000, 30000 } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(delivery_crowd_ms(cases[i].waiting, cases[i].random), cases[i].wanted_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_choice), cmocka_unit_test(test_pools),
                                        cmocka_unit_test(test_pools_that_are_none),
                                        cmocka_unit_test(test_crowds_come_back_apart) };
    return cmocka_run_group_tests_name("delivery/egress", tests, NULL, NULL);
}
