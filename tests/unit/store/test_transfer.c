/* SPDX-License-Identifier: Apache-2.0 */
/* Copies from one account to another: who waits for them, and what is left when somebody else is in
 * the middle of something. What is long is held up by a lock that the test has. */
#include "store_fixture.h"

/* As somebody would who brings the same message at the same time. */
static const struct db_stmt bring_stmt = {
    "INSERT INTO blob (account_id, msg_id, codec, size, header, head, frames, data, prefix)"
    " SELECT $1, msg_id, codec, size, header, head, frames, data, prefix FROM blob"
    " WHERE account_id = $2 AND msg_id = $3"
};
static const struct db_stmt transfer_stmt = {
    "SELECT missing FROM mailbox_transfer_across($1, $1, 1, $2, 1, '{1}', '{1}', false, 0)"
};
static const struct db_stmt purge_stmt = { "SELECT taken, purged FROM message_purge(10, 0, 0)" };
static const struct db_stmt waiting_stmt = { "SELECT count(*) FROM pg_locks WHERE NOT granted" };
/* Of an account: messages, bytes without a message, and messages that are in no mailbox. */
static const struct db_stmt count_stmt = {
    "SELECT (SELECT count(*) FROM message WHERE account_id = $1),"
    " (SELECT count(*) FROM blob b WHERE account_id = $1 AND NOT EXISTS"
    "   (SELECT 1 FROM message m WHERE m.account_id = $1 AND m.msg_id = b.msg_id)),"
    " (SELECT count(*) FROM message m WHERE account_id = $1 AND NOT EXISTS"
    "   (SELECT 1 FROM mbox_msg x WHERE x.account_id = $1 AND x.msg_id = m.msg_id)),"
    " (SELECT count(*) FROM outbox o WHERE account_id = $1 AND kind = 1 AND NOT EXISTS"
    "   (SELECT 1 FROM message m WHERE m.account_id = $1 AND m.msg_id = o.ref))"
};

struct transfer {
    struct fixture *f;
    int64_t to;
    struct store_copied copied;
    bool has_ended;
};

static void transfer(void *arg)
{
    struct transfer *t = arg;
    struct err e = ERR_CLEAR;
    bool no_target;
    const struct store_transfer wanted = { .account_id = t->f->account,
                                           .viewer_id = t->f->account,
                                           .from_mailbox_id = STORE_INBOX,
                                           .to_mailbox_id = STORE_INBOX,
                                           .to_account_id = t->to,
                                           .set = RANGE(1, 3) };
    MUST(store_transfer(t->f->store, &wanted, &t->f->a, DEADLINE_NONE, &t->copied, &no_target, &e),
         e);
    t->has_ended = true;
}

static void wait_for_waiting(struct fixture *f)
{
    const int64_t end = clock_deadline_in((int64_t)60 * 1000);
    struct db_rows *rows = NULL;
    struct err e = ERR_CLEAR;
    do {
        if (clock_monotonic_ms() > end)
            fail_msg("nothing waits for a lock");
        MUST(db_query(f->db, DB_READ, &waiting_stmt, NULL, 0, &f->a, soon(), &rows, &e), e);
    } while (db_int(rows, 0, 0) == 0);
}

static void assert_nothing_is_left(struct fixture *f, int64_t account, int64_t messages)
{
    struct db_rows *rows = NULL;
    struct err e = ERR_CLEAR;
    MUST(db_query(f->db, DB_READ, &count_stmt, &DB_INT8(account), 1, &f->a, soon(), &rows, &e), e);
    assert_int_equal(db_int(rows, 0, 0), messages);
    for (size_t column = 1; column < 4; column++)
        assert_int_equal(db_int(rows, 0, column), 0);
    assert_sound(f, account);
}

static struct db_tx *begin(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    MUST(db_begin(f->db, DB_READ, DB_READ_COMMITTED, DEADLINE_NONE, &tx, &e), e);
    return tx;
}

/* While the bytes come, both accounts can be written to; what is expunged meanwhile leaves nothing.
 */
