/* SPDX-License-Identifier: Apache-2.0 */
/* The client, asking a server in the same loop; and the 40 ways to make it ask what is not public
 * (PROMISES R34, ATTACKS A13). */
#include "http_fixture.h"

#include "dns/dns.h"
#include "http/http_client.h"
#include "support/in_fiber.h"

struct play {
    struct world *w;
    fiber_fn fn;
    struct dns *dns;
    struct http_client *client;
    struct arena a;
    unsigned seen; /* requests that the server got */
    bool saw_credentials;
};

static void handle(struct http_request *r, void *arg)
{
    struct play *p = arg;
    struct err e = ERR_CLEAR;
    p->seen++;
    p->saw_credentials = http_request_has_field(r, STR("authorization"));
    if (str_eq(r->path, STR("/big"))) {
        const char *piece = arena_alloc(r->arena, 100000);
        http_begin(r, 200, "text/plain", -1);
        for (int i = 0; i < 100 && http_send(r, str_of(piece, 100000), &e); i++)
            continue;
        http_end(r);
    } else if (str_eq(r->path, STR("/slow"))) {
        (void)signal_point_wait(&p->w->never, DEADLINE_NONE, &e);
    } else if (str_has_prefix(r->path, STR("/to"))) {
        http_add_field(r, "location", r->query);
        http_reply(r, 302, NULL, STR_EMPTY);
    } else if (str_eq(r->path, STR("/loop"))) {
        http_add_field(r, "location", STR("/loop"));
        http_reply(r, 307, NULL, STR_EMPTY);
    } else {
        http_add_field(r, "x-method", r->method_name);
        http_add_field(r, "x-host", r->host);
        http_reply(r, 200, "text/plain", r->body.n ? r->body : STR("hello"));
    }
}

static struct http_fetch to_us(struct play *p, const char *path)
{
    return (struct http_fetch){
        .url = arena_printf(&p->a, "http://localhost:%u%s", p->w->port, path),
        .any_port = true,
        .allow_special = true,
    };
}

static enum err_kind ask(struct play *p, const struct http_fetch *fetch, struct http_fetched *out)
{
    struct err e = ERR_CLEAR;
    int64_t deadline = clock_deadline_in(30000);
    return http_client_fetch(p->client, fetch, &p->a, deadline, out, &e) ? ERR_NONE : e.kind;
}

static void ask_simple(void *arg)
{
    struct play *p = arg;
    struct http_fetched got;
    struct http_fetch fetch = to_us(p, "/a?b#fragment");
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_int_equal(got.status, 200);
    assert_true(str_eq(got.body, STR("hello")));
    assert_true(str_eq(http_fetched_field(&got, STR("x-method")), STR("GET")));
    assert_true(str_has_prefix(http_fetched_field(&got, STR("x-host")), STR("localhost:")));
    const struct http_field credentials = { STR("authorization"), STR("Bearer x") };
    fetch.method = HTTP_POST;
    fetch.body = STR("some body");
    fetch.fields = &credentials;
    fetch.n_fields = 1;
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_true(str_eq(got.body, STR("some body")));
    assert_true(str_eq(http_fetched_field(&got, STR("x-method")), STR("POST")));
    assert_true(p->saw_credentials);
    fetch = to_us(p, "/");
    fetch.method = HTTP_HEAD;
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_int_equal(got.body.n, 0);
    const struct http_field evil = { STR("x"), STR("y\r\nz: w") };
    fetch.fields = &evil;
    fetch.n_fields = 1;
    assert_int_equal(ask(p, &fetch, &got), ERR_SYNTAX);
}

