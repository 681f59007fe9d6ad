/* SPDX-License-Identifier: Apache-2.0 */
/* A server for mail on a port of its own, in the runtime of the test, with a certificate that it
 * made itself. What it says is the test's. */
#ifndef MX_FIXTURE_H
#define MX_FIXTURE_H

#include "net/listener.h"
#include "net/tls.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

struct mx {
    struct net_listener *listener;
    struct net_address at;
    struct tls_server *tls;
    char cert[200]; /* file; as an anchor it makes the certificate a good one */
};

static inline void mx_open(struct mx *mx, struct runtime *rt, const struct net_protocol *protocol,
                           void *service)
{
    static const char *const names[] = { "mx.example" };
    char key[sizeof(mx->cert)];
    struct err e = ERR_CLEAR;
    int fd;
    (void)snprintf(mx->cert, sizeof(mx->cert), "%s/mx.crt", test_directory());
    (void)snprintf(key, sizeof(key), "%s/mx.key", test_directory());
    assert_true(tls_make_self_signed(names, 1, 2, mx->cert, key, &e));
    struct tls_cert_files files = { mx->cert, key };
    mx->tls = tls_server_new(&files, 1, &e);
    assert_non_null(mx->tls);
    assert_true(net_address_parse(STR("127.0.0.1:0"), &mx->at, &e));
    assert_true(net_listen_open(&mx->at, &fd, &e));
    assert_int_equal(getsockname(fd, (struct sockaddr *)&mx->at.sa, &mx->at.len), 0);
    struct net_listener_options options = { .protocol = protocol, .service = service };
    mx->listener = net_listener_new(rt, fd, &options);
}

static inline void mx_close(struct mx *mx)
{
    net_listener_free(&mx->listener);
    tls_server_free(&mx->tls);
}

#endif
