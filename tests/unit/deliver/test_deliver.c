/* SPDX-License-Identifier: Apache-2.0 */
/* The inbound path on a real database: copies, loops, full mailboxes, repeated transactions. */
#include "account/dkim.h"
#include "account/leads.h"
#include "crypto/seal.h"
#include "deliver/deliver.h"
#include "deliver/forward.h"
#include "deliver/mail_fixture.h"
#include "dns/dns.h"
#include "queue/sign.h"
#include "wire/smtp_command.h"

static bool try_deliver(struct mail_world *w, const struct smtp_message *m,
                        struct deliver_result *result, struct err *e)
{
    const struct deliver d = {
        .store = w->store,
        .queue = w->queue,
        .accounts = w->accounts,
        .hostname = "mx.example.org",
        .retry_window_ms = w->retry_window_ms,
    };
    return deliver_message(&d, m, &w->a, mail_soon(), result, e);
}

static struct deliver_result deliver(struct mail_world *w, const struct smtp_message *m)
{
    struct err e = ERR_CLEAR;
    struct deliver_result result;
    if (!try_deliver(w, m, &result, &e))
        fail_msg("%s", e.msg);
    return result;
}

static void one_copy_an_account(struct mail_world *w)
{
    const struct smtp_recipient recipients[] = {
        { .account_id = w->ada, .address = STR("ada@example.org") },
        { .account_id = w->bert, .address = STR("bert@example.org") },
        { .account_id = w->ada, .address = STR("ada+tag@example.org") },
    };
    int64_t before = mail_count(w, w->ada);
    const struct smtp_message m = mail_message(w, STR("Subject: x\r\n\r\ny\r\n"), recipients, 3);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, w->ada), before + 1);
    assert_int_equal(mail_count(w, w->bert), 1);
    /* The same transaction again, as after a reply that was lost on the way to the database. */
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, w->ada), before + 1);
}

static void loops_are_stopped(struct mail_world *w)
{
    const struct smtp_recipient ada = { .account_id = w->ada, .address = STR("ada@example.org") };
    struct smtp_message m = mail_message(
        w, STR("Received: a\r\nReceived: b\r\nReceived: c\r\n\r\nReceived: body\r\n"), &ada, 1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    m = mail_message(w, STR("Received: a\r\nReceived: b\r\nReceived: c\r\nreceived: d\r\n\r\n"),
                     &ada, 1);
    int64_t before = mail_count(w, w->ada);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_LOOP);
    assert_int_equal(mail_count(w, w->ada), before);
}

/* What begins with a blank has no header: nothing of it becomes part of our own fields. */
static void a_header_that_begins_with_a_blank_is_text(struct mail_world *w)
{
    const struct smtp_recipient ada = { .account_id = w->ada, .address = STR("ada@example.org") };
    const struct smtp_message m =
        mail_message(w, STR(" for <x@example.net>;\r\nSubject: torn\r\n\r\nbody\r\n"), &ada, 1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(test_pg_number("SELECT count(*) FROM message WHERE subject = 'torn'"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM message WHERE preview LIKE"
                                    " 'for <x@example.net>; Subject: torn%body%'"),
                     1);
}

/* RFC 9228: what was delivered to an address does not come to it again; what others had before
 * does.
 */
static void what_was_here_is_stopped(struct mail_world *w)
{
    const struct smtp_recipient both[] = {
        { .account_id = w->ada, .address = STR("ada@example.org") },
        { .account_id = w->bert, .address = STR("bert@example.org") }
    };
    str seen =
        STR("Received: x\r\nDelivered-To: other@example.org\r\n"
            "delivered-to:\r\n <Ada@EXAMPLE.org> \r\n\r\nDelivered-To: bert@example.org\r\n");
    struct smtp_message m = mail_message(w, seen, both, 1);
    int64_t ada = mail_count(w, w->ada);
    int64_t bert = mail_count(w, w->bert);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_LOOP);
    m = mail_message(w, seen, &both[1], 1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 0);
    m = mail_message(w, seen, both, 2);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, w->ada), ada);
    assert_int_equal(mail_count(w, w->bert), bert + 2);
    /* The sender is told of the one that did not get it. */
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
    test_pg_run("DELETE FROM q_rcpt");
    /* As many as hops are allowed. */
    m = mail_message(w, STR("Delivered-To: a\r\nDelivered-To: b\r\nDelivered-To: c\r\n\r\n"), both,
                     1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    m = mail_message(
        w, STR("Delivered-To: a\r\nDelivered-To: b\r\nDelivered-To: c\r\nDelivered-To: d\r\n\r\n"),
        both, 1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_LOOP);
}