static void ask_limits(void *arg)
{
    struct play *p = arg;
    struct http_fetched got;
    struct err e = ERR_CLEAR;
    struct http_fetch fetch = to_us(p, "/big");
    assert_int_equal(ask(p, &fetch, &got), ERR_LIMIT);
    fetch.max_bytes = 20000000;
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_int_equal(got.body.n, 10000000);
    fetch = to_us(p, "/slow");
    assert_false(http_client_fetch(p->client, &fetch, &p->a, clock_deadline_in(200), &got, &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    fetch = to_us(p, "/");
    fetch.url = arena_printf(&p->a, "http://localhost:%u/", test_free_port());
    assert_int_equal(ask(p, &fetch, &got), ERR_UNAVAILABLE);
    fetch.url = STR("http://does-not-exist.invalid/");
    assert_false(http_client_fetch(p->client, &fetch, &p->a, clock_deadline_in(5000), &got, &e));
}

static void ask_redirects(void *arg)
{
    struct play *p = arg;
    struct http_fetched got;
    const struct http_field credentials = { STR("authorization"), STR("Bearer x") };
    struct http_fetch fetch = to_us(p, "/to?/there");
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_int_equal(got.status, 302);
    fetch.max_redirects = 3;
    fetch.fields = &credentials;
    fetch.n_fields = 1;
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_int_equal(got.status, 200);
    assert_true(str_has_suffix(got.url, STR("/there")));
    assert_true(p->saw_credentials);
    fetch.url =
        arena_printf(&p->a, "http://localhost:%u/to?http://127.0.0.1:%u/x", p->w->port, p->w->port);
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_int_equal(got.status, 200);
    assert_false(p->saw_credentials); /* another host */
    fetch = to_us(p, "/loop");
    fetch.max_redirects = 3;
    assert_int_equal(ask(p, &fetch, &got), ERR_LIMIT);
    fetch = to_us(p, "/to?ftp://localhost/");
    fetch.max_redirects = 3;
    assert_int_equal(ask(p, &fetch, &got), ERR_DENIED);
    fetch = to_us(p, "/to?file:///etc/passwd");
    fetch.max_redirects = 3;
    assert_int_equal(ask(p, &fetch, &got), ERR_SYNTAX);
    fetch = to_us(p, "/");
    fetch.https_only = true;
    assert_int_equal(ask(p, &fetch, &got), ERR_DENIED);
}

static const char *const not_public[] = {
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.255.255.254/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[fc00::1]/",
    "http://[fd12:3456::1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001::1]/",
    "http://[ff02::1]/",
    "http://user@127.0.0.1/",
    "http://example.com@127.0.0.1/",
    "http://192.0.2.1:25/",
    "http://[2a00::1]:6379/",
    "https://203.0.113.1:8443/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/",
    "unix:///run/postgresql",
    "javascript:alert(1)",
    "//127.0.0.1/",
    "http:///127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://127.0.0.1 /",
    "",
};

static void ask_forbidden(void *arg)
{
    struct play *p = arg;
    struct http_fetched got;
    for (size_t i = 0; i < COUNT_OF(not_public); i++) {
        const struct http_fetch fetch = { .url = str_from_cstr(not_public[i]) };
        enum err_kind kind = ask(p, &fetch, &got);
        if (kind != ERR_DENIED && kind != ERR_SYNTAX)
            fail_msg("%s: %s", not_public[i], err_kind_name(kind));
    }
    /* And by a redirect of somebody whom we may ask: only the first hop is our own affair. */
    struct http_fetch fetch = to_us(p, "/");
    fetch.allow_special = false;
    unsigned seen = p->seen;
    assert_int_equal(ask(p, &fetch, &got), ERR_DENIED);
    assert_int_equal(p->seen, seen);
    fetch.special_host = STR("localhost");
    fetch.max_redirects = 3;
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    fetch = to_us(p, "/to?/there");
    fetch.allow_special = false;
    fetch.special_host = STR("localhost");
    fetch.max_redirects = 3;
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_int_equal(p->seen, seen + 3);
    const char *const inner[] = { "127.0.0.1", "[::1]", "127.1", "0x7f000001" };
    for (size_t i = 0; i < COUNT_OF(inner); i++) {
        seen = p->seen;
        fetch.url = arena_printf(&p->a, "http://localhost:%u/to?http://%s:%u/x", p->w->port,
                                 inner[i], p->w->port);
        enum err_kind kind = ask(p, &fetch, &got);
        if (kind != ERR_DENIED || p->seen != seen + 1)
            fail_msg("%s: %s, %u asked", inner[i], err_kind_name(kind), p->seen - seen);
    }
}

/* Many at once, more than may run in parallel. */
struct asker {
    struct play *p;
    unsigned *left;
    struct signal_point *done;
};

static void ask_one(void *arg)
{
    const struct asker *asker = arg;
    struct http_fetched got;
    struct err e = ERR_CLEAR;
    struct arena a;
    arena_init(&a);
    struct http_fetch fetch = to_us(asker->p, "/");
    int64_t deadline = clock_deadline_in(20000);
    assert_true(http_client_fetch(asker->p->client, &fetch, &a, deadline, &got, &e));
    arena_fini(&a);
    (*asker->left)--;
    signal_point_all(asker->done);
}

static void ask_many(void *arg)
{
    struct play *p = arg;
    struct err e = ERR_CLEAR;
    unsigned left = 300;
    struct signal_point done;
    signal_point_init(&done);
    struct asker asker = { p, &left, &done };
    for (unsigned i = 0; i < 300; i++)
        assert_true(fiber_spawn(p->w->rt, "asker", ask_one, &asker, NULL, &e));
    while (left > 0)
        assert_true(signal_point_wait(&done, clock_deadline_in(20000), &e));
}

/* A fiber that is cancelled while it waits leaves nothing behind. */
static void ask_cancelled_one(void *arg)
{
    struct play *p = arg;
    struct http_fetched got;
    struct http_fetch fetch = to_us(p, "/slow");
    assert_int_equal(ask(p, &fetch, &got), ERR_CANCELLED);
}

static void wait_for_requests(struct play *p, size_t n)
{
    struct err e = ERR_CLEAR;
    struct http_server_counts counts = { .requests = n + 1 };
    int64_t end = clock_deadline_in(20000);
    while (counts.requests != n && clock_monotonic_ms() < end) {
        assert_true(fiber_sleep_until(clock_deadline_in(5), &e));
        http_server_count(p->w->server, &counts);
    }
    assert_int_equal(counts.requests, n);
}

static void ask_cancelled(void *arg)
{
    struct play *p = arg;
    struct err e = ERR_CLEAR;
    struct fiber *f;
    assert_true(fiber_spawn(p->w->rt, "asker", ask_cancelled_one, p, &f, &e));
    wait_for_requests(p, 1);
    fiber_cancel(f);
    wait_for_requests(p, 0);
}

/* ---- names, by a DNS server of an attacker ---- */

struct bad_dns {
    int fd;
    unsigned port;
    pthread_t id;
    atomic_uint asked; /* for the addresses of rebind.attacker.org */
};

struct bad_name {
    str name; /* first label */
    uint8_t first[4];
    uint8_t later[4]; /* from the second question on */
};

static const struct bad_name bad_names[] = {
    { STR_INIT("local"), { 127, 0, 0, 1 }, { 127, 0, 0, 1 } },
    { STR_INIT("again"), { 127, 0, 0, 1 }, { 127, 0, 0, 1 } },
    { STR_INIT("inside"), { 10, 1, 2, 3 }, { 10, 1, 2, 3 } },
    /* An address that is not ours (AS112, RFC 7535), then ours. */
    { STR_INIT("rebind"), { 192, 31, 196, 77 }, { 127, 0, 0, 1 } },
};

static const struct bad_name *find_bad(str name)
{
    for (size_t i = 0; i < COUNT_OF(bad_names); i++) {
        if (str_ieq(bad_names[i].name, name))
            return &bad_names[i];
    }
    return NULL;
}

/* Turns a question into its answer and gives the length. */
static size_t answer(struct bad_dns *d, uint8_t *packet, size_t n)
{
    static const uint8_t head[10] = { 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0 };
    static const uint8_t record[12] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4 };
    size_t at = 12;
    while (at < n && packet[at] != 0)
        at += packet[at] + 1U;
    size_t end = at + 5;
    if (end > n)
        return 0;
    bool is_a = packet[at + 2] == 1;
    const struct bad_name *bad = find_bad(str_of((const char *)packet + 13, packet[12]));
    memcpy(packet + 2, head, sizeof(head));
    if (!bad)
        packet[3] |= 3; /* no such name */
    if (!bad || !is_a)
        return end;
    bool is_first = str_eq(bad->name, STR("rebind")) && atomic_fetch_add(&d->asked, 1) == 0;
    packet[7] = 1;
    memcpy(packet + end, record, sizeof(record));
    memcpy(packet + end + 12, is_first ? bad->first : bad->later, 4);
    return end + 16;
}

static void *answer_all(void *arg)
{
    struct bad_dns *d = arg;
    uint8_t packet[2048];
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(d->fd, packet, 1024, 0, (struct sockaddr *)&from, &size);
        if (n < 12)
            return NULL; /* the end */
        size_t length = answer(d, packet, (size_t)n);
        (void)sendto(d->fd, packet, length, 0, (struct sockaddr *)&from, size);
    }
}

