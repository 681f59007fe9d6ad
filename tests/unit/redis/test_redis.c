/* SPDX-License-Identifier: Apache-2.0 */
/* redis on a real server: commands, deadlines, reconnect, subscriptions, locks. */
#include "redis/redis.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    BREAKER_MS = 500,
    UNHEARD_BREAKER_MS = 5000,
    PATIENCE_MS = 20000 /* of the test, with what has to come */
};

struct fixture {
    struct runtime *rt;
    struct redis *r;
    struct arena a;
    unsigned received;
    char last[64];
    unsigned ups;
    unsigned downs;
};

static void with_breaker(int64_t breaker_ms, fiber_fn fn)
{
    struct fixture f = { 0 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(f.rt);
    f.r = redis_new(
        f.rt, &(struct redis_options){ .url = test_redis_start(), .breaker_ms = breaker_ms }, &e);
    assert_non_null(f.r);
    arena_init(&f.a);
    in_fiber_run(f.rt, fn, &f);
    arena_fini(&f.a);
    redis_free(&f.r);
    runtime_free(&f.rt);
}

static void with_redis(fiber_fn fn)
{
    with_breaker(BREAKER_MS, fn);
}

static void pause_ms(int64_t ms)
{
    struct err e = ERR_CLEAR;
    MUST(fiber_sleep_until(clock_deadline_in(ms), &e), e);
}

static bool command(struct fixture *f, const str *args, size_t n, struct redis_value *v,
                    struct err *e)
{
    *e = ERR_CLEAR;
    return redis_command(f->r, args, n, &f->a, v, e);
}

#define COMMAND(f, v, e, ...)                                                                      \
    command((f), (const str[]){ __VA_ARGS__ }, sizeof((const str[]){ __VA_ARGS__ }) / sizeof(str), \
            (v), (e))

/* ---- commands ---- */

static void types_body(void *arg)
{
    struct fixture *f = arg;
    struct err e;
    struct redis_value v;
    str binary = str_of("a\r\n\0 $5\r\n", 10); /* R-1: nothing in an argument is protocol */
    MUST(COMMAND(f, &v, &e, STR("FLUSHALL")), e);
    MUST(COMMAND(f, &v, &e, STR("SET"), binary, binary), e);
    assert_int_equal(v.type, REDIS_STATUS);
    assert_true(str_eq(v.text, STR("OK")));
    MUST(COMMAND(f, &v, &e, STR("GET"), binary), e);
    assert_int_equal(v.type, REDIS_BULK);
    assert_true(str_eq(v.text, binary));
    MUST(COMMAND(f, &v, &e, STR("GET"), STR("none")), e);
    assert_int_equal(v.type, REDIS_NIL);
    MUST(COMMAND(f, &v, &e, STR("INCRBY"), STR("n"), STR("-7")), e);
    assert_int_equal(v.type, REDIS_INT);
    assert_int_equal(v.number, -7);
    MUST(COMMAND(f, &v, &e, STR("RPUSH"), STR("l"), STR("1"), STR(""), STR("3")), e);
    MUST(COMMAND(f, &v, &e, STR("LRANGE"), STR("l"), STR("0"), STR("-1")), e);
    assert_int_equal(v.type, REDIS_ARRAY);
    assert_int_equal(v.n, 3);
    assert_true(str_eq(v.items[2].text, STR("3")) && str_is_empty(v.items[1].text));
    assert_false(COMMAND(f, &v, &e, STR("LPUSH"), STR("n"), STR("x")));
    assert_int_equal(e.kind, ERR_INTERNAL);
    assert_non_null(strstr(e.msg, "WRONGTYPE"));
    MUST(COMMAND(f, &v, &e, STR("GET"), STR("n")), e); /* the connection goes on */
}

static void test_types(void **state)
{
    (void)state;
    with_redis(types_body);
}

struct crowd {
    struct fixture *f;
    unsigned left;
    unsigned right;
    struct signal_point done;
};

static void crowd_member(void *arg)
{
    struct crowd *crowd = arg;
    struct arena a;
    struct err e = ERR_CLEAR;
    struct redis_value v;
    char text[32];
    int n = snprintf(text, sizeof(text), "member-%u", crowd->left);
    str mine = str_of(text, (size_t)n);
    const str args[] = { STR("ECHO"), mine };
    crowd->left--;
    arena_init(&a);
    crowd->right += redis_command(crowd->f->r, args, 2, &a, &v, &e) && str_eq(v.text, mine);
    arena_fini(&a);
    signal_point_all(&crowd->done);
}

static void crowd_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct crowd crowd = { .f = f, .left = 500 };
    signal_point_init(&crowd.done);
    for (int i = 0; i < 500; i++)
        MUST(fiber_spawn(f->rt, "crowd", crowd_member, &crowd, NULL, &e), e);
    int64_t deadline = clock_deadline_in(PATIENCE_MS);
    while (crowd.right < 500 && clock_monotonic_ms() < deadline)
        pause_ms(10);
    assert_int_equal(crowd.right, 500);
}

