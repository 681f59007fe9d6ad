/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields: splitting, limits, picking, editing. */
#include "mime/header.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct split_case {
    const char *name;
    str message;
    const char *names; /* joined by '|' */
    size_t body;       /* offset */
} split_cases[] = {
    { "crlf", STR_INIT("A: 1\r\nB: 2\r\n\r\nbody"), "A|B|", 14 },
    { "bare lf", STR_INIT("A: 1\nB: 2\n\nbody"), "A|B|", 11 },
    { "folded", STR_INIT("A: 1\r\n 2\r\n\t3\r\nB: 2\r\n\r\n"), "A|B|", 22 },
    { "space before the colon", STR_INIT("A \t: 1\r\n\r\n"), "A|", 10 },
    { "no colon", STR_INIT("From ada Sat Nov 21\r\nA: 1\r\n\r\n"), "|A|", 29 },
    { "continuation first", STR_INIT(" x: 1\r\nA: 1\r\n\r\n"), "|A|", 15 },
    { "space in the name", STR_INIT("A b: 1\r\n\r\n"), "|", 10 },
    { "no end", STR_INIT("A: 1\r\nB: 2"), "A|B|", 10 },
    { "empty header", STR_INIT("\r\nbody"), "", 2 },
    { "line of spaces continues", STR_INIT("A: 1\r\n \r\nB: 2\r\n\r\n"), "A|B|", 17 },
    { "empty", { 0 }, "", 0 },
};

static void splits_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(split_cases); i++) {
        const struct split_case *c = &split_cases[i];
        struct arena a;
        struct mime_header h;
        struct buf names;
        arena_init(&a);
        buf_init(&names, 1000);
        mime_header_parse(&a, c->message, &h);
        for (size_t k = 0; k < h.n; k++)
            (void)buf_addf(&names, "%.*s|", STR_FMT(h.fields[k].name));
        if (strcmp(buf_cstr(&names), c->names) != 0)
            fail_msg("%s: %s", c->name, buf_cstr(&names));
        assert_int_equal(h.body_offset, c->body);
        assert_int_equal(mime_header_end(c->message), c->body);
        buf_fini(&names);
        arena_fini(&a);
    }
}

static void unfolds(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    assert_true(str_eq(mime_field_unfold(&a, STR("  a\r\n b\n\tc \r\n")), STR("a b c")));
    assert_true(str_eq(mime_field_unfold(&a, STR("a\0b\rc\x7f")), STR("a b c")));
    arena_fini(&a);
}

/* X1: a million fields, and one huge field. */
static void holds_its_limits(void **state)
{
    (void)state;
    struct arena a;
    struct mime_header h;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 20000000);
    for (int i = 0; i < 1000000; i++)
        assert_true(buf_add(&text, STR("X: y\r\n")));
    assert_true(buf_add(&text, STR("\r\nbody")));
    mime_header_parse(&a, buf_str(&text), &h);
    assert_int_equal(h.n, MIME_MAX_FIELDS);
    assert_true(h.cut);
    assert_int_equal(h.body_offset, 6000002);
    assert_true(a.total < 1000000);
    buf_clear(&text);
    assert_true(buf_add(&text, STR("Subject: ")));
    for (int i = 0; i < 1000000; i++)
        assert_true(buf_add(&text, STR("y\r\n ")));
    mime_header_parse(&a, buf_str(&text), &h);
    assert_int_equal(h.n, 1);
    assert_true(mime_field_unfold(&a, h.fields[0].body).n <= MIME_MAX_FIELD_BYTES);
    buf_fini(&text);
    arena_fini(&a);
}

static void finds_and_counts(void **state)
{
    (void)state;
    struct arena a;
    struct mime_header h;
    arena_init(&a);
    mime_header_parse(&a, STR("To: 1\r\nX: 2\r\ntO: 3\r\n\r\n"), &h);
    assert_int_equal(mime_header_count(&h, STR("to")), 2);
    const struct mime_field *first = mime_header_find(&h, STR("TO"), 0);
    const struct mime_field *second =
        mime_header_find(&h, STR("TO"), mime_header_index(&h, first) + 1);
    assert_true(str_eq(second->body, STR(" 3")));
    assert_null(mime_header_find(&h, STR("cc"), 0));
    arena_fini(&a);
}