static void start_bad_dns(struct bad_dns *d)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(d->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(d->fd, (struct sockaddr *)&at, &size), 0);
    d->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&d->id, NULL, answer_all, d), 0);
}

static void stop_bad_dns(struct bad_dns *d)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)d->port) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(sendto(d->fd, "", 1, 0, (struct sockaddr *)&at, sizeof(at)), 1);
    assert_int_equal(pthread_join(d->id, NULL), 0);
    (void)close(d->fd);
}

static void ask_names(void *arg)
{
    struct play *p = arg;
    struct http_fetched got;
    struct err e = ERR_CLEAR;
    const struct bad_dns *d = p->w->extra;
    struct http_fetch fetch = to_us(p, "/");
    /* The resolver is used, and the connection goes where the answer says. */
    fetch.url = arena_printf(&p->a, "http://local.attacker.org:%u/", p->w->port);
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_true(str_has_prefix(http_fetched_field(&got, STR("x-host")), STR("local.attacker.org")));
    unsigned seen = p->seen;
    fetch.allow_special = false;
    assert_int_equal(ask(p, &fetch, &got), ERR_DENIED);
    fetch.url = arena_printf(&p->a, "http://inside.attacker.org:%u/", p->w->port);
    assert_int_equal(ask(p, &fetch, &got), ERR_DENIED);
    fetch.url = STR("http://absent.attacker.org/");
    assert_int_equal(ask(p, &fetch, &got), ERR_NOT_FOUND);
    /* A public address when it is checked, ours when it would be asked for again: nobody asks. What
     * answers at that one, if anything, depends on the network that the test runs in. */
    fetch.url = arena_printf(&p->a, "http://rebind.attacker.org:%u/", p->w->port);
    bool ok = http_client_fetch(p->client, &fetch, &p->a, clock_deadline_in(3000), &got, &e);
    assert_true(ok || e.kind == ERR_TIMEOUT || e.kind == ERR_UNAVAILABLE);
    assert_int_equal(p->seen, seen);
    assert_int_equal(atomic_load(&d->asked), 1);
    assert_int_equal(ask(p, &fetch, &got), ERR_DENIED);
    assert_int_equal(atomic_load(&d->asked), 2);
    /* In all of these nobody asked us. */
    assert_int_equal(p->seen, seen);
}

