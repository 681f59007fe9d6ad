/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a user's mail on a real database: rights, and one transaction for mailboxes and queue.
 */
#include "account/leads.h"
#include "deliver/mail_fixture.h"
#include "mime/limits.h"
#include "queue/waiting.h"
#include "submit/answer.h"
#include "submit/decide.h"
#include "submit/release.h"
#include "wire/smtp_command.h"

#define HEADER "From: ada@example.org\r\nSubject: x\r\n"

/* By ada, with the sender that the message has. */
static enum submit_verdict submit_of_sender(struct mail_world *w, struct smtp_message m)
{
    struct err e = ERR_CLEAR;
    struct submit_result result;
    const struct submit s = {
        .store = w->store,
        .queue = w->queue,
        .accounts = w->accounts,
        .hostname = "mx.example.org",
    };
    m.account_id = w->ada;
    m.trace.is_auth = true;
    if (!submit_message(&s, &m, &w->a, mail_soon(), &result, &e))
        fail_msg("%s", e.msg);
    return result.verdict;
}

static enum submit_verdict submit_all(struct mail_world *w, struct smtp_message m)
{
    m.sender = STR("ada@example.org");
    return submit_of_sender(w, m);
}

static enum submit_verdict submit_as(struct mail_world *w, str content,
                                     const struct smtp_recipient *recipients, size_t n,
                                     bool may_save)
{
    struct smtp_message m = mail_message(w, content, recipients, n);
    m.may_save = may_save;
    return submit_all(w, m);
}

static enum submit_verdict submit(struct mail_world *w, str content,
                                  const struct smtp_recipient *recipients, size_t n)
{
    return submit_as(w, content, recipients, n, false);
}

static void rights(struct mail_world *w)
{
    static const struct {
        str content;
        enum submit_verdict verdict;
    } cases[] = {
        { STR_INIT(HEADER "\r\nx\r\n"), SUBMIT_DONE },
        { STR_INIT("From: Ada <ADA+tag@Example.ORG>\r\n\r\nx\r\n"), SUBMIT_DONE },
        { STR_INIT("From: bert@example.org\r\n\r\n"), SUBMIT_FROM_NOT_OWN },
        { STR_INIT("From: \"ada@example.org\" <bert@example.org>\r\n\r\n"), SUBMIT_FROM_NOT_OWN },
        { STR_INIT(HEADER "Sender: bert@example.org\r\n\r\n"), SUBMIT_FROM_NOT_OWN },
        { STR_INIT(HEADER "Resent-From: x@remote.example\r\n\r\n"), SUBMIT_FROM_NOT_OWN },
        { STR_INIT(HEADER "From: bert@example.org\r\n\r\n"), SUBMIT_FROM_MISSING },
        { STR_INIT("From: ada@example.org, bert@example.org\r\nSender: ada@example.org\r\n\r\n"),
          SUBMIT_FROM_NOT_OWN },
        { STR_INIT("From: ada@example.org, ada+x@example.org\r\n"
                   "Sender: ada@example.org\r\n\r\nx\r\n"),
          SUBMIT_DONE },
        { STR_INIT("From: ada@example.org, ada+x@example.org\r\n"
                   "Sender: bert@example.org\r\n\r\nx\r\n"),
          SUBMIT_FROM_NOT_OWN },
        { STR_INIT("From: ada@example.org, ada@elsewhere.example\r\n\r\n"), SUBMIT_FROM_MISSING },
        { STR_INIT("Subject: x\r\n\r\n"), SUBMIT_FROM_MISSING },
        { STR_INIT(HEADER "\r\na\nb\r\n"), SUBMIT_BARE_LINE_END },
        { STR_INIT(HEADER "\r\na\rb\r\n"), SUBMIT_BARE_LINE_END },
        { STR_INIT(" x\r\n" HEADER "\r\nx\r\n"), SUBMIT_HEADER_TORN },
        { STR_INIT("\tx\r\n" HEADER "\r\nx\r\n"), SUBMIT_HEADER_TORN },
        { STR_INIT(HEADER "Received: 1\r\nReceived: 2\r\nReceived: 3\r\nReceived: 4\r\n\r\n"),
          SUBMIT_LOOP },
    };
    const struct smtp_recipient bert = { .account_id = w->bert,
                                         .address = STR("bert@example.org") };
    int64_t before = mail_count(w, w->bert);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum submit_verdict verdict = submit(w, cases[i].content, &bert, 1);
        if (verdict != cases[i].verdict)
            fail_msg("%.*s: verdict %d", STR_FMT(cases[i].content), (int)verdict);
    }
    assert_int_equal(mail_count(w, w->bert), before + 3);
}

