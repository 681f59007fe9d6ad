/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation of search keys: with everything known it decides, with less it never contradicts. */
#include "services/imap/search_eval.h"

#include "mime/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const str texts[] = {
    STR_INIT("Date: Mon, 06 Jan 2020 23:30:00 -0500\r\nFrom: Ada <ada@a.example>\r\n"
             "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nfirst body\r\n"),
    STR_INIT("Date: Tue, 07 Jan 2020 00:30:00 +0000\r\nFrom: Bob <bob@b.example>\r\n"
             "To: Ada <ada@a.example>\r\nSubject: second\r\nX-Empty:\r\n\r\nSecond BODY\r\n"),
    STR_INIT("From: Cy <cy@c.example>\r\nContent-Type: text/plain\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\naGlkZGVuIHdvcmRz\r\n"),
};

enum {
    MESSAGES = COUNT_OF(texts),
    DAY_S = 86400
};

/* Three messages in a mailbox; the third has a keyword. */
struct fixture {
    struct imap_session session;
    struct imap_view view;
    struct imap_box box;
    size_t counted;
    char *keywords[1];
    struct store_row rows[MESSAGES];
    struct imap_search search;
    struct arena arena;
};

static char keyword[] = "$Junk";

static void set_up(struct fixture *f)
{
    *f = (struct fixture){ .session = { .state = IMAP_SELECTED } };
    arena_init(&f->arena);
    for (size_t i = 0; i < MESSAGES; i++) {
        f->rows[i] = (struct store_row){ .uid = (uint32_t)(10 * (i + 1)),
                                         .modseq = (int64_t)(100 * (i + 1)),
                                         .size = (uint32_t)texts[i].n,
                                         .idate_s = (int64_t)(18266 + i) * DAY_S };
    }
    f->rows[0].flags = STORE_SEEN;
    f->rows[2].kw = 1;
    struct imap_rows *none = imap_rows_new(&f->counted);
    f->view.rows = imap_rows_apply(
        none, &(struct imap_rows_change){ .rows = f->rows, .n = MESSAGES, .takes_new = true });
    imap_rows_drop(&none);
    f->view.n = MESSAGES;
    f->keywords[0] = keyword;
    f->box.keywords = f->keywords;
    f->box.n_keywords = COUNT_OF(f->keywords);
    f->view.box = &f->box;
    f->session.view = &f->view;
    f->search.s = &f->session;
    f->search.view = &f->view;
    f->search.now_s = (int64_t)18270 * DAY_S;
}

static void tear_down(struct fixture *f)
{
    imap_rows_drop(&f->view.rows);
    arena_fini(&f->arena);
}

static enum imap_truth eval(struct fixture *f, const struct imap_search_key *root, size_t i,
                            enum imap_knowledge knows)
{
    struct imap_looked_at m = { .row = &f->rows[i], .number = (uint32_t)i + 1, .a = &f->arena };
    m.header = str_slice(texts[i], 0, mime_header_end(texts[i]));
    m.raw = texts[i];
    return imap_search_eval(&f->search, root, &m, knows);
}

static struct imap_search_key *parse(struct fixture *f, const char *text)
{
    struct imap_lexer l;
    struct imap_search_args args;
    enum imap_search_refusal why;
    struct err e = ERR_CLEAR;
    imap_lexer_init(&l, str_from_cstr(text), &f->arena);
    if (!imap_search_parse(&l, &args, &why, &e))
        fail_msg("%s: %s", text, e.msg);
    for (struct imap_search_key *k = args.root->first_child; k; k = k->next) {
        if (k->op == IMAP_SEARCH_UID || k->op == IMAP_SEARCH_SEQUENCE)
            imap_sequence_resolve(&k->set, k->op == IMAP_SEARCH_UID ? 30 : 3);
    }
    return args.root;
}

