/* SPDX-License-Identifier: Apache-2.0 */
/* What a broken connection and a killed server mean: nothing answered is lost, nothing is there
 * twice, and an unknown COMMIT is found out (R1-R3). */
#include "store/store_fixture.h"
#include "support/process.h"

#include <signal.h>

enum {
    PATIENCE_MS = 30000,
    SOME = 40, /* deliveries between two kills */
    WRITERS = 8,
    KILLS = 4,
    AT_ONCE = 8,
    MAX_EACH = 4000
};

static bool deliver_id(struct store *store, struct arena *a, int64_t account, const char *id,
                       struct store_recipient *r, struct err *e)
{
    struct store_message m;
    str raw = arena_printf(a, "Message-ID: <%s@x>\r\nSubject: %s\r\n\r\nbody\r\n", id, id);
    *r = (struct store_recipient){ .account_id = account, .mailbox_id = STORE_INBOX };
    store_delivery_id(str_from_cstr(id), STR_EMPTY, r->delivery_id);
    if (!store_prepare_message(store, a, raw, clock_deadline_in(30000), &m, e))
        return false;
    struct store_delivery d = {
        .message = &m, .recipients = r, .n = 1, .received_us = clock_utc_us()
    };
    return store_deliver(store, &d, clock_deadline_in(30000), e);
}

/* ---- one COMMIT without an answer ---- */

struct lonely {
    struct fixture *f;
    struct semaphore done;
    struct store_recipient r;
    struct err e;
    bool ok;
    bool is_append;
    unsigned extra_calls;
};

static const struct db_stmt note = { "INSERT INTO t_note VALUES (1)" };

static bool add_note(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    struct lonely *l = arg;
    (void)e;
    l->extra_calls++;
    db_tx_send(tx, &note, NULL, 0);
    *statements = 1;
    return true;
}

static void lonely_main(void *arg)
{
    struct lonely *l = arg;
    struct store_message *m = prepare(l->f, make_raw(l->f, 1, 700));
    l->r = (struct store_recipient){ .account_id = l->f->account, .mailbox_id = STORE_INBOX };
    store_delivery_id(STR("lonely"), STR_EMPTY, l->r.delivery_id);
    struct store_delivery d = { .message = m,
                                .recipients = &l->r,
                                .n = 1,
                                .received_us = clock_utc_us(),
                                .extra = add_note,
                                .extra_arg = l };
    const struct store_append_item item = { .message = m, .idate_s = 1 };
    struct store_appended out;
    l->ok = l->is_append ? store_append(l->f->store, l->f->account, STORE_INBOX, &item, 1, soon(),
                                        &out, &l->e)
                         : store_deliver(l->f->store, &d, soon(), &l->e);
    semaphore_release(&l->done);
}

/* Until one of our sessions waits in the server for this. */
static void until_session_waits(const char *wait_event)
{
    struct err e = ERR_CLEAR;
    char sql[200];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'heronry'"
                   " AND wait_event = '%s'",
                   wait_event);
    int64_t end = clock_deadline_in(PATIENCE_MS);
    while (test_pg_number(sql) == 0 && clock_monotonic_ms() < end)
        MUST(fiber_sleep_until(clock_deadline_in(10), &e), e);
    assert_int_equal(test_pg_number(sql), 1);
}

/* Its COMMIT is under way then. */
static void start_lonely(struct lonely *l, struct fixture *f, bool is_append,
                         const char *wait_event)
{
    struct err e = ERR_CLEAR;
    *l = (struct lonely){ .f = f, .is_append = is_append };
    semaphore_init(&l->done, 0);
    MUST(fiber_spawn(f->rt, "lonely", lonely_main, l, NULL, &e), e);
    until_session_waits(wait_event);
    assert_int_equal(l->done.free, 0);
}

