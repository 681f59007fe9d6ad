/* SPDX-License-Identifier: Apache-2.0 */
/* The threading algorithms, from headers to the line of the answer (RFC 5256). */
#include "services/imap/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    MOST = 8,
    DAY_S = 86400
};

struct message {
    unsigned name; /* in the answer; 0 ends the list */
    int day;       /* it was sent on and came; 0: it came on day 100 and has no Date field */
    const char *id;
    const char *references; /* of References, or of In-Reply-To with "!" before it; NULL: none */
    const char *subject;
};

static const struct {
    const char *what;
    const char *references; /* the answers of the three algorithms */
    const char *refs;
    const char *orderedsubject;
    struct message messages[MOST + 1];
} cases[] = {
    { "the example of RFC 5256 section 4",
      "(2)(3 6 (4 23)(44 7 96))",
      "(2)(3 6 (4 23)(44 7 96))",
      "(2)(3 (6)(4)(23)(44)(7)(96))",
      { { 2, 1, "<a>", NULL, "alone" },
        { 3, 2, "<b>", NULL, "talk" },
        { 6, 3, "<c>", "<b>", "Re: talk" },
        { 4, 4, "<d>", "<b> <c>", "Re: talk" },
        { 23, 5, "<e>", "<b> <c> <d>", "Re: talk" },
        { 44, 6, "<f>", "<b> <c>", "Re: talk" },
        { 7, 7, "<g>", "<b> <c> <f>", "Re: talk" },
        { 96, 8, "<h>", "<b> <c> <f> <g>", "Re: talk" } } },
    { "children of a message that is not there",
      "((3)(5))",
      "((3)(5))",
      "(3)(5)",
      { { 3, 1, "<a>", "<gone>", "one" }, { 5, 2, "<b>", "<gone>", "two" } } },
    { "one child of a message that is not there",
      "(1)(2)",
      "(1)(2)",
      "(1)(2)",
      { { 1, 1, "<a>", "<gone>", "one" }, { 2, 2, "<b>", NULL, "two" } } },
    { "an ancestor in between is not there",
      "(1 2)",
      "(1 2)",
      "(1)(2)",
      { { 1, 1, "<a>", NULL, "one" }, { 2, 2, "<b>", "<a> <gone>", "two" } } },
    { "messages that answer each other",
      "(2 1)",
      "(2 1)",
      "(1)(2)",
      { { 1, 1, "<a>", "<b>", "one" }, { 2, 2, "<b>", "<a>", "two" } } },
    { "a message that answers itself", "(1)", "(1)", "(1)", { { 1, 1, "<a>", "<a>", "one" } } },
    { "the same id twice",
      "(1 3)(2)",
      "(2)(1 3)",
      "(1)(2)(3)",
      { { 1, 1, "<a>", NULL, "one" },
        { 2, 2, "<a>", NULL, "two" },
        { 3, 3, "<b>", "<a>", "three" } } },
    { "In-Reply-To where there are no References",
      "(1 2)",
      "(1 2)",
      "(1)(2)",
      { { 1, 1, "<a>", NULL, "one" }, { 2, 2, "<b>", "!<a>", "two" } } },
    { "an answer found by its subject",
      "(1 2)",
      "(1)(2)",
      "(1 2)",
      { { 1, 1, "<a>", NULL, "one" }, { 2, 2, "<b>", NULL, "Re: ONE" } } },
    { "an answer that is older than what it answers",
      "(2 1)",
      "(1)(2)",
      "(1 2)",
      { { 1, 1, "<a>", NULL, "Re: one" }, { 2, 2, "<b>", NULL, "one" } } },
    { "the same subject, and none is an answer",
      "((1)(2))",
      "(1)(2)",
      "(1 2)",
      { { 1, 1, "<a>", NULL, "one" }, { 2, 2, "<b>", NULL, "one" } } },
    { "empty subjects belong to nobody",
      "(1)(2)",
      "(1)(2)",
      "(1 2)",
      { { 1, 1, "<a>", NULL, "" }, { 2, 2, "<b>", NULL, "Re:" } } },
    { "no ids at all",
      "(1)(2)",
      "(1)(2)",
      "(1)(2)",
      { { 1, 1, NULL, NULL, "one" }, { 2, 2, NULL, NULL, "two" } } },
    { "an old talk with a new answer",
      "(1 3)(2)",
      "(2)(1 3)",
      "(1)(2)(3)",
      { { 1, 1, "<a>", NULL, "one" },
        { 2, 2, "<b>", NULL, "two" },
        { 3, 3, "<c>", "<a>", "three" } } },
    { "the order of dates, not of the mailbox",
      "(2)(1)",
      "(2)(1)",
      "(2)(1)",
      { { 1, 2, "<a>", NULL, "one" }, { 2, 1, "<b>", NULL, "two" } } },
    { "without a date the day of arrival counts: 100",
      "(2)(1)",
      "(2)(1)",
      "(2)(1)",
      { { 1, 0, "<a>", NULL, "one" }, { 2, 99, "<b>", NULL, "two" } } },
    { "nothing", "", "", "", { { 0, 0, NULL, NULL, NULL } } },
};

static str header_of(struct arena *a, const struct message *m)
{
    bool is_reply_to = m->references && m->references[0] == '!';
    return arena_printf(a, "Subject: %s\r\n%s%s%s%s%s%s\r\n", m->subject,
                        m->id ? "Message-ID: " : "", m->id ? m->id : "", m->id ? "\r\n" : "",
                        !m->references ? ""
                        : is_reply_to  ? "In-Reply-To: "
                                       : "References: ",
                        m->references ? m->references + is_reply_to : "",
                        m->references ? "\r\n" : "");
}