/* With the three fields that it is completed with, a header has to be one that can be signed whole.
 */
static void no_header_is_longer_than_what_is_signed(struct mail_world *w)
{
    const struct smtp_recipient far = { .address = STR("a@remote.example"),
                                        .domain = STR("remote.example") };
    struct buf content;
    buf_init(&content, 1U << 16);
    assert_true(buf_add(&content, STR(HEADER)));
    for (size_t i = 5; i < MIME_MAX_FIELDS; i++)
        assert_true(buf_add(&content, STR("X: a\r\n")));
    str most = arena_printf(&w->a, "%s\r\nx\r\n", buf_cstr(&content));
    assert_int_equal(submit(w, most, &far, 1), SUBMIT_DONE);
    str more = arena_printf(&w->a, "%sX: a\r\n\r\nx\r\n", buf_cstr(&content));
    assert_int_equal(submit(w, more, &far, 1), SUBMIT_HEADER_TOO_LARGE);
    more = arena_printf(&w->a, HEADER "X: %0*d\r\n\r\nx\r\n", MIME_MAX_HEADER_BYTES, 0);
    assert_int_equal(submit(w, more, &far, 1), SUBMIT_HEADER_TOO_LARGE);
    buf_fini(&content);
}

/* The right was lowered while the mail waited: without a Sender field it goes no more. */
static void what_waited_tells_who_wrote(struct mail_world *w)
{
    static const struct {
        str content;
        const char *is_on_behalf;
        enum submit_verdict verdict;
    } cases[] = {
        { STR_INIT("From: bert@example.org\r\n\r\nx\r\n"), "false", SUBMIT_DONE },
        { STR_INIT("From: bert@example.org\r\n\r\nx\r\n"), "true", SUBMIT_FROM_NOT_OWN },
        { STR_INIT("From: bert@example.org\r\nSender: ada@example.org\r\n\r\nx\r\n"), "true",
          SUBMIT_DONE },
    };
    const struct smtp_recipient ada = { .account_id = w->ada, .address = STR("ada@example.org") };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_message m = mail_message(w, cases[i].content, &ada, 1);
        m.was_held = true;
        test_pg_run(arena_printf(&w->a,
                                 "INSERT INTO address_sender (addr_lower, account_id, on_behalf)"
                                 " VALUES ('bert@example.org', %lld, %s)"
                                 " ON CONFLICT (addr_lower, account_id)"
                                 " DO UPDATE SET on_behalf = excluded.on_behalf",
                                 (long long)w->ada, cases[i].is_on_behalf)
                        .p);
        assert_int_equal(submit_all(w, m), cases[i].verdict);
    }
    test_pg_run("DELETE FROM address_sender");
}

static void both_sides_in_one_transaction(struct mail_world *w)
{
    str large = mail_text(w, STR(HEADER "\r\n"), STR("\r\n"), STR("\r\n"), 12000);
    const struct smtp_recipient recipients[] = {
        { .account_id = w->bert, .address = STR("bert@example.org") },
        { .address = STR("a@remote.example"), .domain = STR("remote.example") },
        { .address = STR("b@other.example"), .domain = STR("other.example") },
    };
    int64_t before = mail_count(w, w->bert);
    assert_int_equal(submit(w, STR(HEADER "\r\nx\r\n"), recipients, 3), SUBMIT_DONE);
    assert_int_equal(mail_count(w, w->bert), before + 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 2);
    assert_int_equal(submit(w, STR(HEADER "\r\nx\r\n"), &recipients[1], 2), SUBMIT_DONE);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 4);

    /* One full mailbox: nobody gets anything. */
    assert_int_equal(submit(w, large, recipients, 3), SUBMIT_OVER_QUOTA);
    assert_int_equal(mail_count(w, w->bert), before + 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 4);
}

