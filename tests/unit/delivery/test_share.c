/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection may serve which destination, and what goes over one that is kept. */
#include "services/delivery/share.h"

#include "script_fixture.h"
#include "services/delivery/egress.h"

#include <linux/filter.h>

/* ---- who may ---- */

/* A connection that is open, and a destination that has none. */
struct pair {
    struct delivery_route open_route;
    struct delivery_route wanted_route;
    struct delivery_host open_host;
    struct delivery_host wanted_host;
    struct delivery_session open;
    struct delivery_session wanted;
    struct mta_sts_policy policy;
    struct tls_exception exception;
    struct dane dane[2];
    struct delivery_pool pool;
};

static const struct tls_dane_record records[] = {
    { .usage = 3, .selector = 1, .matching = 1, .data = STR_INIT("one") },
    { .usage = 3, .selector = 1, .matching = 1, .data = STR_INIT("two") },
};
static const struct tls_dane_record turned[] = {
    { .usage = 3, .selector = 1, .matching = 1, .data = STR_INIT("two") },
    { .usage = 3, .selector = 1, .matching = 1, .data = STR_INIT("one") },
};
static const struct tls_dane_record others[] = {
    { .usage = 3, .selector = 1, .matching = 1, .data = STR_INIT("one") },
    { .usage = 3, .selector = 1, .matching = 1, .data = STR_INIT("three") },
};
static const struct tls_dane_record issuers[] = {
    { .usage = 2, .selector = 1, .matching = 1, .data = STR_INIT("one") },
    { .usage = 2, .selector = 1, .matching = 1, .data = STR_INIT("two") },
};

static struct net_address address(const char *text)
{
    struct net_address out;
    struct err e = ERR_CLEAR;
    if (!net_address_parse(str_from_cstr(text), &out, &e))
        fail_msg("%s", e.msg);
    return out;
}

static void change_nothing(struct pair *p)
{
    (void)p;
}

static void set_other_address(struct pair *p)
{
    p->wanted_host.address = address("192.0.2.2:25");
}

static void set_other_port(struct pair *p)
{
    p->wanted_host.address = address("192.0.2.1:2525");
}

static void set_other_name(struct pair *p)
{
    p->wanted_host.name = STR("mx.other.example");
}

static void set_other_case(struct pair *p)
{
    p->wanted_host.name = STR("MX.provider.EXAMPLE");
}

static void set_ehlo_name(struct pair *p)
{
    p->wanted_route.ehlo_name = STR("news.example");
}

static void set_our_ehlo_name(struct pair *p)
{
    p->wanted_route.ehlo_name = STR("us.example");
}

static void set_barred(struct pair *p)
{
    p->wanted.is_barred = true;
    p->wanted.terms.waiver = TLS_WAIVER_DECIDED;
}

/* A pool of two addresses, the second of which the connection goes from if the first is that of the
 * sender, and the reverse. */
static void set_pool(struct pair *p, bool is_right)
{
    static struct net_address list[2];
    list[0] = address("192.0.2.30:0");
    list[1] = address("192.0.2.31:0");
    p->pool = (struct delivery_pool){ .name = STR("bulk"), .list = list, .n = 2 };
    p->open_route.pool = p->wanted_route.pool = &p->pool;
    bool is_first = delivery_egress_choose(list, 2, &p->wanted_host.address,
                                           p->wanted.terms.sender) == &list[0];
    p->open.source = &list[is_first == is_right ? 0 : 1];
}

static void set_right_source(struct pair *p)
{
    set_pool(p, true);
}

static void set_wrong_source(struct pair *p)
{
    set_pool(p, false);
}

static void set_turned_pool(struct pair *p)
{
    set_pool(p, false);
    p->pool.is_turned = true;
}

static void set_other_pool(struct pair *p)
{
    p->wanted_route.pool = &p->pool;
}

/* ---- transports ---- */

static void set_relays(struct pair *p)
{
    const struct account_transport relay = { .domain = STR("*"),
                                             .host = STR("mx.provider.example"),
                                             .port = 25,
                                             .login = STR("us"),
                                             .sealed = STR("password") };
    p->open_route.relay = p->wanted_route.relay = relay;
}

static void set_relay_to_wanted(struct pair *p)
{
    set_relays(p);
    p->open_route.relay.port = 0;
}

