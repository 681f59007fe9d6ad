/* SPDX-License-Identifier: Apache-2.0 */
/* Messages made of what was written: their parts, and that no text can add a field. */
#include "compose/message.h"
#include "mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct compose_content plain(void)
{
    static const struct compose_person to[] = { { STR_INIT("Leo"), STR_INIT("leo@example.org") } };
    return (struct compose_content){
        .from = { STR("Mia"), STR("mia@example.org") },
        .to = { to, 1 },
        .subject = STR("Plan"),
        .text = STR("Hello\nworld"),
        .date_utc = 1772366400,
        .hostname = STR("mail.example.org"),
        .unique1 = 1,
        .unique2 = 2,
    };
}

static str make(struct arena *a, const struct compose_content *c)
{
    struct err e = ERR_CLEAR;
    str out = STR_EMPTY;
    if (!compose_message(a, c, 1 << 20, &out, &e))
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < out.n; i++) {
        assert_true((unsigned char)out.p[i] < 128);
        assert_true(out.p[i] != '\n' || (i > 0 && out.p[i - 1] == '\r'));
    }
    return out;
}

/* Types of all parts in order. */
static void check_parts(str message, const char *const *types, size_t n)
{
    struct arena a;
    size_t i = 0;
    arena_init(&a);
    struct mime_structure *s = mime_structure_parse(&a, message);
    for (const struct mime_part *p = s->root; p; p = mime_part_next(p), i++) {
        str type = arena_printf(&a, "%.*s/%.*s", STR_FMT(p->type), STR_FMT(p->subtype));
        if (i >= n || !str_eq(type, str_from_cstr(types[i])))
            fail_msg("part %zu is %.*s", i, STR_FMT(type));
    }
    assert_int_equal(i, n);
    arena_fini(&a);
}

static void test_forms(void **state)
{
    static const struct compose_file files[] = {
        { STR_INIT("p.png"), STR_INIT("image/png"), STR_INIT("p1"), STR_INIT("abc") },
        { STR_INIT("a.pdf"), STR_INIT("application/pdf"), STR_INIT(""), STR_INIT("abc") },
    };
    struct arena a;
    struct compose_content c = plain();
    (void)state;
    arena_init(&a);
    check_parts(make(&a, &c), (const char *const[]){ "text/plain" }, 1);
    c.html = STR("<p>Hello <img src=\"cid:p1\"></p>");
    check_parts(make(&a, &c),
                (const char *const[]){ "multipart/alternative", "text/plain", "text/html" }, 3);
    c.files = files;
    c.n_files = 1;
    check_parts(make(&a, &c),
                (const char *const[]){ "multipart/alternative", "text/plain", "multipart/related",
                                       "text/html", "image/png" },
                5);
    c.n_files = 2;
    check_parts(make(&a, &c),
                (const char *const[]){ "multipart/mixed", "multipart/alternative", "text/plain",
                                       "multipart/related", "text/html", "image/png",
                                       "application/pdf" },
                7);
    c.html = STR_EMPTY;
    check_parts(
        make(&a, &c),
        (const char *const[]){ "multipart/mixed", "text/plain", "image/png", "application/pdf" },
        4);
    arena_fini(&a);
}

static void test_nothing_adds_a_field(void **state)
{
    static const struct compose_person evil[] = { { STR_INIT("X\r\nBcc: eve@example.net"),
                                                    STR_INIT("leo@example.org") } };
    static const struct compose_file file[] = {
        { STR_INIT("a\r\nX-Evil: 1\".pdf"), STR_INIT("text/x\r\nX-Evil: 2"),
          STR_INIT("id\r\nX-Evil: 3"), STR_INIT("abc") },
    };
    struct arena a;
    struct mime_header header;
    struct compose_content c = plain();
    (void)state;
    arena_init(&a);
    c.to = (struct compose_people){ evil, 1 };
    c.subject = STR("S\r\nX-Evil: 4");
    c.files = file;
    c.n_files = 1;
    str message = make(&a, &c);
    mime_header_parse(&a, message, &header);
    assert_null(mime_header_find(&header, STR("Bcc"), 0));
    assert_true(str_find(message, STR("\r\nX-Evil")) < 0);
    arena_fini(&a);
}

static void test_html_is_cleaned(void **state)
{
    struct arena a;
    struct compose_content c = plain();
    (void)state;
    arena_init(&a);
    c.text = STR_EMPTY;
    c.html = STR("<p onclick=x()>Hi</p><script>alert(1)</script><img src=https://t.example/p.gif>");
    str message = make(&a, &c);
    assert_true(str_find(message, STR("Hi")) > 0);
    assert_true(str_find(message, STR("script")) < 0 && str_find(message, STR("onclick")) < 0);
    assert_true(str_find(message, STR("https://t.example")) < 0);
    arena_fini(&a);
}

static void test_limit(void **state)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    str out;
    struct compose_content c = plain();
    (void)state;
    arena_init(&a);
    assert_false(compose_message(&a, &c, 200, &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_nothing_adds_a_field),
        cmocka_unit_test(test_html_is_cleaned),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
