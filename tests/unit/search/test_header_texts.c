/* SPDX-License-Identifier: Apache-2.0 */
/* The kept texts of headers: what the table says of a message is what its header says. */
#include "search/header_texts.h"

#include "mime/mime.h"
#include "search/fixture.h"

enum {
    ACCOUNT = 7,
    OTHER_ACCOUNT = 8,
    OTHER_ID = 1000
};

static const char *const names[SEARCH_HEADERS] = { "Subject", "From", "To", "Cc", "Bcc" };

/* Messages 1 ... of the account. */
static const str messages[] = {
    STR_INIT("Date: Mon, 06 Jan 2020 23:30:00 -0500\r\nFrom: Ada Lovelace <ada@a.example>\r\n"
             "To: bob@b.example\r\nSubject: Invoice for\r\n October\r\n\r\nbody: of it\r\n"),
    STR_INIT("Date: Tue, 07 Jan 2020 00:30:00 +0000\r\nFrom: bob@b.example\r\nCc: x@y.example\r\n"
             "To: Ada <ada@a.example>\r\nTo: carol@c.example\r\nSubject:\r\n\r\nFrom: nobody\r\n"),
    STR_INIT("FROM: =?utf-8?q?Fran=C3=A7oise?= <fr@example.fr>\r\nBcc: hidden@h.example\r\n"
             "Subject: =?utf-8?b?5p2x5Lqs6YO95bqB?= 100% a_b\r\nDate: no date\r\n\r\n"),
    STR_INIT("\r\nno header at all"),
    STR_INIT("Subject: first\r\nsubject: second\r\nDate: Thu, 1 Jan 1970 00:00:00 +0100\r\n\r\n"),
    STR_INIT("Subject: raw \xe4 octets, back\\slash 'quotes'\r\n\r\n"),
};

static const char *const needles[] = {
    "",
    "invoice",
    "INVOICE",
    "voice for oct",
    "ada",
    "lovelace <ada@",
    "b.example",
    "example",
    "carol",
    "@",
    "%",
    "_",
    "a_b",
    "100%",
    "francoise",
    "fran\xc3\xa7oise",
    "\xe6\x9d\xb1",
    "\xe4\xba\xac\xe9\x83\xbd",
    "first second",
    "t\ns",
    "first",
    "nd",
    "body",
    "nobody",
    " ",
    "\\",
    "k\\s",
    "'",
    "\xc3\xa4",
    "octets",
    "hidden",
    "zzz",
    "o",
    "bob@b.example carol",
};

static void store_all(struct fixture *f)
{
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        store(f, ACCOUNT, (int64_t)i + 1, messages[i]);
    store(f, OTHER_ACCOUNT, OTHER_ID, messages[0]);
}

