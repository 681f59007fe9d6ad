/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a message: bytes come back as they went in, whatever they are (R21); derived data
 * is there where it can be had, and never stops a delivery (R22). */
#include "store/store_fixture.h"

#include <glob.h>

static struct store_row store_raw(struct fixture *f, str raw)
{
    static int number;
    char id[32];
    struct err e = ERR_CLEAR;
    struct store_recipient r = { .account_id = f->account, .mailbox_id = STORE_INBOX };
    (void)snprintf(id, sizeof(id), "content %d", ++number);
    store_delivery_id(str_from_cstr(id), STR_EMPTY, r.delivery_id);
    struct store_delivery d = {
        .message = prepare(f, raw), .recipients = &r, .n = 1, .received_us = clock_utc_us()
    };
    MUST(store_deliver(f->store, &d, soon(), &e), e);
    assert_int_equal(r.status, STORE_DELIVERED);
    return (struct store_row){ .uid = r.uid, .msg_id = d.message->msg_id };
}

static str load(struct fixture *f, int64_t msg_id, size_t from, size_t n)
{
    struct err e = ERR_CLEAR;
    str out;
    MUST(store_fetch_body(f->store, f->account, msg_id, from, n, &f->a, soon(), &out, &e), e);
    return out;
}

static struct store_details details_of(struct fixture *f, int64_t msg_id)
{
    struct err e = ERR_CLEAR;
    struct store_details d;
    struct store_some_details one = { .msg_ids = &msg_id, .n = 1, .wanted = 7 };
    MUST(store_fetch_details(f->store, f->account, &one, &f->a, soon(), &d, &e), e);
    assert_true(d.found);
    return d;
}

/* In, and out again: whole, its header, and pieces. */
static struct store_details assert_round_trip(struct fixture *f, str raw, const char *name)
{
    struct err e = ERR_CLEAR;
    str header;
    int64_t id = store_raw(f, raw).msg_id;
    struct store_details d = details_of(f, id);
    if (!str_eq(load(f, id, 0, SIZE_MAX), raw))
        fail_msg("%s came back differently", name);
    if (!str_eq(load(f, id, raw.n / 3, raw.n / 2), str_slice(raw, raw.n / 3, raw.n / 2)))
        fail_msg("a part of %s came back differently", name);
    MUST(store_fetch_headers(f->store, f->account, &id, 1, &f->a, soon(), &header, &e), e);
    if (!str_eq(header, str_slice(raw, 0, d.header)) || d.size != raw.n)
        fail_msg("the header of %s came back differently", name);
    return d;
}

/* ---- what is derived ---- */

static void derived_body(void *arg)
{
    struct fixture *f = arg;
    str raw = STR("From: =?utf-8?q?J=C3=BCrgen?= <Juergen@Example.ORG>\r\n"
                  "To: Bob <bob@example.org>\r\n"
                  "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
                  "Date: Tue, 1 Jul 2003 10:52:37 +0200\r\n"
                  "Message-ID: <one@example.org>\r\n"
                  "\r\n"
                  "Hello Bob,\r\nhow are you?\r\n");
    struct store_details d = assert_round_trip(f, raw, "a plain mail");
    assert_true(str_eq(d.subject, STR("Gr\xc3\xbc\xc3\x9f"
                                      "e")));
    assert_true(str_eq(d.from_name, STR("J\xc3\xbcrgen")));
    assert_true(str_eq(d.from_addr, STR("Juergen@example.org")));
    assert_true(str_eq(d.message_id, STR("one@example.org")));
    assert_true(str_eq(d.preview, STR("Hello Bob, how are you?")));
    assert_true(d.has_sent_at);
    assert_int_equal(d.sent_at_us, 1057049557000000);
    assert_false(d.has_attachment);
    assert_true(str_has_prefix(d.envelope, STR("(\"Tue, 1 Jul 2003 10:52:37 +0200\"")));
    assert_true(str_has_iprefix(d.bodystructure, STR("(\"text\" \"plain\"")));
    assert_int_equal(d.header, raw.n - 26);
    /* Not asked for, not given. */
    struct err e = ERR_CLEAR;
    const int64_t ids[] = { 5, store_raw(f, raw).msg_id };
    struct store_details two[2];
    struct store_some_details both = { .msg_ids = ids, .n = 2, .wanted = STORE_WANT_ENVELOPE };
    MUST(store_fetch_details(f->store, f->account, &both, &f->a, soon(), two, &e), e);
    assert_false(two[0].found);
    assert_true(two[1].found && two[1].envelope.n && !two[1].bodystructure.n && !two[1].subject.n);
}