static void end_lonely(struct lonely *l)
{
    struct err e = ERR_CLEAR;
    MUST(semaphore_acquire(&l->done, soon(), &e), e);
    if (!l->ok)
        fail_msg("%s: %s", err_kind_name(l->e.kind), l->e.msg);
    struct store_snapshot s = snapshot_of(l->f, STORE_INBOX);
    assert_int_equal(s.n, 1);
    assert_sound(l->f, l->f->account);
}

/* Waits for their end: what is asked next must not meet a session that is about to go. */
#define KILL_SESSIONS                                                     \
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE" \
    " application_name = 'heronry'"

/* The server was still working on it: nothing is there, the second attempt stores it. */
static void lost_before_body(void *arg)
{
    struct fixture *f = arg;
    struct lonely l;
    for (int is_append = 0; is_append <= 1; is_append++) {
        f->account = new_account(0);
        test_pg_run("TRUNCATE t_note;"
                    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON outbox DEFERRABLE INITIALLY"
                    " DEFERRED FOR EACH ROW EXECUTE FUNCTION slow_commit()");
        start_lonely(&l, f, is_append, "PgSleep");
        /* Altering the table would wait for the lost session, which sleeps on. */
        test_pg_run("UPDATE t_slow SET seconds = 0;" KILL_SESSIONS);
        end_lonely(&l);
        test_pg_run("DROP TRIGGER slow ON outbox; UPDATE t_slow SET seconds = 30");
        if (!is_append)
            assert_int_equal(test_pg_number("SELECT count(*) FROM t_note"), 1);
    }
}

static void test_lost_before(void **state)
{
    (void)state;
    test_pg_make_durable();
    test_pg_start_migrated();
    test_pg_run(
        "CREATE TABLE t_note (v int); CREATE TABLE t_probe (); CREATE TABLE t_slow AS SELECT 30 AS seconds;"
        "CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_sleep(seconds) FROM t_slow; RETURN NULL; END $$");
    with_store(lost_before_body);
}

/* A configuration with a standby counts once the checkpointer has read it: only then commits wait.
 */
static void until_commits_wait(void)
{
    const char *argv[] = { "psql", "-Xq",
                           "-d",   test_pg_start_migrated(),
                           "-c",   "INSERT INTO t_probe DEFAULT VALUES",
                           NULL };
    struct err e = ERR_CLEAR;
    long waiting = 0;
    for (int i = 1; i <= 20 && waiting == 0; i++) {
        pid_t probe = test_spawn(&(struct test_command){ .argv = argv, .log_path = "/dev/null" });
        MUST(fiber_sleep_until(clock_deadline_in(100 * i), &e), e);
        waiting = test_pg_number("SELECT count(*) FROM pg_stat_activity WHERE wait_event ="
                                 " 'SyncRep'");
        test_end_child(&probe, SIGKILL);
    }
    assert_true(waiting > 0);
}

/* The transaction was committed, and only the answer got lost: a COMMIT that waits for a standby
 * that never comes, ended by an administrator. */
static void lost_after_body(void *arg)
{
    struct fixture *f = arg;
    struct lonely l;
    for (int is_append = 0; is_append <= 1; is_append++) {
        f->account = new_account(0);
        test_pg_run("TRUNCATE t_note");
        test_pg_run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        test_pg_run("SELECT pg_reload_conf()");
        until_commits_wait();
        start_lonely(&l, f, is_append, "SyncRep");
        /* Committed here, but not yet visible; the lock is held. */
        assert_int_equal(test_pg_number("SELECT count(*) FROM mbox_msg WHERE account_id ="
                                        " (SELECT max(account_id) FROM account)"),
                         0);
        test_pg_run("ALTER SYSTEM SET synchronous_standby_names = ''");
        test_pg_run(KILL_SESSIONS);
        test_pg_run("SELECT pg_reload_conf()");
        end_lonely(&l);
        if (is_append)
            continue;
        assert_int_equal(l.r.uid, 1);
        assert_int_equal(l.r.status, STORE_DUPLICATE);
        /* What belonged to it was committed with it, and is not done again. */
        assert_int_equal(test_pg_number("SELECT count(*) FROM t_note"), 1);
        assert_int_equal(l.extra_calls, 1);
    }
}