static void test_crowd(void **state)
{
    (void)state;
    with_redis(crowd_body);
}

static void big_value_body(void *arg)
{
    struct fixture *f = arg;
    struct err e;
    struct redis_value v;
    size_t n = (size_t)4 * 1024 * 1024;
    char *big = heap_zalloc(n);
    MUST(COMMAND(f, &v, &e, STR("SET"), STR("big"), str_of(big, n)), e);
    MUST(COMMAND(f, &v, &e, STR("GET"), STR("big")), e);
    assert_int_equal(v.text.n, n);
    MUST(COMMAND(f, &v, &e, STR("DEL"), STR("big")), e);
    free(big);
}

static void test_big_value(void **state)
{
    (void)state;
    with_redis(big_value_body);
}

/* ---- a server that hangs, dies, comes back ---- */

struct ticker {
    struct fixture *f;
    int64_t last_ms;
    int64_t worst_ms;
    bool stop;
    bool has_ended;
};

enum {
    COMMAND_MS = 190, /* nearly the 200 that a command may take */
    STALLS = 5
};

static void tick(void *arg)
{
    struct ticker *t = arg;
    struct err e = ERR_CLEAR;
    while (!t->stop) {
        int64_t now = clock_monotonic_ms();
        if (now - t->last_ms > t->worst_ms)
            t->worst_ms = now - t->last_ms;
        t->last_ms = now;
        if (!fiber_sleep_until(now + 5, &e))
            return;
    }
    t->has_ended = true;
}

static void wait_for_answer(struct fixture *f)
{
    struct err e;
    struct redis_value v;
    int64_t deadline = clock_deadline_in(PATIENCE_MS);
    while (!COMMAND(f, &v, &e, STR("PING")) && clock_monotonic_ms() < deadline)
        pause_ms(20);
    MUST(COMMAND(f, &v, &e, STR("PING")), e);
}

/* How long the loop did not go round while the server did not answer. */
static int64_t stall(struct fixture *f)
{
    struct err e;
    struct redis_value v;
    struct ticker t = { .f = f, .last_ms = clock_monotonic_ms() };
    MUST(COMMAND(f, &v, &e, STR("PING")), e);
    MUST(fiber_spawn(f->rt, "ticker", tick, &t, NULL, &e), e);
    test_redis_pause();
    int64_t start = clock_monotonic_ms();
    assert_false(COMMAND(f, &v, &e, STR("PING")));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    int64_t took = clock_monotonic_ms() - start;
    assert_in_range(took, COMMAND_MS, PATIENCE_MS);
    start = clock_monotonic_ms();
    for (int i = 0; i < 100; i++) {
        assert_false(COMMAND(f, &v, &e, STR("PING")));
        assert_true(e.kind == ERR_UNAVAILABLE || clock_monotonic_ms() - start >= BREAKER_MS);
    }
    assert_true(clock_monotonic_ms() - start < 15000); /* a wait for each would take 20 s */
    pause_ms(800); /* past the breaker: a stopped server accepts, but does not greet */
    assert_false(COMMAND(f, &v, &e, STR("PING")));
    test_redis_resume();
    wait_for_answer(f);
    t.stop = true;
    while (!t.has_ended)
        pause_ms(5);
    return t.worst_ms;
}

/* R-6: 200 ms once, then nothing while the circuit is open; the loop never stalls. Whoever blocked
 * it for an answer would do so each time, a busy machine does not. */
static void stalled_body(void *arg)
{
    struct fixture *f = arg;
    int64_t least_ms = INT64_MAX;
    for (int i = 0; i < STALLS && least_ms >= COMMAND_MS; i++) {
        int64_t worst_ms = stall(f);
        least_ms = worst_ms < least_ms ? worst_ms : least_ms;
    }
    assert_true(least_ms < COMMAND_MS);
}