/* In the order asked for; a text that is too long is left out, and said to be. */
static void limited_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const str raws[] = { STR("From: a@example.org\r\nSubject: one\r\n\r\ntext\r\n"),
                         STR("From: a@example.org\r\nSubject: one and more\r\n\r\ntext\r\n"),
                         STR("From: a@example.org\r\nSubject: one\r\n\r\ntext\r\n") };
    int64_t ids[4];
    for (size_t i = 0; i < 3; i++)
        ids[2 - i] = store_raw(f, raws[i]).msg_id;
    ids[3] = ids[0];
    const struct store_details d = details_of(f, ids[0]);
    const size_t longer = details_of(f, ids[1]).envelope.n;
    assert_true(longer > d.envelope.n && d.envelope.n > d.bodystructure.n);
    const struct {
        unsigned wanted;
        size_t most;
        bool is_long[4]; /* ids[3] is ids[0] */
    } cases[] = {
        { 3, 0, { false } },
        { 3, longer, { false } },
        { 3, longer - 1, { [1] = true } },
        { 3, 1, { true, true, true, true } },
        { STORE_WANT_ENVELOPE, longer - 1, { [1] = true } },
        { STORE_WANT_BODYSTRUCTURE, d.bodystructure.n, { false } },
        { STORE_WANT_BODYSTRUCTURE, d.bodystructure.n - 1, { true, true, true, true } },
        { STORE_WANT_ENVELOPE | STORE_WANT_PREVIEW, longer - 1, { [1] = true } },
        { 0, 1, { false } },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct store_details out[4];
        const struct store_some_details some = {
            .msg_ids = ids, .n = 4, .wanted = cases[i].wanted, .most = cases[i].most
        };
        MUST(store_fetch_details(f->store, f->account, &some, &f->a, soon(), out, &e), e);
        for (size_t k = 0; k < 4; k++) {
            bool has_envelope = (cases[i].wanted & STORE_WANT_ENVELOPE) && !cases[i].is_long[k];
            assert_true(out[k].found && !out[k].subject.n);
            assert_int_equal(out[k].is_long, cases[i].is_long[k]);
            assert_int_equal(out[k].envelope.n, !has_envelope ? 0 : k == 1 ? longer : d.envelope.n);
        }
    }
}

static void test_limited(void **state)
{
    (void)state;
    with_store(limited_body);
}

static void test_derived(void **state)
{
    (void)state;
    with_store(derived_body);
}

static void threads_body(void *arg)
{
    struct fixture *f = arg;
    int64_t root = store_raw(f, STR("Message-ID: <root@x>\r\nSubject: a\r\n\r\n1\r\n")).msg_id;
    int64_t reply =
        store_raw(f, STR("Message-ID: <reply@x>\r\nIn-Reply-To: <root@x>\r\n\r\n2\r\n")).msg_id;
    int64_t deep = store_raw(f, STR("Message-ID: <deep@x>\r\nReferences: <lost@x> <reply@x>\r\n"
                                    "\r\n3\r\n"))
                       .msg_id;
    int64_t other = store_raw(f, STR("References: <elsewhere@x>\r\n\r\n4\r\n")).msg_id;
    assert_int_equal(details_of(f, root).thread_id, root);
    assert_int_equal(details_of(f, reply).thread_id, root);
    assert_int_equal(details_of(f, deep).thread_id, root);
    assert_int_equal(details_of(f, other).thread_id, other);
    /* Threads are an account's own. */
    f->account = new_account(0);
    int64_t stranger =
        store_raw(f, STR("Message-ID: <s@x>\r\nIn-Reply-To: <root@x>\r\n\r\n5\r\n")).msg_id;
    assert_int_equal(details_of(f, stranger).thread_id, stranger);
}

static void test_threads(void **state)
{
    (void)state;
    with_store(threads_body);
}

