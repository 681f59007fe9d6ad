/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of parts: sections by number, odd messages, limits and the work they cost. */
#include "mime/structure.h"

#include "mime/mime.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

/* The example of RFC 3501 section 6.4.5, made smaller. */
#define NESTED                                                                             \
    "From: a@b\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"                       \
    "preamble\r\n--o\r\nContent-Type: text/plain\r\n\r\none\r\n"                           \
    "--o\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n"                         \
    "--o\r\nContent-Type: message/rfc822\r\n\r\n"                                          \
    "Subject: three\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"                  \
    "--i\r\n\r\nthree.one\r\n--i\r\nX: y\r\n\r\nthree.two\r\n--i--\r\n"                    \
    "--o\r\nContent-Type: multipart/mixed; boundary=p\r\n\r\n"                             \
    "--p\r\nContent-Type: image/gif\r\n\r\nfour.one\r\n"                                   \
    "--p\r\nContent-Type: message/rfc822\r\n\r\nSubject: f22\r\n\r\nfour.two\r\n--p--\r\n" \
    "--o--\r\nepilogue\r\n"

static const struct section_case {
    uint32_t path[4];
    size_t n;
    enum mime_section section;
    const char *wanted; /* NULL: there is none */
} section_cases[] = {
    { { 0 },
      0,
      MIME_SECTION_HEADER,
      "From: a@b\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n" },
    { { 1 }, 1, MIME_SECTION_BODY, "one" },
    { { 1 }, 1, MIME_SECTION_MIME, "Content-Type: text/plain\r\n\r\n" },
    { { 1 }, 1, MIME_SECTION_HEADER, NULL },
    { { 1 }, 1, MIME_SECTION_TEXT, NULL },
    { { 2 }, 1, MIME_SECTION_BODY, "two" },
    { { 1, 1 }, 2, MIME_SECTION_BODY, NULL },
    { { 3 },
      1,
      MIME_SECTION_HEADER,
      "Subject: three\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n" },
    { { 3 },
      1,
      MIME_SECTION_TEXT,
      "--i\r\n\r\nthree.one\r\n--i\r\nX: y\r\n\r\nthree.two\r\n--i--" },
    { { 3, 1 }, 2, MIME_SECTION_BODY, "three.one" },
    { { 3, 1 }, 2, MIME_SECTION_MIME, "\r\n" },
    { { 3, 2 }, 2, MIME_SECTION_MIME, "X: y\r\n\r\n" },
    { { 3, 3 }, 2, MIME_SECTION_BODY, NULL },
    { { 4, 1 }, 2, MIME_SECTION_BODY, "four.one" },
    { { 4, 2 }, 2, MIME_SECTION_HEADER, "Subject: f22\r\n\r\n" },
    { { 4, 2 }, 2, MIME_SECTION_TEXT, "four.two" },
    { { 4, 2, 1 }, 3, MIME_SECTION_BODY, "four.two" },
    { { 4, 2, 1 }, 3, MIME_SECTION_MIME, "Subject: f22\r\n\r\n" },
    { { 4, 2, 1, 1 }, 4, MIME_SECTION_BODY, NULL },
    { { 5 }, 1, MIME_SECTION_BODY, NULL },
    { { 0 }, 1, MIME_SECTION_BODY, NULL },
    { { 0 }, 0, MIME_SECTION_MIME, NULL },
};

static void gives_sections(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    struct mime_structure *s = mime_structure_parse(&a, STR(NESTED));
    for (size_t i = 0; i < COUNT_OF(section_cases); i++) {
        const struct section_case *c = &section_cases[i];
        str out = STR_EMPTY;
        bool found = mime_structure_section(s, c->path, c->n, c->section, &out);
        if (found != (c->wanted != NULL) || (found && !str_eq(out, str_from_cstr(c->wanted))))
            fail_msg("case %zu: '%.*s'", i, STR_FMT(out));
    }
    assert_int_equal(s->n_parts, 11);
    arena_fini(&a);
}