static void deliver_again(struct mail_world *w, const char *content, const char *sender,
                          const char *address, int64_t more)
{
    const struct smtp_recipient ada = { .account_id = w->ada, .address = str_from_cstr(address) };
    struct smtp_message m = mail_message(w, str_from_cstr(content), &ada, 1);
    int64_t before = mail_count(w, w->ada);
    m.sender = str_from_cstr(sender);
    w->retry_window_ms = INT64_C(26) * 3600 * 1000;
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    w->retry_window_ms = 0;
    if (mail_count(w, w->ada) - before != more) {
        fail_msg("%s to %s: %lld copies", sender, address,
                 (long long)(mail_count(w, w->ada) - before));
    }
}

/* R2: with the window on, what comes in another transaction after a reply that was lost is no
 * second copy; what only looks like it is. */
static void retries_are_known_again(struct mail_world *w)
{
    static const char text[] = "Message-ID: <1@remote>\r\n\r\nx\r\n";
    deliver_again(w, text, "a@remote.example", "ada@example.org", 1);
    deliver_again(w, text, "a@remote.example", "Ada@Example.org", 0);
    deliver_again(w, text, "b@remote.example", "ada@example.org", 1);
    deliver_again(w, text, "a@remote.example", "ada+list@example.org", 1);
    deliver_again(w, "Message-ID: <1@remote>\r\n\r\ny\r\n", "a@remote.example", "ada@example.org",
                  1);
    deliver_again(w, "Subject: none\r\n\r\nx\r\n", "a@remote.example", "ada@example.org", 1);
    deliver_again(w, "Subject: none\r\n\r\nx\r\n", "a@remote.example", "ada@example.org", 1);
    /* Yesterday, 24 hours ago. */
    test_pg_run("UPDATE delivered SET day = day - 1, msg_id = msg_id - (86400000::bigint << 16)");
    deliver_again(w, text, "a@remote.example", "ada@example.org", 0);
    /* 27 hours ago: once more, and from then on for the same time. */
    test_pg_run("UPDATE delivered SET msg_id = msg_id - (10800000::bigint << 16)");
    deliver_again(w, text, "a@remote.example", "ada@example.org", 1);
    deliver_again(w, text, "a@remote.example", "ada@example.org", 0);
    /* Of the same day, but too long ago. */
    test_pg_run("UPDATE delivered SET day = (SELECT max(day) FROM delivered),"
                " msg_id = msg_id - (97200000::bigint << 16)");
    deliver_again(w, text, "a@remote.example", "ada@example.org", 1);
    deliver_again(w, text, "a@remote.example", "ada@example.org", 0);
}

/* A header of `size` octets and a short body. */
static str with_header(struct mail_world *w, size_t size)
{
    return mail_text(w, STR("A: b"), STR("\r\n "), STR("\r\n\r\nbody\r\n"), size + 6);
}

