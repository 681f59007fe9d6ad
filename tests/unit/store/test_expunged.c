/* SPDX-License-Identifier: Apache-2.0 */
/* Undelete and retention: what comes back is what went, once, within quota, or not at all. */
#include "store/expunged.h"
#include "store/store_fixture.h"

enum {
    ARCHIVE = 4
};

static void expunge(struct fixture *f, int mailbox, const struct store_ranges *set)
{
    struct err e = ERR_CLEAR;
    struct store_expunged gone;
    MUST(store_expunge(f->store, f->account, mailbox, set, false, &f->a, soon(), &gone, &e), e);
}

static struct store_gone_list gone_of(struct fixture *f, int mailbox)
{
    struct err e = ERR_CLEAR;
    struct store_gone_list out;
    const struct store_gone_query all = { f->account, mailbox, 0, INT64_MAX };
    MUST(store_gone_list(f->store, &all, INT64_MAX, 100, &f->a, soon(), &out, &e), e);
    return out;
}

/* NULL ids: all. */
static struct store_restored put_back(struct fixture *f, const int64_t *ids, size_t n, bool dry)
{
    struct err e = ERR_CLEAR;
    struct store_restored out;
    const struct store_gone_query all = { f->account, 0, 0, INT64_MAX };
    MUST(store_gone_restore(f->store, &all, ids, n, dry, soon(), &out, &e), e);
    return out;
}

static struct store_maintained maintain(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct store_maintained out;
    MUST(store_maintain(f->store, soon(), &out, &e), e);
    return out;
}

static void restore_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    str raw = make_raw(f, 7, 5000);
    static const str keywords[] = { STR_INIT("$Forwarded"), STR_INIT("later") };
    const struct store_append_item item = { .message = prepare(f, raw),
                                            .idate_s = 1600000000,
                                            .flags = STORE_SEEN | STORE_DELETED | STORE_FLAGGED,
                                            .keywords = keywords,
                                            .n_keywords = COUNT_OF(keywords) };
    struct store_appended appended;
    MUST(store_append(f->store, f->account, ARCHIVE, &item, 1, soon(), &appended, &e), e);
    struct store_snapshot before = snapshot_of(f, ARCHIVE);
    expunge(f, ARCHIVE, RANGE(1, 1));
    assert_int_equal(gone_of(f, STORE_INBOX).n, 0);
    struct store_gone_list gone = gone_of(f, ARCHIVE);
    assert_int_equal(gone.n, 1);
    assert_true(str_eq(gone.list[0].mailbox, STR("Archive")));
    assert_true(str_eq(gone.list[0].subject, STR("number 7")));
    assert_true(gone.list[0].size == raw.n && gone.list[0].received_us == 1600000000000000);
    /* Counted only. */
    struct store_restored counted = put_back(f, NULL, 0, true);
    assert_true(counted.messages == 1 && counted.bytes == (int64_t)raw.n && counted.left == 0);
    assert_int_equal(snapshot_of(f, ARCHIVE).n, 0);
    /* It is a new message of the mailbox, with the bytes, date and keywords of before. */
    int64_t modseq = snapshot_of(f, ARCHIVE).state.modseq;
    int64_t ids[] = { gone.list[0].id, 123456789 };
    assert_int_equal(put_back(f, ids, 2, false).messages, 1);
    struct store_snapshot after = snapshot_of(f, ARCHIVE);
    assert_int_equal(after.n, 1);
    assert_true(after.rows[0].uid == 2 && after.rows[0].modseq > modseq);
    assert_true(after.rows[0].msg_id == before.rows[0].msg_id);
    assert_int_equal(after.rows[0].flags, STORE_SEEN | STORE_FLAGGED);
    assert_true(after.rows[0].kw == before.rows[0].kw && after.rows[0].kw != 0);
    str body;
    MUST(store_fetch_body(f->store, f->account, after.rows[0].msg_id, 0, SIZE_MAX, &f->a, soon(),
                          &body, &e),
         e);
    assert_true(str_eq(body, raw));
    struct store_delta d = delta_of(f, ARCHIVE, modseq);
    assert_true(d.n == 1 && store_ranges_count(&d.vanished) == 0);
    assert_sound(f, f->account);
    /* A second time there is nothing to restore. */
    assert_int_equal(put_back(f, ids, 2, false).messages, 0);
    assert_int_equal(snapshot_of(f, ARCHIVE).n, 1);
    assert_int_equal(gone_of(f, 0).n, 0);
}

