/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that is held, on a real PostgreSQL: nobody claims it, its sender is asked once, and each
 * decision does what it says. */
#include "queue/hold.h"
#include "queue/queue_fixture.h"

static const struct queue_certificate certificate = {
    .shown = STR_INIT("CN=x"), .pin = STR_INIT("0123456789abcdef0123456789abcdef")
};
static const struct queue_result held = { .outcome = QUEUE_HELD,
                                          .status = STR_INIT("4.7.5"),
                                          .reply = STR_INIT("self-signed"),
                                          .remote = STR_INIT("mx.x.test [192.0.2.9]"),
                                          .certificate = &certificate };
static const struct queue_result held_plain = { .outcome = QUEUE_HELD };
static const struct queue_actor actor = { .account_id = 5, .name = STR_INIT("me@here.test") };
static const uint8_t secret[QUEUE_TOKEN_SIZE] = { 1, 2, 3 };

static void hold(struct fixture *f, const struct queue_result *how)
{
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    for (size_t i = 0; i < lease->n; i++)
        finish_all(f, lease, i, *how);
    release(f, lease);
}

static int64_t hold_new(struct fixture *f, const char *to, const struct queue_result *how)
{
    int64_t id = enqueue(f, "me@here.test", to);
    hold(f, how);
    return id;
}

static bool next(struct fixture *f, struct queue_hold *out)
{
    struct err e = ERR_CLEAR;
    bool found = false;
    MUST(queue_hold_next(f->q, 0, &f->a, soon(), &found, out, &e), e);
    return found;
}

static bool tell(struct fixture *f, const struct queue_hold *of)
{
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    queue_hold_send(tx, of, secret);
    bool ok = db_commit(&tx, &f->a, NULL, 0, NULL, &e);
    assert_true(ok || e.kind == ERR_CONFLICT);
    return ok;
}

static int64_t decide(struct fixture *f, int64_t id, const char *domain,
                      struct queue_decision decision)
{
    struct err e = ERR_CLEAR;
    int64_t count = 0;
    decision.queue_id = id;
    decision.domain = str_from_cstr(domain);
    if (!queue_decide(f->q, &actor, &decision, soon(), &count, &e))
        return -(int64_t)e.kind;
    return count;
}

static void clear(void)
{
    test_pg_run("TRUNCATE q_msg, q_rcpt, q_domain, q_hold, tls_exception");
}

/* ---- asking ---- */

static void asking_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_hold found;
    struct queue_rows rows;
    bool again = true;
    clear();
    const str to[] = { STR("a@x.test"), STR("b@x.test") };
    int64_t id = 0;
    struct queue_new_message m = message(f, STR("me@here.test"), to, 2);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    assert_false(next(f, &found));
    hold(f, &held);
    assert_null(claim(f)); /* nobody tries it */
    MUST(queue_get(f->q, id, &f->a, soon(), &rows, &e), e);
    assert_true(rows.n == 2 && rows.list[0].status == QUEUE_STATUS_HELD);
    assert_true(next(f, &found));
    assert_true(found.queue_id == id && found.account_id == 5 && found.n == 2);
    assert_true(str_eq(found.domain, STR("x.test")) && str_eq(found.reason, held.reply));
    assert_true(str_eq(found.pin, certificate.pin) && str_eq(found.certificate, certificate.shown));
    assert_true(str_eq(found.original, m.body));
    assert_true(tell(f, &found));
    assert_false(tell(f, &found)); /* another process */
    struct queue_hold none;
    assert_false(next(f, &none));
    MUST(queue_hold_find(f->other, secret, &f->a, soon(), &again, &found, &e), e);
    assert_true(again && found.queue_id == id && found.n == 2);
    static const uint8_t wrong[QUEUE_TOKEN_SIZE] = { 1, 2, 4 };
    MUST(queue_hold_find(f->q, wrong, &f->a, soon(), &again, &none, &e), e);
    assert_false(again);
    for (unsigned i = 0; i < QUEUE_UNCLEAR_MAX; i++) {
        MUST(queue_hold_unclear(f->q, &found, soon(), &again, &e), e);
        assert_true(again);
    }
    MUST(queue_hold_unclear(f->q, &found, soon(), &again, &e), e);
    assert_false(again);
    /* A report is no question: the sender hears nothing of a hold that way. */
    struct queue_report report;
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &again, &report, &e), e);
    assert_false(again);
}