static void huge_headers_are_refused(struct mail_world *w)
{
    const struct smtp_recipient ada = { .account_id = w->ada, .address = STR("ada@example.org") };
    struct smtp_message m = mail_message(w, with_header(w, DELIVER_MAX_HEADER), &ada, 1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    m = mail_message(w, with_header(w, DELIVER_MAX_HEADER + 1), &ada, 1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_HEADER_TOO_LARGE);
}

static str large(struct mail_world *w)
{
    return mail_text(w, STR("A: b\r\n\r\n"), STR("\r\n"), STR("\r\n"), 20000);
}

static void full_mailboxes(struct mail_world *w)
{
    const struct smtp_recipient both[] = {
        { .account_id = w->ada, .address = STR("ada@example.org") },
        { .account_id = w->bert, .address = STR("bert@example.org") }
    };
    struct smtp_message m = mail_message(w, large(w), &both[1], 1);
    int64_t bert = mail_count(w, w->bert);
    struct deliver_result result = deliver(w, &m);
    assert_int_equal(result.verdict, DELIVER_OVER_QUOTA);
    assert_int_equal(result.full_account_id, w->bert);

    /* A remote sender is told through the queue. */
    int64_t ada = mail_count(w, w->ada);
    m = mail_message(w, large(w), both, 2);
    result = deliver(w, &m);
    assert_int_equal(result.verdict, DELIVER_DONE);
    assert_int_equal(result.full_account_id, w->bert);
    assert_int_equal(mail_count(w, w->ada), ada + 1);
    assert_int_equal(mail_count(w, w->bert), bert);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = "
                                    "'sender@remote.example'"),
                     1);

    /* One of ours finds the report in the mailbox; the null sender is told nothing. */
    m = mail_message(w, large(w), both, 2);
    m.sender = STR("ada@example.org");
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, w->ada), ada + 3);
    m = mail_message(w, large(w), both, 2);
    m.sender = STR_EMPTY;
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, w->ada), ada + 4);
    m = mail_message(w, large(w), both, 2);
    m.sender = STR("x@[192.0.2.1]");
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, w->ada), ada + 5);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
}

static int64_t count_leaving(const char *address)
{
    char sql[120];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM q_rcpt WHERE rcpt = '%s'", address);
    return test_pg_number(sql);
}

/* The sender as mail of his leaves that example.org forwards. */
static str forwarded(struct mail_world *w, str sender)
{
    struct err e = ERR_CLEAR;
    str made = STR_EMPTY;
    const struct account_forwarding forwarding = { .sender = sender, .domain = STR("example.org") };
    MUST(account_forward_sender(w->accounts, &forwarding, &w->a, mail_soon(), &made, &e), e);
    assert_true(str_has_prefix(made, STR("SRS0=")));
    return made;
}

/* A sender who leads to several is told at all of them, as any mail to it comes to all, also when
 * it left before as an address of who forwards. */
static void full_mailboxes_are_told_of_everywhere(struct mail_world *w)
{
    static const struct {
        const char *sender;
        const char *targets[3];
        bool is_forwarded;
    } cases[] = {
        { "far-first@example.org", { "x@far.example", "ada@example.org", "y@far.example" }, false },
        { "far-first@example.org", { NULL }, true },
        { "near-first@example.org", { "ada@example.org", "x@far.example", "y@far.example" }, true },
    };
    const struct smtp_recipient both[] = {
        { .account_id = w->ada, .address = STR("ada@example.org") },
        { .account_id = w->bert, .address = STR("bert@example.org") }
    };
    const struct account_actor actor = { .name = STR("cli") };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        str targets[3];
        const struct account_lead_new lead = { .address = str_from_cstr(cases[i].sender),
                                               .targets = targets,
                                               .n = 3 };
        for (size_t k = 0; k < 3 && cases[i].targets[k]; k++)
            targets[k] = str_from_cstr(cases[i].targets[k]);
        if (cases[i].targets[0])
            MUST(account_lead_add(w->accounts, &actor, &lead, &w->a, mail_soon(), &e), e);
        int64_t ada = mail_count(w, w->ada);
        struct smtp_message m = mail_message(w, large(w), both, 2);
        m.sender = cases[i].is_forwarded ? forwarded(w, lead.address) : lead.address;
        test_pg_run("DELETE FROM q_rcpt; DELETE FROM q_msg");
        assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
        assert_int_equal(mail_count(w, w->ada), ada + 2);
        assert_int_equal(count_leaving("x@far.example"), 1);
        assert_int_equal(count_leaving("y@far.example"), 1);
    }
    test_pg_run("DELETE FROM q_rcpt; DELETE FROM q_msg");
}

