/* SPDX-License-Identifier: Apache-2.0 */
/* TLS both ways over real sockets: names, verification, reload, bad material, STARTTLS and what
 * attackers put in front of it, and many parked sessions. */
#include "net/net_fixture.h"
#include "support/servers.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MANY = 1000
};

struct world {
    struct runtime *rt;
    struct net_listener *listener;
    struct net_address at;
    struct tls_server *tls;
    struct buf seen; /* lines the server understood as commands */
    unsigned closed;
};

/* ---- files ---- */

struct pair_paths {
    char cert[200];
    char key[200];
};

static struct pair_paths paths(const char *name)
{
    struct pair_paths p;
    (void)snprintf(p.cert, sizeof(p.cert), "%s/%s.crt", test_directory(), name);
    (void)snprintf(p.key, sizeof(p.key), "%s/%s.key", test_directory(), name);
    return p;
}

static struct tls_cert_files make(const struct pair_paths *p, const char *name, unsigned days)
{
    struct err e = ERR_CLEAR;
    assert_true(tls_make_self_signed(&name, 1, days, p->cert, p->key, &e));
    return (struct tls_cert_files){ p->cert, p->key };
}

/* ---- the server ---- */

static void *opened(struct net_conn *c, void *service)
{
    (void)c;
    return service;
}

static void closed(struct net_conn *c, void *session)
{
    (void)c;
    ((struct world *)session)->closed++;
}

static enum net_next run(struct net_conn *c, void *session, enum net_why why)
{
    struct world *w = session;
    struct err e = ERR_CLEAR;
    str line;
    if (why == NET_DRAIN)
        return NET_CLOSE;
    if (why != NET_INPUT)
        return net_write(c, STR("hello\r\n"), &e) ? NET_PARK : NET_CLOSE;
    if (!net_read_line(c, 1000, clock_deadline_in(30000), &line, NULL, &e))
        return NET_CLOSE;
    (void)buf_add(&w->seen, line);
    (void)buf_add_byte(&w->seen, '|');
    if (str_eq(line, STR("STARTTLS"))) {
        bool ok = net_write(c, STR("go\r\n"), &e) &&
                  net_starttls(c, w->tls, clock_deadline_in(30000), NULL, &e);
        return ok ? NET_PARK : NET_CLOSE;
    }
    const struct tls_facts *facts = net_conn_tls(c);
    (void)net_writef(c, &e, "%.*s %s\r\n", STR_FMT(line), facts ? facts->sni : "plain");
    return NET_PARK;
}

static const struct net_protocol protocol = {
    .name = "echo", .opened = opened, .run = run, .closed = closed
};

static void begin(struct world *w, const struct tls_cert_files *files, size_t n, bool implicit)
{
    struct err e = ERR_CLEAR;
    memset(w, 0, sizeof(*w));
    buf_init(&w->seen, 1 << 20);
    w->rt = runtime_new(NULL, &e);
    w->tls = tls_server_new(files, n, &e);
    assert_true(w->rt && w->tls);
    int fd = open_port(&w->at);
    struct net_listener_options options = { .protocol = &protocol,
                                            .service = w,
                                            .implicit_tls = implicit ? w->tls : NULL };
    w->listener = net_listener_new(w->rt, fd, &options);
}

static void run_and_end(struct world *w, fiber_fn fn)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(w->rt, "client", fn, w, NULL, &e));
    runtime_run(w->rt);
    net_listener_free(&w->listener);
    tls_server_free(&w->tls);
    buf_fini(&w->seen);
    runtime_free(&w->rt);
}

/* ---- clients ---- */

static struct net_conn *dial(struct world *w)
{
    return dial_to(w->rt, &w->at);
}

struct attempt {
    enum tls_verify verify;
    const char *ca;
    const char *host;
};

/* Connects with TLS from the first octet; *out is NULL when the handshake failed. */
static enum err_kind secure_dial(struct world *w, struct attempt a, struct net_conn **out)
{
    struct err e = ERR_CLEAR;
    struct tls_client *tls = tls_client_new(a.verify, a.ca, &e);
    assert_non_null(tls);
    *out = dial(w);
    if (!net_starttls_client(*out, tls, a.host, clock_deadline_in(30000), &e))
        net_close(out);
    tls_client_free(&tls);
    return e.kind;
}

static const struct pair_paths *path_a;
static const struct pair_paths *path_b;