static struct smtp_target target_of(int64_t account_id, const char *address)
{
    str text = str_from_cstr(address);
    return (struct smtp_target){ .account_id = account_id,
                                 .address = text,
                                 .domain = str_skip(text, (size_t)(str_find_byte(text, '@') + 1)) };
}

/* A group with a full member: the others have it, and who wrote is told of the address he wrote to,
 * in the same transaction. Who is named alone is refused as ever. */
static void a_full_member_keeps_it_from_nobody(struct mail_world *w)
{
    str large = mail_text(w, STR(HEADER "\r\n"), STR("\r\n"), STR("\r\n"), 12000);
    const struct smtp_target both[] = { target_of(w->bert, "bert@example.org"),
                                        target_of(w->ada, "ada@example.org") };
    const struct smtp_target far[] = { target_of(w->bert, "bert@example.org"),
                                       target_of(0, "far@remote.example") };
    const struct smtp_target alone[] = { target_of(w->bert, "bert@example.org") };
    const struct smtp_recipient group = { .address = STR("both@example.org"),
                                          .targets = both,
                                          .n_targets = 2,
                                          .has_notify = true,
                                          .notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE };
    const struct smtp_recipient mixed[] = {
        group,
        { .address = STR("far@example.org"), .targets = far, .n_targets = 2 },
    };
    const struct smtp_recipient named[] = {
        group,
        { .address = STR("alias@example.org"), .targets = alone, .n_targets = 1 },
    };
    int64_t of_ada = mail_count(w, w->ada);
    int64_t of_bert = mail_count(w, w->bert);
    test_pg_run("DELETE FROM q_rcpt");
    assert_int_equal(submit(w, large, &group, 1), SUBMIT_DONE);
    assert_int_equal(mail_count(w, w->ada), of_ada + 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'both@example.org' AND"
                       " status = 1 AND code = '5.2.2' AND reply <> '' AND notify = 29"),
        1);

    assert_int_equal(submit(w, large, mixed, 2), SUBMIT_DONE);
    assert_int_equal(mail_count(w, w->ada), of_ada + 2);
    assert_int_equal(submit(w, large, &mixed[1], 1), SUBMIT_DONE); /* no mailbox is left */
    assert_int_equal(mail_count(w, w->bert), of_bert);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE (rcpt, status) IN"
                                    " (('both@example.org', 1), ('far@example.org', 1),"
                                    " ('far@remote.example', 0))"),
                     6);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 6);

    assert_int_equal(submit(w, large, named, 2), SUBMIT_OVER_QUOTA);
    assert_int_equal(submit(w, large, &named[1], 1), SUBMIT_OVER_QUOTA);
    assert_int_equal(mail_count(w, w->ada), of_ada + 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 6);
}

