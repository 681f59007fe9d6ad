/* SPDX-License-Identifier: Apache-2.0 */
/* Submissions on a real database: each goes once, also when a step after the hand-over fails, and
 * counts as sent only when its message is filed. */
#include "compose/compose.h"
#include "compose/submission.h"
#include "deliver/mail_fixture.h"

#define MESSAGE "From: ada@example.org\r\nTo: x@remote.example\r\nSubject: x\r\n\r\nx\r\n"
#define QUEUED  "SELECT count(*) FROM q_msg"
#define COPIES  "SELECT count(*) FROM mbox_msg WHERE account_id = 2"
#define IN_SENT \
    "SELECT count(*) FROM mbox_msg JOIN mailbox USING (account_id, mailbox_id) WHERE role = 'sent'"

static struct compose_submission begin(struct mail_world *w, const char *recipient)
{
    struct err e = ERR_CLEAR;
    struct compose_draft draft;
    struct compose_submission made;
    const str to = str_from_cstr(recipient);
    const struct compose_save save = { .account_id = w->ada,
                                       .document = STR("{}"),
                                       .message = STR(MESSAGE) };
    struct compose_submit submit = { .account_id = w->ada,
                                     .from = STR("ada@example.org"),
                                     .recipients = &to,
                                     .n_recipients = 1,
                                     .subject = STR("x") };
    if (!compose_draft_save(w->store, w->db, &save, &w->a, mail_soon(), &draft, &e))
        fail_msg("%s", e.msg);
    submit.draft_id = draft.draft_id;
    submit.version = draft.version;
    if (!compose_submission_begin(w->db, &submit, &w->a, mail_soon(), &made, &e))
        fail_msg("%s", e.msg);
    return made;
}

static bool send_due(struct mail_world *w, size_t *n)
{
    struct err e = ERR_CLEAR;
    const struct compose_sender_options options = {
        .db = w->db,
        .submit = { .store = w->store,
                    .queue = w->queue,
                    .accounts = w->accounts,
                    .hostname = "mx.example.org" },
        .max_hops = 3,
    };
    return compose_send_due(&options, 10, mail_soon(), n, &e);
}

static enum compose_status status_of(struct mail_world *w, int64_t id)
{
    struct err e = ERR_CLEAR;
    struct compose_submission s;
    if (!compose_submission_get(w->db, w->ada, id, &w->a, mail_soon(), &s, &e))
        fail_msg("%s", e.msg);
    return s.status;
}

/* As a process does that dies between the hand-over and the move to Sent. */
static void goes_once(struct mail_world *w, const char *recipient, const char *copies, int64_t n)
{
    struct err e = ERR_CLEAR;
    struct compose_submission back;
    size_t tried = 0;
    int64_t sent = test_pg_number(IN_SENT);
    int64_t before = test_pg_number(copies);
    struct compose_submission s = begin(w, recipient);
    test_pg_run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF (SELECT role FROM mailbox b WHERE b.account_id = new.account_id"
                "      AND b.mailbox_id = new.mailbox_id) = 'sent' THEN"
                "  RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END IF; RETURN new; END $$;"
                "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON mbox_msg FOR EACH ROW"
                " EXECUTE FUNCTION refuse()");
    assert_false(send_due(w, &tried));
    assert_int_equal(tried, 1);
    assert_int_equal(test_pg_number(copies), before + n);
    assert_int_equal(status_of(w, s.submission_id), COMPOSE_PENDING);
    assert_false(
        compose_submission_cancel(w->db, w->ada, s.submission_id, &w->a, mail_soon(), &back, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);

    test_pg_run("DROP TRIGGER refuse ON mbox_msg; DROP FUNCTION refuse();"
                "UPDATE submission SET due_at = now(), claimed_until = '-infinity'");
    assert_true(send_due(w, &tried));
    assert_int_equal(tried, 1);
    assert_int_equal(test_pg_number(copies), before + n);
    assert_int_equal(test_pg_number(IN_SENT), sent + 1);
    assert_int_equal(status_of(w, s.submission_id), COMPOSE_SENT);
    assert_int_equal(test_pg_number("SELECT count(*) FROM draft"), 0);
    assert_true(send_due(w, &tried));
    assert_int_equal(tried, 0);
}

static void run_all(void *arg)
{
    struct mail_world *w = arg;
    mail_fill(w);
    goes_once(w, "x@remote.example", QUEUED, 1);
    goes_once(w, "bert@example.org", COPIES, 1);
}

static void test_sender(void **state)
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
        cmocka_unit_test(test_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
