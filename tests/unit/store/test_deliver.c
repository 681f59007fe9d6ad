/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery: recipients, repeated attempts, quota, group commit, and what belongs to the same
 * transaction. */
#include "store/store_fixture.h"

static struct store_recipient to(int64_t account, const char *transaction)
{
    struct store_recipient r = { .account_id = account, .mailbox_id = STORE_INBOX };
    char recipient[32];
    (void)snprintf(recipient, sizeof(recipient), "%lld", (long long)account);
    store_delivery_id(str_from_cstr(transaction), str_from_cstr(recipient), r.delivery_id);
    return r;
}

static bool deliver(struct fixture *f, const struct store_message *m, struct store_recipient *r,
                    size_t n, struct err *e)
{
    struct store_delivery d = {
        .message = m, .recipients = r, .n = n, .received_us = clock_utc_us()
    };
    return store_deliver(f->store, &d, soon(), e);
}

static void recipients_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    str body;
    str raw = make_raw(f, 1, 5000);
    struct store_message *m = prepare(f, raw);
    struct store_recipient r[] = { to(new_account(0), "t1"), to(f->account, "t1"),
                                   to(new_account(0), "t1"), to(999999, "t1") };
    MUST(deliver(f, m, r, COUNT_OF(r), &e), e);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(r[i].status, STORE_DELIVERED);
        assert_int_equal(r[i].uid, 1);
        assert_int_equal(r[i].in_mailbox_id, STORE_INBOX);
        assert_int_equal(r[i].modseq, 2);
        MUST(store_fetch_body(f->store, r[i].account_id, m->msg_id, 0, SIZE_MAX, &f->a, soon(),
                              &body, &e),
             e);
        assert_true(str_eq(body, raw));
        assert_sound(f, r[i].account_id);
    }
    assert_int_equal(r[3].status, STORE_NO_ACCOUNT);
    assert_int_equal(test_pg_number("SELECT count(*) FROM blob WHERE account_id = 999999"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM outbox WHERE kind = 1"), 3);
}

static void test_recipients(void **state)
{
    (void)state;
    with_store(recipients_body);
}

/* The same ids again: no second copy, the answer is the first one's. */
static void duplicate_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t other = new_account(0);
    str raw = make_raw(f, 2, 4000);
    struct store_recipient first[] = { to(f->account, "t2") };
    struct store_recipient again[] = { to(f->account, "t2"), to(other, "t2") };
    MUST(deliver(f, prepare(f, raw), first, 1, &e), e);
    struct store_message *second = prepare(f, raw);
    MUST(deliver(f, second, again, 2, &e), e);
    assert_int_equal(again[0].status, STORE_DUPLICATE);
    assert_int_equal(again[0].uid, first[0].uid);
    assert_int_equal(again[0].in_mailbox_id, STORE_INBOX);
    assert_int_equal(again[1].status, STORE_DELIVERED);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    /* What the second attempt brought along for the first account is gone again. */
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM blob WHERE msg_id = %lld",
                   (long long)second->msg_id);
    assert_int_equal(test_pg_number(sql), 1);
    /* The very same message, as after an unknown COMMIT: its bytes stay. */
    MUST(deliver(f, second, again, 2, &e), e);
    assert_int_equal(again[1].status, STORE_DUPLICATE);
    assert_int_equal(test_pg_number(sql), 1);
    assert_sound(f, f->account);
    assert_sound(f, other);
}

static void test_duplicate(void **state)
{
    (void)state;
    with_store(duplicate_body);
}

static void quota_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_quota quota;
    int64_t full = new_account(1000);
    struct store_message *m = prepare(f, make_raw(f, 3, 600));
    struct store_recipient r[] = { to(full, "q1"), to(f->account, "q1") };
    MUST(deliver(f, m, r, 1, &e), e);
    struct store_recipient more[] = { to(full, "q2"), to(f->account, "q2") };
    MUST(deliver(f, m = prepare(f, make_raw(f, 4, 600)), more, 2, &e), e);
    assert_int_equal(more[0].status, STORE_OVER_QUOTA);
    assert_int_equal(more[1].status, STORE_DELIVERED);
    MUST(store_get_quota(f->store, full, soon(), &quota, &e), e);
    assert_int_equal(quota.used_bytes, 600);
    assert_int_equal(quota.used_messages, 1);
    assert_int_equal(quota.limit_bytes, 1000);
    /* Exactly full is not over. */
    struct store_recipient exact = to(full, "q3");
    MUST(deliver(f, prepare(f, make_raw(f, 5, 400)), &exact, 1, &e), e);
    assert_int_equal(exact.status, STORE_DELIVERED);
    /* Once there is room the refused attempt may come again. */
    test_pg_run("UPDATE account SET quota_bytes = 0");
    MUST(deliver(f, m, more, 1, &e), e);
    assert_int_equal(more[0].status, STORE_DELIVERED);
    assert_sound(f, full);
}