/* Somebody whom we may ask, by a name that says nothing of where it is, and who sends us inside:
 * what is let in for the first hop is not let in for the second. */
static void ask_second_hop(void *arg)
{
    static const char *const hosts[] = {
        "127.0.0.1",           "[::ffff:127.0.0.1]",   "169.254.169.254",
        "[::ffff:a9fe:a9fe]",  "[64:ff9b::a9fe:a9fe]", "[fe80::1]",
        "inside.attacker.org", "again.attacker.org",
    };
    struct play *p = arg;
    struct http_fetched got;
    struct http_fetch fetch = to_us(p, "/");
    fetch.allow_special = false;
    fetch.special_host = STR("local.attacker.org");
    fetch.max_redirects = 3;
    fetch.url = arena_printf(&p->a, "http://local.attacker.org:%u/to?/there", p->w->port);
    assert_int_equal(ask(p, &fetch, &got), ERR_NONE);
    assert_int_equal(got.status, 200);
    assert_int_equal(p->seen, 2);
    for (size_t i = 0; i < 2 * COUNT_OF(hosts); i++) {
        const char *host = hosts[i / 2];
        const char *scheme = i % 2 ? "" : "http:";
        unsigned seen = p->seen;
        fetch.url = arena_printf(&p->a, "http://local.attacker.org:%u/to?%s//%s:%u/meta-data",
                                 p->w->port, scheme, host, p->w->port);
        enum err_kind kind = ask(p, &fetch, &got);
        if (kind != ERR_DENIED || p->seen != seen + 1)
            fail_msg("%s//%s: %s, %u asked", scheme, host, err_kind_name(kind), p->seen - seen);
    }
}

