/* SPDX-License-Identifier: Apache-2.0 */
/* Which address of ours mail leaves from. */
#include "services/delivery/egress.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_choice) };
    return cmocka_run_group_tests_name("delivery/egress", tests, NULL, NULL);
}