static bool has(const int64_t *ids, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

/* The plain reading: some field of that name holds the needle. */
static bool holds(str message, const char *name, const char *needle)
{
    struct arena a;
    struct mime_field_iter it;
    struct mime_field field;
    bool found = false;
    arena_init(&a);
    mime_field_iter_init(&it, message);
    while (!found && mime_field_iter_next(&it, &field)) {
        found = str_ieq(field.name, str_from_cstr(name)) &&
                search_text_contains(mime_text_decode(&a, field.body), str_from_cstr(needle));
    }
    arena_fini(&a);
    return found;
}

static struct search_candidates find(struct fixture *f, const struct search_header_query *query)
{
    struct err e = ERR_CLEAR;
    struct search_candidates found;
    MUST(search_find_in_headers(f->db, query, &f->a, soon(), &found, &e), e);
    assert_false(found.all_maybe);
    assert_false(has(found.sure, found.n_sure, OTHER_ID));
    assert_false(has(found.maybe, found.n_maybe, OTHER_ID));
    return found;
}

static void compare_all(struct fixture *f, const int64_t *among, size_t n_among)
{
    for (unsigned k = 0; k < COUNT_OF(needles) * SEARCH_HEADERS; k++) {
        const char *needle = needles[k / SEARCH_HEADERS];
        struct search_header_query query = { .account_id = ACCOUNT,
                                             .asked = SEARCH_HEADER_HOLDS,
                                             .field = (enum search_header)(k % SEARCH_HEADERS),
                                             .text = str_from_cstr(needle),
                                             .among = among,
                                             .n_among = n_among };
        struct search_candidates found = find(f, &query);
        assert_int_equal(found.n_maybe, 0);
        for (size_t i = 0; i < COUNT_OF(messages); i++) {
            int64_t id = (int64_t)i + 1;
            bool want = (!among || has(among, n_among, id)) &&
                        holds(messages[i], names[query.field], needle);
            if (has(found.sure, found.n_sure, id) != want)
                fail_msg("%s '%s': message %zu", names[query.field], needle, i + 1);
        }
    }
}

static void agree(void *arg)
{
    static const int64_t some[] = { 5, 1, 3, 77 };
    struct fixture *f = arg;
    store_all(f);
    (void)index_all(f);
    compare_all(f, NULL, 0);
    compare_all(f, some, COUNT_OF(some));
}

static void texts_agree_with_reading(void **state)
{
    (void)state;
    with_db(agree);
}

/* ---- dates ---- */

enum {
    DAY = 18267 /* 6 January 2020, as the first message writes it */
};

static const struct {
    enum search_header_asked asked;
    int64_t day;
    const char *want; /* messages */
} days[] = {
    { SEARCH_SENT_ON, DAY, "1" },         { SEARCH_SENT_ON, DAY + 1, "2" },
    { SEARCH_SENT_ON, DAY + 2, "" },      { SEARCH_SENT_BEFORE, DAY + 1, "15" },
    { SEARCH_SENT_SINCE, DAY, "12" },     { SEARCH_SENT_SINCE, DAY + 1, "2" },
    { SEARCH_SENT_BEFORE, 1, "5" },       { SEARCH_SENT_ON, 0, "5" },
    { SEARCH_SENT_SINCE, -10000, "125" }, { SEARCH_SENT_BEFORE, 0, "" },
};

static void find_days(void *arg)
{
    struct fixture *f = arg;
    store_all(f);
    (void)index_all(f);
    for (size_t k = 0; k < COUNT_OF(days); k++) {
        struct search_header_query query = { .account_id = ACCOUNT,
                                             .asked = days[k].asked,
                                             .day = days[k].day };
        struct search_candidates found = find(f, &query);
        for (size_t i = 0; i < COUNT_OF(messages); i++) {
            bool want = strchr(days[k].want, (int)('1' + i)) != NULL;
            if (has(found.sure, found.n_sure, (int64_t)i + 1) != want)
                fail_msg("day case %zu: message %zu", k, i + 1);
        }
    }
}

static void days_are_those_of_the_sender(void **state)
{
    (void)state;
    with_db(find_days);
}

/* ---- what is not there yet, or not whole ---- */

static void be_unsure(void *arg)
{
    struct fixture *f = arg;
    struct search_header_query query = { .account_id = ACCOUNT,
                                         .asked = SEARCH_HEADER_HOLDS,
                                         .text = STR("first") };
    store_all(f);
    struct search_candidates found = find(f, &query);
    assert_int_equal(found.n_sure, 0);
    assert_int_equal(found.n_maybe, COUNT_OF(messages));
    (void)index_all(f);
    found = find(f, &query);
    assert_int_equal(found.n_sure, 1);
    assert_int_equal(found.n_maybe, 0);

    struct buf big;
    buf_init(&big, SEARCH_MAX_HEADER_TEXT + 200);
    assert_true(buf_add(&big, STR("Subject: ")));
    while (big.n < SEARCH_MAX_HEADER_TEXT + 100)
        assert_true(buf_add(&big, STR("word ")));
    assert_true(buf_add(&big, STR("\r\n\r\n")));
    store(f, ACCOUNT, 50, buf_str(&big));
    buf_fini(&big);
    (void)index_all(f);
    found = find(f, &query);
    assert_int_equal(found.n_maybe, 1);
    assert_int_equal(found.maybe[0], 50);

    /* As a former version wrote it: without accents, so it is read. */
    test_pg_run("UPDATE header_text SET form = 0, subject = 'cafe' WHERE msg_id = 1");
    query.text = STR("caf\xc3\xa9");
    found = find(f, &query);
    assert_true(has(found.maybe, found.n_maybe, 1) && !has(found.sure, found.n_sure, 1));
    query.text = STR("cafeteria");
    found = find(f, &query);
    assert_false(has(found.maybe, found.n_maybe, 1));
    query.text = STR("caf\xc4\xb1"); /* a dotless i: the text cannot say */
    found = find(f, &query);
    assert_true(has(found.maybe, found.n_maybe, 1));
    query.text = STR("first");

    /* Gone with its document. */
    test_pg_run("DELETE FROM fts WHERE msg_id = 5 OR msg_id = 50");
    found = find(f, &query);
    assert_int_equal(found.n_sure + found.n_maybe, 0);
}

static void pending_and_partial_messages_are_unsure(void **state)
{
    (void)state;
    with_db(be_unsure);
}

static void ask_too_much(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct search_candidates found;
    char *text = arena_alloc(&f->a, SEARCH_MAX_NEEDLE + 1);
    memset(text, 'a', SEARCH_MAX_NEEDLE + 1);
    struct search_header_query query = { .account_id = ACCOUNT,
                                         .asked = SEARCH_HEADER_HOLDS,
                                         .text = str_of(text, SEARCH_MAX_NEEDLE) };
    MUST(search_find_in_headers(f->db, &query, &f->a, soon(), &found, &e), e);
    query.text.n++;
    assert_false(search_find_in_headers(f->db, &query, &f->a, soon(), &found, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
}

static void long_texts_are_refused(void **state)
{
    (void)state;
    with_db(ask_too_much);
}

/* ---- making ---- */

static void many_fields_stay_bounded(void **state)
{
    (void)state;
    struct arena a;
    struct buf header;
    struct search_header_texts texts;
    arena_init(&a);
    buf_init(&header, 1 << 20);
    for (unsigned i = 0; i < 20000; i++)
        assert_true(buf_add(&header, STR("To:\r\nSubject: x\r\n")));
    search_header_texts_make(&a, buf_str(&header), &texts);
    assert_false(texts.is_whole);
    assert_false(texts.has[SEARCH_HEADER_TO]);
    assert_int_equal(texts.texts[SEARCH_HEADER_TO].n, 0);
    buf_fini(&header);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_agree_with_reading),
        cmocka_unit_test(days_are_those_of_the_sender),
        cmocka_unit_test(pending_and_partial_messages_are_unsure),
        cmocka_unit_test(long_texts_are_refused),
        cmocka_unit_test(many_fields_stay_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
