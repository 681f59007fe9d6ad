/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver against a real nsd on loopback: answers, absence, failures, DNSSEC. */
#include "dns/dns.h"
#include "support/process.h"
#include "support/servers.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char server[40]; /* "127.0.0.1@5353" */
static char anchors[200];
static pid_t nsd;

static const char plain_zone[] =
    "$ORIGIN plain.test.\n$TTL 60\n"
    "@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
    "both A 192.0.2.1\nboth A 192.0.2.2\nboth AAAA 2001:db8::1\n"
    "v4 A 192.0.2.3\n"
    "alias CNAME both\n"
    "text TXT \"one\" \"two\"\n"
    "mail MX 20 Second\nmail MX 10 first-a\nmail MX 10 first-b\nmail MX 10 first-c\n"
    "null MX 0 .\n";

static const char signed_zone[] = "$ORIGIN signed.test.\n$TTL 60\n"
                                  "@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\n"
                                  "ns A 127.0.0.1\ngood A 192.0.2.10\nforged A 192.0.2.20\n"
                                  "mail MX 10 good\n";

static void write_file(const char *name, const char *text)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void shell(const char *script)
{
    const char *argv[] = { "sh", "-e", "-c", script, NULL };
    struct test_command command = { .argv = argv };
    assert_int_equal(test_run(&command, NULL), 0);
}

/* Signs the zone, then changes one address behind the signer's back. */
static void sign_zone(void)
{
    char script[1024];
    write_file("signed.zone", signed_zone);
    (void)snprintf(script, sizeof(script),
                   "cd %s; key=$(ldns-keygen -a ECDSAP256SHA256 -k signed.test);"
                   "ldns-signzone -n -o signed.test signed.zone $key;"
                   "sed -i 's/192.0.2.20/192.0.2.66/' signed.zone.signed;"
                   "cp $key.ds anchors.ds",
                   test_directory());
    shell(script);
    (void)snprintf(anchors, sizeof(anchors), "%s/anchors.ds", test_directory());
}