static void set_relay_to_open(struct pair *p)
{
    set_relays(p);
    p->wanted_route.relay.port = 0;
}

static void set_other_transport(struct pair *p)
{
    set_relays(p);
    p->wanted_route.relay.domain = STR("@news.example");
}

static void set_other_login(struct pair *p)
{
    set_relays(p);
    p->wanted_route.relay.login = STR("them");
}

static void set_no_login(struct pair *p)
{
    set_relays(p);
    p->wanted_route.relay.login = STR_EMPTY;
}

static void set_other_password(struct pair *p)
{
    set_relays(p);
    p->wanted_route.relay.sealed = STR("new");
}

static void set_other_auth(struct pair *p)
{
    set_relays(p);
    p->wanted_route.relay.auth = ACCOUNT_TRANSPORT_AUTH_SCRAM;
}

static void set_other_tls(struct pair *p)
{
    set_relays(p);
    p->wanted_route.relay.tls = ACCOUNT_TRANSPORT_MAY;
}

static void set_other_protocol(struct pair *p)
{
    set_relays(p);
    p->wanted_route.relay.protocol = ACCOUNT_TRANSPORT_LMTP;
}

static void set_unverified_relay(struct pair *p)
{
    set_relays(p);
    p->open.presented = TLS_PRESENTED_UNVERIFIED;
}

/* ---- what it presents, and what is asked for ---- */

static void enforce(struct pair *p)
{
    p->policy.mode = MTA_STS_ENFORCE;
    p->wanted_route.policy = &p->policy;
}

static void set_plain(struct pair *p)
{
    p->open.presented = TLS_PRESENTED_NONE;
}

static void set_broken(struct pair *p)
{
    p->open.presented = TLS_PRESENTED_BROKEN;
}

static void set_unverified(struct pair *p)
{
    p->open.presented = TLS_PRESENTED_UNVERIFIED;
    p->open.certificate.pin = STR("pin");
}

static void set_pinned(struct pair *p)
{
    set_unverified(p);
    p->exception.pin = STR("pin");
    p->wanted_route.exceptions = (struct tls_exceptions){ .list = &p->exception, .n = 1 };
}

static void set_requiretls(struct pair *p)
{
    p->wanted.terms.requiretls = true;
    p->wanted_host.is_proven = true;
    p->open.offers.requiretls = true;
}

static void set_requiretls_unproven(struct pair *p)
{
    set_requiretls(p);
    p->wanted_host.is_proven = false;
    p->open_host.is_proven = true;
}

static void set_requiretls_not_offered(struct pair *p)
{
    set_requiretls(p);
    p->open.offers.requiretls = false;
}

/* ---- DANE ---- */

static void set_dane(struct pair *p, const struct tls_dane_record *of_open,
                     const struct tls_dane_record *of_wanted)
{
    p->dane[0] = (struct dane){
        .demand = TLSA_AUTHENTICATE, .base = STR("mx.provider.example"), .records = of_open, .n = 2
    };
    p->dane[1] = p->dane[0];
    p->dane[1].records = of_wanted;
    p->open_host.dane = of_open ? &p->dane[0] : NULL;
    p->wanted_host.dane = of_wanted ? &p->dane[1] : NULL;
}

static void set_same_dane(struct pair *p)
{
    set_dane(p, records, records);
}

static void set_turned_dane(struct pair *p)
{
    set_dane(p, records, turned);
}

static void set_other_dane(struct pair *p)
{
    set_dane(p, records, others);
}

static void set_fewer_records(struct pair *p)
{
    set_dane(p, records, records);
    p->dane[1].n = 1;
}

static void set_other_base(struct pair *p)
{
    set_dane(p, records, records);
    p->dane[1].base = STR("alias.provider.example");
}

static void set_issuers(struct pair *p)
{
    set_dane(p, issuers, issuers);
}

static void set_issuers_of_one(struct pair *p)
{
    set_dane(p, issuers, issuers);
    p->wanted_route.domain = p->open_route.domain;
}

static void set_dane_for_wanted(struct pair *p)
{
    set_dane(p, NULL, records);
}

static void set_dane_for_open(struct pair *p)
{
    set_dane(p, records, NULL);
}