static void test_quota(void **state)
{
    (void)state;
    with_store(quota_body);
}

static void all_or_nothing_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t full = new_account(100);
    struct store_recipient r[] = { to(f->account, "a1"), to(full, "a1") };
    struct store_delivery d = { .message = prepare(f, make_raw(f, 6, 500)),
                                .recipients = r,
                                .n = 2,
                                .received_us = clock_utc_us(),
                                .all_or_nothing = true };
    assert_false(store_deliver(f->store, &d, soon(), &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 0);
    assert_sound(f, f->account);
    r[1].account_id = 999999;
    e = ERR_CLEAR;
    assert_false(store_deliver(f->store, &d, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 0);
}

static void test_all_or_nothing(void **state)
{
    (void)state;
    with_store(all_or_nothing_body);
}

static void folder_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const str keywords[] = { STR_INIT("$Junk"), STR_INIT("seen-by-sieve") };
    struct store_mailbox junk;
    struct store_recipient r[] = { to(f->account, "f1"), to(f->account, "f2"),
                                   to(f->account, "f3") };
    MUST(store_mailbox_get_role(f->store, f->account, STORE_ROLE_JUNK, &f->a, soon(), &junk, &e),
         e);
    r[0].mailbox_id = junk.mailbox_id;
    r[0].flags = STORE_SEEN | STORE_FLAGGED;
    r[0].keywords = keywords;
    r[0].n_keywords = COUNT_OF(keywords);
    r[1].mailbox_id = 4711; /* a mailbox that is gone */
    MUST(deliver(f, prepare(f, make_raw(f, 7, 500)), r, COUNT_OF(r), &e), e);
    assert_int_equal(r[0].in_mailbox_id, junk.mailbox_id);
    assert_int_equal(r[1].in_mailbox_id, STORE_INBOX);
    assert_int_equal(r[2].in_mailbox_id, STORE_INBOX);
    struct store_snapshot s = snapshot_of(f, junk.mailbox_id);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.rows[0].flags, STORE_SEEN | STORE_FLAGGED);
    assert_int_equal(s.rows[0].kw, 3);
    assert_int_equal(s.keywords.used, 3);
    assert_true(str_eq(s.keywords.names[0], keywords[0]));
    assert_true(str_eq(s.keywords.names[1], keywords[1]));
    assert_int_equal(s.state.unseen, 0);
    assert_int_equal(snapshot_of(f, STORE_INBOX).state.unseen, 2);
    assert_sound(f, f->account);
    const str wrong[] = { STR_INIT("no spaces") };
    r[0].keywords = wrong;
    r[0].n_keywords = 1;
    assert_false(deliver(f, prepare(f, make_raw(f, 8, 500)), r, 1, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
}

static void test_folder(void **state)
{
    (void)state;
    with_store(folder_body);
}

/* ---- the same transaction ---- */

static const struct db_stmt note = { "INSERT INTO t_extra VALUES ($1)" };

struct extra {
    int64_t value;
    int calls;
    bool fails;
};

static bool add_note(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    struct extra *x = arg;
    const struct db_param params[] = { DB_INT8(x->value) };
    x->calls++;
    if (x->fails)
        return ERR(e, ERR_LIMIT, "no");
    db_tx_send(tx, &note, params, 1);
    *statements = 1;
    return true;
}

static void extra_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    test_pg_run("CREATE TABLE t_extra (v bigint PRIMARY KEY)");
    struct extra x = { .value = 5 };
    struct store_recipient r = to(f->account, "x1");
    struct store_delivery d = { .message = prepare(f, make_raw(f, 9, 500)),
                                .recipients = &r,
                                .n = 1,
                                .received_us = clock_utc_us(),
                                .extra = add_note,
                                .extra_arg = &x };
    MUST(store_deliver(f->store, &d, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM t_extra"), 1);
    /* Extra fails: nothing is stored. */
    x.fails = true;
    r = to(f->account, "x2");
    d.message = prepare(f, make_raw(f, 10, 500));
    assert_false(store_deliver(f->store, &d, soon(), &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    /* Its statement fails (a duplicate key): nothing either. */
    x.fails = false;
    e = ERR_CLEAR;
    assert_false(store_deliver(f->store, &d, soon(), &e));
    assert_int_equal(e.kind, ERR_EXISTS);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    x.value = 6;
    MUST(store_deliver(f->store, &d, soon(), &e), e);
    assert_int_equal(r.uid, 2);
    assert_sound(f, f->account);
}

static void test_extra(void **state)
{
    (void)state;
    with_store(extra_body);
}

static void in_transaction_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    struct store_recipient r = to(f->account, "in1");
    struct store_delivery d = { .message = prepare(f, make_raw(f, 11, 500)),
                                .recipients = &r,
                                .n = 1,
                                .received_us = clock_utc_us() };
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    MUST(store_deliver_in(f->store, tx, &d, &f->a, &e), e);
    assert_int_equal(r.status, STORE_DELIVERED);
    db_rollback(&tx);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 0);
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    MUST(store_deliver_in(f->store, tx, &d, &f->a, &e), e);
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    store_announce(f->store, &d);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    assert_sound(f, f->account);
}

static void test_in_transaction(void **state)
{
    (void)state;
    with_store(in_transaction_body);
}

/* ---- many at once ---- */

enum {
    SENDERS = 50,
    EACH = 20
};

struct sender {
    struct fixture *f;
    int index;
    int64_t account;
    unsigned refused;
    unsigned stored;
    struct semaphore *done;
};

/* Every third sender appends instead. */
static void send_many(void *arg)
{
    struct sender *s = arg;
    struct arena a;
    arena_init(&a);
    for (int i = 0; i < EACH; i++) {
        struct err e = ERR_CLEAR;
        struct store_message m;
        char id[32];
        (void)snprintf(id, sizeof(id), "s%d.%d", s->index, i);
        arena_reset(&a);
        struct fixture local = { .a = a, .store = s->f->store };
        str raw = make_raw(&local, s->index * 100 + i, 500);
        a = local.a;
        if (!store_prepare_message(s->f->store, &a, raw, soon(), &m, &e))
            fail_msg("%s", e.msg);
        if (s->index % 3 == 0) {
            const struct store_append_item item = { .message = &m, .idate_s = 1700000000 };
            struct store_appended out;
            bool ok =
                store_append(s->f->store, s->account, STORE_INBOX, &item, 1, soon(), &out, &e);
            if (!ok && e.kind != ERR_LIMIT)
                fail_msg("%s", e.msg);
            s->stored += ok;
            s->refused += !ok;
            continue;
        }
        struct store_recipient r = to(s->account, id);
        if (!deliver(s->f, &m, &r, 1, &e))
            fail_msg("%s: %s", err_kind_name(e.kind), e.msg);
        s->stored += r.status == STORE_DELIVERED;
        s->refused += r.status == STORE_OVER_QUOTA;
    }
    arena_fini(&a);
    semaphore_release(s->done);
}

static void run_senders(struct fixture *f, struct sender *senders, const int64_t *accounts,
                        size_t n_accounts)
{
    struct semaphore done;
    struct err e = ERR_CLEAR;
    semaphore_init(&done, 0);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){
            .f = f, .index = i, .account = accounts[(size_t)i % n_accounts], .done = &done
        };
        MUST(fiber_spawn(f->rt, "sender", send_many, &senders[i], NULL, &e), e);
    }
    for (int i = 0; i < SENDERS; i++)
        MUST(semaphore_acquire(&done, clock_deadline_in(60000), &e), e);
}