static void test_asking(void **state)
{
    (void)state;
    with_queue(asking_body);
}

static void postponing_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_hold found;
    clear();
    hold_new(f, "a@x.test", &held);
    assert_true(next(f, &found));
    MUST(queue_hold_postpone(f->q, &found, 3600000, soon(), &e), e);
    assert_false(next(f, &found));
    test_pg_run("UPDATE q_hold SET tell_at = now()");
    assert_true(next(f, &found));
}

static void test_postponing(void **state)
{
    (void)state;
    with_queue(postponing_body);
}

/* ---- deciding ---- */

static void deciding_body(void *arg)
{
    struct fixture *f = arg;
    clear();
    int64_t id = hold_new(f, "a@x.test", &held);
    assert_int_equal(
        decide(f, id, "y.test", (struct queue_decision){ .choice = QUEUE_CHOICE_SEND }),
        -ERR_NOT_FOUND);
    assert_int_equal(decide(f, id, "", (struct queue_decision){ .choice = QUEUE_CHOICE_RETRY }), 1);
    struct queue_lease *lease = claim(f);
    assert_true(lease && lease->messages[0].queue_id == id && !lease->messages[0].is_waived);
    finish_all(f, lease, 0, held);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT told FROM q_hold"), 0); /* asked anew */
    assert_int_equal(
        decide(f, id, "x.test", (struct queue_decision){ .choice = QUEUE_CHOICE_SEND }), 1);
    lease = claim(f);
    assert_true(lease && lease->messages[0].is_waived);
    finish_all(f, lease, 0, held);
    release(f, lease);
    assert_int_equal(decide(f, id, "", (struct queue_decision){ .choice = QUEUE_CHOICE_CANCEL }),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    assert_int_equal(decide(f, id, "", (struct queue_decision){ .choice = QUEUE_CHOICE_CANCEL }),
                     -ERR_NOT_FOUND);
    assert_int_equal(test_pg_number("SELECT count(*) FROM audit_log WHERE action IN"
                                    " ('queue.retry', 'queue.send', 'queue.cancel')"),
                     3);
}

static void test_deciding(void **state)
{
    (void)state;
    with_queue(deciding_body);
}

static void whitelisting_body(void *arg)
{
    struct fixture *f = arg;
    clear();
    struct queue_decision pinned = { .choice = QUEUE_CHOICE_WHITELIST };
    struct queue_decision any = { .choice = QUEUE_CHOICE_WHITELIST, .any = true };
    int64_t first = hold_new(f, "a@x.test", &held);
    hold_new(f, "b@x.test", &held);
    int64_t plain = hold_new(f, "c@y.test", &held_plain);
    assert_int_equal(decide(f, first, "", pinned), 2); /* what else its sender has there */
    assert_int_equal(test_pg_number("SELECT count(*) FROM tls_exception WHERE account_id = 5 AND"
                                    " domain = 'x.test' AND octet_length(pin) = 32"),
                     1);
    assert_int_equal(decide(f, plain, "", pinned), -ERR_CONFLICT);
    assert_int_equal(decide(f, plain, "", any), 1);
    struct err e = ERR_CLEAR;
    struct tls_exceptions found;
    MUST(tls_exception_find(f->db, STR("y.test"), &f->a, soon(), &found, &e), e);
    assert_true(tls_exception_allows(&found, 5, STR_EMPTY));
    assert_false(tls_exception_allows(&found, 6, STR_EMPTY));
    MUST(tls_exception_find(f->db, STR("x.test"), &f->a, soon(), &found, &e), e);
    assert_true(tls_exception_allows(&found, 5, certificate.pin));
    assert_false(tls_exception_allows(&found, 5, STR_EMPTY));
    test_pg_run("UPDATE tls_exception SET expires = now()");
    MUST(tls_exception_find(f->db, STR("x.test"), &f->a, soon(), &found, &e), e);
    assert_int_equal(found.n, 0);
    MUST(tls_exception_sweep(f->db, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM tls_exception"), 0);
}

static void test_whitelisting(void **state)
{
    (void)state;
    with_queue(whitelisting_body);
}

static void everybody_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_whitelisting w = { .domain = STR("x.test") };
    struct tls_exceptions found;
    int64_t count = 0;
    clear();
    assert_false(queue_whitelist(f->q, &actor, &w, soon(), &count, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    hold_new(f, "a@x.test", &held);
    e = ERR_CLEAR;
    MUST(queue_whitelist(f->q, &actor, &w, soon(), &count, &e), e);
    assert_int_equal(count, 1);
    const struct tls_exception_choice all = { .domain = STR_EMPTY };
    const struct tls_exception_choice of_domain = { .domain = STR("x.test") };
    const struct tls_exception_choice of_one = { .domain = STR("x.test"), .account_id = 77 };
    MUST(queue_list_whitelist(f->q, &all, &f->a, soon(), &found, &e), e);
    assert_true(found.n == 1 && found.list[0].account_id == 0 && found.list[0].expires_us == 0);
    assert_true(tls_exception_allows(&found, 77, certificate.pin));
    /* Of one account alone: everybody's stays. */
    assert_false(queue_unwhitelist(f->q, &actor, &of_one, &f->a, soon(), &found, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    e = (struct err)ERR_CLEAR;
    test_pg_run("INSERT INTO tls_exception (domain, account_id, pin, expires, created_by)"
                " VALUES ('x.test', 77, '', 'infinity', 'x'), ('x.test', 78, '', 'infinity', 'x')");
    MUST(queue_list_whitelist(f->q, &of_one, &f->a, soon(), &found, &e), e);
    assert_true(found.n == 1 && found.list[0].account_id == 77);
    MUST(queue_unwhitelist(f->q, &actor, &of_one, &f->a, soon(), &found, &e), e);
    assert_true(found.n == 1 && found.list[0].account_id == 77);
    MUST(queue_unwhitelist(f->q, &actor, &of_domain, &f->a, soon(), &found, &e), e);
    assert_int_equal(found.n, 2);
    assert_false(queue_unwhitelist(f->q, &actor, &of_domain, &f->a, soon(), &found, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void test_everybody(void **state)
{
    (void)state;
    with_queue(everybody_body);
}

/* ---- nobody decides ---- */

static void expiry_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_report report;
    bool found = false;
    clear();
    hold_new(f, "a@x.test", &held);
    MUST(queue_sweep(f->q, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_hold"), 1);
    test_pg_run("UPDATE q_msg SET expires = now()");
    MUST(queue_sweep(f->q, soon(), &e), e);
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_true(found && report.kind == QUEUE_REPORT_FAILURE && report.n == 1);
    assert_true(str_eq(report.recipients[0].status, STR("5.7.0")));
    assert_true(str_find(report.recipients[0].reply, STR("nobody decided")) >= 0 &&
                str_find(report.recipients[0].reply, held.reply) > 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_hold"), 0);
}

static void test_expiry(void **state)
{
    (void)state;
    with_queue(expiry_body);
}

/* ---- a program of the former version beside this one (PROMISES R28) ---- */

static void beside_body(void *arg)
{
    struct fixture *f = arg;
    clear();
    hold_new(f, "a@x.test", &held);
    /* Its sweep, of recipients that nobody is to be told about any more. */
    test_pg_run("DELETE FROM q_rcpt r USING q_msg m WHERE m.queue_id = r.queue_id AND"
                " ((r.status = 1 AND (m.envelope_from = '' OR (r.notify & 1) = 0)) OR"
                " (r.status > 2 AND (m.envelope_from = '' OR (r.notify & 4) = 0)))");
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
    /* How it says that a message was delivered. */
    clear();
    (void)enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    assert_int_equal(
        test_pg_number("SELECT queue_finish(d.domain, d.token, m.queue_id, ARRAY['a@x.test'],"
                       " ARRAY[2], ARRAY[1], ARRAY[0]::bigint[], ARRAY['2.0.0'], ARRAY['250'],"
                       " ARRAY['mx'], ARRAY['']) FROM q_domain d, q_msg m"),
        0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    release(f, lease);
}

static void test_beside(void **state)
{
    (void)state;
    with_queue(beside_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asking),    cmocka_unit_test(test_postponing),
        cmocka_unit_test(test_deciding),  cmocka_unit_test(test_whitelisting),
        cmocka_unit_test(test_everybody), cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_beside),
    };
    return cmocka_run_group_tests_name("queue/hold", tests, NULL, NULL);
}