static void set_dane_of_no_use(struct pair *p)
{
    set_dane(p, records, records);
    p->open.demand.published = TLS_PUBLISHED_ENCRYPT;
}

static const struct {
    const char *name;
    void (*change)(struct pair *p);
    bool may;
} cases[] = {
    { "two domains of one server", change_nothing, true },
    { "another address", set_other_address, false },
    { "another port", set_other_port, false },
    { "another name of the server", set_other_name, false },
    { "the same name in other letters", set_other_case, true },
    { "another name of ours", set_ehlo_name, false },
    { "our name, said twice", set_our_ehlo_name, true },
    { "a server that the policy forbids", set_barred, false },
    { "the sender's source address", set_right_source, true },
    { "another source address", set_wrong_source, false },
    { "source addresses in turn", set_turned_pool, true },
    { "another pool", set_other_pool, false },
    { "one transport", set_relays, true },
    { "a transport after the domain's server", set_relay_to_wanted, false },
    { "the domain's server after a transport", set_relay_to_open, false },
    { "another transport", set_other_transport, false },
    { "another login", set_other_login, false },
    { "no login", set_no_login, false },
    { "another password", set_other_password, false },
    { "another way to log in", set_other_auth, false },
    { "another TLS of the transport", set_other_tls, false },
    { "another protocol", set_other_protocol, false },
    { "a transport that did not verify", set_unverified_relay, false },
    { "verified, and enforced", enforce, true },
    { "plain", set_plain, false },
    { "plain because the handshake failed", set_broken, false },
    { "not verified", set_unverified, false },
    { "not verified, but pinned", set_pinned, false },
    { "REQUIRETLS", set_requiretls, true },
    { "REQUIRETLS of a server that nobody names", set_requiretls_unproven, false },
    { "REQUIRETLS that is not offered", set_requiretls_not_offered, false },
    { "the same records", set_same_dane, true },
    { "the same records in another order", set_turned_dane, true },
    { "other records", set_other_dane, false },
    { "fewer records", set_fewer_records, false },
    { "records of another name", set_other_base, false },
    { "an issuer, which vouches for a name of the domain", set_issuers, false },
    { "an issuer, one domain", set_issuers_of_one, true },
    { "records after trust anchors", set_dane_for_wanted, false },
    { "trust anchors after records", set_dane_for_open, false },
    { "records that were of no use", set_dane_of_no_use, false },
};

static struct pair *pair_new(struct delivery *d)
{
    struct pair *p = HEAP_NEW(struct pair);
    p->open_host.name = STR("mx.provider.example");
    p->open_host.address = address("192.0.2.1:25");
    p->wanted_host = p->open_host;
    p->open_route.domain = STR("one.example");
    p->wanted_route.domain = STR("two.example");
    p->open = (struct delivery_session){
        .d = d, .route = &p->open_route, .host = &p->open_host, .n_messages = 1
    };
    p->open.presented = TLS_PRESENTED_VERIFIED;
    p->wanted =
        (struct delivery_session){ .d = d, .route = &p->wanted_route, .host = &p->wanted_host };
    p->wanted.terms.sender = STR("me@us.example");
    return p;
}

static void test_who_may_share(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct config *config = NULL;
    assert_true(config_parse(STR(""), "test", NULL, NULL, &config, &e));
    struct app app = { .config = config, .hostname = "us.example" };
    struct delivery d = { .app = &app };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pair *p = pair_new(&d);
        print_message("%s\n", cases[i].name);
        cases[i].change(p);
        /* What the connection was found to be is not asked for again. */
        enum tls_published published = p->open.demand.published;
        p->open.demand = delivery_demand_of(&p->open_route, &p->open_host);
        if (published != TLS_PUBLISHED_NOTHING)
            p->open.demand.published = published;
        p->wanted.demand = delivery_demand_of(&p->wanted_route, &p->wanted_host);
        assert_int_equal(delivery_may_share(&p->open, &p->wanted), cases[i].may);
        free(p);
    }
    config_free(&config);
}

/* ---- over the wire ---- */

#define TLS_EHLO "250-mx.example\r\n250 STARTTLS\r\n"
#define TAKES_ONE                                                                               \
    TLS_EHLO, "220 go\r\n", PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", \
        "250 taken\r\n"