/* Messages in a mailbox of ada's, and how many of them are unseen. */
static void expect_in(struct mail_world *w, enum store_role role, uint32_t messages,
                      uint32_t unseen)
{
    struct err e = ERR_CLEAR;
    struct store_mailbox box;
    if (!store_mailbox_get_role(w->store, w->ada, role, &w->a, mail_soon(), &box, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(box.state.messages, messages);
    assert_int_equal(box.state.unseen, unseen);
}

/* Where the account wants it: not because another one does, for XVERP, for a sender to whom reports
 * would not come here, nor for one that is no address. */
static void senders_name_their_message(struct mail_world *w)
{
    static const struct {
        str sender;
        bool is_wanted; /* by the one who writes; else by another one */
        bool is_verp;
        int64_t named;
    } cases[] = {
        { STR_INIT("ada@example.org"), true, false, 1 },
        { STR_INIT("ada+tag@example.org"), true, false, 1 },
        { STR_INIT("ada@example.org"), false, false, 0 },
        { STR_INIT("ada@example.org"), true, true, 0 },
        { STR_INIT(""), true, false, 0 },
        { STR_INIT("ada@remote.example"), true, false, 0 },
        { STR_INIT("absent@example.org"), true, false, 0 },
        { STR_INIT("ada@[192.0.2.1]"), true, false, 0 },
    };
    const struct smtp_recipient to[] = {
        { .account_id = w->bert, .address = STR("bert@example.org") },
        { .address = STR("a@remote.example"), .domain = STR("remote.example") },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_message m = mail_message(w, STR(HEADER "\r\nx\r\n"), to, COUNT_OF(to));
        m.sender = cases[i].sender;
        m.is_verp = cases[i].is_verp;
        test_pg_run("TRUNCATE q_msg, q_rcpt");
        test_pg_run(cases[i].is_wanted
                        ? "UPDATE account SET uses_from_id = (login = 'ada@example.org')"
                        : "UPDATE account SET uses_from_id = (login <> 'ada@example.org')");
        assert_int_equal(submit_of_sender(w, m), SUBMIT_DONE);
        assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 1);
        if (test_pg_number("SELECT count(*) FROM q_msg WHERE has_from_id") != cases[i].named)
            fail_msg("case %zu: %.*s", i, STR_FMT(m.sender));
    }
    test_pg_run("UPDATE account SET uses_from_id = false; TRUNCATE q_msg, q_rcpt");
}

/* A copy in Sent with all the others or not at all, where the program's account wants one. */
static void sent_mail_is_saved(struct mail_world *w)
{
    const str content = STR(HEADER "\r\nx\r\n");
    str large = mail_text(w, STR(HEADER "\r\n"), STR("\r\n"), STR("\r\n"), 12000);
    const struct smtp_recipient to[] = {
        { .account_id = w->bert, .address = STR("bert@example.org") },
        { .address = STR("a@remote.example"), .domain = STR("remote.example") },
        { .account_id = w->ada, .address = STR("ada@example.org") },
    };
    uint32_t in_inbox = (uint32_t)mail_count(w, w->ada);
    test_pg_run("TRUNCATE q_msg, q_rcpt");
    assert_int_equal(submit_as(w, content, to, 2, true), SUBMIT_DONE);
    expect_in(w, STORE_ROLE_SENT, 0, 0); /* off, as at first */
    test_pg_run("UPDATE account SET saves_sent = true WHERE login = 'ada@example.org'");
    assert_int_equal(submit(w, content, to, 2), SUBMIT_DONE);
    expect_in(w, STORE_ROLE_SENT, 0, 0); /* by no program */
    int64_t of_bert = mail_count(w, w->bert);
    assert_int_equal(submit_as(w, content, to, 2, true), SUBMIT_DONE);
    expect_in(w, STORE_ROLE_SENT, 1, 0);
    assert_int_equal(mail_count(w, w->bert), of_bert + 1);
    assert_int_equal(submit_as(w, content, &to[1], 1, true), SUBMIT_DONE);
    expect_in(w, STORE_ROLE_SENT, 2, 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 4);
    assert_int_equal(submit_as(w, large, to, 2, true), SUBMIT_OVER_QUOTA); /* of bert */
    expect_in(w, STORE_ROLE_SENT, 2, 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 4);
    /* A group of which nobody has room is refused, as without that copy; else there is one. */
    const struct smtp_target full[] = {
        target_of(w->bert, "bert@example.org"),
        target_of(mail_add_account(w, "full@example.org", 1), "full@example.org"),
        target_of(0, "far@remote.example"),
    };
    struct smtp_recipient group = { .address = STR("all@example.org"), .targets = full };
    group.n_targets = 2;
    assert_int_equal(submit_as(w, large, &group, 1, true), SUBMIT_OVER_QUOTA);
    expect_in(w, STORE_ROLE_SENT, 2, 0);
    group.n_targets = 3;
    assert_int_equal(submit_as(w, large, &group, 1, true), SUBMIT_DONE);
    expect_in(w, STORE_ROLE_SENT, 3, 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 0"), 5);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 6);
    /* To herself: unread in INBOX, read in Sent. */
    assert_int_equal(submit_as(w, content, &to[2], 1, true), SUBMIT_DONE);
    expect_in(w, STORE_ROLE_SENT, 4, 0);
    expect_in(w, STORE_ROLE_INBOX, in_inbox + 1, in_inbox + 1);
    /* Without room it leaves nevertheless. */
    test_pg_run("UPDATE account SET quota_bytes = 1 WHERE login = 'ada@example.org'");
    assert_int_equal(submit_as(w, content, &to[1], 1, true), SUBMIT_DONE);
    expect_in(w, STORE_ROLE_SENT, 4, 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 7);
    test_pg_run("UPDATE account SET quota_bytes = 0, saves_sent = false"
                " WHERE login = 'ada@example.org'");
    test_pg_run("TRUNCATE q_msg, q_rcpt");
}

#define OF_ADA "(SELECT account_id FROM account WHERE login = 'ada@example.org')"
#define SENT_OF_ADA                                               \
    " WHERE account_id = " OF_ADA " AND mailbox_id ="             \
    " (SELECT mailbox_id FROM mailbox WHERE account_id = " OF_ADA \
    " AND name IN ('Sent', 'Other'));"
#define FOR_ADA \
    " FROM account_state s WHERE s.account_id = " OF_ADA " AND account.account_id = s.account_id;"

/* What may be wrong with Sent keeps no mail from leaving, nor from those who have room. */
static void what_cannot_be_saved_leaves(struct mail_world *w)
{
    const str content = STR(HEADER "\r\nx\r\n");
    const struct smtp_recipient to[] = {
        { .account_id = w->ada, .address = STR("ada@example.org") },
        { .address = STR("a@remote.example"), .domain = STR("remote.example") },
    };
    static const struct {
        const char *before;
        size_t first, n;
        int in_sent, in_inbox; /* of it */
    } cases[] = {
        /* Any mailbox of that name is taken; of another role it is not, nor is one made. */
        { "UPDATE account SET saves_sent = true" FOR_ADA
          "UPDATE mailbox SET role = NULL" SENT_OF_ADA,
          1, 1, 1, 0 },
        { "UPDATE mailbox SET role = 'memos'" SENT_OF_ADA, 0, 2, 0, 1 },
        { "UPDATE account SET quota_mailboxes = 5" FOR_ADA
          "UPDATE mailbox SET role = NULL, name = 'Other'" SENT_OF_ADA,
          1, 1, 0, 0 },
        /* Room for none, for the one in INBOX alone, and for both. */
        { "UPDATE mailbox SET role = 'sent', name = 'Sent'" SENT_OF_ADA
          "UPDATE account SET quota_messages = q_count" FOR_ADA,
          1, 1, 0, 0 },
        { "UPDATE account SET quota_messages = q_count + 1" FOR_ADA, 0, 2, 0, 1 },
        { "UPDATE account SET quota_messages = q_count + 2" FOR_ADA, 0, 2, 1, 1 },
        /* What shows in the transaction only. */
        { "UPDATE account SET quota_messages = 0" FOR_ADA
          "UPDATE mailbox_state SET uidnext = 4294967295" SENT_OF_ADA,
          0, 2, 0, 1 },
        { "", 0, 1, 0, 1 },
        { "", 1, 1, 0, 0 },
    };
    int64_t all = mail_count(w, w->ada);
    int64_t sent = test_pg_number("SELECT msgs FROM mailbox_state" SENT_OF_ADA);
    int64_t left = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (*cases[i].before)
            test_pg_run(cases[i].before);
        enum submit_verdict verdict = submit_as(w, content, &to[cases[i].first], cases[i].n, true);
        sent += cases[i].in_sent;
        all += cases[i].in_sent + cases[i].in_inbox;
        left += cases[i].first + cases[i].n > 1;
        if (verdict != SUBMIT_DONE || mail_count(w, w->ada) != all ||
            test_pg_number("SELECT msgs * 1000 + (SELECT count(*) FROM q_rcpt)"
                           " FROM mailbox_state" SENT_OF_ADA) != sent * 1000 + left)
            fail_msg("case %zu: verdict %d", i, (int)verdict);
    }
    test_pg_run("UPDATE mailbox_state SET uidnext = 1000" SENT_OF_ADA
                "UPDATE account SET quota_mailboxes = 0, saves_sent = false" FOR_ADA
                "TRUNCATE q_msg, q_rcpt");
}

static void room(struct mail_world *w)
{
    const struct submit s = { .store = w->store };
    static const struct {
        bool of_ada;
        uint64_t size;
        bool fits;
    } cases[] = { { true, 1 << 30, true }, { false, 100, true }, { false, 10001, false } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        bool fits = false;
        assert_true(submit_has_room(&s, cases[i].of_ada ? w->ada : w->bert, cases[i].size,
                                    mail_soon(), &fits, &e));
        assert_int_equal(fits, cases[i].fits);
    }
    struct err e = ERR_CLEAR;
    bool fits = true;
    test_pg_run("UPDATE account SET quota_messages = q_count" FOR_ADA);
    assert_true(submit_has_room(&s, w->ada, 1, mail_soon(), &fits, &e));
    assert_false(fits);
    test_pg_run("UPDATE account SET quota_messages = q_count + 1" FOR_ADA);
    assert_true(submit_has_room(&s, w->ada, 1, mail_soon(), &fits, &e));
    assert_true(fits);
    test_pg_run("UPDATE account SET quota_messages = 0" FOR_ADA);
}

/* What is known of senders ends without any act of theirs; what was added by hand does not. */
static void what_is_known_of_senders_ends(struct mail_world *w)
{
    struct err e = ERR_CLEAR;
    test_pg_run(
        "INSERT INTO suppression (account_id, address, is_manual, expires)"
        " SELECT account_id, a, a LIKE 'hand@%', u::timestamptz FROM account,"
        " (VALUES ('old@x', '-infinity'), ('new@x', '2999-01-01'), ('hand@x', 'infinity')) AS v (a, u) WHERE login = 'ada@example.org'");
    test_pg_run("INSERT INTO sending_network (account_id, network, seen)"
                " SELECT account_id, n::cidr, now() - u::interval FROM account,"
                " (VALUES ('10.1.0.0/16', '25 hours'), ('10.2.0.0/16', '23 hours')) AS v (n, u)"
                " WHERE login = 'ada@example.org'");
    assert_true(account_sending_sweep(w->accounts, mail_soon(), &e));
    assert_int_equal(test_pg_number("SELECT count(*) FROM suppression WHERE address <> 'old@x'"),
                     2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM suppression"), 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM sending_network WHERE network <<="
                                    " '10.2.0.0/16'"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM sending_network"), 1);
}

/* A submission of ada's with a time: its verdict. */
static enum submit_verdict submit_later(struct mail_world *w, const struct submit *s,
                                        const struct smtp_recipient *recipients, size_t n)
{
    struct err e = ERR_CLEAR;
    struct submit_result result;
    struct smtp_message m = mail_message(w, STR(HEADER "\r\nlater\r\n"), recipients, n);
    m.account_id = w->ada;
    m.sender = STR("ada@example.org");
    m.release_us = clock_utc_us() + INT64_C(3600) * 1000000;
    m.hold_request = STR("for;3600");
    if (!submit_message(s, &m, &w->a, mail_soon(), &result, &e))
        fail_msg("%s", e.msg);
    return result.verdict;
}

static size_t release_due(const struct submit *s)
{
    struct err e = ERR_CLEAR;
    size_t n = 0;
    test_pg_run("UPDATE q_rcpt SET due = now() WHERE status = -3 AND NOT kept");
    if (!submit_release_due(s, 30, 10, mail_soon(), &n, &e))
        fail_msg("%s", e.msg);
    return n;
}

/* Nobody has anything before the time, people of ours neither; then all have it, or their
 * sender a report of who has not. */
static void waits_for_its_time(struct mail_world *w)
{
    const struct submit s = { .store = w->store,
                              .queue = w->queue,
                              .accounts = w->accounts,
                              .hostname = "mx.example.org",
                              .rules.most = { [ACCOUNT_SENDING_MESSAGES_HOUR] = 2 } };
    const struct smtp_recipient recipients[] = {
        { .account_id = w->bert, .address = STR("bert@example.org") },
        { .address = STR("a@remote.example"),
          .domain = STR("remote.example"),
          .has_notify = true,
          .notify = QUEUE_NOTIFY_SUCCESS },
        { .account_id = w->bert, .address = STR("gone@example.org") },
    };
    int64_t before = mail_count(w, w->bert);
    test_pg_run("TRUNCATE q_msg, q_rcpt, q_domain, sending");
    assert_int_equal(submit_later(w, &s, recipients, 3), SUBMIT_DONE);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = -3"), 3);
    assert_int_equal(mail_count(w, w->bert), before);
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(mail_count(w, w->bert), before + 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 0 AND notify = 12"
                                    " AND rcpt = 'a@remote.example'"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 1 AND code ="
                                    " '5.1.1' AND rcpt = 'gone@example.org'"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg WHERE hold_request = 'for;3600'"),
                     2);
    assert_int_equal(release_due(&s), 0);

    /* It counts when it is handed in, and not again when it goes. */
    assert_int_equal(submit_later(w, &s, &recipients[1], 1), SUBMIT_DONE);
    assert_int_equal(submit_later(w, &s, &recipients[1], 1), SUBMIT_LIMITED);
    /* Who may not send for now sends nothing by this either, until that ends. */
    test_pg_run("UPDATE sending SET held_at = now()");
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = -3"), 1);
    test_pg_run("DELETE FROM sending");
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = -3"), 0);
    assert_int_equal(submit_later(w, &s, recipients, 1), SUBMIT_DONE);
    test_pg_run("UPDATE account SET disabled_at = now() WHERE login = 'ada@example.org'");
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(mail_count(w, w->bert), before + 1);
    test_pg_run("UPDATE account SET disabled_at = NULL WHERE login = 'ada@example.org'");

    test_pg_run("TRUNCATE q_msg, q_rcpt");
    test_pg_run("INSERT INTO q_msg (queue_id, account_id, envelope_from, expires, release_at, size,"
                " codec, data) SELECT i, account_id, '', now(), now(), 1, 0, 'x' FROM account,"
                " generate_series(1, 1000) i WHERE login = 'ada@example.org'");
    assert_int_equal(submit_later(w, &s, recipients, 1), SUBMIT_HELD_ENOUGH);
    test_pg_run("TRUNCATE q_msg");
}

/* A mail for later to these addresses. */
static void write_later(struct mail_world *w, const struct submit *s, const char *const *addresses,
                        size_t n)
{
    struct smtp_recipient *to = ARENA_ARRAY(&w->a, struct smtp_recipient, n);
    for (size_t i = 0; i < n; i++) {
        to[i] =
            (struct smtp_recipient){ .account_id = w->ada, .address = str_from_cstr(addresses[i]) };
    }
    test_pg_run("TRUNCATE q_msg, q_rcpt");
    assert_int_equal(submit_later(w, s, to, n), SUBMIT_DONE);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = -3"), (int)n);
}

static void add_list(struct mail_world *w, const char *address, const str *targets, size_t n)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = { .name = STR("cli") };
    const struct account_lead_new list = { .address = str_from_cstr(address),
                                           .targets = targets,
                                           .n = n };
    if (!account_lead_add(w->accounts, &actor, &list, &w->a, mail_soon(), &e))
        fail_msg("%s", e.msg);
}

/* Mailboxes that are full keep the mail from nobody else: neither one that a list leads to, nor
 * one that had room when it was asked. */
static void who_is_full_is_left_out(struct mail_world *w)
{
    const struct submit s = {
        .store = w->store, .queue = w->queue, .accounts = w->accounts, .hostname = "mx.example.org"
    };
    static const char *const led[] = { "all@example.org", "carl@example.org", "a@remote.example" };
    static const char *const direct[] = { "bert@example.org", "carl@example.org",
                                          "a@remote.example" };
    const str targets[] = { STR("carl@example.org"), STR("bert@example.org"),
                            STR("b@remote.example") };
    int64_t carl = mail_add_account(w, "carl@example.org", 0);
    add_list(w, "all@example.org", targets, COUNT_OF(targets));
    write_later(w, &s, led, COUNT_OF(led));
    test_pg_run("UPDATE account SET quota_bytes = 1 WHERE login = 'bert@example.org'");
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(mail_count(w, carl), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 3);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM q_rcpt WHERE (rcpt, status, code) IN"
                       " (('all@example.org', 1, '5.2.2'), ('a@remote.example', 0, ''),"
                       " ('b@remote.example', 0, ''))"),
        3);

    write_later(w, &s, direct, COUNT_OF(direct));
    test_pg_run("UPDATE account SET quota_bytes = q_bytes + (SELECT size FROM q_msg) + 1"
                " FROM account_state s WHERE s.account_id = account.account_id"
                " AND login = 'bert@example.org'"); /* none for the fields on top */
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt LIKE '%@example.org'"
                                    " AND status = 1 AND code = '5.2.2'"),
                     2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'a@remote.example'"
                                    " AND status = 0"),
                     1);
    assert_int_equal(mail_count(w, carl), 1);
    test_pg_run("UPDATE account SET quota_bytes = 10000 WHERE login = 'bert@example.org'");
}

