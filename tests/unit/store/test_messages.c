/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a mailbox: append, flags, keywords, expunge, copy, move, snapshot and delta. */
#include "store/store_fixture.h"

static struct store_flag_result change(struct fixture *f, int mailbox,
                                       const struct store_ranges *set,
                                       struct store_flag_change change)
{
    struct err e = ERR_CLEAR;
    struct store_flag_result out;
    MUST(store_change_flags(f->store, f->account, mailbox, set, &change, &f->a, soon(), &out, &e),
         e);
    return out;
}

static void append_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_appended out;
    const str keywords[] = { STR_INIT("Work") };
    struct store_append_item items[3];
    for (int i = 0; i < 3; i++) {
        items[i] = (struct store_append_item){ .message = prepare(f, make_raw(f, i, 300)),
                                               .idate_s = 1000000000 + i,
                                               .flags = STORE_DRAFT | STORE_SEEN,
                                               .keywords = keywords,
                                               .n_keywords = 1 };
    }
    MUST(store_append(f->store, f->account, 2, items, 3, soon(), &out, &e), e);
    assert_int_equal(out.first_uid, 1);
    struct store_snapshot s = snapshot_of(f, 2);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.state.uidvalidity, out.uidvalidity);
    assert_int_equal(s.state.modseq, out.modseq);
    assert_int_equal(s.rows[2].idate_s, 1000000002);
    assert_int_equal(s.rows[2].msg_id, items[2].message->msg_id);
    assert_int_equal(s.rows[2].size, 300);
    assert_int_equal(s.rows[2].flags, STORE_DRAFT | STORE_SEEN);
    assert_int_equal(s.rows[2].kw, 1);
    assert_false(store_append(f->store, f->account, 99, items, 1, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_false(store_append(f->store, f->account, 99, items, 3, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    /* All or none: the third one does not fit. */
    char sql[128];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE account SET quota_bytes = 1600 WHERE account_id = %lld",
                   (long long)f->account);
    test_pg_run(sql);
    for (int i = 0; i < 3; i++)
        items[i].message = prepare(f, make_raw(f, i, 300));
    assert_false(store_append(f->store, f->account, 2, items, 3, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    MUST(store_append(f->store, f->account, 2, items, 2, soon(), &out, &e), e);
    assert_int_equal(out.first_uid, 4);
    e = ERR_CLEAR;
    assert_false(store_append(f->store, f->account, 2, items + 2, 1, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_sound(f, f->account);
    assert_int_equal(test_pg_number("SELECT count(*) FROM blob"), 5);
}

/* ---- replace ---- */

static uint32_t append_small(struct fixture *f, int number)
{
    struct err e = ERR_CLEAR;
    struct store_appended out;
    const struct store_append_item item = { .message = prepare(f, make_raw(f, number, 300)) };
    MUST(store_append(f->store, f->account, STORE_INBOX, &item, 1, soon(), &out, &e), e);
    return out.first_uid;
}

static bool replace(struct fixture *f, uint32_t uid, int to, size_t size,
                    struct store_appended *out, struct err *e)
{
    static int number = 100;
    const struct store_source source = { f->account, STORE_INBOX, uid };
    const struct store_append_item item = { .message = prepare(f, make_raw(f, ++number, size)) };
    return store_replace(f->store, &source, f->account, to, &item, soon(), out, e);
}

static void replace_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_appended out;
    char sql[128];
    uint32_t one = append_small(f, 1);
    uint32_t two = append_small(f, 2);
    MUST(replace(f, one, STORE_INBOX, 300, &out, &e), e);
    assert_int_equal(out.first_uid, two + 1);
    MUST(replace(f, two, 2, 300, &out, &e), e);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    assert_int_equal(snapshot_of(f, 2).n, 1);
    /* What is gone is not replaced, and nothing is stored. */
    assert_false(replace(f, one, STORE_INBOX, 300, &out, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    /* Without the mailbox the message stays. */
    assert_false(replace(f, two + 1, 99, 300, &out, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    /* The octets of the one that goes make room for the one that comes. */
    (void)snprintf(sql, sizeof(sql), "UPDATE account SET quota_bytes = 700 WHERE account_id = %lld",
                   (long long)f->account);
    test_pg_run(sql);
    MUST(replace(f, two + 1, STORE_INBOX, 400, &out, &e), e);
    assert_false(replace(f, out.first_uid, STORE_INBOX, 401, &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 1);
    assert_sound(f, f->account);
}

static void test_replace(void **state)
{
    (void)state;
    with_store(replace_body);
}

static void test_append(void **state)
{
    (void)state;
    with_store(append_body);
}

struct flag_case {
    const char *name;
    enum store_flag_mode mode;
    unsigned flags;
    const char *keyword;
    unsigned expected_flags;
    uint64_t expected_kw;
    bool changes;
};

static void flags_body(void *arg)
{
    struct fixture *f = arg;
    static const struct flag_case cases[] = {
        { "add", STORE_FLAGS_ADD, STORE_SEEN, NULL, STORE_SEEN, 0, true },
        { "add again", STORE_FLAGS_ADD, STORE_SEEN, NULL, STORE_SEEN, 0, false },
        { "add a keyword", STORE_FLAGS_ADD, 0, "Blue", STORE_SEEN, 1, true },
        { "in another case", STORE_FLAGS_ADD, 0, "BLUE", STORE_SEEN, 1, false },
        { "add another", STORE_FLAGS_ADD, STORE_DELETED, "$Junk", STORE_SEEN | STORE_DELETED, 3,
          true },
        { "remove", STORE_FLAGS_REMOVE, STORE_SEEN, "blue", STORE_DELETED, 2, true },
        { "remove what is not there", STORE_FLAGS_REMOVE, STORE_SEEN, "unknown", STORE_DELETED, 2,
          false },
        { "replace", STORE_FLAGS_REPLACE, STORE_FLAGGED, "Blue", STORE_FLAGGED, 1, true },
        { "replace by nothing", STORE_FLAGS_REPLACE, 0, NULL, 0, 0, true },
    };
    append_one(f, STORE_INBOX, 1, 0);
    append_one(f, STORE_INBOX, 2, 0);
    int64_t modseq = snapshot_of(f, STORE_INBOX).state.modseq;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct flag_case *c = &cases[i];
        str keyword = str_from_cstr(c->keyword);
        struct store_flag_result r =
            change(f, STORE_INBOX, RANGE(2, 9),
                   (struct store_flag_change){ .mode = c->mode,
                                               .flags = c->flags,
                                               .keywords = &keyword,
                                               .n_keywords = c->keyword != NULL });
        if (r.n != 1 || r.rows[0].uid != 2 || r.rows[0].flags != c->expected_flags ||
            r.rows[0].kw != c->expected_kw || (r.modseq > modseq) != c->changes) {
            fail_msg("%s: n %zu flags %u kw %llu modseq %lld", c->name, r.n, r.rows[0].flags,
                     (unsigned long long)r.rows[0].kw, (long long)r.modseq);
        }
        assert_int_equal(r.former, modseq);
        if (c->changes)
            modseq = r.modseq;
        assert_int_equal(r.rows[0].modseq, modseq);
        assert_sound(f, f->account);
    }
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    assert_int_equal(s.rows[0].flags, 0);
    assert_true(s.rows[0].modseq < modseq);
    assert_int_equal(s.keywords.used, 3);
    assert_true(str_eq(s.keywords.names[0], STR("Blue")));
}

static void test_flags(void **state)
{
    (void)state;
    with_store(flags_body);
}

static void unchangedsince_body(void *arg)
{
    struct fixture *f = arg;
    for (int i = 1; i <= 10; i++)
        append_one(f, STORE_INBOX, i, 0);
    int64_t known = snapshot_of(f, STORE_INBOX).state.modseq;
    const uint32_t touched[] = { 3, 7 };
    struct store_ranges some = store_ranges_of(&f->a, touched, 2);
    (void)change(f, STORE_INBOX, &some,
                 (struct store_flag_change){ .mode = STORE_FLAGS_ADD, .flags = STORE_ANSWERED });
    struct store_flag_result r = change(f, STORE_INBOX, RANGE(1, 100),
                                        (struct store_flag_change){ .mode = STORE_FLAGS_ADD,
                                                                    .flags = STORE_SEEN,
                                                                    .has_unchangedsince = true,
                                                                    .unchangedsince = known });
    assert_int_equal(r.n, 8);
    assert_int_equal(r.n_failed, 2);
    assert_int_equal(r.failed[0], 3);
    assert_int_equal(r.failed[1], 7);
    struct store_delta d = delta_of(f, STORE_INBOX, r.modseq - 1);
    assert_int_equal(d.n, 8);
    assert_int_equal(snapshot_of(f, STORE_INBOX).state.unseen, 2);
    /* UNCHANGEDSINCE 0 fails everywhere (RFC 7162 section 3.1.3). */
    r = change(f, STORE_INBOX, RANGE(1, 100),
               (struct store_flag_change){
                   .mode = STORE_FLAGS_REMOVE, .flags = STORE_SEEN, .has_unchangedsince = true });
    assert_int_equal(r.n, 0);
    assert_int_equal(r.n_failed, 10);
    assert_int_equal(r.modseq, 0);
    assert_sound(f, f->account);
}

static void test_unchangedsince(void **state)
{
    (void)state;
    with_store(unchangedsince_body);
}

/* I10. The 63rd keyword of an account has no bit; 64 are allowed in a mailbox, 1000 in all. */
static void keywords_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_flag_result r;
    append_one(f, STORE_INBOX, 1, 0);
    append_one(f, STORE_INBOX, 2, 0);
    str names[70];
    for (int i = 0; i < 70; i++)
        names[i] = arena_printf(&f->a, "k%02d", i);
    struct store_flag_change add = { .mode = STORE_FLAGS_ADD, .keywords = names, .n_keywords = 64 };
    r = change(f, STORE_INBOX, RANGE(1, 1), add);
    assert_int_equal(r.rows[0].kw, (UINT64_C(1) << 62) - 1);
    assert_true(r.rows[0].has_more);
    assert_int_equal(r.n_overflows, 1);
    assert_int_equal(r.overflows[0].n, 2);
    assert_true(str_eq(r.overflows[0].names[1], STR("k63")));
    add.keywords = names + 64;
    add.n_keywords = 1;
    assert_false(store_change_flags(f->store, f->account, STORE_INBOX, RANGE(2, 2), &add, &f->a,
                                    soon(), &r, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    /* The overflow goes along with a copy, shows up in pictures, and can be removed. */
    struct store_copied copied;
    bool no_target;
    MUST(store_transfer(f->store,
                        &(struct store_transfer){ .account_id = f->account,
                                                  .from_mailbox_id = STORE_INBOX,
                                                  .to_mailbox_id = 2,
                                                  .set = RANGE(1, 1) },
                        &f->a, soon(), &copied, &no_target, &e),
         e);
    struct store_snapshot s = snapshot_of(f, 2);
    assert_int_equal(s.n_overflows, 1);
    assert_true(s.rows[0].has_more);
    assert_int_equal(s.keywords.n_more, 2);
    struct store_flag_change away = { .mode = STORE_FLAGS_REMOVE,
                                      .keywords = names + 60,
                                      .n_keywords = 4 };
    r = change(f, STORE_INBOX, RANGE(1, 1), away);
    assert_int_equal(r.n_overflows, 0);
    assert_int_equal(r.rows[0].kw, (UINT64_C(1) << 60) - 1);
    struct store_delta d = delta_of(f, STORE_INBOX, r.modseq - 1);
    assert_int_equal(d.n, 1);
    assert_false(d.rows[0].has_more);
    /* 1000 of an account, over several mailboxes. */
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO keyword SELECT %lld, 'x' || i, 'x' || i, NULL"
                   " FROM generate_series(1, 936) i",
                   (long long)f->account);
    test_pg_run(sql);
    append_one(f, 3, 3, 0);
    assert_false(
        store_change_flags(f->store, f->account, 3, RANGE(1, 1), &add, &f->a, soon(), &r, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    static const struct {
        const char *name;
        enum err_kind kind;
    } bad[] = { { "", ERR_SYNTAX },
                { "a b", ERR_SYNTAX },
                { "a(b", ERR_SYNTAX },
                { "\\Seen", ERR_SYNTAX },
                { "\xc3\xa4", ERR_SYNTAX },
                { "a\"", ERR_SYNTAX },
                { "123456789012345678901234567890123456789012345678901", ERR_LIMIT } };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        str name = str_from_cstr(bad[i].name);
        e = ERR_CLEAR;
        add.keywords = &name;
        assert_false(store_change_flags(f->store, f->account, STORE_INBOX, RANGE(1, 1), &add, &f->a,
                                        soon(), &r, &e));
        assert_int_equal(e.kind, bad[i].kind);
    }
    assert_sound(f, f->account);
}

static void test_keywords(void **state)
{
    (void)state;
    with_store(keywords_body);
}

static void expunge_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_expunged out;
    for (int i = 1; i <= 12; i++)
        append_one(f, STORE_INBOX, i, i % 3 == 0 ? STORE_DELETED | STORE_SEEN : 0);
    int64_t since = snapshot_of(f, STORE_INBOX).state.modseq;
    /* UID EXPUNGE: only those of the set that are marked. */
    MUST(store_expunge(f->store, f->account, STORE_INBOX, RANGE(1, 6), true, &f->a, soon(), &out,
                       &e),
         e);
    assert_int_equal(out.n, 2);
    assert_int_equal(out.uids.n, 2);
    assert_true(store_ranges_has(&out.uids, 3) && store_ranges_has(&out.uids, 6));
    assert_sound(f, f->account);
    MUST(store_expunge(f->store, f->account, STORE_INBOX, NULL, true, &f->a, soon(), &out, &e), e);
    assert_int_equal(out.n, 2);
    assert_sound(f, f->account);
    MUST(store_expunge(f->store, f->account, STORE_INBOX, NULL, true, &f->a, soon(), &out, &e), e);
    assert_int_equal(out.n, 0);
    assert_int_equal(out.modseq, 0);
    /* Without the mark. */
    MUST(store_expunge(f->store, f->account, STORE_INBOX, RANGE(1, 2), false, &f->a, soon(), &out,
                       &e),
         e);
    assert_int_equal(out.n, 2);
    assert_int_equal(out.uids.n, 1);
    struct store_delta d = delta_of(f, STORE_INBOX, since);
    assert_int_equal(d.n, 0);
    assert_int_equal(store_ranges_count(&d.vanished), 6);
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    assert_int_equal(s.n, 6);
    assert_int_equal(s.state.messages, 6);
    assert_int_equal(s.state.deleted, 0);
    assert_int_equal(s.state.uidnext, 13);
    assert_sound(f, f->account);
    assert_false(store_expunge(f->store, f->account, 99, NULL, true, &f->a, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void test_expunge(void **state)
{
    (void)state;
    with_store(expunge_body);
}

static void transfer_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_copied out;
    bool no_target;
    for (int i = 1; i <= 8; i++)
        append_one(f, STORE_INBOX, i, i == 4 ? STORE_SEEN | STORE_DELETED : 0);
    append_one(f, 4, 20, 0);
    const uint32_t odd[] = { 7, 1, 3, 5, 900 };
    struct store_ranges set = store_ranges_of(&f->a, odd, COUNT_OF(odd));
    struct store_transfer t = {
        .account_id = f->account, .from_mailbox_id = STORE_INBOX, .to_mailbox_id = 4, .set = &set
    };
    MUST(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e), e);
    assert_int_equal(out.n, 4);
    assert_int_equal(out.first_uid, 2);
    assert_int_equal(out.uids[1], 3);
    struct store_snapshot to = snapshot_of(f, 4);
    struct store_snapshot from = snapshot_of(f, STORE_INBOX);
    assert_int_equal(to.n, 5);
    assert_int_equal(to.state.uidvalidity, out.uidvalidity);
    assert_int_equal(to.rows[2].msg_id, from.rows[2].msg_id);
    assert_int_equal(to.rows[2].idate_s, from.rows[2].idate_s);
    assert_int_equal(from.n, 8);
    assert_sound(f, f->account);
    /* MOVE: out of one and into the other in the same moment. */
    int64_t since = out.modseq;
    t.is_move = true;
    t.set = RANGE(1, 4);
    MUST(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e), e);
    assert_int_equal(out.n, 4);
    assert_int_equal(out.first_uid, 6);
    struct store_delta gone = delta_of(f, STORE_INBOX, since);
    struct store_delta come = delta_of(f, 4, since);
    assert_int_equal(store_ranges_count(&gone.vanished), 4);
    assert_int_equal(gone.n, 0);
    assert_int_equal(come.n, 4);
    assert_int_equal(come.rows[3].flags, STORE_SEEN | STORE_DELETED);
    assert_int_equal(gone.state.modseq, come.state.modseq);
    assert_sound(f, f->account);
    /* Into itself: the same messages under new UIDs. */
    t.to_mailbox_id = STORE_INBOX;
    t.set = RANGE(5, 6);
    MUST(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e), e);
    assert_int_equal(out.first_uid, 9);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, 4);
    t.is_move = false;
    t.set = RANGE(9, 9);
    MUST(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e), e);
    assert_int_equal(out.first_uid, 11);
    assert_sound(f, f->account);
    t.set = RANGE(500, 600);
    MUST(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e), e);
    assert_int_equal(out.n, 0);
    assert_int_equal(out.modseq, 0);
    t.to_mailbox_id = 99;
    assert_false(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e));
    assert_true(e.kind == ERR_NOT_FOUND && no_target);
    t.from_mailbox_id = 98;
    e = ERR_CLEAR;
    assert_false(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e));
    assert_true(e.kind == ERR_NOT_FOUND && !no_target);
}

static void test_transfer(void **state)
{
    (void)state;
    with_store(transfer_body);
}

static void transfer_quota_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_copied out;
    bool no_target;
    f->account = new_account(1000);
    for (int i = 1; i <= 3; i++)
        append_one(f, STORE_INBOX, i, 0);
    struct store_transfer t = { .account_id = f->account,
                                .from_mailbox_id = STORE_INBOX,
                                .to_mailbox_id = 4,
                                .set = RANGE(1, 3) };
    assert_false(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(snapshot_of(f, 4).n, 0);
    /* A move needs no room. */
    t.is_move = true;
    MUST(store_transfer(f->store, &t, &f->a, soon(), &out, &no_target, &e), e);
    assert_int_equal(snapshot_of(f, 4).n, 3);
    assert_sound(f, f->account);
}

static void test_transfer_quota(void **state)
{
    (void)state;
    with_store(transfer_quota_body);
}

/* A mailbox that is read in several steps, with holes between the UIDs. */
static void big_snapshot_body(void *arg)
{
    enum {
        MESSAGES = 20000
    };
    struct fixture *f = arg;
    char sql[1024];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO mbox_msg (account_id, mailbox_id, uid, msg_id, modseq, idate, size,"
                   " flags, kw) SELECT %lld, 1, i * i / 100 + i, i, 5 + i, to_timestamp(i - 10), i,"
                   " i %% 32, i %% 3 FROM generate_series(1, %d) i;"
                   "UPDATE mailbox_state SET msgs = %d, modseq = 50000, uidnext = 5000000"
                   " WHERE account_id = %lld AND mailbox_id = 1",
                   (long long)f->account, MESSAGES, MESSAGES, (long long)f->account);
    test_pg_run(sql);
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    assert_int_equal(s.n, MESSAGES);
    assert_int_equal(s.state.modseq, 50000);
    for (uint32_t i = 1; i <= MESSAGES; i++) {
        const struct store_row *row = &s.rows[i - 1];
        assert_int_equal(row->uid, i * i / 100 + i);
        assert_int_equal(row->msg_id, i);
        assert_int_equal(row->modseq, 5 + i);
        assert_int_equal(row->idate_s, (int64_t)i - 10);
        assert_int_equal(row->size, i);
        assert_int_equal(row->flags, i % 32);
        assert_int_equal(row->kw, i % 3);
    }
}

static void test_big_snapshot(void **state)
{
    (void)state;
    with_store(big_snapshot_body);
}

/* I15: UIDs end at 2^32 - 2, and nothing wraps. */
static void uid_overflow_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_appended out;
    struct store_copied copied;
    bool no_target;
    test_pg_run("UPDATE mailbox_state SET uidnext = 4294967294 WHERE mailbox_id = 1");
    assert_int_equal(append_one(f, STORE_INBOX, 1, 0), 4294967294U);
    assert_int_equal(snapshot_of(f, STORE_INBOX).state.uidnext, 4294967295U);
    const struct store_append_item item = { .message = prepare(f, make_raw(f, 2, 300)) };
    assert_false(store_append(f->store, f->account, STORE_INBOX, &item, 1, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    struct store_transfer t = { .account_id = f->account,
                                .from_mailbox_id = STORE_INBOX,
                                .to_mailbox_id = STORE_INBOX,
                                .set = RANGE(1, 4294967295U) };
    e = ERR_CLEAR;
    assert_false(store_transfer(f->store, &t, &f->a, soon(), &copied, &no_target, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.rows[0].uid, 4294967294U);
    assert_sound(f, f->account);
}

static void test_uid_overflow(void **state)
{
    (void)state;
    with_store(uid_overflow_body);
}

static void delta_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_expunged gone;
    struct store_delta out;
    for (int i = 1; i <= 100; i++)
        append_one(f, STORE_INBOX, i, 0);
    int64_t since = snapshot_of(f, STORE_INBOX).state.modseq;
    struct store_delta none = delta_of(f, STORE_INBOX, since);
    assert_int_equal(none.n, 0);
    assert_int_equal(none.vanished.n, 0);
    assert_false(none.is_too_old);
    (void)change(f, STORE_INBOX, RANGE(10, 20),
                 (struct store_flag_change){ .mode = STORE_FLAGS_ADD, .flags = STORE_SEEN });
    MUST(store_expunge(f->store, f->account, STORE_INBOX, RANGE(15, 30), false, &f->a, soon(),
                       &gone, &e),
         e);
    assert_int_equal(append_one(f, STORE_INBOX, 101, 0), 101);
    struct store_delta d = delta_of(f, STORE_INBOX, since);
    assert_int_equal(d.n, 6);
    assert_int_equal(d.rows[0].uid, 10);
    assert_int_equal(d.rows[4].uid, 14);
    assert_int_equal(d.rows[5].uid, 101);
    assert_true(d.rows[5].msg_id > 0 && d.rows[5].size == 300);
    assert_int_equal(d.vanished.n, 1);
    assert_int_equal(d.vanished.list[0].first, 15);
    assert_int_equal(d.vanished.list[0].last, 30);
    assert_int_equal(d.state.messages, 85);
    /* A picture and all deltas after it lead to the same rows. */
    struct store_snapshot s = snapshot_of(f, STORE_INBOX);
    assert_int_equal(s.n, 85);
    assert_int_equal(s.state.modseq, d.state.modseq);
    test_pg_run("UPDATE account_state SET chg_floor = 1000000");
    assert_true(delta_of(f, STORE_INBOX, since).is_too_old);
    assert_false(delta_of(f, STORE_INBOX, s.state.modseq).is_too_old);
    const struct store_viewed nowhere = own(f, 99);
    assert_false(store_delta_load(f->store, &nowhere, 1, &f->a, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    int64_t modseq;
    MUST(store_get_modseq(f->store, f->account, soon(), &modseq, &e), e);
    assert_int_equal(modseq, s.state.modseq);
}

static void test_delta(void **state)
{
    (void)state;
    with_store(delta_body);
}

static void test_ranges(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    const uint32_t uids[] = { 9, 3, 4, 5, 5, 1, 4294967295U, 4294967294U };
    struct store_ranges r = store_ranges_of(&a, uids, COUNT_OF(uids));
    assert_int_equal(r.n, 4);
    assert_int_equal(r.list[1].first, 3);
    assert_int_equal(r.list[1].last, 5);
    assert_int_equal(r.list[3].last, 4294967295U);
    assert_int_equal(store_ranges_count(&r), 7);
    assert_true(store_ranges_has(&r, 4) && store_ranges_has(&r, 9) && store_ranges_has(&r, 1));
    assert_false(store_ranges_has(&r, 2) || store_ranges_has(&r, 6) || store_ranges_has(&r, 0));
    r = store_ranges_of(&a, NULL, 0);
    assert_int_equal(r.n, 0);
    assert_false(store_ranges_has(&r, 1));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),       cmocka_unit_test(test_replace),
        cmocka_unit_test(test_flags),        cmocka_unit_test(test_unchangedsince),
        cmocka_unit_test(test_keywords),     cmocka_unit_test(test_expunge),
        cmocka_unit_test(test_transfer),     cmocka_unit_test(test_transfer_quota),
        cmocka_unit_test(test_uid_overflow), cmocka_unit_test(test_big_snapshot),
        cmocka_unit_test(test_delta),        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