static bool answers(unsigned port)
{
    static const char query[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0\5plain\4test\0\0\6\0\1";
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval wait = { .tv_usec = 100000 };
    char reply[512];
    bool ok = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
              connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
              send(fd, query, sizeof(query) - 1, 0) > 0 && recv(fd, reply, sizeof(reply), 0) > 12;
    close(fd);
    return ok;
}

static int start_nsd(void **state)
{
    (void)state;
    char config[1024];
    char path[200];
    unsigned port = test_free_port();
    const char *dir = test_directory();
    sign_zone();
    write_file("plain.zone", plain_zone);
    (void)snprintf(config, sizeof(config),
                   "server:\n ip-address: 127.0.0.1@%u\n username: \"\"\n zonesdir: \"%s\"\n"
                   " database: \"\"\n pidfile: \"\"\n logfile: \"%s/nsd.log\"\n"
                   " xfrdfile: \"%s/xfrd.state\"\n zonelistfile: \"%s/zone.list\"\n"
                   " xfrdir: \"%s\"\n server-count: 1\n"
                   "remote-control:\n control-enable: no\n"
                   "zone:\n name: plain.test\n zonefile: plain.zone\n"
                   "zone:\n name: signed.test\n zonefile: signed.zone.signed\n",
                   port, dir, dir, dir, dir, dir);
    write_file("nsd.conf", config);
    (void)snprintf(path, sizeof(path), "%s/nsd.conf", dir);
    (void)snprintf(server, sizeof(server), "127.0.0.1@%u", port);
    const char *argv[] = { "nsd", "-d", "-c", path, NULL };
    struct test_command command = { .argv = argv, .death_signal = SIGTERM };
    nsd = test_spawn(&command);
    for (int i = 0; i < 600; i++) {
        if (answers(port))
            return 0;
        usleep(50000);
    }
    return -1;
}

static int stop_nsd(void **state)
{
    (void)state;
    test_end_child(&nsd, SIGTERM);
    return 0;
}

/* ---- one world a test ---- */

struct world {
    struct runtime *rt;
    struct dns *dns;
    struct arena a;
};

static void run(const struct dns_options *options, fiber_fn fn)
{
    struct err e = ERR_CLEAR;
    struct world w;
    arena_init(&w.a);
    w.rt = runtime_new(NULL, &e);
    w.dns = dns_new(w.rt, options, &e);
    if (!w.dns)
        fail_msg("%s", e.msg);
    assert_true(fiber_spawn(w.rt, "test", fn, &w, NULL, &e));
    runtime_run(w.rt);
    dns_free(&w.dns);
    runtime_free(&w.rt);
    arena_fini(&w.a);
}

static struct dns_options plain(void)
{
    return (
        struct dns_options){ .anchor_file = "", .stub_zone = "plain.test", .stub_server = server };
}

static struct dns_answer ask(struct world *w, const char *name, enum dns_type type)
{
    struct err e = ERR_CLEAR;
    struct dns_answer answer;
    if (!dns_query(w->dns, str_from_cstr(name), type, &w->a, clock_deadline_in(30000), &answer, &e))
        fail_msg("%s: %s", name, e.msg);
    return answer;
}

static void ask_for_records(void *arg)
{
    struct world *w = arg;
    struct dns_answer answer = ask(w, "both.plain.test", DNS_A);
    assert_int_equal(answer.status, DNS_OK);
    assert_int_equal(answer.n, 2);
    assert_int_equal(answer.rdata[0].n, 4);
    assert_null(answer.canonical);
    assert_false(answer.secure);
    assert_in_range(answer.ttl, 1, 60);
    answer = ask(w, "ALIAS.plain.test.", DNS_AAAA);
    assert_int_equal(answer.status, DNS_OK);
    assert_int_equal(answer.n, 1);
    assert_non_null(strstr(answer.canonical, "both.plain.test"));
    answer = ask(w, "text.plain.test", DNS_TXT);
    assert_true(answer.n == 1 && str_eq(answer.rdata[0], STR("\3one\3two")));
    assert_int_equal(ask(w, "v4.plain.test", DNS_AAAA).status, DNS_NODATA);
    assert_int_equal(ask(w, "absent.plain.test", DNS_A).status, DNS_NXDOMAIN);
    struct err e = ERR_CLEAR;
    static const char *const no_names[] = { "", ".", "a..b", "a\\.b", ".a" };
    for (size_t i = 0; i < COUNT_OF(no_names); i++) {
        assert_false(dns_query(w->dns, str_from_cstr(no_names[i]), DNS_A, &w->a, DEADLINE_NONE,
                               &answer, &e));
        assert_int_equal(e.kind, ERR_SYNTAX);
    }
}

static void test_records(void **state)
{
    (void)state;
    struct dns_options o = plain();
    run(&o, ask_for_records);
}

static void ask_for_mx(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct dns_mx_list mx;
    unsigned firsts = 0; /* bit i: host first-<'a'+i> was seen at the head */
    for (int i = 0; i < 100; i++) {
        assert_true(
            dns_query_mx(w->dns, STR("mail.plain.test"), &w->a, clock_deadline_in(30000), &mx, &e));
        assert_int_equal(mx.n, 4);
        assert_true(str_eq(mx.list[3].host, STR("second.plain.test"))); /* lower case */
        assert_int_equal(mx.list[3].preference, 20);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(mx.list[k].preference, 10);
        firsts |= 1U << (mx.list[0].host.p[6] - 'a');
    }
    assert_int_equal(firsts, 7); /* equal ones are shuffled */
    assert_true(
        dns_query_mx(w->dns, STR("null.plain.test"), &w->a, clock_deadline_in(30000), &mx, &e));
    assert_true(mx.n == 1 && mx.list[0].host.n == 0 && mx.status == DNS_OK);
    assert_true(
        dns_query_mx(w->dns, STR("both.plain.test"), &w->a, clock_deadline_in(30000), &mx, &e));
    assert_true(mx.n == 0 && mx.status == DNS_NODATA);
    assert_true(
        dns_query_mx(w->dns, STR("absent.plain.test"), &w->a, clock_deadline_in(30000), &mx, &e));
    assert_int_equal(mx.status, DNS_NXDOMAIN);
}

static void test_mail_exchangers(void **state)
{
    (void)state;
    struct dns_options o = plain();
    run(&o, ask_for_mx);
}

static void ask_for_addresses(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct dns_addresses found;
    char text[NET_ADDRESS_TEXT];
    assert_true(dns_query_addresses(w->dns, STR("alias.plain.test"), &w->a,
                                    clock_deadline_in(30000), &found, &e));
    assert_int_equal(found.n, 3);
    assert_string_equal(net_address_ip(&found.list[0], text).p, "2001:db8::1");
    assert_true(net_address_is_ipv4(&found.list[1]) && net_address_is_ipv4(&found.list[2]));
    assert_int_equal(found.status, DNS_OK);
    assert_true(dns_query_addresses(w->dns, STR("v4.plain.test"), &w->a, clock_deadline_in(30000),
                                    &found, &e));
    assert_true(found.n == 1 && found.status == DNS_OK);
    assert_true(dns_query_addresses(w->dns, STR("mail.plain.test"), &w->a, clock_deadline_in(30000),
                                    &found, &e));
    assert_true(found.n == 0 && found.status == DNS_NODATA);
    assert_true(dns_query_addresses(w->dns, STR("absent.plain.test"), &w->a,
                                    clock_deadline_in(30000), &found, &e));
    assert_true(found.n == 0 && found.status == DNS_NXDOMAIN);
}

static void test_addresses(void **state)
{
    (void)state;
    struct dns_options o = plain();
    run(&o, ask_for_addresses);
}

/* ---- DNSSEC ---- */

static void ask_signed(void *arg)
{
    struct world *w = arg;
    struct dns_answer answer = ask(w, "good.signed.test", DNS_A);
    assert_int_equal(answer.status, DNS_OK);
    assert_true(answer.secure);
    answer = ask(w, "absent.signed.test", DNS_A);
    assert_int_equal(answer.status, DNS_NXDOMAIN);
    assert_true(answer.secure); /* that it is not there is proven */
    answer = ask(w, "good.signed.test", DNS_TLSA);
    assert_int_equal(answer.status, DNS_NODATA);
    answer = ask(w, "forged.signed.test", DNS_A);
    assert_int_equal(answer.status, DNS_BOGUS);
    assert_int_equal(answer.n, 0);
    struct err e = ERR_CLEAR;
    struct dns_mx_list mx;
    assert_true(
        dns_query_mx(w->dns, STR("mail.signed.test"), &w->a, clock_deadline_in(30000), &mx, &e));
    assert_true(mx.secure && mx.n == 1);
    struct dns_addresses found;
    assert_true(dns_query_addresses(w->dns, STR("forged.signed.test"), &w->a,
                                    clock_deadline_in(30000), &found, &e));
    assert_true(found.n == 0 && found.status == DNS_BOGUS);
}

static void test_signed_and_forged_answers(void **state)
{
    (void)state;
    struct dns_options o = { .anchor_file = anchors,
                             .stub_zone = "signed.test",
                             .stub_server = server };
    run(&o, ask_signed);
}

static void test_missing_anchors_stop_the_start(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct runtime *rt = runtime_new(NULL, &e);
    struct dns_options o = { .anchor_file = "/nonexistent/anchors" };
    assert_null(dns_new(rt, &o, &e));
    assert_int_equal(e.kind, ERR_INTERNAL);
    assert_int_equal(e.sys, ENOENT);
    runtime_free(&rt);
}

/* ---- servers that do not answer ---- */

struct asker {
    struct world *w;
    enum err_kind kind;
};

static void ask_for_long(void *arg)
{
    struct asker *asker = arg;
    struct err e = ERR_CLEAR;
    struct dns_answer answer;
    assert_false(dns_query(asker->w->dns, STR("x.plain.test"), DNS_A, &asker->w->a,
                           clock_deadline_in(60000), &answer, &e));
    asker->kind = e.kind;
}

static void ask_the_deaf(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct dns_answer answer;
    int64_t start = clock_monotonic_ms();
    test_dns_await(false); /* deadlines count */
    for (int i = 0; i < 20; i++) {
        assert_false(dns_query(w->dns, STR("x.plain.test"), DNS_A, &w->a, clock_deadline_in(10),
                               &answer, &e));
        assert_int_equal(e.kind, ERR_TIMEOUT);
        e = ERR_CLEAR;
    }
    struct asker asker = { .w = w };
    struct fiber *f = NULL;
    assert_true(fiber_spawn(w->rt, "asker", ask_for_long, &asker, &f, &e));
    assert_true(fiber_sleep_until(clock_deadline_in(10), &e));
    fiber_cancel(f);
    assert_true(fiber_sleep_until(clock_deadline_in(10), &e));
    assert_int_equal(asker.kind, ERR_CANCELLED);
    assert_true(clock_monotonic_ms() - start < 20000);
    test_dns_await(true);
}

static void test_a_silent_server(void **state)
{
    (void)state;
    char deaf[40];
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(deaf, sizeof(deaf), "127.0.0.1@%u", ntohs(at.sin_port));
    struct dns_options o = { .anchor_file = "", .stub_zone = "plain.test", .stub_server = deaf };
    run(&o, ask_the_deaf);
    close(fd);
}

static void ask_the_unwilling(void *arg)
{
    struct world *w = arg;
    assert_int_equal(ask(w, "x.other.test", DNS_A).status, DNS_TEMPFAIL);
}

static void test_a_server_that_refuses(void **state)
{
    (void)state;
    struct dns_options o = plain();
    o.stub_zone = "other.test"; /* nsd does not serve it */
    run(&o, ask_the_unwilling);
}

enum {
    MANY = 200
};

static void ask_one(void *arg)
{
    struct world *w = arg;
    struct dns_answer answer = ask(w, "both.plain.test", DNS_A);
    assert_int_equal(answer.n, 2);
}

static void ask_many_at_once(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    for (int i = 0; i < MANY; i++)
        assert_true(fiber_spawn(w->rt, "asker", ask_one, w, NULL, &e));
}

static void test_many_questions_at_once(void **state)
{
    (void)state;
    struct dns_options o = plain();
    run(&o, ask_many_at_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_mail_exchangers),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_signed_and_forged_answers),
        cmocka_unit_test(test_missing_anchors_stop_the_start),
        cmocka_unit_test(test_a_silent_server),
        cmocka_unit_test(test_a_server_that_refuses),
        cmocka_unit_test(test_many_questions_at_once),
    };
    return cmocka_run_group_tests_name("dns/resolver", tests, start_nsd, stop_nsd);
}