static void counts_without_a_list(void **state)
{
    (void)state;
    static const str header = STR_INIT(
        "X:\r\n to: fold\r\ntO \t: 1\r\n 2\r\nTo x: 3\r\nTox: 4\r\nTo\r\nTO:5\n\r\nTo: body\r\n");
    struct mime_field first;
    assert_int_equal(mime_field_count(header, STR("To"), 10, &first), 2);
    assert_true(str_eq(first.body, STR(" 1\r\n 2")));
    assert_int_equal(first.offset, 15);
    assert_int_equal(mime_field_count(header, STR("to"), 1, &first), 1);
    assert_int_equal(mime_field_count(header, STR("x"), 10, &first), 1);
    assert_int_equal(mime_field_count(STR("To"), STR("To"), 10, &first), 0);
    assert_int_equal(mime_field_count(STR("To:"), STR("To"), 10, &first), 1);
    assert_int_equal(mime_field_count(STR(""), STR("To"), 10, &first), 0);
}

static void picks_fields(void **state)
{
    (void)state;
    static const str header = STR_INIT("A: 1\r\nB: 2\r\n 3\r\na: 4\r\nC: 5\r\n\r\nbody");
    static const str names[] = { STR_INIT("a"), STR_INIT("x") };
    struct buf out;
    buf_init(&out, 1000);
    assert_true(mime_header_pick(header, names, 2, false, &out));
    assert_string_equal(buf_cstr(&out), "A: 1\r\na: 4\r\n\r\n");
    buf_clear(&out);
    assert_true(mime_header_pick(header, names, 2, true, &out));
    assert_string_equal(buf_cstr(&out), "B: 2\r\n 3\r\nC: 5\r\n\r\n");
    buf_fini(&out);
}

static const struct edit_case {
    const char *name;
    str message;
    const char *remove; /* "" for none */
    const char *prepend;
    const char *append;
    const char *wanted;
} edit_cases[] = {
    { "remove all of a name", STR_INIT("Bcc: a\r\nTo: b\r\nbCC: c,\r\n d\r\n\r\nBcc: body\r\n"),
      "bcc", "", "", "To: b\r\n\r\nBcc: body\r\n" },
    { "append", STR_INIT("To: b\r\n\r\nx"), "", "", "Date: d\r\n", "To: b\r\nDate: d\r\n\r\nx" },
    { "prepend", STR_INIT("To: b\r\n\r\nx"), "", "Received: r\r\n", "",
      "Received: r\r\nTo: b\r\n\r\nx" },
    { "append without an end", STR_INIT("To: b"), "", "", "D: d\r\n", "To: b\r\nD: d\r\n\r\n" },
    { "append to nothing", { 0 }, "", "", "D: d\r\n", "D: d\r\n\r\n" },
    { "append to a body", STR_INIT("\r\nbody"), "", "", "D: d\r\n", "D: d\r\n\r\nbody" },
    { "nothing changes", STR_INIT("To:b\n\nx\0y"), "cc", "", "", "To:b\n\nx" },
};

static void edits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(edit_cases); i++) {
        const struct edit_case *c = &edit_cases[i];
        struct buf out;
        struct err e = ERR_CLEAR;
        str name = str_from_cstr(c->remove);
        struct mime_header_edit edit = { .remove = &name,
                                         .n_remove = name.n > 0,
                                         .prepend = str_from_cstr(c->prepend),
                                         .append = str_from_cstr(c->append) };
        buf_init(&out, 1000);
        assert_true(mime_header_apply(c->message, &edit, &out, &e));
        if (strcmp(buf_cstr(&out), c->wanted) != 0)
            fail_msg("%s: %s", c->name, buf_cstr(&out));
        buf_fini(&out);
    }
}

static void edits_say_when_they_do_not_fit(void **state)
{
    (void)state;
    struct buf out;
    struct err e = ERR_CLEAR;
    buf_init(&out, 12);
    assert_false(mime_header_insert(STR("To: b\r\n\r\n"), STR("Date: d\r\n"), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(out.n, 0);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_headers),
        cmocka_unit_test(unfolds),
        cmocka_unit_test(holds_its_limits),
        cmocka_unit_test(finds_and_counts),
        cmocka_unit_test(counts_without_a_list),
        cmocka_unit_test(picks_fields),
        cmocka_unit_test(edits),
        cmocka_unit_test(edits_say_when_they_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
