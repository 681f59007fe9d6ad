/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations of a mailbox, messages by id, changes by id, and what changed since a state. */
#include "store/mail.h"
#include "store/store_fixture.h"

enum {
    DRAFTS = 2,
    SENT = 3,
    ARCHIVE = 4,
    JUNK = 5,
    TRASH = 6
};

/* Message `n`, in answer to `parent` (0: begins a conversation), received `n` minutes after a
 * fixed time; gives its id. */
static int64_t put(struct fixture *f, int mailbox, int n, int parent, unsigned flags)
{
    struct err e = ERR_CLEAR;
    struct store_appended out;
    str reference =
        parent ? arena_printf(&f->a, "References: <t%d@example.org>\r\n", parent) : STR_EMPTY;
    str raw = arena_printf(&f->a,
                           "From: Ada <ada@example.org>\r\nTo: bob@example.org\r\n%.*s"
                           "Subject: talk %d\r\nMessage-ID: <t%d@example.org>\r\n\r\nText %d\r\n",
                           STR_FMT(reference), parent ? parent : n, n, n);
    const struct store_append_item item = { .message = prepare(f, raw),
                                            .idate_s = 1700000000 + n * 60,
                                            .flags = flags };
    MUST(store_append(f->store, f->account, mailbox, &item, 1, soon(), &out, &e), e);
    return item.message->msg_id;
}

static struct store_threads list(struct fixture *f, struct store_thread_query q)
{
    struct err e = ERR_CLEAR;
    struct store_threads out;
    q.account_id = f->account;
    if (!q.mailbox_id)
        q.mailbox_id = STORE_INBOX;
    if (!q.limit)
        q.limit = 50;
    MUST(store_thread_list(f->store, &q, &f->a, soon(), &out, &e), e);
    return out;
}

static int64_t modseq_of(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    int64_t modseq = 0;
    MUST(store_get_modseq(f->store, f->account, soon(), &modseq, &e), e);
    return modseq;
}

static struct store_changes changes_since(struct fixture *f, int64_t since, size_t limit)
{
    struct err e = ERR_CLEAR;
    struct store_changes out;
    MUST(store_changes_load(f->store, f->account, since, limit, &f->a, soon(), &out, &e), e);
    return out;
}

static struct store_mail_changed apply(struct fixture *f, struct store_mail_change c)
{
    struct err e = ERR_CLEAR;
    struct store_mail_changed out;
    c.account_id = f->account;
    MUST(store_mail_apply(f->store, &c, &f->a, soon(), &out, &e), e);
    return out;
}

/* The newest conversation first; own mail from Sent stands in it, mail in Trash does not. */
static void list_body(void *arg)
{
    struct fixture *f = arg;
    int64_t first = put(f, STORE_INBOX, 1, 0, 0);
    int64_t second = put(f, STORE_INBOX, 2, 0, STORE_SEEN);
    int64_t reply = put(f, SENT, 3, 1, STORE_SEEN);
    int64_t answer = put(f, STORE_INBOX, 4, 1, STORE_FLAGGED);
    (void)put(f, TRASH, 5, 1, STORE_SEEN);
    struct store_threads t = list(f, (struct store_thread_query){ 0 });
    assert_int_equal(t.n, 2);
    assert_int_equal(t.list[0].n, 3);
    assert_int_equal(t.list[0].mails[0].msg_id, first);
    assert_int_equal(t.list[0].mails[1].msg_id, reply);
    assert_int_equal(t.list[0].mails[2].msg_id, answer);
    assert_int_equal(t.list[0].mails[1].places[0].mailbox_id, SENT);
    assert_int_equal(t.list[0].mails[2].flags, STORE_FLAGGED);
    assert_int_equal(t.list[0].at_us, (int64_t)(1700000000 + 240) * 1000000);
    assert_int_equal(t.list[1].n, 1);
    assert_int_equal(t.list[1].mails[0].msg_id, second);
    assert_true(str_eq(t.list[1].mails[0].subject, STR("talk 2")));
    assert_true(str_eq(t.list[1].mails[0].from_name, STR("Ada")));
    t = list(f, (struct store_thread_query){ .mailbox_id = TRASH });
    assert_int_equal(t.n, 1);
    assert_int_equal(t.list[0].n, 4);
    t = list(f, (struct store_thread_query){ .filter.with_flags = STORE_FLAGGED });
    assert_int_equal(t.n, 1);
    t = list(f, (struct store_thread_query){ .filter.without_flags = STORE_FLAGGED | STORE_SEEN });
    assert_int_equal(t.n, 1);
    assert_int_equal(t.list[0].at_us, (int64_t)(1700000000 + 60) * 1000000);
    t = list(f, (struct store_thread_query){ .mailbox_id = 99 });
    assert_int_equal(t.n, 0);
}

