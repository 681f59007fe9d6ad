/* SPDX-License-Identifier: Apache-2.0 */
/* No operation on a mailbox reads a whole table: on filled and analysed tables the statistics of
 * the database count no sequential scan of them. */
#include "store/store_fixture.h"

/* 40 accounts with 1500 messages each, interleaved as in real life. */
static const char fill[] =
    "SELECT account_create('p' || i || '@example.org', 'example.org', '', NULL, 0, false)"
    "  FROM generate_series(1, 40) i;"
    "INSERT INTO mbox_msg SELECT s.account_id, 1, i, i, i, now(), 100, 0, 0, NULL"
    "  FROM generate_series(1, 1500) i, account_state s ORDER BY i, s.account_id;"
    "INSERT INTO message (account_id, msg_id, thread_id, size, idate, hdr_end, hash, message_id_key)"
    "  SELECT s.account_id, i, i, 100, now(), 50, '', i FROM generate_series(1, 1500) i,"
    "  account_state s;"
    "INSERT INTO blob (account_id, msg_id, codec, size, header, head, data)"
    "  SELECT s.account_id, i, 0, 5, 2, 2, 'abcde' FROM generate_series(1, 1500) i, account_state s;"
    "INSERT INTO change SELECT s.account_id, 1, i, 3, int8multirange(int8range(i, i + 1))"
    "  FROM generate_series(1, 1500) i, account_state s;"
    "UPDATE account_state SET modseq = 1500, q_bytes = 150000, q_count = 1500;"
    "UPDATE mailbox_state SET uidnext = 1501, msgs = 1500, unseen = 1500, bytes = 150000,"
    "  modseq = 1500 WHERE mailbox_id = 1";

static void write_some(struct fixture *f, int round)
{
    struct err e = ERR_CLEAR;
    struct store_flag_result flags;
    struct store_copied copied;
    struct store_expunged gone;
    bool no_target;
    uint32_t at = (uint32_t)round * 20 + 1;
    const struct store_flag_change change = { .mode = STORE_FLAGS_ADD, .flags = STORE_SEEN };
    struct store_transfer t = { .account_id = f->account,
                                .from_mailbox_id = STORE_INBOX,
                                .to_mailbox_id = 4,
                                .set = RANGE(at, at + 9),
                                .is_move = round % 2 };
    append_one(f, STORE_INBOX, round, 0);
    MUST(store_change_flags(f->store, f->account, STORE_INBOX, RANGE(at, at + 9), &change, &f->a,
                            soon(), &flags, &e),
         e);
    MUST(store_transfer(f->store, &t, &f->a, soon(), &copied, &no_target, &e), e);
    assert_int_equal(copied.n, 10);
    MUST(store_expunge(f->store, f->account, STORE_INBOX, RANGE(at + 10, at + 12), false, &f->a,
                       soon(), &gone, &e),
         e);
    assert_int_equal(gone.n, 3);
}

static void read_some(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct store_details details[3];
    str texts[3];
    str body;
    const int64_t ids[] = { 1400, 1401, 1402 };
    struct store_mailboxes boxes;
    struct store_mailbox box;
    struct store_quota quota;
    (void)snapshot_of(f, STORE_INBOX);
    (void)delta_of(f, STORE_INBOX, 1490);
    MUST(store_mailbox_list(f->store, f->account, &f->a, soon(), &boxes, &e), e);
    MUST(store_mailbox_get(f->store, f->account, STR("Sent"), &f->a, soon(), &box, &e), e);
    MUST(store_get_quota(f->store, f->account, soon(), &quota, &e), e);
    struct store_some_details some = { .msg_ids = ids, .n = 3, .wanted = 7 };
    MUST(store_fetch_details(f->store, f->account, &some, &f->a, soon(), details, &e), e);
    MUST(store_fetch_headers(f->store, f->account, ids, 3, &f->a, soon(), texts, &e), e);
    MUST(store_fetch_body(f->store, f->account, 1403, 0, SIZE_MAX, &f->a, soon(), &body, &e), e);
    assert_true(details[2].found && str_eq(texts[1], STR("ab")) && str_eq(body, STR("abcde")));
}

static void plans_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    test_pg_run(fill);
    test_pg_run("ANALYZE");
    test_pg_run("SELECT pg_stat_reset()");
    /* More than five rounds: plans are made generic then. */
    for (int round = 0; round < 12; round++) {
        write_some(f, round);
        read_some(f);
    }
    /* Sessions report their counts once a second at the most. */
    long updates = 0;
    for (int i = 0; i < 300 && updates < 120; i++) {
        MUST(fiber_sleep_until(clock_deadline_in(200), &e), e);
        updates = test_pg_number("SELECT sum(n_tup_upd) FROM pg_stat_user_tables"
                                 " WHERE relname LIKE 'mbox_msg_p%'");
        (void)snapshot_of(f, STORE_INBOX);
    }
    assert_int_equal(updates, 120);
    char *scans =
        test_pg_query("SELECT relname, seq_scan FROM pg_stat_user_tables WHERE seq_scan > 0 AND"
                      " relname ~ '^(mbox_msg|message|blob|change|delivered)_' ORDER BY relname");
    if (scans[0])
        fail_msg("scanned as a whole: %s", scans);
    free(scans);
}

static void test_plans(void **state)
{
    (void)state;
    with_store(plans_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