/* R26: quota is exact under a race, and UIDs are dense and in the order of modseq. */
static void race_body(void *arg)
{
    struct fixture *f = arg;
    struct sender senders[SENDERS];
    int64_t account = new_account((int64_t)500 * 617 + 499);
    unsigned stored = 0;
    unsigned refused = 0;
    run_senders(f, senders, &account, 1);
    for (int i = 0; i < SENDERS; i++) {
        stored += senders[i].stored;
        refused += senders[i].refused;
    }
    assert_int_equal(stored, 617);
    assert_int_equal(refused, SENDERS * EACH - 617);
    f->account = account;
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    assert_int_equal(s.n, 617);
    for (size_t i = 0; i < s.n; i++) {
        assert_int_equal(s.rows[i].uid, i + 1);
        assert_true(i == 0 || s.rows[i].modseq > s.rows[i - 1].modseq);
    }
    assert_int_equal(s.state.uidnext, 618);
    assert_int_equal(s.state.bytes, 617 * 500);
    assert_sound(f, account);
    assert_int_equal(test_pg_number("SELECT count(*) FROM blob b WHERE NOT EXISTS (SELECT 1 FROM"
                                    " mbox_msg m WHERE m.account_id = b.account_id AND m.msg_id ="
                                    " b.msg_id)"),
                     0);
}

static void test_race(void **state)
{
    (void)state;
    with_store(race_body);
}

/* Many accounts: locks are taken in one order, so nothing waits for ever, and commits are shared.
 */