static void a_plain_message_has_a_part_1(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    struct mime_structure *s = mime_structure_parse(&a, STR("A: b\r\n\r\nbody\r\nx"));
    const uint32_t one[] = { 1 }, two[] = { 2 };
    str out;
    assert_true(mime_structure_section(s, one, 1, MIME_SECTION_BODY, &out));
    assert_true(str_eq(out, STR("body\r\nx")));
    assert_true(mime_structure_section(s, one, 1, MIME_SECTION_MIME, &out));
    assert_true(str_eq(out, STR("A: b\r\n\r\n")));
    assert_false(mime_structure_section(s, two, 1, MIME_SECTION_BODY, &out));
    assert_int_equal(s->root->lines, 1);
    assert_true(str_eq(mime_structure_path(s->root, &a), STR("1")));
    arena_fini(&a);
}

static const struct shape_case {
    const char *name;
    str message;
    const char *shape; /* type/subtype of each part in order, with depth as dots */
} shape_cases[] = {
    { "no content type", STR_INIT("A: b\r\n\r\nx"), "text/plain " },
    { "bad content type", STR_INIT("Content-Type: bad\r\n\r\nx"), "text/plain " },
    { "multipart without boundary", STR_INIT("Content-Type: multipart/mixed\r\n\r\nx"),
      "text/plain " },
    { "multipart without parts",
      STR_INIT("Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n--b--\r\n"), "text/plain " },
    { "digest",
      STR_INIT(
          "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n\r\nx\r\n--b--"),
      "multipart/digest .message/rfc822 ..text/plain " },
    { "boundary with spaces behind",
      STR_INIT("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b \t\r\n\r\nx\r\n--b-- \r\n"),
      "multipart/mixed .text/plain " },
    { "never closed",
      STR_INIT("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\ny"),
      "multipart/mixed .text/plain .text/plain " },
    { "boundary in the header of a part",
      STR_INIT("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: x\r\n--b--\r\n"),
      "multipart/mixed .text/plain " },
    { "encoded message",
      STR_INIT("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTogYg=="),
      "application/octet-stream " },
    { "message without a body", STR_INIT("Content-Type: message/rfc822\r\n\r\n"),
      "message/rfc822 .text/plain " },
    { "closed inside out",
      STR_INIT(
          "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
          "Content-Type: multipart/mixed; boundary=ab\r\n\r\n--ab\r\n\r\nx\r\n--a--\r\n--ab\r\n"),
      "multipart/mixed .multipart/mixed ..text/plain " },
};

static void understands_odd_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(shape_cases); i++) {
        struct arena a;
        struct buf shape;
        arena_init(&a);
        buf_init(&shape, 1000);
        struct mime_structure *s = mime_structure_parse(&a, shape_cases[i].message);
        for (const struct mime_part *p = s->root; p; p = mime_part_next(p)) {
            for (unsigned d = 0; d < p->depth; d++)
                (void)buf_add_byte(&shape, '.');
            (void)buf_addf(&shape, "%.*s/%.*s ", STR_FMT(p->type), STR_FMT(p->subtype));
        }
        if (strcmp(buf_cstr(&shape), shape_cases[i].shape) != 0)
            fail_msg("%s: %s", shape_cases[i].name, buf_cstr(&shape));
        buf_fini(&shape);
        arena_fini(&a);
    }
}

/* ---- limits (X2, I17) ---- */

static struct mime_structure *parse_repeated(struct arena *a, struct buf *text, const char *head,
                                             const char *piece, size_t times)
{
    buf_clear(text);
    assert_true(buf_add(text, str_from_cstr(head)));
    for (size_t i = 0; i < times; i++)
        assert_true(buf_add(text, str_from_cstr(piece)));
    return mime_structure_parse(a, buf_str(text));
}

static void check_limits(const struct mime_structure *s)
{
    size_t parts = 0;
    for (const struct mime_part *p = s->root; p; p = mime_part_next(p)) {
        assert_true(p->depth <= MIME_MAX_DEPTH);
        parts++;
    }
    assert_int_equal(parts, s->n_parts);
    assert_true(parts <= MIME_MAX_PARTS);
    assert_true(s->cut);
}

static void nests_no_deeper_than_the_limit(void **state)
{
    (void)state;
    struct arena a;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 100000000);
    struct mime_structure *s = parse_repeated(
        &a, &text, "", "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n", 10000);
    check_limits(s);
    const struct mime_part *deepest = s->root;
    while (deepest->last_child)
        deepest = deepest->last_child;
    assert_int_equal(deepest->depth, MIME_MAX_DEPTH);
    assert_true(str_eq(deepest->subtype, STR("octet-stream")));
    s = parse_repeated(&a, &text, "", "Content-Type: message/rfc822\r\n\r\n", 10000);
    check_limits(s);
    buf_fini(&text);
    arena_fini(&a);
}