/* Nobody waits for an answer, and still the connection is given up; what is sent meanwhile is
 * bounded. */
static void unheard_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct redis_value v;
    const str hint[] = { STR("PUBLISH"), STR("x"), STR("1") };
    wait_for_answer(f); /* by the times of a server that is not awaited */
    test_redis_pause();
    for (int i = 0; i < 30000; i++)
        redis_send(f->r, hint, 3);
    pause_ms(2400); /* not as long as the circuit is open then */
    assert_false(COMMAND(f, &v, &e, STR("PING")));
    assert_int_equal(e.kind, ERR_UNAVAILABLE); /* not ERR_TIMEOUT: the connection is given up */
    test_redis_resume();
    wait_for_answer(f);
}

static void test_unheard(void **state)
{
    (void)state;
    test_redis_start();
    test_redis_await(false);
    with_breaker(UNHEARD_BREAKER_MS, unheard_body);
}

static void test_stalled(void **state)
{
    (void)state;
    with_redis(stalled_body);
}

static void on_message(str channel, str message, void *arg)
{
    struct fixture *f = arg;
    assert_true(str_has_prefix(channel, STR("ch")));
    (void)snprintf(f->last, sizeof(f->last), "%.*s", STR_FMT(message));
    f->received++;
}

static void on_subscriber(bool up, void *arg)
{
    struct fixture *f = arg;
    f->ups += up;
    f->downs += !up;
}

static bool wait_received(const struct fixture *f, unsigned n)
{
    int64_t deadline = clock_deadline_in(PATIENCE_MS);
    while (f->received < n && clock_monotonic_ms() < deadline)
        pause_ms(5);
    return f->received >= n;
}

static bool wait_up(const struct fixture *f)
{
    int64_t deadline = clock_deadline_in(PATIENCE_MS);
    while (!redis_subscriber_is_up(f->r) && clock_monotonic_ms() < deadline)
        pause_ms(5);
    return redis_subscriber_is_up(f->r);
}

/* What is published before Redis has read a SUBSCRIBE is lost. */
static void wait_subscribers(const char *channel, long wanted)
{
    const char *args[] = { "PUBSUB", "NUMSUB", channel };
    int64_t deadline = clock_deadline_in(PATIENCE_MS);
    long n = -1;
    while (n != wanted && clock_monotonic_ms() < deadline) {
        pause_ms(5);
        char *said = test_redis_cli(args, COUNT_OF(args));
        const char *number = strrchr(said, '\n');
        n = number ? strtol(number, NULL, 10) : -1;
        free(said);
    }
    assert_int_equal(n, wanted);
}

static void publish(const char *channel, const char *message)
{
    const char *args[] = { "PUBLISH", channel, message };
    free(test_redis_cli(args, 3));
}

static void subscribe_body(void *arg)
{
    struct fixture *f = arg;
    redis_on_subscriber(f->r, on_subscriber, f);
    redis_subscribe(f->r, STR("ch1"), on_message, f);
    redis_subscribe(f->r, STR("ch2"), on_message, f);
    assert_true(wait_up(f));
    assert_int_equal(f->ups, 1);
    wait_subscribers("ch1", 1);
    publish("ch1", "hello");
    assert_true(wait_received(f, 1));
    assert_string_equal(f->last, "hello");
    wait_subscribers("ch2", 1);
    publish("ch2", "two");
    assert_true(wait_received(f, 2));
    redis_unsubscribe(f->r, STR("ch2"));
    wait_subscribers("ch2", 0);
    publish("ch2", "unheard");
    publish("ch1", "three");
    assert_true(wait_received(f, 3));
    assert_string_equal(f->last, "three");

    test_redis_kill();
    int64_t deadline = clock_deadline_in(PATIENCE_MS);
    while (redis_subscriber_is_up(f->r) && clock_monotonic_ms() < deadline)
        pause_ms(5);
    assert_false(redis_subscriber_is_up(f->r));
    assert_int_equal(f->downs, 1);
    redis_subscribe(f->r, STR("ch3"), on_message, f); /* while it is away */
    test_redis_restart();
    assert_true(wait_up(f));
    assert_int_equal(f->ups, 2);
    wait_subscribers("ch1", 1);
    wait_subscribers("ch3", 1);
    publish("ch1", "four");
    publish("ch3", "five");
    assert_true(wait_received(f, 5));
    assert_string_equal(f->last, "five");
}