static void bytes_first_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_expunged expunged;
    str octets;
    struct transfer t = { .f = f, .to = new_account(0) };
    struct fixture target = *f;
    target.account = t.to;
    arena_init(&target.a);
    for (int i = 1; i <= 3; i++)
        (void)append_one(f, STORE_INBOX, i, 0);
    struct store_snapshot from = snapshot_of(f, STORE_INBOX);
    struct db_tx *tx = begin(f);
    const struct db_param same[] = { DB_INT8(t.to), DB_INT8(f->account),
                                     DB_INT8(from.rows[1].msg_id) };
    MUST(db_tx_query(tx, &bring_stmt, same, COUNT_OF(same), &f->a, NULL, &e), e);
    MUST(fiber_spawn(f->rt, "transfer", transfer, &t, NULL, &e), e);
    wait_for_waiting(f);
    assert_int_equal(append_one(&target, STORE_INBOX, 9, 0), 1);
    MUST(store_expunge(f->store, f->account, STORE_INBOX, RANGE(3, 3), false, &f->a, soon(),
                       &expunged, &e),
         e);
    assert_false(t.has_ended);
    db_rollback(&tx);
    while (!t.has_ended)
        (void)fiber_sleep_until(clock_deadline_in(1), NULL);
    assert_int_equal(t.copied.n, 2);
    assert_int_equal(t.copied.first_uid, 2);
    assert_int_equal(snapshot_of(&target, STORE_INBOX).rows[2].msg_id, from.rows[1].msg_id);
    MUST(store_fetch_body(f->store, t.to, from.rows[1].msg_id, 0, SIZE_MAX, &f->a, soon(), &octets,
                          &e),
         e);
    assert_true(str_eq(octets, make_raw(f, 2, 300)));
    assert_nothing_is_left(f, t.to, 3);
    arena_fini(&target.a);
}

struct purge {
    struct fixture *f;
    int64_t taken;
    int64_t purged;
    bool has_ended;
};

static void purge(void *arg)
{
    struct purge *p = arg;
    struct db_rows *rows = NULL;
    struct err e = ERR_CLEAR;
    MUST(db_query(p->f->db, DB_DELIVER, &purge_stmt, NULL, 0, &p->f->a, DEADLINE_NONE, &rows, &e),
         e);
    p->taken = db_int(rows, 0, 0);
    p->purged = db_int(rows, 0, 1);
    p->has_ended = true;
}

/* What was expunged and comes again by a copy is not purged from under it. */
static void purge_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_expunged expunged;
    struct transfer t = { .f = f, .to = new_account(0) };
    struct purge p = { .f = f };
    purge(&p); /* what other tests left */
    p.has_ended = false;
    (void)append_one(f, STORE_INBOX, 1, 0);
    transfer(&t);
    MUST(store_expunge(f->store, t.to, STORE_INBOX, NULL, false, &f->a, soon(), &expunged, &e), e);
    struct db_tx *tx = begin(f);
    const struct db_param again[] = { DB_INT8(f->account), DB_INT8(t.to) };
    MUST(db_tx_query(tx, &transfer_stmt, again, COUNT_OF(again), &f->a, NULL, &e), e);
    MUST(fiber_spawn(f->rt, "purge", purge, &p, NULL, &e), e);
    wait_for_waiting(f);
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    while (!p.has_ended)
        (void)fiber_sleep_until(clock_deadline_in(1), NULL);
    assert_int_equal(p.taken, 1);
    assert_int_equal(p.purged, 0);
    assert_nothing_is_left(f, t.to, 1);
}

