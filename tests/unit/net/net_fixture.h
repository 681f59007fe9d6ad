/* SPDX-License-Identifier: Apache-2.0 */
/* A port of our own and clients that speak lines to it, for tests of net. */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include "net/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

/* A listening socket on a free port of loopback, whose address comes out. */
static inline int open_port(struct net_address *at)
{
    struct err e = ERR_CLEAR;
    int fd = -1;
    assert_true(net_address_parse(STR("127.0.0.1:0"), at, &e));
    assert_true(net_listen_open(at, &fd, &e));
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at->sa, &at->len), 0);
    return fd;
}

static inline struct net_conn *dial_to(struct runtime *rt, const struct net_address *at)
{
    struct net_conn *c = NULL;
    struct err e = ERR_CLEAR;
    assert_true(net_connect(rt, at, NULL, clock_deadline_in(30000), &c, &e));
    return c;
}

static inline void expect(struct net_conn *c, const char *wanted)
{
    struct err e = ERR_CLEAR;
    str line;
    if (!net_read_line(c, 1000, clock_deadline_in(30000), &line, NULL, &e))
        fail_msg("wanted %s, got %s: %s", wanted, err_kind_name(e.kind), e.msg);
    if (!str_eq(line, str_from_cstr(wanted)))
        fail_msg("wanted %s, got %.*s", wanted, STR_FMT(line));
}

static inline void say(struct net_conn *c, str text)
{
    struct err e = ERR_CLEAR;
    assert_true(net_write(c, text, &e));
    assert_true(net_flush(c, &e));
}

static inline void nap(int64_t ms)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_sleep_until(clock_deadline_in(ms), &e));
}

#endif
