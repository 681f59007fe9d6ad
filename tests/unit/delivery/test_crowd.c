/* SPDX-License-Identifier: Apache-2.0 */
/* How many destinations of one network may keep us waiting. */
#include "services/delivery/crowd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    NOW_MS = 1000000,
    SESSIONS = 30
};

static struct delivery_host hosts[SESSIONS];
static struct delivery_route routes[SESSIONS];
static struct delivery_session sessions[SESSIONS];

static struct net_address address(const char *text)
{
    struct net_address out;
    struct err e = ERR_CLEAR;
    if (!net_address_parse_ip(str_from_cstr(text), &out, &e))
        fail_msg("%s", e.msg);
    return out;
}

static const struct crowd_case {
    const char *name;
    unsigned waiting; /* sessions */
    unsigned routes;  /* that they belong to */
    const char *at;
    int64_t for_ms;
    const char *to;
    bool is_stalling;
    bool idle;
} cases[] = {
    { "as many as may be", 7, 7, "192.0.2.1", 6000, "192.0.2.1", false, false },
    { "one more", 8, 8, "192.0.2.1", 6000, "192.0.2.1", true, false },
    { "a neighbour", 8, 8, "192.0.2.1", 6000, "192.0.2.200", true, false },
    { "another network", 8, 8, "192.0.2.1", 6000, "192.0.3.1", false, false },
    { "the same /64", 8, 8, "2001:db8:1:2::1", 6000, "2001:db8:1:2:3::9", true, false },
    { "another /64", 8, 8, "2001:db8:1:2::1", 6000, "2001:db8:1:3::1", false, false },
    { "they answer", 30, 30, "192.0.2.1", 400, "192.0.2.1", false, false },
    { "nobody is waited for", 30, 30, "192.0.2.1", 6000, "192.0.2.1", false, true },
    { "one destination with many connections", 30, 1, "192.0.2.1", 6000, "192.0.2.1", false,
      false },
};

static void test_a_network_that_stalls(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct crowd_case *c = &cases[i];
        static struct delivery d;
        static struct delivery_session asking;
        static struct delivery_route its;
        list_init(&d.sessions);
        for (unsigned k = 0; k < c->waiting; k++) {
            hosts[k].address = address(c->at);
            sessions[k] = (struct delivery_session){ .route = &routes[k % c->routes],
                                                     .host = &hosts[k],
                                                     .is_busy = !c->idle,
                                                     .heard_ms = NOW_MS - c->for_ms };
            list_add_tail(&d.sessions, &sessions[k].link);
        }
        const struct net_address to = address(c->to);
        asking = (struct delivery_session){ .d = &d, .route = &its };
        if (delivery_is_stalling(&asking, &to, NOW_MS) != c->is_stalling)
            fail_msg("%s", c->name);
        /* Who waits there himself may go on with that. */
        asking.route = &routes[0];
        assert_int_equal(delivery_is_stalling(&asking, &to, NOW_MS),
                         c->is_stalling && c->waiting > 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_network_that_stalls) };
    return cmocka_run_group_tests_name("delivery/crowd", tests, NULL, NULL);
}