/* The server ends when it has nothing more to do for those who gave up. */
static void play_to_end(void *arg)
{
    struct play *p = arg;
    p->fn(p);
    wait_for_requests(p, 0);
}

static void run_with(fiber_fn fn, struct bad_dns *d)
{
    struct world w = { .extra = d };
    struct play p = { .w = &w, .fn = fn };
    struct err e = ERR_CLEAR;
    char forward[40];
    const struct http_server_options options = { .handle = handle, .arg = &p };
    arena_init(&p.a);
    world_open(&w, &options);
    if (d) {
        (void)snprintf(forward, sizeof(forward), "127.0.0.1@%u", d->port);
        const struct dns_options dns = { .forward = forward, .anchor_file = "" };
        p.dns = dns_new(w.rt, &dns, &e);
        assert_non_null(p.dns);
    }
    const struct http_client_options client = { .max_parallel = 20, .dns = p.dns };
    p.client = http_client_new(w.rt, &client, &e);
    assert_non_null(p.client);
    in_fiber_run(w.rt, play_to_end, &p);
    http_client_free(&p.client);
    dns_free(&p.dns);
    world_close(&w);
    arena_fini(&p.a);
}

static void run(fiber_fn fn)
{
    run_with(fn, NULL);
}

static void run_with_dns(fiber_fn fn)
{
    struct bad_dns d = { .fd = -1 };
    start_bad_dns(&d);
    run_with(fn, &d);
    stop_bad_dns(&d);
}

static void test_names(void **state)
{
    (void)state;
    run_with_dns(ask_names);
}

static void test_second_hop(void **state)
{
    (void)state;
    run_with_dns(ask_second_hop);
}

static void test_simple(void **state)
{
    (void)state;
    run(ask_simple);
}

static void test_limits(void **state)
{
    (void)state;
    run(ask_limits);
}

static void test_redirects(void **state)
{
    (void)state;
    run(ask_redirects);
}

static void test_forbidden(void **state)
{
    (void)state;
    run(ask_forbidden);
}

static void test_many(void **state)
{
    (void)state;
    run(ask_many);
}

static void test_cancelled(void **state)
{
    (void)state;
    run(ask_cancelled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_redirects),  cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_second_hop), cmocka_unit_test(test_cancelled),
    };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    /* A question is not asked again because the thread that answers has no processor yet. */
    (void)test_directory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