#define ONE "EHLO us.example|STARTTLS|EHLO us.example|" ENVELOPE BODY

/* Two destinations, one after the other, at one server. */
struct two {
    struct world w;
    struct delivery_route second;
    struct delivery_session session;
    void (*before_end)(struct two *t); /* of the first; NULL: nothing happens */
    void (*between)(struct two *t);    /* likewise */
    struct delivery_place other;       /* at the server */
    bool was_kept;
    bool opened;
    bool answered; /* the last of them */
    unsigned n_former;
};

YIELDS static bool send_one(struct world *w, struct delivery_session *s,
                            const struct delivery_route *route, bool *opened)
{
    const struct delivery_terms terms = delivery_terms_of(&w->message);
    const struct delivery_source source = { .read = read_body, .arg = w };
    struct delivery_sent sent = { .results = w->results, .elsewhere = w->elsewhere };
    s->place.mode = DELIVERY_PLACE_IN_LINE;
    *opened = delivery_session_open(s, route, &terms, &w->failure);
    if (*opened)
        delivery_send(s, &w->lease, &w->message, &source, &sent);
    return *opened && sent.answered;
}

static void deliver_two(void *arg)
{
    struct two *t = arg;
    struct world *w = &t->w;
    delivery_share_claimed(&w->d, true); /* one more is to come */
    (void)send_one(w, &w->session, &w->route, &w->opened);
    if (t->before_end)
        t->before_end(t);
    t->was_kept = delivery_share_keep(&w->session);
    if (!t->was_kept)
        delivery_session_quit(&w->session);
    if (t->between)
        t->between(t);
    t->answered = send_one(w, &t->session, &t->second, &t->opened);
    t->n_former = t->session.n_former;
    delivery_session_quit(&t->session);
    delivery_share_came(&w->d);
    delivery_share_claimed(&w->d, false);
    while (!list_is_empty(&w->d.shared.kept)) {
        struct err e = ERR_CLEAR;
        assert_true(signal_point_wait(&w->d.shared.left, clock_deadline_in(20000), &e));
    }
    runtime_drain(w->rt, clock_deadline_in(20000));
}

static struct two *two_begin(const struct script *scripts, const char *config)
{
    struct two *t = HEAP_NEW(struct two);
    begin(&t->w, NULL, config);
    struct err e = ERR_CLEAR;
    t->w.scripts = scripts;
    tls_client_free(&t->w.d.tls);
    t->w.d.tls = tls_client_new(TLS_VERIFY_NONE, t->w.mx.cert, &e); /* it is its own anchor */
    assert_non_null(t->w.d.tls);
    t->w.route.domain = STR("one.example");
    t->second = t->w.route;
    t->second.domain = STR("two.example");
    delivery_session_init(&t->session, &t->w.d, &t->w.a);
    return t;
}

static void two_try(struct two *t)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(t->w.rt, "delivery", deliver_two, t, NULL, &e));
    runtime_run(t->w.rt);
    assert_true(t->w.opened);
}

static void two_run(struct two *t)
{
    two_try(t);
    assert_true(t->opened && t->answered);
    expect_result(&t->w.results[0], QUEUE_DELIVERED, "", "250 taken");
    assert_true(str_has_suffix(t->w.results[0].secured, STR(" pkix")));
    assert_true(str_eq(t->w.results[0].tls, STR("no-policy-found successful")));
}

static void two_end(struct two *t, const char *seen)
{
    if (seen)
        expect_seen(&t->w, seen);
    delivery_session_fini(&t->session);
    delivery_share_fini(&t->w.d);
    end(&t->w);
    free(t);
}