static void group_commit_body(void *arg)
{
    struct fixture *f = arg;
    struct sender senders[SENDERS];
    int64_t accounts[7];
    for (size_t i = 0; i < COUNT_OF(accounts); i++)
        accounts[i] = new_account(0);
    run_senders(f, senders, accounts, COUNT_OF(accounts));
    unsigned stored = 0;
    for (int i = 0; i < SENDERS; i++)
        stored += senders[i].stored;
    assert_int_equal(stored, SENDERS * EACH);
    for (size_t i = 0; i < COUNT_OF(accounts); i++)
        assert_sound(f, accounts[i]);
    /* Rows of one transaction share xmin. */
    long transactions =
        test_pg_number("SELECT count(DISTINCT xmin::text) FROM message WHERE account_id IN"
                       " (SELECT account_id FROM account_state ORDER BY account_id DESC LIMIT 7)");
    assert_true(transactions > 0 && transactions < SENDERS * EACH / 3);
}

static void test_group_commit(void **state)
{
    (void)state;
    with_store(group_commit_body);
}

/* A caller that gives up does not harm the others, nor the batcher. */
struct quitter {
    struct fixture *f;
    struct semaphore *done;
    bool delivered;
};

static void quit_early(void *arg)
{
    struct quitter *q = arg;
    struct err e = ERR_CLEAR;
    char id[32];
    (void)snprintf(id, sizeof(id), "quit %p", arg);
    struct store_recipient r = to(q->f->account, id);
    q->delivered = deliver(q->f, prepare(q->f, make_raw(q->f, 1, 500)), &r, 1, &e);
    assert_true(q->delivered || e.kind == ERR_CANCELLED);
    semaphore_release(q->done);
}

static void cancel_body(void *arg)
{
    struct fixture *f = arg;
    enum {
        N = 40
    };
    struct semaphore done;
    struct quitter quitters[N];
    struct fiber *fibers[N];
    struct err e = ERR_CLEAR;
    semaphore_init(&done, 0);
    for (int i = 0; i < N; i++) {
        quitters[i] = (struct quitter){ .f = f, .done = &done };
        MUST(fiber_spawn(f->rt, "quitter", quit_early, &quitters[i], &fibers[i], &e), e);
    }
    fiber_yield();
    for (int i = 0; i < N; i += 2)
        fiber_cancel(fibers[i]);
    for (int i = 0; i < N; i++)
        MUST(semaphore_acquire(&done, soon(), &e), e);
    for (int i = 1; i < N; i += 2)
        assert_true(quitters[i].delivered);
    /* Whatever became of the others is whole. */
    MUST(fiber_sleep_until(clock_deadline_in(300), &e), e);
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    assert_true(s.n >= N / 2 && s.n <= N);
    assert_sound(f, f->account);
}

static void test_cancel(void **state)
{
    (void)state;
    with_store(cancel_body);
}

/* G9: deadlocks are tried again, up to five times. A sequence counts, because it forgets nothing
 * when a transaction is rolled back. */
static void deadlock_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_flag_result result;
    const struct store_flag_change seen = { .mode = STORE_FLAGS_ADD, .flags = STORE_SEEN };
    struct store_recipient r = to(f->account, "d1");
    test_pg_run("CREATE SEQUENCE t_seq; CREATE TABLE t_limit AS SELECT 4 AS n;"
                "CREATE FUNCTION t_fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF nextval('t_seq') <= (SELECT n FROM t_limit) THEN"
                "  RAISE EXCEPTION 'as if' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$;"
                "CREATE TRIGGER t_fail BEFORE UPDATE ON mailbox_state FOR EACH ROW"
                " EXECUTE FUNCTION t_fail()");
    MUST(deliver(f, prepare(f, make_raw(f, 1, 500)), &r, 1, &e), e);
    assert_int_equal(r.status, STORE_DELIVERED);
    assert_int_equal(r.uid, 1);
    test_pg_run("ALTER SEQUENCE t_seq RESTART");
    MUST(store_change_flags(f->store, f->account, STORE_INBOX, RANGE(1, 1), &seen, &f->a, soon(),
                            &result, &e),
         e);
    assert_int_equal(result.n, 1);
    /* Not for ever. */
    test_pg_run("UPDATE t_limit SET n = 1000; ALTER SEQUENCE t_seq RESTART");
    r = to(f->account, "d2");
    assert_false(deliver(f, prepare(f, make_raw(f, 2, 500)), &r, 1, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_in_range(test_pg_number("SELECT last_value FROM t_seq"), 5, 7);
    e = ERR_CLEAR;
    assert_false(
        store_change_flags(f->store, f->account, STORE_INBOX, RANGE(1, 1),
                           &(const struct store_flag_change){ .mode = STORE_FLAGS_REPLACE }, &f->a,
                           soon(), &result, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    test_pg_run("DROP TRIGGER t_fail ON mailbox_state");
    assert_sound(f, f->account);
}

static void test_deadlock(void **state)
{
    (void)state;
    with_store(deadlock_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipients),     cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_quota),          cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_folder),         cmocka_unit_test(test_extra),
        cmocka_unit_test(test_in_transaction), cmocka_unit_test(test_race),
        cmocka_unit_test(test_group_commit),   cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_deadlock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