static void has_no_more_parts_than_the_limit(void **state)
{
    (void)state;
    struct arena a;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 100000000);
    struct mime_structure *s = parse_repeated(
        &a, &text, "Content-Type: multipart/mixed; boundary=a\r\n\r\n", "--a\r\n\r\nx\r\n", 100000);
    check_limits(s);
    assert_int_equal(s->n_parts, MIME_MAX_PARTS);
    /* What is past the limit is in the last part. */
    assert_int_equal(s->root->last_child->body_end, text.n);
    buf_fini(&text);
    arena_fini(&a);
}

static void reads_no_more_content_fields_than_the_limit(void **state)
{
    (void)state;
    struct arena a;
    struct buf text;
    char piece[400];
    arena_init(&a);
    buf_init(&text, 100000000);
    (void)snprintf(piece, sizeof(piece),
                   "--a\r\nContent-Type: text/x; a=b; c=d; e=f\r\n"
                   "Content-Description: %0300d\r\n\r\nx\r\n",
                   0);
    struct mime_structure *s =
        parse_repeated(&a, &text, "Content-Type: multipart/mixed; boundary=a\r\n\r\n", piece, 9000);
    check_limits(s);
    assert_true(a.total < 40000000);
    buf_fini(&text);
    arena_fini(&a);
}

/* The work for n, 2n and 4n lines that begin like a delimiter, with all boundaries open. */
static void works_in_linear_time(void **state)
{
    (void)state;
    size_t steps[3];
    for (size_t round = 0; round < COUNT_OF(steps); round++) {
        struct arena a;
        struct buf text;
        arena_init(&a);
        buf_init(&text, 100000000);
        for (int i = 0; i < MIME_MAX_DEPTH; i++) {
            assert_true(buf_addf(
                &text, "Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n", i, i));
        }
        struct buf whole;
        buf_init(&whole, 100000000);
        steps[round] =
            parse_repeated(&a, &whole, buf_cstr(&text), "--xx\r\n", 10000UL << round)->steps;
        assert_true(steps[round] >= (MIME_MAX_DEPTH - 2) * (10000UL << round));
        assert_true(steps[round] <= (MIME_MAX_DEPTH + 2) * ((10000UL << round) + 1000));
        buf_fini(&whole);
        buf_fini(&text);
        arena_fini(&a);
    }
    assert_true(steps[1] < steps[0] * 5 / 2 && steps[2] < steps[1] * 5 / 2);
}

static const struct attachment_case {
    const char *name;
    const char *fields;
    bool is_attachment;
} attachment_cases[] = {
    { "text", "Content-Type: text/plain", false },
    { "text with a name", "Content-Type: text/plain; name=a.txt", true },
    { "text as attachment", "Content-Type: text/plain\r\nContent-Disposition: attachment", true },
    { "image", "Content-Type: image/png", true },
    { "signature", "Content-Type: application/pgp-signature; name=x.asc", false },
    { "html", "Content-Type: text/html", false },
};

static void knows_attachments(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(attachment_cases); i++) {
        struct arena a;
        arena_init(&a);
        str message = arena_printf(&a, "%s\r\n\r\nx", attachment_cases[i].fields);
        const struct mime_structure *s = mime_structure_parse(&a, message);
        if (mime_part_is_attachment(s->root) != attachment_cases[i].is_attachment)
            fail_msg("%s", attachment_cases[i].name);
        arena_fini(&a);
    }
    struct arena a;
    arena_init(&a);
    const struct mime_structure *s = mime_structure_parse(
        &a, STR("Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: image/png;"
                " name=x.png\r\nContent-ID: <1>\r\n\r\nx\r\n--b--\r\n"));
    assert_false(mime_part_is_attachment(s->root->first_child));
    assert_true(str_eq(mime_part_filename(s->root->first_child), STR("x.png")));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_sections),
        cmocka_unit_test(a_plain_message_has_a_part_1),
        cmocka_unit_test(understands_odd_messages),
        cmocka_unit_test(nests_no_deeper_than_the_limit),
        cmocka_unit_test(has_no_more_parts_than_the_limit),
        cmocka_unit_test(reads_no_more_content_fields_than_the_limit),
        cmocka_unit_test(works_in_linear_time),
        cmocka_unit_test(knows_attachments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