static void test_the_next_domain_goes_on(void **state)
{
    (void)state;
    static const struct script scripts[] = { { "220 hi\r\n",
                                               { TAKES_ONE, "250 reset\r\n", "250 ok\r\n",
                                                 "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                                 "250 taken\r\n", "221 bye\r\n" } } };
    struct two *t = two_begin(scripts, "");
    two_run(t);
    assert_true(t->was_kept);
    assert_int_equal(t->n_former, 1);
    two_end(t, ONE "RSET|" ENVELOPE BODY "QUIT|<end>");
}

static const struct script taker_twice[] = {
    { "220 hi\r\n", { TAKES_ONE, "221 bye\r\n" } },
    { "220 hi\r\n", { TAKES_ONE, "221 bye\r\n" } },
};

/* A server that has closed meanwhile, or does not want to go on, costs nobody an attempt. */
static void test_one_that_is_gone(void **state)
{
    (void)state;
    static const struct script gone[] = { { "220 hi\r\n", { TAKES_ONE, "drop" } },
                                          { "220 hi\r\n", { TAKES_ONE, "221 bye\r\n" } } };
    static const struct script tired[] = { { "220 hi\r\n",
                                             { TAKES_ONE, "421 enough\r\n", "221 bye\r\n" } },
                                           { "220 hi\r\n", { TAKES_ONE, "221 bye\r\n" } } };
    struct two *t = two_begin(gone, "");
    two_run(t);
    assert_int_equal(t->n_former, 0);
    two_end(t, ONE "RSET|<end>" ONE "QUIT|<end>");
    t = two_begin(tired, "");
    two_run(t);
    assert_int_equal(t->n_former, 0);
    assert_int_equal(t->session.failures, NULL);
    assert_true(str_find(buf_str(&t->w.seen), STR("RSET|")) > 0);
    two_end(t, NULL);
}

/* ---- servers that vanish ---- */

/* The server's ends of connections that are open: those of its port that have a peer. */
static void set_vanished(const struct world *w, bool is_vanished)
{
    struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
    const struct sock_fprog program = { .len = COUNT_OF(nothing), .filter = nothing };
    for (int fd = 3; fd < 1024; fd++) {
        struct net_address at = { .len = sizeof(at.sa) };
        struct net_address peer = { .len = sizeof(peer.sa) };
        if (getsockname(fd, (struct sockaddr *)&at.sa, &at.len) != 0 ||
            !net_address_is_same_ip(&at, &w->mx.at) ||
            net_address_port(&at) != net_address_port(&w->mx.at) ||
            getpeername(fd, (struct sockaddr *)&peer.sa, &peer.len) != 0)
            continue;
        int done = setsockopt(fd, SOL_SOCKET, is_vanished ? SO_ATTACH_FILTER : SO_DETACH_FILTER,
                              &program, sizeof(program));
        assert_true(done == 0 || !is_vanished); /* of the new connection none is to be taken off */
    }
}

/* From now on nothing of what is sent there is confirmed: for us the machine has gone. */
static void vanish(struct two *t)
{
    set_vanished(&t->w, true);
}

/* It is back, and knows nothing of what was. */
static void come_back(struct world *w, str line)
{
    if (str_eq(line, STR("EHLO us.example")))
        set_vanished(w, false);
}

/* A kept connection whose server has vanished without a reset, or whose state a firewall has
 * forgotten, holds nothing up: the message goes by a new one, and nobody hears of it. */
static void test_one_that_has_vanished(void **state)
{
    (void)state;
    struct two *t = two_begin(taker_twice, "");
    t->w.session.patience.silence_ms = 300;
    t->between = vanish;
    t->w.on_line = come_back;
    two_run(t);
    assert_true(t->was_kept);
    assert_int_equal(t->n_former, 0);
    assert_null(t->session.failures);
    two_end(t, NULL);
}

/* A server that is only slow keeps it. */
static void think(struct world *w, str line)
{
    struct err e = ERR_CLEAR;
    (void)w;
    if (str_eq(line, STR("RSET")))
        assert_true(fiber_sleep_until(clock_deadline_in(700), &e));
}

static void test_one_that_thinks(void **state)
{
    (void)state;
    static const struct script scripts[] = { { "220 hi\r\n",
                                               { TAKES_ONE, "250 reset\r\n", "250 ok\r\n",
                                                 "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                                 "250 taken\r\n", "221 bye\r\n" } } };
    struct two *t = two_begin(scripts, "");
    t->w.session.patience.silence_ms = 300;
    t->w.on_line = think;
    two_run(t);
    assert_int_equal(t->n_former, 1);
    two_end(t, ONE "RSET|" ENVELOPE BODY "QUIT|<end>");
}

YIELDS static bool send_again(struct two *t)
{
    struct world *w = &t->w;
    const struct delivery_source source = { .read = read_body, .arg = w };
    struct delivery_sent sent = { .results = w->results, .elsewhere = w->elsewhere };
    bool is_stale = false;
    delivery_send_onward(&w->session, &w->lease, &w->message, &source, true, &sent, &is_stale);
    return is_stale;
}

static void deliver_over_one(void *arg)
{
    struct two *t = arg;
    struct world *w = &t->w;
    (void)send_one(w, &w->session, &w->route, &w->opened);
    vanish(t);
    t->was_kept = !send_again(t);
    /* By the silence of the machine: the time for an answer is not over. */
    assert_true(str_find(w->results[0].reply, STR("lost: the connection broke")) >= 0);
    assert_null(w->session.conn);
    t->answered = send_one(w, &w->session, &w->route, &t->opened);
    delivery_session_quit(&w->session);
    runtime_drain(w->rt, clock_deadline_in(20000));
}

/* Likewise of the next message of the same destination, which begins with MAIL. */
static void test_it_vanishes_between_two_messages(void **state)
{
    (void)state;
    struct two *t = two_begin(taker_twice, "");
    struct err e = ERR_CLEAR;
    t->w.session.patience.silence_ms = 300;
    t->w.on_line = come_back;
    assert_true(fiber_spawn(t->w.rt, "delivery", deliver_over_one, t, NULL, &e));
    runtime_run(t->w.rt);
    assert_true(t->w.opened && t->opened && t->answered && !t->was_kept);
    expect_result(&t->w.results[0], QUEUE_DELIVERED, "", "250 taken");
    two_end(t, NULL);
}

/* A server that was well when its connection was kept, and is down by now: that is one failure in
 * the story of the message, which goes to the next server, once. */
static void test_one_that_is_down_by_now(void **state)
{
    (void)state;
    static const struct script scripts[] = { { "220 hi\r\n", { TAKES_ONE, "drop" } },
                                             { "421 4.3.2 down\r\n", { NULL } },
                                             { "220 hi\r\n", { TAKES_ONE, "221 bye\r\n" } } };
    struct two *t = two_begin(scripts, "");
    t->second.hosts[1] = t->second.hosts[0];
    t->second.n = 2;
    two_run(t);
    assert_true(t->was_kept);
    assert_int_equal(t->n_former, 0);
    assert_non_null(t->session.failures);
    assert_null(t->session.failures->before);
    assert_true(str_find(t->session.failures->reply, STR("421 4.3.2 down")) >= 0);
    two_end(t, ONE "RSET|<end><end>" ONE "QUIT|<end>");
}

/* What the server says to a domain's first mail may be about the mail of another: a new connection
 * is asked. */
static void test_a_refusal_that_is_anothers(void **state)
{
    (void)state;
    static const struct script sender[] = {
        { "220 hi\r\n", { TAKES_ONE, "250 reset\r\n", "554 session blocked\r\n" } }
    };
    static const struct script recipient[] = {
        { "220 hi\r\n", { TAKES_ONE, "250 reset\r\n", "250 ok\r\n", "550 no\r\n", "550 no\r\n" } }
    };
    const struct script *const scripts[] = { sender, recipient };
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        struct two *t = two_begin(scripts[i], "");
        two_try(t);
        assert_true(t->was_kept && t->opened && !t->answered);
        assert_int_equal(t->n_former, 0); /* the connection was dropped */
        two_end(t, NULL);
    }
}

/* One that may not serve the next ends first where the server would have one too many. */
static void test_room_is_made(void **state)
{
    (void)state;
    struct two *t = two_begin(taker_twice, "delivery:\n  connections_per_server: 1\n");
    t->second.ehlo_name = STR("news.example");
    two_run(t);
    assert_true(t->was_kept);
    two_end(t, ONE "QUIT|<end>EHLO news.example|STARTTLS|EHLO news.example|" ENVELOPE BODY
                   "QUIT|<end>");
}

static void find_nothing_more(struct two *t)
{
    delivery_share_claimed(&t->w.d, false);
    assert_int_equal(list_is_empty(&t->w.d.shared.kept), false); /* one that was claimed may come */
    delivery_share_came(&t->w.d);
    while (!list_is_empty(&t->w.d.shared.kept)) {
        struct err e = ERR_CLEAR;
        assert_true(signal_point_wait(&t->w.d.shared.left, clock_deadline_in(20000), &e));
    }
    delivery_share_claimed(&t->w.d, true);
}

/* When nobody is to come, nothing stays open. */
static void test_one_that_nobody_wants_ends(void **state)
{
    (void)state;
    struct two *t = two_begin(taker_twice, "");
    t->between = find_nothing_more;
    two_run(t);
    assert_true(t->was_kept);
    two_end(t, ONE "QUIT|<end>" ONE "QUIT|<end>");
}

static void set_limit(struct world *w, const char *text)
{
    struct err e = ERR_CLEAR;
    struct config *former = (struct config *)(uintptr_t)w->app.config;
    struct config *config = NULL;
    assert_true(config_parse(str_from_cstr(text), "test", NULL, NULL, &config, &e));
    w->app.config = config;
    config_free(&former);
}

/* Two have a place, and there may be only one from now on. */
static void make_limit_lower(struct two *t)
{
    t->other.mode = DELIVERY_PLACE_IF_FREE;
    signal_point_init(&t->other.turn);
    assert_true(delivery_place_take(&t->w.d, &t->other, &t->w.mx.at, STR("other.example")));
    set_limit(&t->w, "delivery:\n  connections_per_server: 1\n");
}

static void leave_other_place(struct two *t)
{
    delivery_place_leave(&t->other);
}

/* Connections that a reload has made too many end when their work is done. */
static void test_what_is_too_much_is_not_kept(void **state)
{
    (void)state;
    struct two *t = two_begin(taker_twice, "delivery:\n  connections_per_server: 2\n");
    t->before_end = make_limit_lower;
    t->between = leave_other_place;
    two_run(t);
    assert_false(t->was_kept);
    two_end(t, ONE "QUIT|<end>" ONE "QUIT|<end>");
}

static void lose_lease(struct world *w, str line)
{
    if (str_eq(line, STR("RSET")))
        delivery_session_abort(&CONTAINER_OF(w, struct two, w)->session);
}

/* Whose lease is lost while the server is asked has no connection, though the server answers. */
static void test_a_lease_is_lost_meanwhile(void **state)
{
    (void)state;
    static const struct script scripts[] = { { "220 hi\r\n", { TAKES_ONE, "250 reset\r\n" } } };
    struct two *t = two_begin(scripts, "");
    t->w.on_line = lose_lease;
    two_try(t);
    assert_true(t->was_kept);
    assert_false(t->opened);
    assert_true(str_find(t->w.failure.reply, STR("the lease was lost")) >= 0);
    two_end(t, ONE "RSET|<end>");
}

/* Neither before the first message, nor when it has carried enough, nor without a place. */
static void test_what_is_not_kept(void **state)
{
    (void)state;
    static const char *const limits[] = { "250-mx.example\r\n250 LIMITS MAILMAX=1\r\n",
                                          "250-mx.example\r\n250 LIMITS RCPTDOMAINMAX=1\r\n" };
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        struct script scripts[] = { taker_twice[0], taker_twice[1] };
        scripts[0].replies[2] = limits[i]; /* to the EHLO inside of TLS */
        struct two *t = two_begin(scripts, "");
        assert_false(delivery_share_keep(&t->session)); /* not connected */
        two_run(t);
        assert_false(t->was_kept);
        two_end(t, ONE "QUIT|<end>" ONE "QUIT|<end>");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_share),
        cmocka_unit_test(test_the_next_domain_goes_on),
        cmocka_unit_test(test_one_that_is_gone),
        cmocka_unit_test(test_one_that_has_vanished),
        cmocka_unit_test(test_one_that_thinks),
        cmocka_unit_test(test_it_vanishes_between_two_messages),
        cmocka_unit_test(test_one_that_is_down_by_now),
        cmocka_unit_test(test_a_refusal_that_is_anothers),
        cmocka_unit_test(test_room_is_made),
        cmocka_unit_test(test_one_that_nobody_wants_ends),
        cmocka_unit_test(test_what_is_not_kept),
        cmocka_unit_test(test_what_is_too_much_is_not_kept),
        cmocka_unit_test(test_a_lease_is_lost_meanwhile),
    };
    return cmocka_run_group_tests_name("delivery/share", tests, NULL, NULL);
}