static const struct {
    const char *keys;
    const char *want; /* numbers of the messages that match */
} cases[] = {
    { " ALL", "123" },
    { " SEEN", "1" },
    { " UNSEEN", "23" },
    { " NEW", "" },
    { " OLD", "123" },
    { " KEYWORD $junk", "3" },
    { " UNKEYWORD $Junk", "12" },
    { " KEYWORD other", "" },
    { " 2:*", "23" },
    { " UID 10,30", "13" },
    { " UID 25:*", "3" },
    { " MODSEQ 200", "23" },
    { " LARGER 100 SMALLER 1000", "123" },
    { " ON 6-Jan-2020", "2" },
    { " BEFORE 6-Jan-2020", "1" },
    { " SINCE 6-Jan-2020", "23" },
    { " SENTON 6-Jan-2020", "1" }, /* the day as written, whatever its zone */
    { " SENTSINCE 7-Jan-2020", "2" },
    { " SENTBEFORE 1-Jan-2030", "12" }, /* without Date no sent key matches */
    { " FROM ada", "1" },
    { " TO ada", "2" },
    { " SUBJECT {6}\r\ngr\xc3\xbc\xc3\x9f", "1" },
    { " HEADER X-Empty \"\"", "2" },
    { " HEADER x-empty x", "" },
    { " BODY body", "12" },
    { " BODY \"hidden words\"", "3" },
    { " TEXT ada", "12" },
    { " NOT TEXT ada", "3" },
    { " TEXT \"subject: second\"", "2" }, /* over the name of a field */
    { " TEXT transfer-encoding", "3" },
    { " OLDER 259200", "12" },
    { " YOUNGER 259200", "23" },
    { " OR FROM bob FROM cy", "23" },
    { " NOT (FROM bob SEEN)", "123" },
    { " OR SEEN BODY hidden", "13" },
};

static void all_that_is_known_decides(void **state)
{
    struct fixture f;
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        set_up(&f);
        char got[MESSAGES + 1] = { 0 };
        size_t n = 0;
        const struct imap_search_key *root = parse(&f, cases[c].keys);
        for (size_t i = 0; i < MESSAGES; i++) {
            enum imap_truth t = eval(&f, root, i, IMAP_KNOWS_ALL);
            assert_int_not_equal(t, IMAP_MAYBE);
            if (t == IMAP_TRUE)
                got[n++] = (char)('1' + i);
        }
        if (strcmp(got, cases[c].want) != 0)
            fail_msg("%s: got %s, want %s", cases[c].keys, got, cases[c].want);
        tear_down(&f);
    }
}

static void less_knowledge_never_contradicts(void **state)
{
    struct fixture f;
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        set_up(&f);
        const struct imap_search_key *root = parse(&f, cases[c].keys);
        for (size_t i = 0; i < MESSAGES; i++) {
            enum imap_truth all = eval(&f, root, i, IMAP_KNOWS_ALL);
            enum imap_truth header = eval(&f, root, i, IMAP_KNOWS_HEADER);
            enum imap_truth row = eval(&f, root, i, IMAP_KNOWS_ROW);
            assert_true(header == all || header == IMAP_MAYBE);
            assert_true(row == header || row == IMAP_MAYBE);
        }
        tear_down(&f);
    }
}

static void the_index_spares_a_look(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    const int64_t sure[] = { 7 };
    const int64_t maybe[] = { 9 };
    struct imap_search_key *root = parse(&f, " SUBJECT x");
    struct imap_search_hint hint = { .key = root->first_child, .is_exact = true };
    hint.candidates =
        (struct search_candidates){ .sure = sure, .n_sure = 1, .maybe = maybe, .n_maybe = 1 };
    f.search.hints = &hint;
    f.search.n_hints = 1;
    f.rows[0].msg_id = 7;
    f.rows[1].msg_id = 8;
    f.rows[2].msg_id = 9;
    assert_int_equal(eval(&f, root, 0, IMAP_KNOWS_ROW), IMAP_TRUE);
    assert_int_equal(eval(&f, root, 1, IMAP_KNOWS_ROW), IMAP_FALSE);
    assert_int_equal(eval(&f, root, 2, IMAP_KNOWS_ROW), IMAP_MAYBE);
    assert_int_equal(eval(&f, root, 2, IMAP_KNOWS_ALL), IMAP_FALSE);
    hint.is_exact = false;
    assert_int_equal(eval(&f, root, 0, IMAP_KNOWS_ROW), IMAP_MAYBE);
    hint.candidates.all_maybe = true;
    assert_int_equal(eval(&f, root, 1, IMAP_KNOWS_ROW), IMAP_MAYBE);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_known_decides),
        cmocka_unit_test(less_knowledge_never_contradicts),
        cmocka_unit_test(the_index_spares_a_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
