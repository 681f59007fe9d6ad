/* SPDX-License-Identifier: Apache-2.0 */
/* Upkeep: partitions of delivered, merged change logs, purged bytes, the check; and what flag
 * changes cost (heap-only updates). */
#include "notify/notify.h"
#include "store/store_fixture.h"
#include "support/day.h"

static struct store_maintained maintain(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct store_maintained out;
    MUST(store_maintain(f->store, soon(), &out, &e), e);
    return out;
}

static void change_flags(struct fixture *f, const struct store_ranges *set, unsigned mode)
{
    struct err e = ERR_CLEAR;
    struct store_flag_result out;
    const struct store_flag_change change = { .mode = (enum store_flag_mode)mode,
                                              .flags = STORE_SEEN };
    struct arena a;
    arena_init(&a);
    MUST(store_change_flags(f->store, f->account, STORE_INBOX, set, &change, &a, soon(), &out, &e),
         e);
    arena_fini(&a);
}

static void rotate_body(void *arg)
{
    struct fixture *f = arg;
    assert_int_equal(maintain(f).partitions, 0);
    test_pg_run("CREATE TABLE delivered_20200102 PARTITION OF delivered"
                " FOR VALUES FROM ('2020-01-02') TO ('2020-01-03');"
                "INSERT INTO delivered VALUES (1, '2020-01-02', 'a', 1), (1, '2019-05-05', 'b', 1);"
                "DO $$ BEGIN EXECUTE 'DROP TABLE delivered_' || to_char(current_date + 3,"
                " 'YYYYMMDD'); END $$");
    assert_int_equal(maintain(f).partitions, 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM delivered"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM pg_inherits WHERE inhparent ="
                                    " 'delivered'::regclass"),
                     6);
    /* A delivery of a day without a partition works, and keeps that day out of the rotation. */
    struct err e = ERR_CLEAR;
    struct store_recipient r = { .account_id = f->account, .mailbox_id = STORE_INBOX };
    struct store_delivery d = { .message = prepare(f, make_raw(f, 1, 300)),
                                .recipients = &r,
                                .n = 1,
                                .received_us = clock_utc_us() + (int64_t)30 * 86400 * 1000000 };
    MUST(store_deliver(f->store, &d, soon(), &e), e);
    assert_int_equal(r.status, STORE_DELIVERED);
    MUST(store_deliver(f->store, &d, soon(), &e), e);
    assert_int_equal(r.status, STORE_DUPLICATE);
}

static void test_rotate(void **state)
{
    (void)state;
    test_stay_in_one_day();
    with_store(rotate_body);
}

/* A long log is merged: clients below the merge still learn everything, perhaps more. */
static void compact_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_expunged gone;
    for (int i = 1; i <= 40; i++)
        append_one(f, STORE_INBOX, i, 0);
    int64_t since = snapshot_of(f, STORE_INBOX).state.modseq;
    for (int i = 0; i < 2300; i++) {
        change_flags(f, RANGE(i % 30 + 1, i % 30 + 1),
                     i / 30 % 2 ? STORE_FLAGS_REMOVE : STORE_FLAGS_ADD);
    }
    for (uint32_t uid = 31; uid <= 40; uid += 2) {
        MUST(store_expunge(f->store, f->account, STORE_INBOX, RANGE(uid, uid), false, &f->a, soon(),
                           &gone, &e),
             e);
    }
    for (int i = 0; i < 2300; i++) {
        change_flags(f, RANGE(i % 20 + 1, i % 20 + 1),
                     i / 20 % 2 ? STORE_FLAGS_ADD : STORE_FLAGS_REMOVE);
    }
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM change WHERE account_id = %lld",
                   (long long)f->account);
    long before = test_pg_number(sql);
    assert_true(before > 4000);
    assert_int_equal(maintain(f).compacted, 1);
    assert_in_range(test_pg_number(sql), 1000, 1020);
    assert_int_equal(maintain(f).compacted, 0);
    struct store_delta d = delta_of(f, STORE_INBOX, since);
    assert_false(d.is_too_old);
    assert_int_equal(store_ranges_count(&d.vanished), 5);
    assert_int_equal(d.n, 30);
    assert_sound(f, f->account);
    /* A tombstone in too many pieces is forgotten, and readers from before are told so. */
    (void)snprintf(sql, sizeof(sql), "SELECT change_compact(%lld, 0, 3)", (long long)f->account);
    test_pg_run(sql);
    assert_true(delta_of(f, STORE_INBOX, since).is_too_old);
    int64_t now = snapshot_of(f, STORE_INBOX).state.modseq;
    change_flags(f, RANGE(1, 30), STORE_FLAGS_ADD);
    assert_false(delta_of(f, STORE_INBOX, now).is_too_old);
}