/* Nobody answers more than DECIDE_MAX questions by one mail; nothing of it is looked at. */
static void many_answers_are_none(struct mail_world *w)
{
    enum {
        MANY = DECIDE_MAX + 1
    };
    struct smtp_recipient *to = ARENA_ARRAY(&w->a, struct smtp_recipient, MANY);
    const int64_t before = mail_count(w, w->ada);
    for (unsigned i = 0; i < MANY; i++) {
        const uint8_t secret[QUEUE_TOKEN_SIZE] = { 2, (uint8_t)i };
        to[i].address = answer_address_make(&w->a, STR("ada@example.org"), secret);
        to[i].account_id = w->ada;
    }
    assert_int_equal(submit(w, STR(HEADER "\r\ncancel\r\n"), to, MANY), SUBMIT_NEVER);
    assert_int_equal(mail_count(w, w->ada), before);
    assert_int_equal(submit(w, STR(HEADER "\r\ncancel\r\n"), to, DECIDE_MAX), SUBMIT_DONE);
    assert_int_equal(mail_count(w, w->ada), before + 1); /* that nothing waits for them */
}

/* An address without a domain, an answer to a question of ours, and a sender that is somebody
 * else's by then. */
static void what_is_looked_up_when_it_goes(struct mail_world *w)
{
    const struct submit s = {
        .store = w->store, .queue = w->queue, .accounts = w->accounts, .hostname = "mx.example.org"
    };
    static const uint8_t secret[QUEUE_TOKEN_SIZE] = { 1, 2, 3 };
    struct err e = ERR_CLEAR;
    const char *to = "postmaster";
    test_pg_run("UPDATE account SET is_admin = true WHERE login = 'ada@example.org'");
    int64_t before = mail_count(w, w->ada);
    write_later(w, &s, &to, 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE domain = 'mx.example.org'"),
                     1);
    test_pg_run("UPDATE q_rcpt SET notify = 12"); /* of success, as was asked for */
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(mail_count(w, w->ada), before + 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'postmaster' AND"
                                    " status = 4 AND domain = 'mx.example.org'"),
                     1);
    test_pg_run("TRUNCATE q_msg, q_rcpt");

    assert_true(
        str_to_cstr(&w->a, answer_address_make(&w->a, STR("ada@example.org"), secret), &to, &e));
    write_later(w, &s, &to, 1);
    assert_int_equal(release_due(&s), 1);
    /* No mail of hers waits for an answer: she is told so. */
    assert_int_equal(mail_count(w, w->ada), before + 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);

    to = "a@remote.example";
    write_later(w, &s, &to, 1);
    test_pg_run("UPDATE q_msg SET envelope_from = 'bert@example.org'");
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 1 AND code ="
                                    " '5.7.1' AND reply LIKE '%envelope sender%'"),
                     1);
    write_later(w, &s, &to, 1);
    test_pg_run("UPDATE q_msg SET envelope_from = ''");
    assert_int_equal(release_due(&s), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 0"), 1);
    test_pg_run("TRUNCATE q_msg, q_rcpt");
}

static void run_all(void *arg)
{
    struct mail_world *w = arg;
    mail_fill(w);
    rights(w);
    what_waited_tells_who_wrote(w);
    both_sides_in_one_transaction(w);
    a_full_member_keeps_it_from_nobody(w);
    senders_name_their_message(w);
    sent_mail_is_saved(w);
    what_cannot_be_saved_leaves(w);
    room(w);
    what_is_known_of_senders_ends(w);
    waits_for_its_time(w);
    who_is_full_is_left_out(w);
    what_is_looked_up_when_it_goes(w);
    many_answers_are_none(w);
    no_header_is_longer_than_what_is_signed(w);
}

static void test_submit(void **state)
{
    struct mail_world w;
    (void)state;
    mail_begin(&w);
    in_fiber_run(w.rt, run_all, &w);
    mail_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