static void headers_body(void *arg)
{
    struct fixture *f = arg;
    enum {
        N = STORE_MAX_FETCH
    };
    struct err e = ERR_CLEAR;
    int64_t *ids = ARENA_ARRAY(&f->a, int64_t, N);
    str *raws = ARENA_ARRAY(&f->a, str, N);
    str *out = ARENA_ARRAY(&f->a, str, N);
    for (size_t i = 0; i < N; i++) {
        raws[i] = make_raw(f, (int)i, i % 50 == 7 ? 1200000 : 900);
        ids[i] = i == 100 ? 1 : store_raw(f, raws[i]).msg_id;
    }
    MUST(store_fetch_headers(f->store, f->account, ids, N, &f->a, soon(), out, &e), e);
    for (size_t i = 0; i < N; i++) {
        if (i == 100) {
            assert_null(out[i].p);
        } else {
            assert_true(out[i].n > 100 && str_has_prefix(raws[i], out[i]) &&
                        str_has_suffix(out[i], STR("\r\n\r\n")));
        }
    }
    size_t seen = 0;
    for (size_t from = 0, done = 0; from < N; from += done) {
        struct store_some_texts some = { .msg_ids = ids + from, .n = N - from };
        MUST(store_fetch_bodies(f->store, f->account, &some, &f->a, soon(), out, &e), e);
        done = some.done;
        assert_true(done > 0);
        for (size_t i = 0; i < done; i++)
            seen += out[i].p && str_eq(out[i], raws[from + i]);
    }
    assert_int_equal(seen, N - 1);
}

static void test_headers(void **state)
{
    (void)state;
    with_store(headers_body);
}

/* ---- whatever it is ---- */

struct poison {
    const char *name;
    const char *bytes;
    size_t n;
};
#define POISON(name, text)           \
    {                                \
        name, text, sizeof(text) - 1 \
    }

static const struct poison poisons[] = {
    POISON("nothing", ""),
    POISON("one byte", "x"),
    POISON("only line ends", "\r\n\r\n\r\n"),
    POISON("NUL in a subject", "Subject: a\0b\r\n\r\nbody\0\r\n"),
    POISON("NUL in an encoded word", "Subject: =?utf-8?q?a=00b?= =?utf-8?b?AAAA?=\r\n\r\nx"),
    POISON("NUL in names and ids",
           "From: \"a\0b\" <a\0@b\0>\r\nMessage-ID: <a\0@b>\r\nReferences: <\0> <\0\0>\r\n\r\nx"),
    POISON("invalid UTF-8", "Subject: \xff\xfe\xc0\x80 \xed\xa0\x80\r\nFrom: \xff <\xff@\xff>\r\n"
                            "To: \xf8\x88\x80\x80\x80\r\n\r\n\xff\xfe"),
    POISON("a lone surrogate in UTF-16", "Subject: =?utf-16be?b?2AA=?=\r\n\r\nx"),
    POISON("escapes of JSON and SQL",
           "Subject: \\u0000 '; DROP TABLE blob; -- $1 \\x00\r\n\r\n\\."),
    POISON("an impossible date", "Date: Fri, 99 Foo 99999999999999 99:99:99 +9999\r\n\r\nx"),
    POISON("a far date", "Date: Fri, 31 Dec 9999 23:59:60 -1200\r\n\r\nx"),
    POISON("year zero", "Date: Sat, 1 Jan 0000 00:00:00 +0000\r\n\r\nx"),
    POISON("bare CR and LF", "Subject: a\rb\nX: y\n\nbody\rmore\n"),
    POISON("no header end", "Subject: x"),
    POISON("a header without a name", ": x\r\n:\r\n\r\nx"),
    POISON("broken MIME", "Content-Type: multipart/mixed; boundary=\"\r\n\r\n--\r\n--\r\n----"),
    POISON("broken base64", "Content-Transfer-Encoding: base64\r\n\r\n\xff\xff====A=B\0"),
    POISON("an unknown charset",
           "Content-Type: text/plain; charset=\"x-\xff\0\"\r\nSubject: =?x?b?//8=?=\r\n\r\n\xff"),
};

static void poison_body(void *arg)
{
    struct fixture *f = arg;
    for (size_t i = 0; i < COUNT_OF(poisons); i++)
        (void)assert_round_trip(f, str_of(poisons[i].bytes, poisons[i].n), poisons[i].name);
    assert_sound(f, f->account);
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, COUNT_OF(poisons));
}

static void test_poison(void **state)
{
    (void)state;
    with_store(poison_body);
}

struct big_poison {
    const char *name;
    const char *prefix;
    const char *repeated;
    size_t times;
    const char *suffix;
};

