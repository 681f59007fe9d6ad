/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes: the defaults, names, making, renaming, deleting, subscriptions, UIDVALIDITY. */
#include "store/store_fixture.h"

#include "base/buf.h"
#include "store/annotation.h"

/* Names of all mailboxes joined by commas, with '*' behind those subscribed, '+' with children. */
static const char *names_of(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct store_mailboxes boxes;
    struct buf b;
    MUST(store_mailbox_list(f->store, f->account, &f->a, soon(), &boxes, &e), e);
    buf_init(&b, 65536);
    for (size_t i = 0; i < boxes.n; i++) {
        (void)buf_addf(&b, "%s%.*s%s%s", i ? "," : "", STR_FMT(boxes.list[i].name),
                       boxes.list[i].is_subscribed ? "*" : "",
                       boxes.list[i].has_children ? "+" : "");
    }
    for (size_t i = 0; i < boxes.n_gone; i++)
        (void)buf_addf(&b, ",gone:%.*s", STR_FMT(boxes.gone[i]));
    const char *text = arena_cstr(&f->a, buf_str(&b));
    buf_fini(&b);
    return text;
}

static void create(struct fixture *f, const char *name)
{
    struct err e = ERR_CLEAR;
    int id = 0;
    MUST(store_mailbox_create(f->store, f->account, str_from_cstr(name), STORE_ROLE_NONE, soon(),
                              &id, &e),
         e);
    assert_true(id > 6);
}

static struct store_mailbox get(struct fixture *f, const char *name)
{
    struct err e = ERR_CLEAR;
    struct store_mailbox box;
    MUST(store_mailbox_get(f->store, f->account, str_from_cstr(name), &f->a, soon(), &box, &e), e);
    return box;
}