/* Who cannot be told without SMTPUTF8 is told with it (RFC 6533). */
static void full_mailboxes_are_told_of_in_utf8(struct mail_world *w)
{
    static const struct {
        const char *sender;
        int64_t is_utf8;
    } cases[] = { { "j\xc3\xbcrgen@remote.example", 1 }, { "juergen@remote.example", 0 } };
    const struct smtp_recipient both[] = {
        { .account_id = w->ada, .address = STR("ada@example.org") },
        { .account_id = w->bert, .address = STR("bert@example.org") }
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_message m = mail_message(w, large(w), both, 2);
        m.sender = str_from_cstr(cases[i].sender);
        m.is_utf8 = true;
        test_pg_run("DELETE FROM q_rcpt; DELETE FROM q_msg");
        assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
        assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt JOIN q_msg USING (queue_id)"),
                         1);
        assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg WHERE is_utf8"),
                         cases[i].is_utf8);
    }
    test_pg_run("DELETE FROM q_rcpt; DELETE FROM q_msg");
}

/* RFC 3461: what leads to several accounts is one recipient, told of once; as is each of several
 * that share one. */
static void success_is_told_once(struct mail_world *w)
{
    enum {
        MANY = 40
    };
    struct smtp_target members[MANY];
    for (size_t i = 0; i < MANY; i++) {
        str address = arena_printf(&w->a, "member%zu@example.org", i);
        members[i].account_id = mail_add_account(w, arena_cstr(&w->a, address), 0);
    }
    struct smtp_recipient group = { .address = STR("group@example.org"),
                                    .has_notify = true,
                                    .notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE,
                                    .targets = members,
                                    .n_targets = MANY };
    const struct smtp_recipient both[] = {
        { .account_id = w->ada,
          .address = STR("ada@example.org"),
          .has_notify = true,
          .notify = SMTP_NOTIFY_SUCCESS },
        { .account_id = w->ada,
          .address = STR("ada+tag@example.org"),
          .has_notify = true,
          .notify = SMTP_NOTIFY_SUCCESS },
        { .account_id = w->ada,
          .address = STR("postmaster"),
          .has_notify = true,
          .notify = SMTP_NOTIFY_SUCCESS },
    };
    test_pg_run("DELETE FROM q_rcpt");
    struct smtp_message m = mail_message(w, STR("Subject: x\r\n\r\ny\r\n"), &group, 1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, members[MANY - 1].account_id), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'group@example.org'"
                                    " AND status > 0"),
                     1);
    m = mail_message(w, STR("Subject: x\r\n\r\ny\r\n"), both, 3);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt LIKE 'ada%'"), 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'postmaster'"
                                    " AND domain LIKE '%.%'"),
                     1);

    /* With one mailbox that is full, the sender hears of the failure, and only of that. */
    members[0].account_id = members[1].account_id = w->bert;
    members[2].account_id = w->bert;
    test_pg_run("DELETE FROM q_rcpt");
    m = mail_message(w, large(w), &group, 1);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'sender@remote.example'"), 1);
    test_pg_run("DELETE FROM q_rcpt");
}

/* What is to be told of success is durable with the copies or neither is: who hears of an error has
 * nothing delivered. Where a full mailbox keeps them apart, the copies count. */
static void success_is_part_of_the_delivery(struct mail_world *w)
{
    const struct smtp_recipient both[] = {
        { .account_id = w->ada,
          .address = STR("ada@example.org"),
          .has_notify = true,
          .notify = SMTP_NOTIFY_SUCCESS },
        { .account_id = w->bert, .address = STR("bert@example.org"), .has_notify = true },
    };
    struct err e = ERR_CLEAR;
    struct deliver_result result;
    int64_t ada = mail_count(w, w->ada);
    test_pg_run("ALTER TABLE q_rcpt ADD CONSTRAINT broken CHECK (status <> 4) NOT VALID");
    struct smtp_message m = mail_message(w, large(w), both, 1);
    assert_false(try_deliver(w, &m, &result, &e));
    assert_int_equal(mail_count(w, w->ada), ada);
    m = mail_message(w, large(w), both, 2);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, w->ada), ada + 1);
    test_pg_run("ALTER TABLE q_rcpt DROP CONSTRAINT broken");
    m = mail_message(w, large(w), both, 2);
    assert_int_equal(deliver(w, &m).verdict, DELIVER_DONE);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 4"), 1);
    test_pg_run("DELETE FROM q_rcpt");
}