/* What has no room is refused before its bytes come: here they would wait. */
static void no_room_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_copied copied;
    bool no_target;
    const int64_t to = new_account(500);
    for (int i = 1; i <= 2; i++)
        (void)append_one(f, STORE_INBOX, i, 0);
    struct store_snapshot from = snapshot_of(f, STORE_INBOX);
    struct db_tx *tx = begin(f);
    const struct db_param same[] = { DB_INT8(to), DB_INT8(f->account),
                                     DB_INT8(from.rows[1].msg_id) };
    MUST(db_tx_query(tx, &bring_stmt, same, COUNT_OF(same), &f->a, NULL, &e), e);
    const struct store_transfer wanted = { .account_id = f->account,
                                           .viewer_id = f->account,
                                           .from_mailbox_id = STORE_INBOX,
                                           .to_mailbox_id = STORE_INBOX,
                                           .to_account_id = to,
                                           .set = RANGE(1, 2) };
    assert_false(store_transfer(f->store, &wanted, &f->a, soon(), &copied, &no_target, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    db_rollback(&tx);
    assert_nothing_is_left(f, to, 0);
}

static void copy_one(struct fixture *f, int64_t to, uint32_t uid)
{
    struct err e = ERR_CLEAR;
    struct store_copied copied;
    bool no_target;
    const struct store_transfer wanted = { .account_id = f->account,
                                           .viewer_id = f->account,
                                           .from_mailbox_id = STORE_INBOX,
                                           .to_mailbox_id = STORE_INBOX,
                                           .to_account_id = to,
                                           .set = RANGE(uid, uid) };
    MUST(store_transfer(f->store, &wanted, &f->a, soon(), &copied, &no_target, &e), e);
    assert_int_equal(copied.n, 1);
}

/* What is there already is held in the order of ids, whatever that of the UIDs is: who waits for
 * the first has not got the second, which somebody else may take. */
static void order_body(void *arg)
{
    static const struct db_stmt lock_stmt = {
        "SELECT 1 FROM blob WHERE account_id = $1 AND msg_id = $2 FOR UPDATE NOWAIT"
    };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct fixture swapped = *f;
    struct transfer t = { .f = &swapped, .to = new_account(0) };
    swapped.account = new_account(0);
    arena_init(&swapped.a);
    for (uint32_t uid = 1; uid <= 2; uid++)
        assert_int_equal(append_one(f, STORE_INBOX, (int)uid, 0), uid);
    for (uint32_t uid = 2; uid >= 1; uid--) {
        copy_one(f, swapped.account, uid);
        copy_one(f, t.to, uid);
    }
    struct store_snapshot from = snapshot_of(f, STORE_INBOX);
    struct db_tx *first = begin(f);
    struct db_tx *second = NULL;
    const struct db_param is_first[] = { DB_INT8(t.to), DB_INT8(from.rows[0].msg_id) };
    const struct db_param is_second[] = { DB_INT8(t.to), DB_INT8(from.rows[1].msg_id) };
    MUST(db_tx_query(first, &lock_stmt, is_first, COUNT_OF(is_first), &f->a, NULL, &e), e);
    MUST(fiber_spawn(f->rt, "transfer", transfer, &t, NULL, &e), e);
    wait_for_waiting(f);
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, DEADLINE_NONE, &second, &e), e);
    MUST(db_tx_query(second, &lock_stmt, is_second, COUNT_OF(is_second), &f->a, NULL, &e), e);
    db_rollback(&second);
    db_rollback(&first);
    while (!t.has_ended)
        (void)fiber_sleep_until(clock_deadline_in(1), NULL);
    assert_int_equal(t.copied.n, 2);
    assert_nothing_is_left(f, t.to, 2);
    arena_fini(&swapped.a);
}

/* A store whose statements have no timeouts. */
static void with_patient_store(fiber_fn fn)
{
    struct fixture f = { 0 };
    fixture_open(&f);
    store_free(&f.store);
    db_free(&f.db);
    f.db = db_new(f.rt, &(struct db_options){ .conninfo = test_pg_start_migrated() });
    f.store = store_new(&(struct store_options){ .runtime = f.rt, .db = f.db, .node_id = 3 });
    f.account = new_account(0);
    in_fiber_run(f.rt, fn, &f);
    fixture_close(&f);
}

static void test_bytes_first(void **state)
{
    (void)state;
    with_patient_store(bytes_first_body);
}

static void test_purge(void **state)
{
    (void)state;
    with_patient_store(purge_body);
}

static void test_no_room(void **state)
{
    (void)state;
    with_patient_store(no_room_body);
}

static void test_order(void **state)
{
    (void)state;
    with_patient_store(order_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_first),
        cmocka_unit_test(test_purge),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