/* A mailbox that was deleted is made again, once; what was in it before too. */
static void deleted_mailbox_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int work;
    MUST(store_mailbox_create(f->store, f->account, STR("Work/Old"), STORE_ROLE_NONE, soon(), &work,
                              &e),
         e);
    for (int i = 1; i <= 4; i++)
        append_one(f, work, i, i == 2 ? STORE_SEEN : 0);
    expunge(f, work, RANGE(1, 1));
    MUST(store_mailbox_delete(f->store, f->account, STR("Work/Old"), soon(), &e), e);
    MUST(store_mailbox_delete(f->store, f->account, STR("Work"), soon(), &e), e);
    struct store_gone_list gone = gone_of(f, work);
    assert_int_equal(gone.n, 4);
    assert_true(str_eq(gone.list[3].mailbox, STR("Work/Old")));
    int64_t first = gone.list[3].id;
    assert_int_equal(put_back(f, &first, 1, false).messages, 1);
    assert_int_equal(put_back(f, NULL, 0, false).messages, 3);
    struct store_mailbox made;
    MUST(store_mailbox_get(f->store, f->account, STR("Work/Old"), &f->a, soon(), &made, &e), e);
    assert_true(made.mailbox_id != work && made.state.messages == 4 && made.state.unseen == 3);
    assert_sound(f, f->account);
}

static void quota_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_restored out;
    f->account = new_account(700);
    append_one(f, STORE_INBOX, 1, 0);
    append_one(f, STORE_INBOX, 2, 0);
    expunge(f, STORE_INBOX, RANGE(1, 2));
    append_one(f, STORE_INBOX, 3, 0);
    /* Both or none: one would fit. */
    const struct store_gone_query all = { f->account, 0, 0, INT64_MAX };
    assert_false(store_gone_restore(f->store, &all, NULL, 0, false, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(gone_of(f, 0).n, 2);
    int64_t one = gone_of(f, 0).list[0].id;
    assert_int_equal(put_back(f, &one, 1, false).messages, 1);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 2);
    assert_sound(f, f->account);
}

/* A restore that fails at its end leaves all as it was. */
static void crash_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_restored out;
    const struct store_gone_query all = { f->account, 0, 0, INT64_MAX };
    append_one(f, STORE_INBOX, 1, 0);
    expunge(f, STORE_INBOX, RANGE(1, 1));
    int64_t modseq = snapshot_of(f, STORE_INBOX).state.modseq;
    test_pg_run("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5);"
                " RETURN NULL; END $$;"
                "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON change DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION die()");
    assert_false(store_gone_restore(f->store, &all, NULL, 0, false, soon(), &out, &e));
    test_pg_run("DROP TRIGGER die ON change; DROP FUNCTION die()");
    assert_int_equal(gone_of(f, 0).n, 1);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 0);
    assert_true(snapshot_of(f, STORE_INBOX).state.modseq == modseq);
    assert_sound(f, f->account);
    assert_int_equal(put_back(f, NULL, 0, false).messages, 1);
    assert_sound(f, f->account);
}