/* Of a message whose recipients are delivered alone, each address elsewhere gets one copy; what is
 * not delivered is not remembered. */
static void leaves_once(struct mail_world *w)
{
    struct smtp_target far[] = {
        { .address = STR("far@else.example"), .domain = STR("else.example") },
        { .address = STR("Far@Else.example"), .domain = STR("else.example") },
        { .address = STR("more@else.example"), .domain = STR("else.example") },
    };
    const struct smtp_recipient each[] = {
        { .address = STR("a@example.org"), .targets = far, .n_targets = 1 },
        { .address = STR("b@example.org"), .targets = &far[1], .n_targets = 1 },
        { .address = STR("c@example.org"), .targets = far, .n_targets = 3 },
    };
    struct deliver_left left;
    struct deliver_result result;
    struct err e = ERR_CLEAR;
    struct deliver d = { .store = w->store,
                         .queue = w->queue,
                         .accounts = w->accounts,
                         .hostname = "mx.example.org",
                         .left = &left };
    struct smtp_message m = mail_message(w, STR("Subject: x\r\n\r\ny\r\n"), each, 1);
    deliver_left_init(&left, NULL, &w->a);
    test_pg_run("DELETE FROM q_rcpt; ALTER TABLE q_rcpt ADD CONSTRAINT broken"
                " CHECK (rcpt NOT LIKE '%@else.example') NOT VALID");
    assert_false(deliver_message(&d, &m, &w->a, mail_soon(), &result, &e));
    test_pg_run("ALTER TABLE q_rcpt DROP CONSTRAINT broken");
    for (size_t i = 0; i < COUNT_OF(each); i++) {
        m.recipients = &each[i];
        e = ERR_CLEAR;
        MUST(deliver_message(&d, &m, &w->a, mail_soon(), &result, &e), e);
        assert_int_equal(result.verdict, DELIVER_DONE);
        assert_int_equal(count_leaving("far@else.example"), 1);
        assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), i < 2 ? 1 : 2);
    }
    deliver_left_fini(&left);
    test_pg_run("DELETE FROM q_rcpt");
}

/* Who says to be of ours and is not proven leaves as others do; a client that needs to prove
 * nothing is believed, but for who brings the mail of others. */
static void only_who_is_believed_leaves_as_one_of_ours(struct mail_world *w)
{
    static const struct {
        const char *sender;
        const char *ip;
        bool is_lmtp;
        bool is_unknown;
        bool stays;
    } cases[] = {
        { "ada@example.org", "192.0.2.1", false, false, true },
        { "ada@example.org", "192.0.2.1", true, false, false },
        { "ada@example.org", "192.0.2.1", false, true, false },
        { "ada@example.org", "198.51.100.9", false, false, false },
        { "ada@remote.example", "192.0.2.1", false, false, false },
        { "", "198.51.100.9", false, false, true },
    };
    const struct smtp_target far = { .address = STR("far@else.example"),
                                     .domain = STR("else.example") };
    const struct smtp_recipient lead = { .address = STR("a@example.org"),
                                         .targets = &far,
                                         .n_targets = 1 };
    struct net_network network;
    struct err e = ERR_CLEAR;
    MUST(net_network_parse(STR("192.0.2.0/24"), &network, &e), e);
    const struct net_networks local = { &network, 1 };
    const struct deliver d = { .store = w->store,
                               .queue = w->queue,
                               .accounts = w->accounts,
                               .hostname = "mx.example.org",
                               .local = &local };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct deliver_result result;
        char sql[160];
        struct smtp_message m = mail_message(w, STR("Subject: x\r\n\r\ny\r\n"), &lead, 1);
        m.sender = str_from_cstr(cases[i].sender);
        m.trace.peer_ip = str_from_cstr(cases[i].ip);
        m.trace.is_lmtp = cases[i].is_lmtp;
        m.trace.is_peer_unknown = cases[i].is_unknown;
        test_pg_run("DELETE FROM q_rcpt; DELETE FROM q_msg");
        MUST(deliver_message(&d, &m, &w->a, mail_soon(), &result, &e), e);
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM q_msg WHERE envelope_from %s",
                       cases[i].stays ? "NOT LIKE 'SRS0=%'" : "LIKE 'SRS0=%@example.org'");
        assert_int_equal(test_pg_number(sql), 1);
    }
    test_pg_run("DELETE FROM q_rcpt; DELETE FROM q_msg");
}