static const struct big_poison big_poisons[] = {
    { "a header of 2 MB", "Subject: ", "abcdefghi \r\n ", 170000, "\r\n\r\nx" },
    { "100000 fields", "", "X-A: b\r\n", 100000, "\r\nx" },
    { "a message id of 1 MB", "Message-ID: <", "0123456789abcdef", 65536, "@x>\r\n\r\nx" },
    { "20000 references", "References:", " <0123456789@x>\r\n", 20000, "\r\nx" },
    { "50000 recipients", "To: x@y", ", \"a b\" <a@example.org>", 50000, "\r\n\r\nx" },
    { "deep MIME", "", "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n", 5000, "" },
    { "many parts", "Content-Type: multipart/mixed; boundary=a\r\n\r\n", "--a\r\n\r\nx\r\n", 50000,
      "--a--\r\n" },
    { "one line of 3 MB", "Subject: x\r\n\r\n", "0123456789abcdef", 200000, "" },
    { "a text of zeros", "Subject: x\r\n\r\n", "\xff\xff\xff\xff\xff\xff\xff\xff", 500000, "" },
};

static void big_poison_body(void *arg)
{
    struct fixture *f = arg;
    for (size_t i = 0; i < COUNT_OF(big_poisons); i++) {
        const struct big_poison *p = &big_poisons[i];
        struct buf b;
        buf_init(&b, 64 * 1024 * 1024);
        (void)buf_add(&b, str_from_cstr(p->prefix));
        for (size_t k = 0; k < p->times; k++)
            (void)buf_add(&b, str_from_cstr(p->repeated));
        (void)buf_add(&b, str_from_cstr(p->suffix));
        (void)assert_round_trip(f, buf_str(&b), p->name);
        buf_fini(&b);
    }
    assert_sound(f, f->account);
}

static void test_big_poison(void **state)
{
    (void)state;
    with_store(big_poison_body);
}

/* Pseudo-random bytes of all sizes. */
static void noise_body(void *arg)
{
    struct fixture *f = arg;
    uint64_t state = 88172645463325252ULL;
    for (int round = 0; round < 60; round++) {
        size_t n = (size_t)1 << (round % 20);
        char *bytes = arena_alloc(&f->a, n);
        for (size_t i = 0; i < n; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes[i] = round % 2 ? (char)(state >> 24) : "\r\n:=?<>\0\xff"[(state >> 24) % 9];
        }
        (void)assert_round_trip(f, str_of(bytes, n), "noise");
    }
    assert_sound(f, f->account);
}

static void test_noise(void **state)
{
    (void)state;
    with_store(noise_body);
}

static void vectors_body(void *arg)
{
    struct fixture *f = arg;
    glob_t found;
    assert_int_equal(glob(SHARED_VECTORS_DIR "/*/*/*.eml", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 40);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        FILE *file = fopen(found.gl_pathv[i], "rb");
        assert_non_null(file);
        char *bytes = arena_alloc(&f->a, 4000000);
        size_t n = fread(bytes, 1, 4000000, file);
        (void)fclose(file);
        (void)assert_round_trip(f, str_of(bytes, n), found.gl_pathv[i]);
    }
    assert_int_equal(snapshot_of(f, STORE_INBOX).n, found.gl_pathc);
    globfree(&found);
}

static void test_vectors(void **state)
{
    (void)state;
    with_store(vectors_body);
}

/* The database refuses what was derived: the mail goes in without it, alone and in company. */
static void refused_body(void *arg)
{
    struct fixture *f = arg;
    str raw = STR("Subject: refuse me\r\nMessage-ID: <r@x>\r\n\r\nbody\r\n");
    test_pg_run("ALTER TABLE message ADD CONSTRAINT no_subject CHECK (subject NOT LIKE 'refuse%')");
    struct store_details d = assert_round_trip(f, raw, "a refused subject");
    assert_int_equal(d.subject.n + d.envelope.n + d.message_id.n, 0);
    assert_int_equal(d.header, 41);
    struct err e = ERR_CLEAR;
    struct store_appended out;
    const struct store_append_item items[] = { { .message = prepare(f, make_raw(f, 1, 500)) },
                                               { .message = prepare(f, raw) } };
    MUST(store_append(f->store, f->account, 2, items, 2, soon(), &out, &e), e);
    assert_int_equal(snapshot_of(f, 2).n, 2);
    test_pg_run("ALTER TABLE message DROP CONSTRAINT no_subject");
    assert_sound(f, f->account);
}

static void test_refused(void **state)
{
    (void)state;
    with_store(refused_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derived), cmocka_unit_test(test_limited),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_poison),  cmocka_unit_test(test_big_poison),
        cmocka_unit_test(test_noise),   cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