static void test_subscribe(void **state)
{
    (void)state;
    with_redis(subscribe_body);
}

static void many_channels_body(void *arg)
{
    struct fixture *f = arg;
    char name[32];
    for (int i = 0; i < 2000; i++) {
        int n = snprintf(name, sizeof(name), "ch%d", i);
        redis_subscribe(f->r, str_of(name, (size_t)n), on_message, f);
    }
    assert_true(wait_up(f));
    test_redis_restart();
    wait_subscribers("ch0", 1);
    wait_subscribers("ch1999", 1);
    publish("ch0", "x");
    publish("ch1999", "y");
    assert_true(wait_received(f, 2));
}

static void test_many_channels(void **state)
{
    (void)state;
    with_redis(many_channels_body);
}

static void restart_body(void *arg)
{
    struct fixture *f = arg;
    struct err e;
    struct redis_value v;
    MUST(COMMAND(f, &v, &e, STR("PING")), e);
    test_redis_kill();
    assert_false(COMMAND(f, &v, &e, STR("PING")));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    test_redis_restart();
    int64_t deadline = clock_deadline_in(PATIENCE_MS);
    while (!COMMAND(f, &v, &e, STR("PING")) && clock_monotonic_ms() < deadline)
        pause_ms(10);
    MUST(COMMAND(f, &v, &e, STR("PING")), e);
}

static void test_restart(void **state)
{
    (void)state;
    with_redis(restart_body);
}

/* ---- scripts and locks ---- */

static void locks_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    char mine[REDIS_LOCK_TOKEN];
    char other[REDIS_LOCK_TOKEN];
    bool got = false;
    MUST(redis_lock(f->r, STR("lock"), 60000, mine, &got, &e), e);
    assert_true(got);
    MUST(redis_lock(f->r, STR("lock"), 60000, other, &got, &e), e);
    assert_false(got);
    assert_string_not_equal(mine, other);
    MUST(redis_unlock(f->r, STR("lock"), other, &e), e); /* not its lock: nothing happens */
    MUST(redis_lock(f->r, STR("lock"), 60000, other, &got, &e), e);
    assert_false(got);
    MUST(redis_unlock(f->r, STR("lock"), mine, &e), e);
    MUST(redis_lock(f->r, STR("lock"), 50, other, &got, &e), e);
    assert_true(got);
    pause_ms(100); /* it ends by itself */
    MUST(redis_lock(f->r, STR("lock"), 60000, mine, &got, &e), e);
    assert_true(got);
}

static void scripts_body(void *arg)
{
    static const struct redis_script script = { "return {KEYS[1], ARGV[1], 7}" };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct redis_value v;
    str key = STR("k");
    str value = STR("v");
    for (int i = 0; i < 2; i++) {
        MUST(redis_eval(f->r, &script, &key, 1, &value, 1, &f->a, &v, &e), e);
        assert_true(v.n == 3 && str_eq(v.items[1].text, value) && v.items[2].number == 7);
        /* The server forgets it. */
        MUST(COMMAND(f, &v, &e, STR("SCRIPT"), STR("FLUSH")), e);
    }
}

static void test_locks(void **state)
{
    (void)state;
    with_redis(locks_body);
}

static void test_scripts(void **state)
{
    (void)state;
    with_redis(scripts_body);
}

/* ---- access ---- */

static const struct {
    const char *login;
    bool ok;
} logins[] = {
    { ":secret@", true }, { "default:secret@", true }, { ":wrong@", false }, { "", false }
};

static void login_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct redis_value v;
    MUST(COMMAND(f, &v, &e, STR("CONFIG"), STR("SET"), STR("requirepass"), STR("secret")), e);
    for (size_t i = 0; i < COUNT_OF(logins); i++) {
        char url[256];
        (void)snprintf(url, sizeof(url), "unix://%s%s/redis.sock?db=3", logins[i].login,
                       test_directory());
        struct redis *r = redis_new(f->rt, &(struct redis_options){ .url = url }, &e);
        assert_non_null(r);
        e = ERR_CLEAR;
        bool ok = redis_command(r, (const str[]){ STR("DBSIZE") }, 1, &f->a, &v, &e);
        assert_int_equal(ok, logins[i].ok);
        if (!ok)
            assert_int_equal(e.kind, ERR_UNAVAILABLE);
        redis_free(&r);
    }
    MUST(COMMAND(f, &v, &e, STR("CONFIG"), STR("SET"), STR("requirepass"), STR("")), e);
}

