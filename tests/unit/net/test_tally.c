/* SPDX-License-Identifier: Apache-2.0 */
/* Counts over several processes: exact sums, races, processes that are killed, names that give way;
 * and what the limits of addresses and networks make of them. */
#include "net/limits.h"
#include "support/servers.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static struct net_tally *make(size_t columns, size_t names)
{
    struct err e = ERR_CLEAR;
    struct net_tally *t = net_tally_new(columns, names, &e);
    assert_non_null(t);
    return t;
}

static struct net_count *enter(struct net_tally *t, const char *name, unsigned max_open)
{
    const struct net_tally_limit limit = { .max_open = max_open };
    return net_tally_enter(t, str_from_cstr(name), &limit, 0);
}

/* Forks a process that counts in `column` and does fn. */
static pid_t fork_worker(struct net_tally *t, size_t column, void (*fn)(struct net_tally *t))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        net_tally_use(t, column);
        fn(t);
        _exit(0);
    }
    return pid;
}

static void wait_for(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void nap_ms(long ms)
{
    const struct timespec pause = { .tv_nsec = ms * 1000000 };
    (void)nanosleep(&pause, NULL);
}

static void test_at_the_limit_and_past_it(void **state)
{
    (void)state;
    struct net_tally *t = make(1, 100);
    struct net_count *first = enter(t, "a", 2);
    struct net_count *second = enter(t, "a", 2);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(enter(t, "a", 2));
    assert_non_null(enter(t, "b", 2));
    assert_int_equal(net_tally_open(t, STR("a")), 2);
    net_tally_leave(&first);
    net_tally_leave(&first);
    assert_null(first);
    assert_int_equal(net_tally_open(t, STR("a")), 1);
    assert_non_null(enter(t, "a", 2));
    assert_null(enter(t, "a", 2));
    for (int i = 0; i < 1000; i++)
        assert_non_null(enter(t, "unlimited", 0));
    net_tally_free(&t);
    assert_null(t);
}

static void test_the_minute(void **state)
{
    (void)state;
    struct net_tally *t = make(1, 100);
    const struct net_tally_limit limit = { .max_per_minute = 3 };
    for (int i = 0; i < 3; i++) {
        struct net_count *count = net_tally_enter(t, STR("a"), &limit, 1000 + i);
        assert_non_null(count);
        net_tally_leave(&count);
    }
    assert_null(net_tally_enter(t, STR("a"), &limit, 1004));
    assert_null(net_tally_enter(t, STR("a"), &limit, 60999));
    assert_non_null(net_tally_enter(t, STR("a"), &limit, 61000));
    net_tally_free(&t);
}

static enum net_tally_result take(struct net_tally *t, const char *name, int64_t cost_us,
                                  int64_t now_us)
{
    int64_t full_us = -1;
    const struct net_tally_want want = { .cost_us = cost_us, .window_us = 100, .now_us = now_us };
    enum net_tally_result result = net_tally_take(t, str_from_cstr(name), &want, &full_us);
    assert_true(full_us >= 0);
    return result;
}

static void take_forty(struct net_tally *t)
{
    for (int i = 0; i < 4; i++)
        (void)take(t, "a", 10, 1000);
}

/* A bucket over several processes: what one took, others lack, also when it has gone. */
static void test_buckets(void **state)
{
    (void)state;
    struct net_tally *t = make(3, 100);
    wait_for(fork_worker(t, 1, take_forty));
    wait_for(fork_worker(t, 2, take_forty));
    net_tally_clear(t, 1);
    assert_int_equal(take(t, "a", 21, 1000), NET_TALLY_TOO_LITTLE);
    assert_int_equal(take(t, "a", 20, 1000), NET_TALLY_TAKEN);
    assert_int_equal(take(t, "a", 1, 1000), NET_TALLY_TOO_LITTLE);
    assert_int_equal(take(t, "b", 100, 1000), NET_TALLY_TAKEN);
    assert_int_equal(take(t, "a", 30, 1029), NET_TALLY_TOO_LITTLE);
    assert_int_equal(take(t, "a", 30, 1030), NET_TALLY_TAKEN);
    assert_int_equal(take(t, "a", 100, 5000), NET_TALLY_TAKEN);
    assert_int_equal(net_tally_open(t, STR("a")), 0);
    net_tally_free(&t);
}

/* However many come once each: who owes much is not forgotten for them. */
static void test_crowds_do_not_empty_buckets(void **state)
{
    (void)state;
    struct net_tally *t = make(1, 100);
    assert_int_equal(take(t, "greedy", 100, 1000), NET_TALLY_TAKEN);
    for (int i = 0; i < 100000; i++) {
        char name[20];
        (void)snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(take(t, name, 10, 1000), NET_TALLY_TAKEN);
    }
    assert_int_equal(take(t, "greedy", 1, 1000), NET_TALLY_TOO_LITTLE);
    net_tally_free(&t);
}

static void take_three(struct net_tally *t)
{
    for (int i = 0; i < 3; i++)
        (void)enter(t, "a", 0);
    (void)pause();
}

static void test_a_killed_process_leaves_nothing(void **state)
{
    (void)state;
    struct net_tally *t = make(3, 100);
    net_tally_use(t, 0);
    assert_non_null(enter(t, "a", 4));
    pid_t child = fork_worker(t, 2, take_three);
    while (net_tally_open(t, STR("a")) < 4)
        nap_ms(1);
    assert_null(enter(t, "a", 4));
    assert_int_equal(kill(child, SIGKILL), 0);
    wait_for(child);
    assert_int_equal(net_tally_open(t, STR("a")), 4); /* who clears is the supervisor */
    net_tally_clear(t, 1);
    assert_int_equal(net_tally_open(t, STR("a")), 4);
    net_tally_clear(t, 2);
    assert_int_equal(net_tally_open(t, STR("a")), 1);
    assert_non_null(enter(t, "a", 4));
    net_tally_free(&t);
}

enum {
    WORKERS = 4,
    PLACES = 5,
    NAMES = 40
};

/* Comes and goes under many names until it is killed. */
static void hammer(struct net_tally *t)
{
    for (unsigned i = 0;; i++) {
        char name[20];
        (void)snprintf(name, sizeof(name), "n%u", i % NAMES);
        struct net_count *count = enter(t, name, PLACES);
        struct net_count *other = enter(t, "contended", PLACES);
        if (net_tally_open(t, STR("contended")) > PLACES)
            (void)enter(t, "broken", 0);
        if (i % 7) /* some stay */
            net_tally_leave(&count);
        net_tally_leave(&other);
    }
}

/* Killed at any instruction, also while a lock is held: the sums stay right, and nobody waits. */
static void test_kills_under_load(void **state)
{
    (void)state;
    struct net_tally *t = make(WORKERS + 1, 100);
    pid_t workers[WORKERS];
    net_tally_use(t, WORKERS);
    for (size_t i = 0; i < WORKERS; i++)
        workers[i] = fork_worker(t, i, hammer);
    for (int kills = 0; kills < 100; kills++) {
        size_t i = (size_t)kills % WORKERS;
        nap_ms(1 + kills % 3);
        assert_int_equal(kill(workers[i], SIGKILL), 0);
        wait_for(workers[i]);
        net_tally_clear(t, i);
        workers[i] = fork_worker(t, i, hammer);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(kill(workers[i], SIGKILL), 0);
        wait_for(workers[i]);
        net_tally_clear(t, i);
    }
    /* New ones of the minute are not cleared: nobody has ever counted there. */
    const struct net_tally_limit first = { .max_per_minute = 1 };
    assert_non_null(net_tally_enter(t, STR("broken"), &first, 0));
    assert_int_equal(net_tally_open(t, STR("contended")), 0);
    for (unsigned i = 0; i < NAMES; i++) {
        char name[20];
        (void)snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(net_tally_open(t, str_from_cstr(name)), 0);
        assert_non_null(enter(t, name, 1));
    }
    net_tally_free(&t);
}

/* Names beyond the room push out those that count nothing open, never one that does. */
static void test_names_give_way(void **state)
{
    (void)state;
    struct net_tally *t = make(2, 100);
    enum {
        KEPT = 200,
        PASSING = 20000
    };
    char name[20];
    for (unsigned i = 0; i < KEPT; i++) {
        (void)snprintf(name, sizeof(name), "kept%u", i);
        assert_non_null(enter(t, name, 1));
    }
    for (unsigned i = 0; i < PASSING; i++) {
        (void)snprintf(name, sizeof(name), "passing%u", i);
        struct net_count *count = enter(t, name, 1);
        assert_non_null(count);
        net_tally_leave(&count);
    }
    for (unsigned i = 0; i < KEPT; i++) {
        (void)snprintf(name, sizeof(name), "kept%u", i);
        assert_int_equal(net_tally_open(t, str_from_cstr(name)), 1);
        assert_null(enter(t, name, 1));
    }
    net_tally_free(&t);
}

/* ---- addresses and networks ---- */

static bool come(const struct limits *l, const char *ip, struct limits_held *held)
{
    struct net_address peer;
    struct err e = ERR_CLEAR;
    const char *why = NULL;
    assert_true(net_address_parse_ip(str_from_cstr(ip), &peer, &e));
    return limits_enter(l, &peer, 0, held, &why);
}

/* Six addresses of one network fill it when an address may have two connections. */
static void fill_network(const char *const members[6], const char *neighbour, const char *stranger)
{
    struct limits l;
    struct limits_held held[6];
    struct limits_held other;
    limits_init(&l, NULL, "smtp", 2, 0);
    for (size_t i = 0; i < 6; i++)
        assert_true(come(&l, members[i], &held[i]));
    assert_false(come(&l, neighbour, &other));
    assert_null(other.levels[0]);
    assert_true(come(&l, stranger, &other));
    limits_leave(&held[0]);
    assert_true(come(&l, neighbour, &held[0]));
    assert_false(come(&l, neighbour, &other));
    limits_fini(&l);
}

static void test_networks(void **state)
{
    (void)state;
    static const char *const ipv4[] = { "192.0.2.1", "192.0.2.1", "192.0.2.2",
                                        "192.0.2.3", "192.0.2.4", "192.0.2.255" };
    static const char *const ipv6[] = {
        "2001:db8:1::1",   "2001:db8:1::2",   "2001:db8:1:1::1",
        "2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:ffff::1"
    };
    static const char *const mapped[] = { "::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.3",
                                          "::ffff:192.0.2.4", "::ffff:192.0.2.5", "192.0.2.6" };
    fill_network(ipv4, "192.0.2.200", "192.0.3.1");
    fill_network(ipv6, "2001:db8:1:a::1", "2001:db8:2::1");
    fill_network(mapped, "192.0.2.77", "::ffff:192.0.3.1");
}

static void test_one_address(void **state)
{
    (void)state;
    struct limits l;
    struct limits_held held[3];
    limits_init(&l, NULL, "smtp", 2, 0);
    assert_true(come(&l, "2001:db8:1:2::1", &held[0]));
    assert_true(come(&l, "2001:db8:1:2:ffff::2", &held[1]));
    assert_false(come(&l, "2001:db8:1:2:3::3", &held[2]));
    limits_leave(&held[1]);
    assert_true(come(&l, "2001:db8:1:2:3::3", &held[2]));
    limits_fini(&l);
}

static void test_scopes(void **state)
{
    (void)state;
    struct net_tally *t = make(1, 100);
    struct limits smtp;
    struct limits same;
    struct limits imap;
    struct limits_held held;
    limits_init(&smtp, t, "smtp", 1, 0);
    limits_init(&same, t, "smtp", 1, 0);
    limits_init(&imap, t, "imap", 1, 0);
    assert_true(come(&smtp, "192.0.2.1", &held));
    assert_false(come(&same, "192.0.2.1", &held));
    assert_true(come(&imap, "192.0.2.1", &held));
    limits_fini(&smtp);
    limits_fini(&same);
    limits_fini(&imap);
    net_tally_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_the_limit_and_past_it),
        cmocka_unit_test(test_the_minute),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_crowds_do_not_empty_buckets),
        cmocka_unit_test(test_a_killed_process_leaves_nothing),
        cmocka_unit_test(test_kills_under_load),
        cmocka_unit_test(test_names_give_way),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_one_address),
        cmocka_unit_test(test_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