static void defaults_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct store_mailbox box;
    static const struct {
        enum store_role role;
        const char *name;
    } roles[] = { { STORE_ROLE_INBOX, "INBOX" }, { STORE_ROLE_DRAFTS, "Drafts" },
                  { STORE_ROLE_SENT, "Sent" },   { STORE_ROLE_ARCHIVE, "Archive" },
                  { STORE_ROLE_JUNK, "Junk" },   { STORE_ROLE_TRASH, "Trash" } };
    assert_string_equal(names_of(f), "INBOX*,Archive*,Drafts*,Junk*,Sent*,Trash*");
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        MUST(store_mailbox_get_role(f->store, f->account, roles[i].role, &f->a, soon(), &box, &e),
             e);
        assert_true(str_eq(box.name, str_from_cstr(roles[i].name)));
        assert_int_equal(box.role, roles[i].role);
        assert_int_equal(box.state.uidnext, 1);
        assert_true(box.state.uidvalidity > 1700000000);
    }
    assert_int_equal(get(f, "inBOX").mailbox_id, STORE_INBOX);
    assert_false(store_mailbox_get(f->store, f->account, STR("inbox/x"), &f->a, soon(), &box, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    struct store_mailboxes boxes;
    assert_false(store_mailbox_list(f->store, 999999, &f->a, soon(), &boxes, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void test_defaults(void **state)
{
    (void)state;
    with_store(defaults_body);
}

static void tree_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    create(f, "Work/2026/Q1");
    create(f, "inbox/Lists");
    create(f, "\xc3\x84rger & Co.");
    assert_string_equal(names_of(f), "INBOX*+,Archive*,Drafts*,INBOX/Lists,Junk*,Sent*,Trash*,"
                                     "Work+,Work/2026+,Work/2026/Q1,\xc3\x84rger & Co.");
    assert_true(get(f, "Work/2026").has_children);
    assert_true(str_eq(get(f, "INBOX/Lists").name, STR("INBOX/Lists")));
    assert_false(store_mailbox_create(f->store, f->account, STR("Work/2026"), STORE_ROLE_NONE,
                                      soon(), NULL, &e));
    assert_int_equal(e.kind, ERR_EXISTS);
    assert_false(
        store_mailbox_create(f->store, f->account, STR("Bin"), STORE_ROLE_TRASH, soon(), NULL, &e));
    assert_int_equal(e.kind, ERR_EXISTS);
    MUST(store_mailbox_rename(f->store, f->account, STR("Work"), STR("Old/Job"), soon(), &e), e);
    assert_string_equal(names_of(f),
                        "INBOX*+,Archive*,Drafts*,INBOX/Lists,Junk*,Old+,Old/Job+,Old/Job/2026+,"
                        "Old/Job/2026/Q1,Sent*,Trash*,\xc3\x84rger & Co.");
    static const struct {
        const char *from;
        const char *to;
        enum err_kind kind;
    } bad[] = {
        { "Nothing", "X", ERR_NOT_FOUND }, { "Old", "Old/Job/New", ERR_DENIED },
        { "Old", "Junk", ERR_EXISTS },     { "Old", "inbox", ERR_EXISTS },
        { "Old", "a//b", ERR_SYNTAX },     { "Old", "", ERR_SYNTAX },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        e = ERR_CLEAR;
        assert_false(store_mailbox_rename(f->store, f->account, str_from_cstr(bad[i].from),
                                          str_from_cstr(bad[i].to), soon(), &e));
        if (e.kind != bad[i].kind)
            fail_msg("%s to %s: %s", bad[i].from, bad[i].to, e.msg);
    }
    assert_false(store_mailbox_delete(f->store, f->account, STR("Old/Job"), soon(), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_false(store_mailbox_delete(f->store, f->account, STR("INBOX"), soon(), &e));
    assert_int_equal(e.kind, ERR_DENIED);
    assert_false(store_mailbox_delete(f->store, f->account, STR("Nix"), soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    MUST(store_mailbox_delete(f->store, f->account, STR("Old/Job/2026/Q1"), soon(), &e), e);
    assert_false(get(f, "Old/Job/2026").has_children);
    assert_sound(f, f->account);
}

static void test_tree(void **state)
{
    (void)state;
    with_store(tree_body);
}

static void names_body(void *arg)
{
    struct fixture *f = arg;
    static const struct {
        const char *name;
        enum err_kind kind;
        const char *normal;
    } names[] = {
        { "a", ERR_NONE, "a" },
        { "inbox", ERR_NONE, "INBOX" },
        { "Inbox/inbox", ERR_NONE, "INBOX/inbox" },
        { "inboxes", ERR_NONE, "inboxes" },
        { "a b.c&d", ERR_NONE, "a b.c&d" },
        { "..", ERR_NONE, ".." },
        { "", ERR_SYNTAX, NULL },
        { "/", ERR_SYNTAX, NULL },
        { "a/", ERR_SYNTAX, NULL },
        { "/a", ERR_SYNTAX, NULL },
        { "a//b", ERR_SYNTAX, NULL },
        { "a*", ERR_SYNTAX, NULL },
        { "a%b", ERR_SYNTAX, NULL },
        { "a\nb", ERR_SYNTAX, NULL },
        { "a\x7f", ERR_SYNTAX, NULL },
        { "a\xc2\x85", ERR_SYNTAX, NULL },
        { "\xff", ERR_SYNTAX, NULL },
        { "\xed\xa0\x80", ERR_SYNTAX, NULL },
        { "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/1/2/3/4/5/6", ERR_NONE,
          "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/1/2/3/4/5/6" },
        { "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/1/2/3/4/5/6/7", ERR_LIMIT, NULL },
    };
    str out;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct err e = ERR_CLEAR;
        bool ok = store_mailbox_name_check(&f->a, str_from_cstr(names[i].name), &out, &e);
        if (ok != (names[i].kind == ERR_NONE) || e.kind != names[i].kind)
            fail_msg("\"%s\": %s", names[i].name, e.msg);
        if (ok)
            assert_true(str_eq(out, str_from_cstr(names[i].normal)));
    }
    char longest[257];
    struct err e = ERR_CLEAR;
    memset(longest, 'x', sizeof(longest));
    assert_true(store_mailbox_name_check(&f->a, str_of(longest, 255), &out, &e));
    assert_false(store_mailbox_name_check(&f->a, str_of(longest, 256), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    e = ERR_CLEAR;
    assert_false(store_mailbox_name_check(&f->a, str_of("a\0b", 3), &out, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
}

static void test_names(void **state)
{
    (void)state;
    with_store(names_body);
}

/* I15: a mailbox made again is another one, and says so. */
static void uidvalidity_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    uint32_t last = 0;
    for (int i = 0; i < 20; i++) {
        create(f, "Temp");
        struct store_mailbox box = get(f, "Temp");
        assert_true(box.state.uidvalidity > last);
        last = box.state.uidvalidity;
        append_one(f, box.mailbox_id, i, 0);
        MUST(store_mailbox_delete(f->store, f->account, STR("Temp"), soon(), &e), e);
        assert_sound(f, f->account);
    }
    struct store_quota quota;
    MUST(store_get_quota(f->store, f->account, soon(), &quota, &e), e);
    assert_int_equal(quota.used_bytes, 0);
    /* The number space ends one day. */
    test_pg_run("UPDATE account_state SET uidvalidity_seq = 4294967295");
    assert_false(
        store_mailbox_create(f->store, f->account, STR("Temp"), STORE_ROLE_NONE, soon(), NULL, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    test_pg_run("UPDATE account_state SET uidvalidity_seq = 1");
}

static void test_uidvalidity(void **state)
{
    (void)state;
    with_store(uidvalidity_body);
}

static void rename_inbox_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    for (int i = 1; i <= 5; i++)
        append_one(f, STORE_INBOX, i, i == 2 ? STORE_SEEN : 0);
    int64_t before = snapshot_of(f, STORE_INBOX).state.modseq;
    uint32_t validity = snapshot_of(f, STORE_INBOX).state.uidvalidity;
    MUST(store_mailbox_rename(f->store, f->account, STR("inbox"), STR("Kept/Mail"), soon(), &e), e);
    struct store_mailbox kept = get(f, "Kept/Mail");
    assert_int_equal(kept.state.messages, 5);
    assert_int_equal(kept.state.unseen, 4);
    assert_int_equal(kept.state.uidnext, 6);
    assert_true(kept.state.uidvalidity > validity);
    struct store_snapshot inbox = snapshot_of(f, STORE_INBOX);
    assert_int_equal(inbox.n, 0);
    assert_int_equal(inbox.state.uidvalidity, validity);
    struct store_delta d = delta_of(f, STORE_INBOX, before);
    assert_int_equal(d.vanished.n, 1);
    assert_int_equal(store_ranges_count(&d.vanished), 5);
    assert_int_equal(append_one(f, STORE_INBOX, 6, 0), 6);
    assert_int_equal(append_one(f, kept.mailbox_id, 7, 0), 6);
    assert_sound(f, f->account);
}

static void test_rename_inbox(void **state)
{
    (void)state;
    with_store(rename_inbox_body);
}

static void subscribe_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    create(f, "News");
    MUST(store_mailbox_subscribe(f->store, f->account, STR("News"), true, soon(), &e), e);
    MUST(store_mailbox_subscribe(f->store, f->account, STR("News"), true, soon(), &e), e);
    assert_true(get(f, "News").is_subscribed);
    assert_false(store_mailbox_subscribe(f->store, f->account, STR("Nix"), true, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    MUST(store_mailbox_subscribe(f->store, f->account, STR("Nix"), false, soon(), &e), e);
    /* The subscription outlives the mailbox (RFC 9051 section 6.3.7). */
    MUST(store_mailbox_delete(f->store, f->account, STR("News"), soon(), &e), e);
    assert_string_equal(names_of(f), "INBOX*,Archive*,Drafts*,Junk*,Sent*,Trash*,gone:News");
    MUST(store_mailbox_subscribe(f->store, f->account, STR("News"), false, soon(), &e), e);
    MUST(store_mailbox_subscribe(f->store, f->account, STR("inbox"), false, soon(), &e), e);
    assert_string_equal(names_of(f), "INBOX,Archive*,Drafts*,Junk*,Sent*,Trash*");
}

static void test_subscribe(void **state)
{
    (void)state;
    with_store(subscribe_body);
}

static void limit_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT mailbox_add(%lld, 0, 'box' || i, NULL, 1) FROM generate_series(1, %d) i",
                   (long long)f->account, STORE_MAX_MAILBOXES - 6);
    test_pg_run(sql);
    assert_false(store_mailbox_create(f->store, f->account, STR("one more"), STORE_ROLE_NONE,
                                      soon(), NULL, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    struct store_mailboxes boxes;
    MUST(store_mailbox_list(f->store, f->account, &f->a, soon(), &boxes, &e), e);
    assert_int_equal(boxes.n, STORE_MAX_MAILBOXES);
}

static void test_limit(void **state)
{
    (void)state;
    with_store(limit_body);
}

/* How many annotations the mailbox has once `n` more and the role were tried, which end so. */
static size_t annotate(struct fixture *f, const struct store_mailbox *box, size_t n,
                       enum store_role role, enum err_kind kind)
{
    struct err e = ERR_CLEAR;
    struct store_annotations found;
    struct store_annotation *list = ARENA_ARRAY(&f->a, struct store_annotation, n);
    static const str top = STR_INIT("/private");
    const struct store_annotated of = { f->account, f->account, box->mailbox_id };
    const struct store_annotation_query all = { .names = &top, .n = 1, .depth = 9, .maxsize = -1 };
    for (size_t i = 0; i < n; i++) {
        list[i].name = arena_printf(&f->a, "/private/%zu", i);
        list[i].value = STR("x");
    }
    const struct store_annotation_change change = { .list = list, .n = n, .role = &role };
    bool ok = store_annotations_set(f->store, &of, &change, soon(), &e);
    assert_int_equal(ok, kind == ERR_NONE);
    assert_int_equal(e.kind, kind);
    e = ERR_CLEAR;
    MUST(store_annotations_get(f->store, &of, &all, &f->a, soon(), &found, &e), e);
    return found.n;
}

/* A role and annotations are one change: the refusal of one leaves neither. */
static void annotations_body(void *arg)
{
    struct fixture *f = arg;
    create(f, "News");
    struct store_mailbox news = get(f, "News");
    struct store_mailbox archive = get(f, "Archive");
    struct store_mailbox inbox = get(f, "INBOX");
    assert_int_equal(annotate(f, &archive, 0, STORE_ROLE_NONE, ERR_NONE), 0);
    assert_int_equal(annotate(f, &news, STORE_MAX_ANNOTATIONS + 1, STORE_ROLE_ARCHIVE, ERR_LIMIT),
                     0);
    assert_int_equal(get(f, "News").role, STORE_ROLE_NONE);
    assert_int_equal(annotate(f, &news, 2, STORE_ROLE_SENT, ERR_EXISTS), 0);
    assert_int_equal(annotate(f, &inbox, 2, STORE_ROLE_ARCHIVE, ERR_DENIED), 0);
    int64_t modseq = get(f, "News").state.modseq;
    assert_int_equal(annotate(f, &news, 2, STORE_ROLE_ARCHIVE, ERR_NONE), 2);
    assert_int_equal(get(f, "News").role, STORE_ROLE_ARCHIVE);
    assert_int_equal(get(f, "News").state.modseq, modseq);
}

static void test_annotations(void **state)
{
    (void)state;
    with_store(annotations_body);
}

/* Gives (how 1), takes or sets rights of the account's INBOX. What those are told at who have them;
 * 0: nobody is told. */
static int64_t grant(struct fixture *f, const char *login, bool denied, int how, int rights)
{
    char sql[200];
    (void)snprintf(
        sql, sizeof(sql), "SELECT told_modseq FROM acl_change(%lld, %d, '%s', %s, %d, %d)",
        (long long)f->account, STORE_INBOX, login, denied ? "true" : "false", how, rights);
    return test_pg_number(sql);
}

/* Who says again what is said makes nobody look. */
static void grants_body(void *arg)
{
    struct fixture *f = arg;
    static const char *const grantees[] = { "", "user1@example.org" }; /* of another test */
    for (size_t i = 0; i < COUNT_OF(grantees); i++) {
        int64_t first = grant(f, grantees[i], false, 0, 3);
        assert_true(first > 0);
        assert_int_equal(grant(f, grantees[i], false, 0, 3), 0);
        assert_int_equal(grant(f, grantees[i], false, 1, 1), 0);
        assert_int_equal(grant(f, grantees[i], true, 2, 1), 0);
        assert_int_equal(grant(f, grantees[i], true, 0, 1), first + 1);
        assert_int_equal(grant(f, grantees[i], false, 0, 1), first + 2);
        assert_int_equal(grant(f, grantees[i], false, 0, 0), first + 3);
        assert_int_equal(grant(f, grantees[i], false, 0, 0), 0);
    }
}

static void test_grants(void **state)
{
    (void)state;
    with_store(grants_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_tree),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_uidvalidity),
        cmocka_unit_test(test_rename_inbox), cmocka_unit_test(test_subscribe),
        cmocka_unit_test(test_limit),        cmocka_unit_test(test_annotations),
        cmocka_unit_test(test_grants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