static struct store_thread_index index_of(struct fixture *f, struct store_thread_filter filter)
{
    struct err e = ERR_CLEAR;
    struct store_thread_index out;
    const struct store_thread_query query = { .account_id = f->account,
                                              .mailbox_id = STORE_INBOX,
                                              .filter = filter };
    MUST(store_thread_index(f->store, &query, &f->a, soon(), &out, &e), e);
    return out;
}

/* Page by page gives each conversation once and the same order as the index. */
static void page_through(struct fixture *f, struct store_thread_filter filter, size_t total)
{
    struct store_thread_query q = { .limit = 3, .filter = filter };
    struct store_thread_index index = index_of(f, filter);
    size_t seen = 0;
    assert_int_equal(index.n, total);
    for (;;) {
        struct store_threads t = list(f, q);
        for (size_t i = 0; i < t.n; i++)
            assert_int_equal(t.list[i].thread_id, index.thread_ids[seen++]);
        if (t.n < q.limit)
            break;
        q.has_place = true;
        q.at_us = t.list[t.n - 1].at_us;
        q.at_uid = t.list[t.n - 1].at_uid;
    }
    assert_int_equal(seen, total);
}

static void pages_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_thread_index missing;
    for (int n = 1; n <= 30; n++) {
        (void)put(f, STORE_INBOX, n, n > 10 && n % 3 == 0 ? n % 10 + 1 : 0,
                  n % 4 == 0 ? STORE_SEEN : 0);
    }
    page_through(f, (struct store_thread_filter){ 0 }, 23);
    page_through(f, (struct store_thread_filter){ .oldest_first = true }, 23);
    page_through(f, (struct store_thread_filter){ .with_flags = STORE_SEEN }, 7);
    page_through(f, (struct store_thread_filter){ .with_attachment = true }, 0);
    struct store_thread_index index = index_of(f, (struct store_thread_filter){ 0 });
    struct store_threads some;
    const int64_t ids[] = { index.thread_ids[7], 12345, index.thread_ids[2] };
    const struct store_wanted wanted = { .account_id = f->account, .ids = ids, .n = 3 };
    MUST(store_thread_get(f->store, &wanted, &f->a, soon(), &some, &e), e);
    assert_int_equal(some.n, 2);
    assert_int_equal(some.list[0].thread_id, ids[0]);
    assert_int_equal(some.list[1].thread_id, ids[2]);
    const struct store_thread_query nowhere = { .account_id = f->account, .mailbox_id = 77 };
    assert_false(store_thread_index(f->store, &nowhere, &f->a, soon(), &missing, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static struct store_mail get_one(struct fixture *f, int64_t id, bool *found)
{
    struct err e = ERR_CLEAR;
    struct store_mails out;
    const struct store_wanted wanted = {
        .account_id = f->account, .ids = &id, .n = 1, .with_form = true
    };
    MUST(store_mail_get(f->store, &wanted, &f->a, soon(), &out, &e), e);
    *found = out.n == 1;
    return out.n ? out.list[0] : (struct store_mail){ 0 };
}

/* Flags and keywords, copy, move and expunge by id, over several mailboxes. */
static void apply_body(void *arg)
{
    struct fixture *f = arg;
    bool found;
    const str label = STR("work");
    const int64_t ids[] = { put(f, STORE_INBOX, 1, 0, 0), put(f, ARCHIVE, 2, 0, 0), 4711 };
    struct store_mail_changed done = apply(f, (struct store_mail_change){ .act = STORE_MAIL_FLAGS,
                                                                          .msg_ids = ids,
                                                                          .n = 3,
                                                                          .set_flags = STORE_SEEN,
                                                                          .set_keywords = &label,
                                                                          .n_set_keywords = 1 });
    assert_int_equal(done.n_missed, 1);
    assert_int_equal(done.missed[0], 4711);
    assert_int_equal(done.modseq, modseq_of(f));
    struct store_mail m = get_one(f, ids[1], &found);
    assert_true(found && m.flags == STORE_SEEN && m.n_keywords == 1);
    assert_true(str_eq(m.keywords[0], label));
    assert_true(str_has_prefix(m.envelope, STR("(NIL \"talk 2\"")));
    assert_true(str_has_prefix(m.bodystructure, STR("(\"text\" \"plain\"")));
    (void)apply(f, (struct store_mail_change){
                       .act = STORE_MAIL_COPY, .msg_ids = ids, .n = 2, .to_mailbox_id = ARCHIVE });
    m = get_one(f, ids[0], &found);
    assert_int_equal(m.n_places, 2);
    assert_int_equal(get_one(f, ids[1], &found).n_places, 1);
    (void)apply(f, (struct store_mail_change){
                       .act = STORE_MAIL_MOVE, .msg_ids = ids, .n = 2, .to_mailbox_id = TRASH });
    for (int i = 0; i < 2; i++) {
        m = get_one(f, ids[i], &found);
        assert_true(found && m.n_places == 1);
        assert_int_equal(m.places[0].mailbox_id, TRASH);
    }
    (void)apply(f, (struct store_mail_change){ .act = STORE_MAIL_EXPUNGE, .msg_ids = ids, .n = 1 });
    (void)get_one(f, ids[0], &found);
    assert_false(found);
    (void)get_one(f, ids[1], &found);
    assert_true(found);
    assert_sound(f, f->account);
}

/* Moving to a mailbox that is not there changes nothing. */
static void no_target_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_mail_changed out;
    bool found;
    int64_t id = put(f, STORE_INBOX, 1, 0, 0);
    const struct store_mail_change c = { .account_id = f->account,
                                         .act = STORE_MAIL_MOVE,
                                         .msg_ids = &id,
                                         .n = 1,
                                         .to_mailbox_id = 99 };
    assert_false(store_mail_apply(f->store, &c, &f->a, soon(), &out, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(get_one(f, id, &found).places[0].mailbox_id, STORE_INBOX);
}

static void changes_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int made;
    int64_t start = modseq_of(f);
    struct store_changes c = changes_since(f, start, 100);
    assert_true(c.modseq == start && !c.has_more && c.mails_created.n + c.mails_gone.n == 0);
    int64_t one = put(f, STORE_INBOX, 1, 0, 0);
    int64_t two = put(f, STORE_INBOX, 2, 1, 0);
    int64_t three = put(f, STORE_INBOX, 3, 0, 0);
    int64_t middle = modseq_of(f);
    c = changes_since(f, start, 100);
    assert_int_equal(c.mails_created.n, 3);
    assert_int_equal(c.threads_created.n, 2);
    assert_int_equal(c.threads_updated.n, 0);
    assert_int_equal(c.mailboxes_updated.n, 1);
    assert_int_equal(c.mailboxes_updated.list[0], STORE_INBOX);
    c = changes_since(f, start, 2);
    assert_true(c.has_more && c.mails_created.n == 2 && c.modseq < middle);
    c = changes_since(f, c.modseq, 2);
    assert_true(!c.has_more && c.mails_created.n == 1 && c.modseq == middle);

    (void)apply(f, (struct store_mail_change){
                       .act = STORE_MAIL_MOVE, .msg_ids = &one, .n = 1, .to_mailbox_id = ARCHIVE });
    (void)apply(f, (struct store_mail_change){
                       .act = STORE_MAIL_COPY, .msg_ids = &two, .n = 1, .to_mailbox_id = ARCHIVE });
    (void)apply(f,
                (struct store_mail_change){ .act = STORE_MAIL_EXPUNGE, .msg_ids = &three, .n = 1 });
    MUST(store_mailbox_create(f->store, f->account, STR("New"), STORE_ROLE_NONE, soon(), &made, &e),
         e);
    c = changes_since(f, middle, 100);
    assert_int_equal(c.mails_created.n, 0);
    assert_int_equal(c.mails_updated.n, 2);
    assert_int_equal(c.mails_gone.n, 1);
    assert_int_equal(c.mails_gone.list[0], three);
    assert_int_equal(c.threads_updated.n, 1);
    assert_int_equal(c.threads_gone.n, 1);
    assert_int_equal(c.threads_gone.list[0], three);
    assert_int_equal(c.mailboxes_created.n, 1);
    assert_int_equal(c.mailboxes_created.list[0], made);
    MUST(store_mailbox_delete(f->store, f->account, STR("New"), soon(), &e), e);
    c = changes_since(f, middle, 100);
    assert_int_equal(c.mailboxes_gone.n, 1);
    assert_int_equal(c.mailboxes_created.n, 0);
    /* A state from the future: a server that was set back. */
    assert_true(changes_since(f, modseq_of(f) + 1, 100).is_too_old);
}

static void test_list(void **state)
{
    (void)state;
    with_store(list_body);
}

static void test_pages(void **state)
{
    (void)state;
    with_store(pages_body);
}

static void test_apply(void **state)
{
    (void)state;
    with_store(apply_body);
}

static void test_no_target(void **state)
{
    (void)state;
    with_store(no_target_body);
}

static void test_changes(void **state)
{
    (void)state;
    with_store(changes_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),    cmocka_unit_test(test_pages),
        cmocka_unit_test(test_apply),   cmocka_unit_test(test_no_target),
        cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