static void test_compact(void **state)
{
    (void)state;
    with_store(compact_body);
}

static void purge_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_expunged gone;
    struct store_copied copied;
    bool no_target;
    str body;
    test_pg_run("DELETE FROM outbox; DELETE FROM expunged");
    for (int i = 1; i <= 3; i++)
        append_one(f, STORE_INBOX, i, 0);
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    MUST(store_transfer(f->store,
                        &(struct store_transfer){ .account_id = f->account,
                                                  .from_mailbox_id = STORE_INBOX,
                                                  .to_mailbox_id = 4,
                                                  .set = RANGE(1, 1) },
                        &f->a, soon(), &copied, &no_target, &e),
         e);
    MUST(store_expunge(f->store, f->account, STORE_INBOX, RANGE(1, 2), false, &f->a, soon(), &gone,
                       &e),
         e);
    /* Another session may still be reading. */
    assert_int_equal(maintain(f).purged, 0);
    MUST(store_fetch_body(f->store, f->account, s.rows[1].msg_id, 0, 9, &f->a, soon(), &body, &e),
         e);
    /* It is to be indexed anew, and would come back into the index afterwards. */
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE expunged SET at = now() - interval '1 hour';"
                   "INSERT INTO outbox (kind, account_id, ref) VALUES (3, %lld, %lld)",
                   (long long)f->account, (long long)s.rows[1].msg_id);
    test_pg_run(sql);
    assert_int_equal(maintain(f).purged, 1);
    assert_false(
        store_fetch_body(f->store, f->account, s.rows[1].msg_id, 0, 9, &f->a, soon(), &body, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    /* The copy's bytes stay. */
    MUST(store_fetch_body(f->store, f->account, s.rows[0].msg_id, 0, 9, &f->a, soon(), &body, &e),
         e);
    (void)snprintf(sql, sizeof(sql),
                   "SELECT (SELECT count(*) FROM message WHERE account_id = %lld) +"
                   " (SELECT count(*) FROM outbox WHERE account_id = %lld)",
                   (long long)f->account, (long long)f->account);
    assert_int_equal(test_pg_number(sql), 2 + 2);
    assert_sound(f, f->account);
}

/* A step that fails keeps none of the others from being done. */
static void failing_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_expunged gone;
    struct store_maintained out;
    append_one(f, STORE_INBOX, 1, 0);
    MUST(store_expunge(f->store, f->account, STORE_INBOX, RANGE(1, 1), false, &f->a, soon(), &gone,
                       &e),
         e);
    test_pg_run("UPDATE expunged SET at = now() - interval '1 hour';"
                "ALTER FUNCTION delivered_rotate() RENAME TO delivered_rotate_away;"
                "ALTER TABLE change RENAME TO change_away");
    assert_false(store_maintain(f->store, soon(), &out, &e));
    test_pg_run("ALTER FUNCTION delivered_rotate_away() RENAME TO delivered_rotate;"
                "ALTER TABLE change_away RENAME TO change");
    assert_int_equal(out.purged, 1);
    e = ERR_CLEAR;
    MUST(store_maintain(f->store, soon(), &out, &e), e);
}

static void test_failing_steps(void **state)
{
    (void)state;
    with_store(failing_body);
}

static void test_purge(void **state)
{
    (void)state;
    with_store(purge_body);
}

static void check_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_check check;
    int64_t other = new_account(0);
    for (int i = 1; i <= 5; i++)
        append_one(f, STORE_INBOX, i, 0);
    char sql[512];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE mailbox_state SET msgs = 4, unseen = 0, deleted = 3, bytes = 1,"
                   " uidnext = 3 WHERE account_id = %lld AND mailbox_id = 1;"
                   "UPDATE account_state SET q_bytes = 1 WHERE account_id = %lld;"
                   "DELETE FROM blob WHERE account_id = %lld AND msg_id = (SELECT max(msg_id) FROM"
                   " blob)",
                   (long long)f->account, (long long)f->account, (long long)f->account);
    test_pg_run(sql);
    MUST(store_check_counters(f->store, 0, false, &f->a, soon(), &check, &e), e);
    assert_int_equal(check.n_faults, 3);
    assert_int_equal(check.accounts, test_pg_number("SELECT count(*) FROM account"));
    assert_int_equal(check.faults[0].account_id, f->account);
    assert_int_equal(check.faults[0].mailbox_id, STORE_INBOX);
    MUST(store_check_counters(f->store, f->account, true, &f->a, soon(), &check, &e), e);
    MUST(store_check_counters(f->store, f->account, false, &f->a, soon(), &check, &e), e);
    /* Lost bytes cannot be made again. */
    assert_int_equal(check.n_faults, 1);
    assert_int_equal(append_one(f, STORE_INBOX, 6, 0), 6);
    assert_sound(f, other);
}