static void ask_for_names(void *arg)
{
    struct world *w = arg;
    static const struct {
        const char *host;
        bool by_b; /* else by a, the first */
        bool verifies;
    } cases[] = {
        { "a.example.org", false, true },  { "A.Example.ORG", false, true },
        { "x.b.example.org", true, true }, { "x.y.b.example.org", false, false },
        { "b.example.org", false, false }, { "unknown.example", false, false },
        { "127.0.0.1", false, false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct net_conn *c;
        struct attempt a = { TLS_VERIFY_NONE, cases[i].by_b ? path_b->cert : path_a->cert,
                             cases[i].host };
        assert_int_equal(secure_dial(w, a, &c), ERR_NONE);
        const struct tls_facts *facts = net_conn_tls(c);
        if (facts->verified != cases[i].verifies)
            fail_msg("%s: %s", cases[i].host, facts->verify_error);
        assert_int_equal(facts->verify_error[0] == '\0', cases[i].verifies);
        assert_string_equal(facts->version, "TLSv1.3");
        expect(c, "hello");
        net_close(&c);
        a.verify = TLS_VERIFY_REQUIRE;
        assert_int_equal(secure_dial(w, a, &c), cases[i].verifies ? ERR_NONE : ERR_DENIED);
        net_close(&c);
    }
    struct net_conn *c;
    assert_int_equal(secure_dial(w, (struct attempt){ TLS_VERIFY_NONE, path_a->cert, NULL }, &c),
                     ERR_NONE);
    assert_false(net_conn_tls(c)->verified);
    net_close(&c);
    runtime_drain(w->rt, clock_deadline_in(2000));
}

static void test_the_certificate_is_found_by_name(void **state)
{
    (void)state;
    struct pair_paths a = paths("a");
    struct pair_paths b = paths("b");
    struct tls_cert_files files[] = { make(&a, "a.example.org", 2),
                                      make(&b, "*.b.example.org", 2) };
    path_a = &a;
    path_b = &b;
    struct world w;
    begin(&w, files, 2, true);
    run_and_end(&w, ask_for_names);
}

static void reload_under_way(void *arg)
{
    struct world *w = arg;
    struct net_conn *before;
    struct net_conn *after;
    struct err e = ERR_CLEAR;
    struct attempt a = { TLS_VERIFY_REQUIRE, path_a->cert, "a.example.org" };
    assert_int_equal(secure_dial(w, a, &before), ERR_NONE);
    expect(before, "hello");
    nap(5); /* parked */
    struct pair_paths fresh = paths("fresh");
    (void)make(&fresh, "a.example.org", 2);

    /* The key alone has changed: refused, and the old pair stays in use. */
    assert_int_equal(rename(fresh.key, path_a->key), 0);
    assert_false(tls_server_reload(w->tls, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(secure_dial(w, a, &after), ERR_NONE);
    net_close(&after);

    assert_int_equal(rename(fresh.cert, path_a->cert), 0);
    e = ERR_CLEAR;
    assert_true(tls_server_reload(w->tls, &e));
    assert_int_equal(secure_dial(w, a, &after), ERR_NONE); /* verifies by the new certificate */
    say(before, STR("old\r\n"));
    expect(before, "old a.example.org");
    net_close(&before);
    net_close(&after);
    runtime_drain(w->rt, clock_deadline_in(2000));
}

static void test_reload_keeps_sessions(void **state)
{
    (void)state;
    struct pair_paths a = paths("reload");
    struct tls_cert_files files = make(&a, "a.example.org", 2);
    path_a = &a;
    struct world w;
    begin(&w, &files, 1, true);
    run_and_end(&w, reload_under_way);
}

static void test_expiry_is_that_of_the_first_to_go(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    const struct pair_paths later = paths("later");
    const struct pair_paths sooner = paths("sooner");
    const struct tls_cert_files files[] = { make(&later, "later.test", 90),
                                            make(&sooner, "sooner.test", 20) };
    struct tls_server *s = tls_server_new(files, 2, &e);
    assert_non_null(s);
    int64_t left_s = tls_server_expires_at(s) - clock_utc_us() / 1000000;
    assert_in_range(left_s, 20 * 86400 - 3600, 20 * 86400);
    struct tls_copy *copy = tls_server_copy(s, NULL);
    assert_true(tls_copy_covers(copy, "sooner.test") && tls_copy_covers(copy, "later.test"));
    assert_false(tls_copy_covers(copy, "test") || tls_copy_covers(copy, "evil.sooner.test"));
    tls_copy_free(&copy);
    tls_server_free(&s);
}

/* The key again, behind a password. */
static void encrypt_key(const struct pair_paths *pair)
{
    static const unsigned char password[] = "secret";
    FILE *file = fopen(pair->key, "r+e");
    assert_non_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    assert_non_null(key);
    rewind(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, EVP_aes_256_cbc(), (const char *)password,
                                               sizeof(password) - 1, NULL, NULL),
                     1);
    assert_int_equal(fclose(file), 0);
    EVP_PKEY_free(key);
}

static void test_bad_material(void **state)
{
    (void)state;
    struct pair_paths good = paths("good");
    struct pair_paths other = paths("other");
    struct pair_paths expired = paths("expired");
    struct pair_paths open = paths("open");
    struct pair_paths none = paths("none");
    (void)make(&good, "good.example", 1);
    (void)make(&other, "other.example", 1);
    (void)make(&expired, "expired.example", 0);
    (void)make(&open, "open.example", 1);
    struct pair_paths locked = paths("locked");
    (void)make(&locked, "locked.example", 1);
    encrypt_key(&locked);
    assert_int_equal(chmod(open.key, 0640), 0);
    const struct {
        const char *cert;
        const char *key;
        enum err_kind kind;
        const char *words;
    } cases[] = {
        { good.cert, other.key, ERR_CONFLICT, "is not of" },
        { expired.cert, expired.key, ERR_CONFLICT, "has expired" },
        { open.cert, open.key, ERR_DENIED, "can be read by others (mode 0640): \"chmod 600" },
        { none.cert, good.key, ERR_SYNTAX, "No such file" },
        { good.cert, none.key, ERR_SYNTAX, "No such file" },
        { good.cert, good.cert, ERR_DENIED, "others" },
        { good.key, good.key, ERR_SYNTAX, "has no certificate in PEM" },
        { good.cert, expired.cert, ERR_SYNTAX, "has no private key in PEM" },
        { locked.cert, locked.key, ERR_SYNTAX, "is encrypted" },
    };
    assert_int_equal(chmod(expired.cert, 0600), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tls_cert_files files = { cases[i].cert, cases[i].key };
        struct err e = ERR_CLEAR;
        assert_null(tls_server_new(&files, 1, &e));
        assert_int_equal(e.kind, cases[i].kind);
        if (!strstr(e.msg, cases[i].words))
            fail_msg("%s: %s", cases[i].words, e.msg);
    }
    struct err e = ERR_CLEAR;
    assert_null(tls_client_new(TLS_VERIFY_NONE, none.cert, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    struct stat facts;
    assert_int_equal(stat(good.key, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
}

/* ---- what we do not speak ---- */

/* Handshakes with OpenSSL itself; the version that was agreed, 0 when none was. */
static int raw_handshake(struct world *w, int version, const char *ciphers)
{
    struct err e = ERR_CLEAR;
    int agreed = 0;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
    if (ciphers)
        assert_int_equal(SSL_CTX_set_cipher_list(context, ciphers), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&w->at.sa, w->at.len), 0);
    SSL *ssl = SSL_new(context);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    struct timeval soon = { .tv_usec = 1000 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
    for (int i = 0; i < 5000 && agreed == 0; i++) {
        int result = SSL_connect(ssl);
        if (result == 1) {
            agreed = SSL_version(ssl);
        } else if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) {
            break;
        }
        assert_true(fiber_sleep_until(clock_deadline_in(1), &e));
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return agreed;
}

static void offer_versions(void *arg)
{
    struct world *w = arg;
    assert_int_equal(raw_handshake(w, TLS1_3_VERSION, NULL), TLS1_3_VERSION);
    assert_int_equal(raw_handshake(w, TLS1_2_VERSION, NULL), TLS1_2_VERSION);
    assert_int_equal(raw_handshake(w, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384"), 0); /* CBC */
    assert_int_equal(raw_handshake(w, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"),
                     TLS1_2_VERSION);
    assert_int_equal(raw_handshake(w, TLS1_1_VERSION, NULL), 0);
    assert_int_equal(raw_handshake(w, TLS1_VERSION, NULL), 0);
    struct net_conn *c = dial(w);
    struct err e = ERR_CLEAR;
    str line;
    say(c, STR("EHLO plain.example\r\n"));
    assert_false(net_read_line(c, 1000, clock_deadline_in(5000), &line, NULL, &e) &&
                 str_eq(line, STR("hello")));
    net_close(&c);
    nap(20);
    assert_int_equal(w->seen.n, 0);
    runtime_drain(w->rt, clock_deadline_in(2000));
}

static void test_old_versions_and_plain_text_are_refused(void **state)
{
    (void)state;
    struct pair_paths a = paths("versions");
    struct tls_cert_files files = make(&a, "a.example.org", 2);
    struct world w;
    begin(&w, &files, 1, true);
    run_and_end(&w, offer_versions);
}

/* ---- STARTTLS ---- */

static void upgrade(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct tls_client *tls = tls_client_new(TLS_VERIFY_REQUIRE, path_a->cert, &e);
    struct net_conn *c = dial(w);
    expect(c, "hello");
    say(c, STR("one\r\n"));
    expect(c, "one plain");
    say(c, STR("STARTTLS\r\n"));
    expect(c, "go");
    assert_null(net_conn_tls(c));
    assert_true(net_starttls_client(c, tls, "a.example.org", clock_deadline_in(30000), &e));
    assert_true(net_conn_tls(c)->verified);
    say(c, STR("two\r\nthree\r\n"));
    expect(c, "two a.example.org");
    expect(c, "three a.example.org");
    tls_client_free(&tls);
    net_close(&c);
    nap(10);
    assert_int_equal(w->closed, 1);
    runtime_drain(w->rt, clock_deadline_in(2000));
}

static void test_starttls(void **state)
{
    (void)state;
    struct pair_paths a = paths("starttls");
    struct tls_cert_files files = make(&a, "a.example.org", 2);
    path_a = &a;
    struct world w;
    begin(&w, &files, 1, false);
    run_and_end(&w, upgrade);
}

/* R19: plain text after STARTTLS, in one segment or cut anywhere, is never a command. */
static void inject_commands(void *arg)
{
    struct world *w = arg;
    static const char text[] = "STARTTLS\r\nINJECTED\r\n";
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        struct err e = ERR_CLEAR;
        struct tls_client *tls = tls_client_new(TLS_VERIFY_NONE, path_a->cert, &e);
        struct net_conn *c = dial(w);
        expect(c, "hello");
        say(c, str_of(text, cut));
        nap(1);
        say(c, str_of(text + cut, sizeof(text) - 1 - cut));
        expect(c, "go");
        if (net_starttls_client(c, tls, "a.example.org", clock_deadline_in(30000), &e)) {
            say(c, STR("good\r\n"));
            expect(c, "good a.example.org");
        }
        tls_client_free(&tls);
        net_close(&c);
    }
    nap(20);
    assert_true(str_find(buf_str(&w->seen), STR("STARTTLS|good|")) >= 0);
    assert_int_equal(str_find(buf_str(&w->seen), STR("INJECTED")), -1);
    runtime_drain(w->rt, clock_deadline_in(2000));
}

static void test_commands_in_front_of_tls_are_dropped(void **state)
{
    (void)state;
    struct pair_paths a = paths("inject");
    struct tls_cert_files files = make(&a, "a.example.org", 2);
    path_a = &a;
    struct world w;
    begin(&w, &files, 1, false);
    run_and_end(&w, inject_commands);
}

/* O1: the server's plain text after it agreed to TLS. */
struct injector {
    int fd;
    size_t cut;
};

static const char reply_text[] = "220 go\r\n250 injected\r\n";

static void send_replies(void *arg)
{
    struct injector *i = arg;
    size_t rest = sizeof(reply_text) - 1 - i->cut;
    assert_int_equal(write(i->fd, reply_text, i->cut), i->cut);
    nap(2);
    assert_int_equal(write(i->fd, reply_text + i->cut, rest), rest);
}

static void upgrade_as_client(void *arg)
{
    struct net_conn *c = arg;
    struct err e = ERR_CLEAR;
    str line;
    struct tls_client *tls = tls_client_new(TLS_VERIFY_NONE, NULL, &e);
    assert_true(net_read_line(c, 1000, clock_deadline_in(30000), &line, NULL, &e));
    assert_false(net_starttls_client(c, tls, "a.example.org", clock_deadline_in(100), &e));
    assert_true(e.kind == ERR_DENIED || e.kind == ERR_UNAVAILABLE);
    e = ERR_CLEAR;
    assert_false(net_read_line(c, 1000, clock_deadline_in(100), &line, NULL, &e));
    assert_false(net_write(c, STR("RSET\r\n"), &e)); /* nor is anything sent in plain text */
    tls_client_free(&tls);
}

static void test_replies_in_front_of_tls_are_a_failure(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < sizeof(reply_text); cut++) {
        struct err e = ERR_CLEAR;
        int ends[2];
        struct runtime *rt = runtime_new(NULL, &e);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        struct net_conn *c = net_conn_wrap(rt, ends[0]);
        struct injector i = { ends[1], cut };
        assert_true(fiber_spawn(rt, "server", send_replies, &i, NULL, &e));
        assert_true(fiber_spawn(rt, "client", upgrade_as_client, c, NULL, &e));
        runtime_run(rt);
        net_close(&c);
        close(ends[1]);
        runtime_free(&rt);
    }
}

static void stall(void *arg)
{
    struct world *w = arg;
    struct net_conn *c = dial(w);
    struct err e = ERR_CLEAR;
    str line;
    say(c, STR("\x16\x03\x01\x02")); /* the first octets of a ClientHello */
    assert_false(net_read_line(c, 1000, clock_deadline_in(10000), &line, NULL, &e));
    assert_true(e.kind == ERR_CLOSED || e.kind == ERR_UNAVAILABLE);
    net_close(&c);
    runtime_drain(w->rt, clock_deadline_in(2000));
}

static void test_a_stalled_handshake_ends(void **state)
{
    (void)state;
    struct pair_paths a = paths("stall");
    struct tls_cert_files files = make(&a, "a.example.org", 2);
    struct world w;
    begin(&w, &files, 1, true);
    net_listener_free(&w.listener);
    struct err e = ERR_CLEAR;
    int fd;
    assert_true(net_listen_open(&w.at, &fd, &e));
    struct net_listener_options options = {
        .protocol = &protocol, .service = &w, .implicit_tls = w.tls, .handshake_ms = 30
    };
    w.listener = net_listener_new(w.rt, fd, &options);
    run_and_end(&w, stall);
}

/* ---- many ---- */

static void open_many(void *arg)
{
    struct world *w = arg;
    static struct net_conn *conns[MANY];
    struct err e = ERR_CLEAR;
    struct tls_client *tls = tls_client_new(TLS_VERIFY_NONE, path_a->cert, &e);
    for (size_t i = 0; i < MANY; i++) {
        conns[i] = dial(w);
        assert_true(
            net_starttls_client(conns[i], tls, "a.example.org", clock_deadline_in(30000), &e));
        expect(conns[i], "hello");
    }
    nap(10); /* all parked: 1,000 connections, and the only fiber is this one */
    for (size_t i = 0; i < MANY; i++) {
        say(conns[i], STR("x\r\n"));
        expect(conns[i], "x a.example.org");
    }
    for (size_t i = 0; i < MANY; i++)
        net_close(&conns[i]);
    tls_client_free(&tls);
    for (int i = 0; i < 500 && w->closed < MANY; i++)
        nap(10);
    assert_int_equal(w->closed, MANY);
    runtime_drain(w->rt, clock_deadline_in(2000));
}

static void test_many_parked_sessions(void **state)
{
    (void)state;
    struct pair_paths a = paths("many");
    struct tls_cert_files files = make(&a, "a.example.org", 2);
    path_a = &a;
    struct world w;
    begin(&w, &files, 1, true);
    run_and_end(&w, open_many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_certificate_is_found_by_name),
        cmocka_unit_test(test_reload_keeps_sessions),
        cmocka_unit_test(test_expiry_is_that_of_the_first_to_go),
        cmocka_unit_test(test_bad_material),
        cmocka_unit_test(test_old_versions_and_plain_text_are_refused),
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_commands_in_front_of_tls_are_dropped),
        cmocka_unit_test(test_replies_in_front_of_tls_are_a_failure),
        cmocka_unit_test(test_a_stalled_handshake_ends),
        cmocka_unit_test(test_many_parked_sessions),
    };
    return cmocka_run_group_tests_name("net/tls", tests, NULL, NULL);
}
