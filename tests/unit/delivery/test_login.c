/* SPDX-License-Identifier: Apache-2.0 */
/* Logins at other servers, over real TLS: the strongest way that is offered, bound to the
 * connection where that can be, and no trust in who does not know the password either. */
#include "auth/scram.h"
#include "base/base64.h"
#include "mx_fixture.h"
#include "services/delivery/transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

struct login_case {
    const char *offers; /* behind "250 AUTH " */
    const char *seen;   /* mechanism that we are to use, with its first words as they come */
    bool is_liar;       /* the server does not know the password */
    bool fails;
    const char *refuses; /* 535 for all that begins so; NULL: nothing */
    bool at_the_end;     /* for the proof, not at once */
    enum account_transport_auth wanted;
};

struct world {
    struct runtime *rt;
    struct app app;
    struct delivery d;
    struct arena a;
    struct mx mx;
    const struct login_case *now;
    bool is_encrypted;
    bool wants_final;
    bool is_refused;
    struct scram_verifier verifier;
    struct scram_first first;
    str asked; /* server-first-message */
    struct buf seen;
    struct delivery_session session;
    struct delivery_route route;
    struct queue_result failure;
    bool opened;
};

static const str password = STR_INIT("very secret words");

static str decode(struct world *w, str text)
{
    struct buf bytes;
    buf_init(&bytes, 4096);
    assert_true(base64_decode(BASE64_STANDARD, text, &bytes, NULL));
    str out = arena_str(&w->a, buf_str(&bytes));
    buf_fini(&bytes);
    return out;
}

static bool challenge(struct net_conn *c, str text, struct err *e)
{
    struct buf line;
    buf_init(&line, 4096);
    bool ok = buf_add(&line, STR("334 ")) && base64_encode(BASE64_STANDARD, text, &line) &&
              buf_add(&line, STR("\r\n")) && net_write(c, buf_str(&line), e);
    buf_fini(&line);
    return ok;
}

/* The client's last message: the proof, and the binding to this very connection. */
static bool check_final(struct net_conn *c, struct world *w, str line, struct err *e)
{
    struct scram_final final = { .nonce = STR_EMPTY };
    uint8_t octets[TLS_BINDING_MAX];
    size_t n = net_conn_binding(c, TLS_BINDING_EXPORTER, octets);
    assert_true(n > 0 && scram_final_parse(decode(w, line), &w->a, &final, e));
    str header = w->first.header;
    assert_true(str_has_prefix(final.binding, header));
    bool is_bound = w->first.binding == SCRAM_BINDING_USED;
    assert_true(
        str_eq(str_skip(final.binding, header.n), str_of((const char *)octets, is_bound ? n : 0)));
    str all = arena_printf(&w->a, "%.*s,%.*s,%.*s", STR_FMT(w->first.bare), STR_FMT(w->asked),
                           STR_FMT(final.without_proof));
    assert_true(scram_proof_is_right(&w->verifier, all, final.proof));
    if (w->now->is_liar)
        w->verifier.server_key[0] ^= 1;
    return challenge(c, scram_server_final(&w->verifier, all, &w->a), e);
}

static bool begin_scram(struct net_conn *c, struct world *w, str text, struct err *e)
{
    assert_true(scram_first_parse(decode(w, text), &w->a, &w->first, e));
    assert_true(str_eq(w->first.user, STR("us")));
    (void)buf_add(&w->seen, w->first.header);
    w->asked = scram_server_first(&w->verifier, w->first.nonce, STR("ours"), &w->a);
    w->wants_final = true;
    return challenge(c, w->asked, e);
}

static bool log_in(struct net_conn *c, struct world *w, str line, struct err *e)
{
    str words;
    str initial = STR_EMPTY;
    (void)str_cut(str_skip(line, 5), ' ', &words, &initial);
    (void)buf_add(&w->seen, words);
    (void)buf_add_byte(&w->seen, ' ');
    w->is_refused = w->now->refuses && str_has_prefix(words, str_from_cstr(w->now->refuses));
    if (w->is_refused && !w->now->at_the_end)
        return net_write(c, STR("535 5.7.8 not so\r\n"), e);
    if (str_has_prefix(words, STR("SCRAM")))
        return begin_scram(c, w, initial, e);
    if (str_eq(words, STR("LOGIN")))
        return challenge(c, STR("Username:"), e);
    assert_true(str_eq(decode(w, initial), STR("\0us\0very secret words")));
    return net_write(c, STR("235 yes\r\n"), e);
}