/* An author who is not proven gets no word of SPF from who forwards, nor where the DNS is silent:
 * then the names count, and it is waited for once a message. */
static void a_silent_dns_proves_no_author(struct mail_world *w)
{
    static const struct {
        const char *address;
        const char *leaves_as;
    } cases[] = {
        { "a@weak.example", "@example.org" },        { "b@sub.weak.example", "@example.org" },
        { "c@other.example", "@other.example" },     { "d@weak.example", "@example.org" },
        { "e@notweak.example", "@notweak.example" }, { "f@example", "@example.org" },
    };
    struct smtp_recipient leads[COUNT_OF(cases)];
    struct err e = ERR_CLEAR;
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    char forward[40];
    int silent = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(silent, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(forward, sizeof(forward), "127.0.0.1@%u", ntohs(at.sin_port));
    const struct dns_options options = { .forward = forward, .anchor_file = "" };
    struct dns *dns = dns_new(w->rt, &options, &e);
    assert_non_null(dns);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_target *far = ARENA_NEW(&w->a, struct smtp_target);
        far->address = arena_printf(&w->a, "far%zu@else.example", i);
        far->domain = STR("else.example");
        leads[i] = (struct smtp_recipient){ .address = str_from_cstr(cases[i].address),
                                            .targets = far,
                                            .n_targets = 1 };
    }
    const struct smtp_message m =
        mail_message(w, STR("Subject: x\r\n\r\ny\r\n"), leads, COUNT_OF(cases));
    const struct deliver d = { .store = w->store,
                               .queue = w->queue,
                               .accounts = w->accounts,
                               .hostname = "mx.example.org",
                               .dns = dns };
    struct deliver_attempt attempt = {
        .d = &d, .m = &m, .a = &w->a, .came_from = m.sender, .doubted = STR("weak.example")
    };
    deliver_list_again(&attempt);
    assert_int_equal(attempt.n_forwards, COUNT_OF(cases));
    MUST(deliver_prepare_forwards(&attempt, m.content, mail_soon(), &e), e);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (!str_has_suffix(attempt.forwards[i].sender, str_from_cstr(cases[i].leaves_as)))
            fail_msg("%s: %.*s", cases[i].address, STR_FMT(attempt.forwards[i].sender));
    }
    dns_free(&dns);
    close(silent);
}