static void test_login(void **state)
{
    (void)state;
    with_redis(login_body);
}

/* ---- a hostile server (R-3): greets, then answers with this ---- */

static const str attacks[] = {
    STR_INIT("*2147483647\r\n:1\r\n"),
    STR_INIT("*-5\r\n$-9\r\n:1\r\n"),
    STR_INIT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"),
    STR_INIT(">2\r\n+push\r\n+x\r\n"),
    STR_INIT("GET / HTTP/1.1\r\n\r\n"),
    STR_INIT("$9223372036854775807\r\nxxxx"),
    STR_INIT(":1\r\n:2\r\n:3\r\n:4\r\n"), /* more replies than commands */
};

struct hostile {
    struct fixture *f;
    int listener;
    size_t attack;
};

static void hostile_conn(void *arg)
{
    struct hostile h = *(struct hostile *)arg;
    struct err e = ERR_CLEAR;
    char bytes[512];
    free(arg);
    /* The PING of the greeting; then, for any command, the attack. */
    bool ok = fiber_wait_fd(h.listener, FIBER_READ, DEADLINE_NONE, NULL, &e) &&
              read(h.listener, bytes, sizeof(bytes)) > 0 &&
              send(h.listener, "+PONG\r\n", 7, MSG_NOSIGNAL) == 7 &&
              fiber_wait_fd(h.listener, FIBER_READ, DEADLINE_NONE, NULL, &e) &&
              read(h.listener, bytes, sizeof(bytes)) > 0;
    if (ok)
        (void)send(h.listener, attacks[h.attack].p, attacks[h.attack].n, MSG_NOSIGNAL);
    pause_ms(300);
    close(h.listener);
}

static void hostile_main(void *arg)
{
    struct hostile *h = arg;
    struct err e = ERR_CLEAR;
    while (fiber_wait_fd(h->listener, FIBER_READ, DEADLINE_NONE, NULL, &e)) {
        struct hostile *c = HEAP_NEW(struct hostile);
        *c = *h;
        c->listener = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
        if (c->listener < 0 || !fiber_spawn(h->f->rt, "hostile", hostile_conn, c, NULL, &e)) {
            free(c);
            return;
        }
    }
}

static void hostile_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    struct hostile h = { .f = f };
    char url[200];
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%.80s/hostile.sock", test_directory());
    (void)snprintf(url, sizeof(url), "unix://%s", sa.sun_path);
    h.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(h.listener, (const struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(h.listener, 16), 0);
    MUST(fiber_spawn(f->rt, "hostile", hostile_main, &h, NULL, &e), e);
    for (h.attack = 0; h.attack < COUNT_OF(attacks); h.attack++) {
        struct redis_value v;
        struct redis *r = redis_new(f->rt, &(struct redis_options){ .url = url }, &e);
        e = ERR_CLEAR;
        assert_non_null(r);
        int64_t start = clock_monotonic_ms();
        bool ok = redis_command(r, (const str[]){ STR("GET"), STR("k") }, 2, &f->a, &v, &e);
        assert_true(clock_monotonic_ms() - start < 10000);
        bool is_surplus = h.attack + 1 == COUNT_OF(attacks);
        assert_int_equal(ok, is_surplus); /* the first of its replies is as good as any */
        assert_true(ok || e.kind == ERR_UNAVAILABLE || e.kind == ERR_TIMEOUT);
        pause_ms(20);
        redis_free(&r);
    }
    pause_ms(350);
    close(h.listener);
}

static void test_hostile(void **state)
{
    (void)state;
    with_redis(hostile_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),     cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_big_value), cmocka_unit_test(test_stalled),
        cmocka_unit_test(test_subscribe), cmocka_unit_test(test_many_channels),
        cmocka_unit_test(test_restart),   cmocka_unit_test(test_locks),
        cmocka_unit_test(test_scripts),   cmocka_unit_test(test_login),
        cmocka_unit_test(test_hostile),   cmocka_unit_test(test_unheard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