/* A line within a login: what it is the answer to, is known from what was said. */
static bool go_on(struct net_conn *c, struct world *w, str line, struct err *e)
{
    if (w->wants_final) {
        w->wants_final = false;
        if (w->is_refused)
            return net_write(c, STR("535 5.7.8 not so\r\n"), e);
        return check_final(c, w, line, e);
    }
    if (str_eq(decode(w, line), STR("us")))
        return challenge(c, STR("Password:"), e);
    assert_true(line.n == 0 || str_eq(decode(w, line), password));
    return net_write(c, STR("235 yes\r\n"), e);
}

static bool answer(struct net_conn *c, struct world *w, str line, struct err *e)
{
    if (str_has_prefix(line, STR("EHLO")) && !w->is_encrypted)
        return net_write(c, STR("250-mx.example\r\n250 STARTTLS\r\n"), e);
    if (str_has_prefix(line, STR("EHLO"))) {
        str offers = arena_printf(&w->a, "250-mx.example\r\n250 AUTH %s\r\n", w->now->offers);
        return net_write(c, offers, e);
    }
    if (str_eq(line, STR("STARTTLS"))) {
        w->is_encrypted = true;
        return net_write(c, STR("220 go\r\n"), e) &&
               net_starttls(c, w->mx.tls, clock_deadline_in(30000), NULL, e);
    }
    if (str_has_prefix(line, STR("AUTH ")))
        return log_in(c, w, line, e);
    if (str_eq(line, STR("QUIT")))
        return net_write(c, STR("221 bye\r\n"), e);
    return go_on(c, w, line, e);
}

static void *opened(struct net_conn *c, void *service)
{
    (void)c;
    return service;
}

static enum net_next run(struct net_conn *c, void *session, enum net_why why)
{
    struct err e = ERR_CLEAR;
    str line = STR_EMPTY;
    if (why == NET_DRAIN)
        return NET_CLOSE;
    bool ok = why == NET_INPUT
                  ? net_read_line(c, 4096, clock_deadline_in(30000), &line, NULL, &e) &&
                        answer(c, session, line, &e)
                  : net_write(c, STR("220 mx.example\r\n"), &e);
    return ok ? NET_PARK : NET_CLOSE;
}

static void closed(struct net_conn *c, void *session)
{
    (void)c;
    (void)session;
}

static const struct net_protocol protocol = {
    .name = "login", .opened = opened, .run = run, .closed = closed
};

static void deliver(void *arg)
{
    struct world *w = arg;
    static const struct delivery_terms terms = { .account_id = 0 };
    w->opened = delivery_session_open(&w->session, &w->route, &terms, &w->failure);
    delivery_session_quit(&w->session);
    runtime_drain(w->rt, clock_deadline_in(5000));
}

static void try_login(const struct login_case *c)
{
    struct world w = { .now = c, .verifier = { .iterations = SCRAM_ITERATIONS_MIN } };
    struct err e = ERR_CLEAR;
    struct config *config = NULL;
    arena_init(&w.a);
    buf_init(&w.seen, 1000);
    scram_verifier_derive(&w.verifier, password);
    w.rt = runtime_new(NULL, &e);
    assert_true(config_parse(STR(""), "test", NULL, NULL, &config, &e));
    w.app = (struct app){ .config = config, .runtime = w.rt, .hostname = "us.example" };
    w.d.app = &w.app;
    list_init(&w.d.sessions);
    mx_open(&w.mx, w.rt, &protocol, &w);
    w.d.tls = tls_client_new(TLS_VERIFY_NONE, w.mx.cert, &e); /* it is its own anchor */
    assert_non_null(w.d.tls);
    w.route.hosts[0] = (struct delivery_host){ .name = STR("mx.example"), .address = w.mx.at };
    w.route.n = 1;
    w.route.relay = (struct account_transport){ .auth = w.now->wanted,
                                                .host = STR("mx.example"),
                                                .port = 25,
                                                .tls = ACCOUNT_TRANSPORT_VERIFY,
                                                .login = STR("us") };
    secret_set(&w.route.password, password);
    delivery_session_init(&w.session, &w.d, &w.a);
    assert_true(fiber_spawn(w.rt, "delivery", deliver, &w, NULL, &e));
    runtime_run(w.rt);
    if (w.opened == c->fails || !str_has_prefix(buf_str(&w.seen), str_from_cstr(c->seen))) {
        fail_msg("%s: %s \"%.*s\": %.*s", c->offers, w.opened ? "in" : "out",
                 STR_FMT(buf_str(&w.seen)), STR_FMT(w.failure.reply));
    }
    delivery_session_fini(&w.session);
    mx_close(&w.mx);
    tls_client_free(&w.d.tls);
    config_free(&config);
    secret_wipe(&w.route.password);
    buf_fini(&w.seen);
    arena_fini(&w.a);
    runtime_free(&w.rt);
}