/* The items of messages with the keys, as columns have them; in the arena. */
static void items_of(struct arena *a, const struct search_keys *keys, const int64_t *at_s,
                     uint32_t n, struct imap_thread_input *input)
{
    struct imap_column_item *from = ARENA_ARRAY(a, struct imap_column_item, n + 1);
    struct imap_thread_item *items = ARENA_ARRAY(a, struct imap_thread_item, n + 1);
    for (uint32_t i = 0; i < n; i++)
        from[i] = (struct imap_column_item){ i + 1, at_s[i], &keys[i] };
    struct imap_column *ids = imap_column_join(IMAP_COLUMN_IDS, NULL, from, n);
    struct imap_column *subjects = imap_column_join(IMAP_COLUMN_SUBJECT, NULL, from, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t n_refs = ids->refs_at[i + 1] - ids->refs_at[i];
        uint32_t *refs = ARENA_ARRAY(a, uint32_t, n_refs + 1);
        memcpy(refs, ids->refs + ids->refs_at[i], n_refs * sizeof(*refs));
        items[i] = (struct imap_thread_item){ .id = ids->own[i],
                                              .n_refs = n_refs,
                                              .refs = refs,
                                              .subject = subjects->ranks[i],
                                              .has_subject = keys[i].subject.n > 0,
                                              .is_reply = ids->is_reply[i],
                                              .sent_s = at_s[i],
                                              .arrived_s = at_s[i] };
    }
    *input = (struct imap_thread_input){ items, n, ids->n_ids, subjects->n_texts };
    imap_column_drop(&ids);
    imap_column_drop(&subjects);
}

static const char *thread(struct arena *a, enum imap_thread_by by, const struct message *messages)
{
    struct imap_thread_input input;
    struct search_keys keys[MOST];
    int64_t at_s[MOST];
    uint32_t names[MOST];
    struct imap_threads threads;
    struct buf out;
    uint32_t n = 0;
    for (; messages[n].name; n++) {
        search_keys_make(a, header_of(a, &messages[n]), &keys[n]);
        at_s[n] = (int64_t)(messages[n].day ? messages[n].day : 100) * DAY_S;
        names[n] = messages[n].name;
    }
    items_of(a, keys, at_s, n, &input);
    imap_thread_make(a, by, &input, &threads);
    buf_init(&out, 10000);
    for (uint32_t at = threads.first; at != IMAP_THREAD_NONE; at = threads.nodes[at].next)
        assert_true(imap_thread_format(&threads, at, names, &out));
    const char *text = arena_cstr(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

static void compare(struct arena *a, size_t i, enum imap_thread_by by, const char *want)
{
    const char *got = thread(a, by, cases[i].messages);
    if (strcmp(got, want) != 0)
        fail_msg("%s, algorithm %d: %s instead of %s", cases[i].what, (int)by, got, want);
}

static void threads_are_what_the_rfc_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        arena_init(&a);
        compare(&a, i, IMAP_THREAD_REFERENCES, cases[i].references);
        compare(&a, i, IMAP_THREAD_REFS, cases[i].refs);
        compare(&a, i, IMAP_THREAD_ORDEREDSUBJECT, cases[i].orderedsubject);
        arena_fini(&a);
    }
}

/* Each message refers to the one before. The tree is made and written without recursion, and
 * without work that grows with the square of its depth: below some depth threads begin anew. */
static void a_chain_of_thousands(void **state)
{
    enum {
        LONG = 20000
    };
    (void)state;
    struct arena a;
    struct imap_threads threads;
    struct buf out;
    arena_init(&a);
    struct imap_thread_input input;
    int64_t *at_s = ARENA_ARRAY(&a, int64_t, LONG);
    struct search_keys *keys = ARENA_ARRAY(&a, struct search_keys, LONG);
    int64_t *refs = ARENA_ARRAY(&a, int64_t, LONG);
    uint32_t *names = ARENA_ARRAY(&a, uint32_t, LONG);
    for (uint32_t i = 0; i < LONG; i++) {
        refs[i] = i; /* the id of the one before */
        keys[i] = (struct search_keys){ .is_known = true,
                                        .has_id = true,
                                        .id = i + 1,
                                        .subject = STR_EMPTY,
                                        .is_reply = i > 0,
                                        .refs = &refs[i],
                                        .n_refs = i > 0 };
        at_s[i] = i;
        names[i] = i + 1;
    }
    items_of(&a, keys, at_s, LONG, &input);
    imap_thread_make(&a, IMAP_THREAD_REFERENCES, &input, &threads);
    buf_init(&out, LONG * 8UL);
    for (uint32_t at = threads.first; at != IMAP_THREAD_NONE; at = threads.nodes[at].next)
        assert_true(imap_thread_format(&threads, at, names, &out));
    assert_memory_equal(out.p, "(1 2 3 4 ", 9);
    size_t n = 0;
    for (size_t i = 1; i < out.n; i++)
        n += ascii_is_digit(out.p[i]) && !ascii_is_digit(out.p[i - 1]);
    assert_int_equal(n, LONG);
    buf_fini(&out);
    buf_init(&out, 100);
    assert_false(imap_thread_format(&threads, threads.first, names, &out));
    buf_fini(&out);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_what_the_rfc_says),
        cmocka_unit_test(a_chain_of_thousands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
