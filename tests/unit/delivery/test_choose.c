/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are tried: no server and no family takes all places. */
#include "services/delivery/choose.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    FOUND_MAX = 40
};

/* Servers are split by '/', their addresses by a space; "!" before one: there is no route to it. */
static size_t read_found(const char *text, struct delivery_found *out)
{
    size_t n = 0;
    unsigned server = 0;
    str rest = str_from_cstr(text);
    while (rest.n > 0) {
        str all;
        (void)str_cut(rest, '/', &all, &rest);
        while (all.n > 0) {
            struct err e = ERR_CLEAR;
            str one;
            (void)str_cut(all, ' ', &one, &all);
            bool has_route = !str_has_prefix(one, STR("!"));
            out[n] = (struct delivery_found){ .server = server, .has_route = has_route };
            if (!net_address_parse_ip(str_skip(one, !has_route), &out[n++].host.address, &e))
                fail_msg("%s", e.msg);
        }
        server++;
    }
    return n;
}

static const struct {
    const char *name;
    const char *found;
    const char *chosen;
} cases[] = {
    { "nothing", "", "" },
    { "one address", "192.0.2.1", "192.0.2.1" },
    { "five of IPv6 leave room for IPv4", "2::1 2::2 2::3 2::4 2::5 1.1.1.1 1.1.1.2",
      "2::1 1.1.1.1 2::2 1.1.1.2 2::3" },
    { "... and for the second server", "2::1 2::2 2::3 2::4 2::5 1.1.1.1/3::1 3.1.1.1",
      "2::1 1.1.1.1 2::2 3::1 3.1.1.1" },
    { "nobody has a third before each has one", "2::1 2::2 2::3 2::4 2::5/3.1.1.1/4.1.1.1/5.1.1.1",
      "2::1 2::2 3.1.1.1 4.1.1.1 5.1.1.1" },
    { "both families before a fourth server", "2::1 1.1.1.1/3::1 3.1.1.1/4::1 4.1.1.1/5::1",
      "2::1 1.1.1.1 3::1 3.1.1.1 4::1" },
    { "as many as there are servers", "1.1.1.1/2.1.1.1/3.1.1.1/4.1.1.1/5.1.1.1/6.1.1.1",
      "1.1.1.1 2.1.1.1 3.1.1.1 4.1.1.1 5.1.1.1" },
    { "the rest goes round", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4/2.1.1.1 2.1.1.2 2.1.1.3",
      "1.1.1.1 1.1.1.2 1.1.1.3 2.1.1.1 2.1.1.2" },
    { "a family without a route takes no place",
      "!2::1 !2::2 !2::3 !2::4 !2::5 1.1.1.1/!3::1 3.1.1.1", "1.1.1.1 3.1.1.1" },
    { "unless there is nothing else", "!2::1 !2::2/!3::1", "2::1 2::2 3::1" },
};

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static struct delivery_found found[FOUND_MAX];
        static struct delivery_host chosen[DELIVERY_ADDRESSES_MAX];
        struct buf got;
        size_t n = read_found(cases[i].found, found);
        buf_init(&got, 1000);
        n = delivery_choose(found, n, chosen, DELIVERY_ADDRESSES_MAX);
        for (size_t k = 0; k < n; k++) {
            char ip[NET_ADDRESS_TEXT];
            assert_true(buf_addf(&got, "%s%.*s", k ? " " : "",
                                 STR_FMT(net_address_ip(&chosen[k].address, ip))));
        }
        if (strcmp(buf_cstr(&got), cases[i].chosen) != 0)
            fail_msg("%s: %s", cases[i].name, buf_cstr(&got));
        buf_fini(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_places) };
    return cmocka_run_group_tests_name("delivery/choose", tests, NULL, NULL);
}