/* The bytes live for as long as anything names them, and not longer. */
static void purge_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_copied copied;
    bool no_target;
    str body;
    test_pg_run("DELETE FROM expunged");
    store_free(&f->store);
    f->store = store_new(&(struct store_options){
        .runtime = f->rt, .db = f->db, .node_id = 5, .keep_gone_ms = (int64_t)5 * 86400 * 1000 });
    append_one(f, STORE_INBOX, 1, 0);
    append_one(f, STORE_INBOX, 2, STORE_DRAFT);
    MUST(store_transfer(f->store,
                        &(struct store_transfer){ .account_id = f->account,
                                                  .from_mailbox_id = STORE_INBOX,
                                                  .to_mailbox_id = ARCHIVE,
                                                  .set = RANGE(1, 1) },
                        &f->a, soon(), &copied, &no_target, &e),
         e);
    int64_t msg_id = snapshot_of(f, STORE_INBOX).rows[0].msg_id;
    expunge(f, STORE_INBOX, RANGE(1, 2));
    test_pg_run("UPDATE expunged SET at = now() - interval '1 hour'");
    assert_int_equal(gone_of(f, 0).n, 1); /* not the draft */
    assert_int_equal(maintain(f).purged, 1);
    test_pg_run("UPDATE expunged SET at = now() - interval '6 days'");
    expunge(f, ARCHIVE, RANGE(1, 1));
    assert_int_equal(maintain(f).purged, 0); /* the other one can still be restored */
    assert_int_equal(gone_of(f, 0).n, 1);
    MUST(store_fetch_body(f->store, f->account, msg_id, 0, 9, &f->a, soon(), &body, &e), e);
    test_pg_run("UPDATE expunged SET at = now() - interval '6 days'");
    assert_int_equal(maintain(f).purged, 1);
    assert_int_equal(gone_of(f, 0).n, 0);
    assert_int_equal(put_back(f, NULL, 0, false).messages, 0);
    assert_false(store_fetch_body(f->store, f->account, msg_id, 0, 9, &f->a, soon(), &body, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void range_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_restored out;
    for (int i = 1; i <= 3; i++)
        append_one(f, STORE_INBOX, i, 0);
    expunge(f, STORE_INBOX, RANGE(1, 1));
    test_pg_run("UPDATE expunged SET at = now() - interval '2 days'");
    expunge(f, STORE_INBOX, RANGE(2, 3));
    int64_t yesterday = clock_utc_us() - (int64_t)86400 * 1000000;
    const struct store_gone_query late = { f->account, STORE_INBOX, yesterday, INT64_MAX };
    const struct store_gone_query early = { f->account, 0, 0, yesterday };
    const struct store_gone_query elsewhere = { f->account, ARCHIVE, 0, INT64_MAX };
    MUST(store_gone_restore(f->store, &elsewhere, NULL, 0, false, soon(), &out, &e), e);
    assert_int_equal(out.messages, 0);
    MUST(store_gone_restore(f->store, &late, NULL, 0, false, soon(), &out, &e), e);
    assert_int_equal(out.messages, 2);
    MUST(store_gone_restore(f->store, &early, NULL, 0, false, soon(), &out, &e), e);
    assert_int_equal(out.messages, 1);
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    assert_true(s.n == 3 && s.rows[0].uid == 4 && s.rows[2].uid == 6);
    assert_sound(f, f->account);
}

static void keep_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t expunged;
    int days = 1;
    MUST(store_keep_get(f->store, f->account, ARCHIVE, soon(), &days, &e), e);
    assert_int_equal(days, 0);
    for (int i = 1; i <= 1500; i++)
        append_one(f, ARCHIVE, i, 0);
    append_one(f, STORE_INBOX, 1, 0);
    test_pg_run("UPDATE mbox_msg SET saved_at = now() - interval '31 days' WHERE uid % 500 <> 0");
    MUST(store_keep_apply(f->store, soon(), &expunged, &e), e);
    assert_int_equal(expunged, 0);
    MUST(store_keep_set(f->store, f->account, ARCHIVE, 30, soon(), &e), e);
    MUST(store_keep_get(f->store, f->account, ARCHIVE, soon(), &days, &e), e);
    assert_int_equal(days, 30);
    MUST(store_keep_apply(f->store, soon(), &expunged, &e), e);
    assert_int_equal(expunged, 1497);
    struct store_snapshot s = snapshot_of(f, ARCHIVE);
    assert_true(s.n == 3 && s.rows[0].uid == 500);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    assert_sound(f, f->account);
    /* A mailbox that cannot be changed keeps no other from being seen to. */
    MUST(store_keep_set(f->store, f->account, STORE_INBOX, 1, soon(), &e), e);
    test_pg_run("UPDATE mbox_msg SET saved_at = now() - interval '31 days' WHERE uid IN (1, 500);"
                "CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
                "CREATE TRIGGER test_refuse BEFORE DELETE ON mbox_msg FOR EACH ROW"
                " WHEN (OLD.mailbox_id = 1) EXECUTE FUNCTION test_refuse()");
    assert_false(store_keep_apply(f->store, soon(), &expunged, &e));
    assert_int_equal(expunged, 1);
    assert_int_equal(snapshot_of(f, ARCHIVE).n, 2);
    test_pg_run("DROP TRIGGER test_refuse ON mbox_msg; DROP FUNCTION test_refuse()");
    e = ERR_CLEAR;
    MUST(store_keep_set(f->store, f->account, STORE_INBOX, 0, soon(), &e), e);
    /* Restored, it stays for another 30 days. */
    int64_t one = gone_of(f, ARCHIVE).list[0].id;
    assert_int_equal(put_back(f, &one, 1, false).messages, 1);
    MUST(store_keep_apply(f->store, soon(), &expunged, &e), e);
    assert_int_equal(expunged, 0);
    assert_false(store_keep_set(f->store, f->account, 999, 30, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_false(store_keep_get(f->store, f->account, 999, soon(), &days, &e));
    MUST(store_keep_set(f->store, f->account, ARCHIVE, 0, soon(), &e), e);
}

static void test_restore(void **state)
{
    (void)state;
    with_store(restore_body);
}

static void test_deleted_mailbox(void **state)
{
    (void)state;
    with_store(deleted_mailbox_body);
}

static void test_quota(void **state)
{
    (void)state;
    with_store(quota_body);
}

static void test_crash(void **state)
{
    (void)state;
    with_store(crash_body);
}

static void test_purge(void **state)
{
    (void)state;
    with_store(purge_body);
}

static void test_range(void **state)
{
    (void)state;
    with_store(range_body);
}

static void test_keep(void **state)
{
    (void)state;
    with_store(keep_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restore), cmocka_unit_test(test_deleted_mailbox),
        cmocka_unit_test(test_quota),   cmocka_unit_test(test_crash),
        cmocka_unit_test(test_purge),   cmocka_unit_test(test_range),
        cmocka_unit_test(test_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