/* Filters have their own time: when the last one has said what it says, there is enough left. */
static void filters_take_their_time(struct mail_world *w)
{
    struct err e = ERR_CLEAR;
    struct deliver_result result;
    struct mail_silent_filter filter;
    const struct smtp_recipient ada = { .account_id = w->ada, .address = STR("ada@example.org") };
    int64_t before = mail_count(w, w->ada);
    const struct smtp_message m = mail_message(w, STR("Message-ID: <slow@x>\r\n\r\n"), &ada, 1);
    mail_silence_begin(&filter, w->rt);
    const struct deliver d = { .store = w->store,
                               .queue = w->queue,
                               .accounts = w->accounts,
                               .hostname = "mx.example.org",
                               .retry_window_ms = 1000,
                               .milters = &filter.chain };
    if (!deliver_message(&d, &m, &w->a, clock_deadline_in(MAIL_SHORT_MS), &result, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(result.verdict, DELIVER_DONE);
    assert_int_equal(mail_count(w, w->ada), before + 1);
    close(filter.fd);
}

/* ---- the name of what the server itself writes ---- */

static const uint8_t seal_key[CRYPTO_SEAL_KEY] = "a key of thirty-two octets, just";
static const uint8_t other_key[CRYPTO_SEAL_KEY] = "another key of thirty-two octets";

/* By a directory that remembers nothing of the cases before. */
static void check_address(struct mail_world *w, const uint8_t *key, bool signs,
                          const char *hostname, const char *wanted)
{
    struct err e = ERR_CLEAR;
    str found = STR_EMPTY;
    struct account_directory *d =
        account_directory_new(w->db, &(struct account_directory_options){ .seal_key = key });
    MUST(queue_system_address(d, hostname, signs, &w->a, mail_soon(), &found, &e), e);
    account_directory_free(&d);
    if (!str_eq(found, str_from_cstr(wanted)))
        fail_msg("%s: %.*s, not %s", hostname, STR_FMT(found), wanted);
}

static void only_a_key_gives_the_domain_its_name(struct mail_world *w)
{
    static const struct {
        const char *hostname;
        const char *by_host;
    } hosts[] = {
        { "mail.hoster.example",
          "mailer-daemon@mail.hoster.example" }, /* the only domain there is */
        { "mx.example.org", "mailer-daemon@mx.example.org" },
    };
    static const char ours[] = "postmaster@example.org";
    struct err e = ERR_CLEAR;
    str made;
    const struct account_actor actor = { .name = STR("cli") };
    const struct account_dkim_name name = { STR("example.org"), STR("mail") };
    struct account_directory *d =
        account_directory_new(w->db, &(struct account_directory_options){ .seal_key = seal_key });
    for (size_t i = 0; i < COUNT_OF(hosts); i++)
        check_address(w, seal_key, true, hosts[i].hostname, hosts[i].by_host);
    MUST(account_dkim_make(d, &actor, &name, &w->a, mail_soon(), &made, &e), e);
    account_directory_free(&d);
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        check_address(w, seal_key, true, hosts[i].hostname, ours);
        check_address(w, seal_key, false, hosts[i].hostname, hosts[i].by_host);
        check_address(w, other_key, true, hosts[i].hostname, hosts[i].by_host);
        check_address(w, NULL, true, hosts[i].hostname, hosts[i].by_host);
    }
}

/* Mail that cannot be made of seven bits is signed as it is; without a key that opens it goes
 * unsigned. Then Ed25519 alone gives no name, because not everybody reads it. */
static void system_mail_is_signed_whatever_it_is(struct mail_world *w)
{
    static const uint8_t *const keys[] = { seal_key, other_key };
    const str text = STR("From: postmaster@example.org\r\nMIME-Version: 1.0\r\n"
                         "Content-Type: multipart/mixed; boundary=\"\xc3\xa4\"\r\n\r\n"
                         "--\xc3\xa4\r\n\r\n\xc3\xb6\r\n--\xc3\xa4--\r\n");
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct err e = ERR_CLEAR;
        struct queue_system_mail mail = { .from = STR("postmaster@example.org"),
                                          .text = text,
                                          .is_8bit = true };
        struct account_directory *d = account_directory_new(
            w->db, &(struct account_directory_options){ .seal_key = keys[i] });
        MUST(queue_system_sign(d, &mail, &w->a, mail_soon(), &e), e);
        account_directory_free(&d);
        assert_int_equal(str_has_prefix(mail.text, STR("DKIM-Signature:")), i == 0);
        assert_true(str_has_suffix(mail.text, text) && mail.is_8bit);
    }
    test_pg_run("UPDATE dkim_key SET rsa_private = NULL, rsa_public = NULL");
    check_address(w, seal_key, true, "mx.example.org", "mailer-daemon@mx.example.org");
}

static void run_all(void *arg)
{
    struct mail_world *w = arg;
    mail_fill(w);
    one_copy_an_account(w);
    loops_are_stopped(w);
    a_header_that_begins_with_a_blank_is_text(w);
    what_was_here_is_stopped(w);
    retries_are_known_again(w);
    huge_headers_are_refused(w);
    full_mailboxes(w);
    full_mailboxes_are_told_of_everywhere(w);
    full_mailboxes_are_told_of_in_utf8(w);
    success_is_told_once(w);
    success_is_part_of_the_delivery(w);
    leaves_once(w);
    only_who_is_believed_leaves_as_one_of_ours(w);
    a_silent_dns_proves_no_author(w);
    filters_take_their_time(w);
    only_a_key_gives_the_domain_its_name(w);
    system_mail_is_signed_whatever_it_is(w);
}

static void test_deliver(void **state)
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
        cmocka_unit_test(test_deliver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