static void test_ways_to_log_in(void **state)
{
    static const struct login_case cases[] = {
        { "LOGIN PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS p=tls-exporter,,",
          false, false, NULL, false, ACCOUNT_TRANSPORT_AUTH_ANY },
        { "PLAIN SCRAM-SHA-256", "SCRAM-SHA-256 y,,", false, false, NULL, false,
          ACCOUNT_TRANSPORT_AUTH_ANY },
        { "LOGIN PLAIN SCRAM-SHA-1", "PLAIN ", false, false, NULL, false,
          ACCOUNT_TRANSPORT_AUTH_ANY },
        { "LOGIN CRAM-MD5", "LOGIN ", false, false, NULL, false, ACCOUNT_TRANSPORT_AUTH_ANY },
        { "PLAIN SCRAM-SHA-256", "SCRAM-SHA-256 y,,", true, true, NULL, false,
          ACCOUNT_TRANSPORT_AUTH_ANY },
        { "GSSAPI", "", false, true, NULL, false, ACCOUNT_TRANSPORT_AUTH_ANY },
        /* What is offered is not for this account. */
        { "PLAIN SCRAM-SHA-256", "SCRAM-SHA-256 PLAIN ", false, false, "SCRAM", false,
          ACCOUNT_TRANSPORT_AUTH_ANY },
        { "PLAIN SCRAM-SHA-256", "SCRAM-SHA-256 y,,PLAIN ", false, false, "SCRAM", true,
          ACCOUNT_TRANSPORT_AUTH_ANY },
        { "SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS SCRAM-SHA-256 n,,", false, false,
          "SCRAM-SHA-256-PLUS", false, ACCOUNT_TRANSPORT_AUTH_ANY },
        { "LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS",
          "SCRAM-SHA-256-PLUS p=tls-exporter,,SCRAM-SHA-256 n,,LOGIN ", false, false, "SCRAM", true,
          ACCOUNT_TRANSPORT_AUTH_ANY },
        { "SCRAM-SHA-256", "SCRAM-SHA-256 ", false, true, "SCRAM", false,
          ACCOUNT_TRANSPORT_AUTH_ANY },
        { "PLAIN SCRAM-SHA-256", "SCRAM-SHA-256 PLAIN ", false, true, "", false,
          ACCOUNT_TRANSPORT_AUTH_ANY },
        { "LOGIN PLAIN", "PLAIN ", false, true, "PLAIN", false,
          ACCOUNT_TRANSPORT_AUTH_ANY }, /* the password itself */
        /* What the operator names, and nothing instead. */
        { "LOGIN PLAIN SCRAM-SHA-256", "LOGIN ", false, false, NULL, false,
          ACCOUNT_TRANSPORT_AUTH_LOGIN },
        { "LOGIN PLAIN SCRAM-SHA-256", "PLAIN ", false, false, NULL, false,
          ACCOUNT_TRANSPORT_AUTH_PLAIN },
        { "PLAIN SCRAM-SHA-256", "SCRAM-SHA-256 ", false, true, "SCRAM", false,
          ACCOUNT_TRANSPORT_AUTH_SCRAM },
        { "LOGIN PLAIN", "", false, true, NULL, false, ACCOUNT_TRANSPORT_AUTH_SCRAM },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        try_login(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_ways_to_log_in) };
    return cmocka_run_group_tests_name("delivery/login", tests, NULL, NULL);
}