static void test_lost_after(void **state)
{
    (void)state;
    with_store(lost_after_body);
}

/* No database for longer than the caller waits: "try later", and nothing else. */
static void away_body(void *arg)
{
    struct fixture *f = arg;
    struct arena a;
    struct store_recipient r;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    MUST(deliver_id(f->store, &a, f->account, "before", &r, &e), e);
    test_pg_stop();
    MUST(fiber_sleep_until(clock_deadline_in(50), &e), e);
    int64_t began = clock_monotonic_ms();
    assert_false(deliver_id(f->store, &a, f->account, "away", &r, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    assert_true(clock_monotonic_ms() - began < 20000); /* the deadline is after 30 s */
    test_pg_restart();
    for (int i = 0; i < 300; i++) {
        e = ERR_CLEAR;
        if (deliver_id(f->store, &a, f->account, "away", &r, &e))
            break;
        assert_int_equal(e.kind, ERR_UNAVAILABLE);
        MUST(fiber_sleep_until(clock_deadline_in(100), &e), e);
    }
    assert_int_equal(r.status, STORE_DELIVERED);
    assert_int_equal(r.uid, 2);
    assert_sound(f, f->account);
    arena_fini(&a);
}

static void test_away(void **state)
{
    (void)state;
    with_store(away_body);
}

/* ---- the server is killed under load ---- */

struct writer {
    struct fixture *f;
    int index;
    int64_t account;
    struct semaphore *done;
    bool *stop;
    unsigned *stored;          /* deliveries of all writers that were answered */
    unsigned *refused;         /* the same, "try later" */
    unsigned n;                /* attempts */
    uint8_t answers[MAX_EACH]; /* 1: answered as stored, 2: refused for now */
};

static void write_on(void *arg)
{
    struct writer *w = arg;
    struct arena a;
    arena_init(&a);
    while (!*w->stop && w->n < MAX_EACH) {
        char id[32];
        struct store_recipient r;
        struct err e = ERR_CLEAR;
        arena_reset(&a);
        (void)snprintf(id, sizeof(id), "w%d.%u", w->index, w->n);
        bool ok = deliver_id(w->f->store, &a, w->account, id, &r, &e);
        if (!ok && e.kind != ERR_UNAVAILABLE && e.kind != ERR_TIMEOUT)
            fail_msg("%s: %s: %s", id, err_kind_name(e.kind), e.msg);
        w->answers[w->n++] = ok ? 1 : 2;
        ++*(ok ? w->stored : w->refused);
        if (!ok)
            (void)fiber_sleep_until(clock_deadline_in(50), &e);
    }
    arena_fini(&a);
    semaphore_release(w->done);
}

static void count_subject(struct fixture *f, const struct writer *w, const struct store_details *d,
                          unsigned *counts)
{
    int writer;
    unsigned n;
    assert_true(d->found);
    assert_int_equal(sscanf(arena_cstr(&f->a, d->subject), "w%d.%u", &writer, &n), 2);
    if (writer == w->index)
        counts[n]++;
}

/* How often each id is there now. */
static void count_ids(struct fixture *f, struct writer *w, unsigned *counts)
{
    struct err e = ERR_CLEAR;
    memset(counts, 0, MAX_EACH * sizeof(*counts));
    f->account = w->account;
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    int64_t *ids = ARENA_ARRAY(&f->a, int64_t, s.n);
    for (size_t i = 0; i < s.n; i++)
        ids[i] = s.rows[i].msg_id;
    for (size_t i = 0; i < s.n; i += AT_ONCE) {
        struct store_details d[AT_ONCE];
        const struct store_some_details some = { .msg_ids = ids + i,
                                                 .n = s.n - i < AT_ONCE ? s.n - i : AT_ONCE,
                                                 .wanted = STORE_WANT_SUMMARY };
        MUST(store_fetch_details(f->store, w->account, &some, &f->a, soon(), d, &e), e);
        for (size_t k = 0; k < some.n; k++)
            count_subject(f, w, &d[k], counts);
    }
    for (size_t i = 1; i < s.n; i++)
        assert_true(s.rows[i].uid > s.rows[i - 1].uid);
}

static void wait_for_more(const unsigned *count, unsigned more)
{
    struct err e = ERR_CLEAR;
    unsigned wanted = *count + more;
    int64_t end = clock_deadline_in(PATIENCE_MS);
    while (*count < wanted && clock_monotonic_ms() < end)
        MUST(fiber_sleep_until(clock_deadline_in(5), &e), e);
    assert_true(*count >= wanted);
}

static void kill_body(void *arg)
{
    struct fixture *f = arg;
    static struct writer writers[WRITERS];
    static unsigned counts[MAX_EACH];
    struct err e = ERR_CLEAR;
    struct semaphore done;
    bool stop = false;
    unsigned stored = 0;
    unsigned later = 0;
    int64_t accounts[3] = { new_account(0), new_account(0), new_account(0) };
    semaphore_init(&done, 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ .f = f,
                                      .index = i,
                                      .account = accounts[i % 3],
                                      .done = &done,
                                      .stop = &stop,
                                      .stored = &stored,
                                      .refused = &later };
        MUST(fiber_spawn(f->rt, "writer", write_on, &writers[i], NULL, &e), e);
    }
    for (int i = 0; i < KILLS; i++) {
        wait_for_more(&stored, SOME);
        MUST(fiber_sleep_until(clock_deadline_in(i * 37), &e), e); /* at another moment of them */
        test_pg_kill();
        if (i == 1) {
            wait_for_more(&later, WRITERS); /* for longer than anybody waits */
        } else {
            MUST(fiber_sleep_until(clock_deadline_in(100), &e), e);
        }
        test_pg_restart();
    }
    wait_for_more(&stored, SOME);
    stop = true;
    for (int i = 0; i < WRITERS; i++)
        MUST(semaphore_acquire(&done, clock_deadline_in((int64_t)2 * PATIENCE_MS), &e), e);
    unsigned answered = 0;
    unsigned refused = 0;
    for (int i = 0; i < WRITERS; i++) {
        count_ids(f, &writers[i], counts);
        for (unsigned k = 0; k < writers[i].n; k++) {
            bool ok = writers[i].answers[k] == 1;
            answered += ok;
            refused += !ok;
            if (counts[k] > 1 || (ok && counts[k] == 0))
                fail_msg("w%d.%u: answered %d, there %u times", i, k, ok, counts[k]);
        }
    }
    print_message("%u answered, %u refused for now, 0 lost, 0 doubled\n", answered, refused);
    assert_true(answered > 100 && refused > 0);
    /* A retry with the same ids makes everything be there exactly once. */
    struct arena a;
    arena_init(&a);
    for (int i = 0; i < WRITERS; i++) {
        for (unsigned k = 0; k < writers[i].n; k++) {
            char id[32];
            struct store_recipient r;
            (void)snprintf(id, sizeof(id), "w%d.%u", i, k);
            arena_reset(&a);
            if (writers[i].answers[k] == 2)
                MUST(deliver_id(f->store, &a, writers[i].account, id, &r, &e), e);
        }
        count_ids(f, &writers[i], counts);
        for (unsigned k = 0; k < writers[i].n; k++)
            assert_int_equal(counts[k], 1);
        assert_sound(f, writers[i].account);
    }
    arena_fini(&a);
}

static void test_kill(void **state)
{
    (void)state;
    with_store(kill_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_before),
        cmocka_unit_test(test_lost_after),
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