static void test_check(void **state)
{
    (void)state;
    with_store(check_body);
}

/* STORAGE: at least 95 % of flag updates touch no index. */
static void hot_body(void *arg)
{
    struct fixture *f = arg;
    char sql[512];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO mbox_msg SELECT %lld, 1, i, i, 1, now(), 100, 0, 0, NULL"
                   " FROM generate_series(1, 1500) i;"
                   "UPDATE mailbox_state SET msgs = 1500, unseen = 1500, uidnext = 1501,"
                   " bytes = 150000 WHERE account_id = %lld AND mailbox_id = 1;"
                   "UPDATE account_state SET q_bytes = 150000, q_count = 1500"
                   " WHERE account_id = %lld",
                   (long long)f->account, (long long)f->account, (long long)f->account);
    test_pg_run("SELECT pg_stat_reset()");
    test_pg_run(sql);
    for (int round = 0; round < 12; round++) {
        for (int from = 1; from <= 1500; from += 250) {
            change_flags(f, RANGE(from, from + 249),
                         round % 2 ? STORE_FLAGS_REMOVE : STORE_FLAGS_ADD);
        }
    }
    struct err e = ERR_CLEAR;
    long updates = 0;
    for (int i = 0; i < 300 && updates < 18000; i++) {
        MUST(fiber_sleep_until(clock_deadline_in(200), &e), e);
        updates = test_pg_number("SELECT sum(n_tup_upd) FROM pg_stat_user_tables"
                                 " WHERE relname LIKE 'mbox_msg_p%'");
    }
    long hot = test_pg_number("SELECT sum(n_tup_hot_upd) FROM pg_stat_user_tables"
                              " WHERE relname LIKE 'mbox_msg_p%'");
    print_message("%ld of %ld updates heap-only\n", hot, updates);
    assert_int_equal(updates, 18000);
    assert_true(hot * 100 >= updates * 95);
    assert_int_equal(snapshot_of(f, STORE_INBOX).state.unseen, 1500);
}

static void test_hot(void **state)
{
    (void)state;
    with_store(hot_body);
}

/* Writers tell of the account's modseq, after the commit. */
struct heard {
    int64_t modseq;
    unsigned calls;
};

static void hear(int64_t account_id, int64_t modseq, void *arg)
{
    struct heard *h = arg;
    (void)account_id;
    h->modseq = modseq;
    h->calls++;
}

static void wait_for(struct heard *h, int64_t modseq)
{
    struct err e = ERR_CLEAR;
    for (int i = 0; i < 200 && h->modseq < modseq; i++)
        MUST(fiber_sleep_until(clock_deadline_in(5), &e), e);
    assert_int_equal(h->modseq, modseq);
}

static void publish_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct heard heard = { 0 };
    struct notify *n = notify_new(f->rt, f->db, NULL, NULL);
    struct store *with_notify = store_new(
        &(struct store_options){ .runtime = f->rt, .db = f->db, .notify = n, .node_id = 4 });
    struct store *plain = f->store;
    struct notify_subscriber sub = { .fn = hear, .arg = &heard };
    f->store = with_notify;
    int64_t modseq = snapshot_of(f, STORE_INBOX).state.modseq;
    notify_subscribe(n, f->account, modseq, &sub);
    append_one(f, STORE_INBOX, 1, 0);
    wait_for(&heard, snapshot_of(f, STORE_INBOX).state.modseq);
    change_flags(f, RANGE(1, 1), STORE_FLAGS_ADD);
    wait_for(&heard, snapshot_of(f, STORE_INBOX).state.modseq);
    MUST(store_mailbox_create(f->store, f->account, STR("New"), STORE_ROLE_NONE, soon(), NULL, &e),
         e);
    MUST(store_get_modseq(f->store, f->account, soon(), &modseq, &e), e);
    wait_for(&heard, modseq);
    notify_unsubscribe(n, &sub);
    f->store = plain;
    store_free(&with_notify);
    notify_free(&n);
}

static void test_publish(void **state)
{
    (void)state;
    with_store(publish_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotate),  cmocka_unit_test(test_compact),
        cmocka_unit_test(test_purge),   cmocka_unit_test(test_failing_steps),
        cmocka_unit_test(test_check),   cmocka_unit_test(test_hot),
        cmocka_unit_test(test_publish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
