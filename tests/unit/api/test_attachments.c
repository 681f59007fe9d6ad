/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments as the kept BODYSTRUCTURE tells them, made by the module that writes it. */
#include "mime/bodystructure.h"
#include "services/api/imap_tree.h"
#include "services/api/shape_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char mail[] =
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
    "--m\r\nContent-Type: multipart/related; boundary=r\r\n\r\n"
    "--r\r\nContent-Type: text/html\r\n\r\n<img src=cid:p>\r\n"
    "--r\r\nContent-Type: image/png\r\nContent-ID: <p>\r\nContent-Transfer-Encoding: base64\r\n"
    "\r\naGVsbG8=\r\n--r--\r\n"
    "--m\r\nContent-Type: application/pdf\r\n"
    "Content-Disposition: attachment; filename*=utf-8''%C3%BC%2Fb.pdf\r\n\r\nx\r\n"
    "--m\r\nContent-Type: text/plain; name=\"=?utf-8?q?n=C3=B6te?=.txt\"\r\n\r\nx\r\n"
    "--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inside\r\n\r\ntext\r\n"
    "--m\r\nContent-Type: application/pgp-signature; name=s.asc\r\n\r\nx\r\n"
    "--m--\r\n";

static void test_attachments(void **state)
{
    static const struct {
        const char *part;
        const char *name;
        const char *type;
        bool is_inline;
    } expected[] = {
        { "1.2", "attachment-1.2", "image/png", true },
        { "2", "b.pdf", "application/pdf", false },
        { "3", "n\xc3\xb6te.txt", "text/plain", false },
        { "4", "message-4.eml", "message/rfc822", false },
    };
    struct arena a;
    struct buf kept;
    struct shape_attachment *list;
    (void)state;
    arena_init(&a);
    buf_init(&kept, 10000);
    struct mime_structure *s = mime_structure_parse(&a, str_from_cstr(mail));
    assert_true(mime_bodystructure_format(&a, s, true, &kept));
    size_t n = shape_attachments(buf_str(&kept), &a, &list);
    assert_int_equal(n, COUNT_OF(expected));
    for (size_t i = 0; i < n; i++) {
        assert_true(str_eq(list[i].part, str_from_cstr(expected[i].part)));
        assert_true(str_eq(list[i].name, str_from_cstr(expected[i].name)));
        assert_true(str_eq(list[i].type, str_from_cstr(expected[i].type)));
        assert_true(list[i].is_inline == expected[i].is_inline);
    }
    assert_true(str_eq(list[0].content_id, STR("p")));
    buf_fini(&kept);
    arena_fini(&a);
}

static void test_broken_trees(void **state)
{
    static const char *const broken[] = {
        "", "x", "(", ")", "()x", "(\"a", "({9}\r\nabc)", "(a b", "() ()", "\"text\""
    };
    struct arena a;
    const struct imap_node *root;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        if (imap_tree_parse(&a, str_from_cstr(broken[i]), &root))
            fail_msg("\"%s\" was read", broken[i]);
    }
    assert_true(imap_tree_parse(&a, STR("(NIL \"a\\\"b\" {2}\r\nxy 7 (z))"), &root));
    assert_true(str_eq(imap_node_text_at(root, 1), STR("a\"b")));
    assert_true(str_eq(imap_node_text_at(root, 2), STR("xy")));
    assert_true(str_eq(imap_node_text_at(imap_node_at(root, 4), 0), STR("z")));
    assert_int_equal(imap_node_text_at(root, 9).n, 0);
    arena_fini(&a);
}

static void test_file_names(void **state)
{
    static const char *const names[][2] = {
        { "a.pdf", "a.pdf" },        { "../../etc/passwd", "passwd" },
        { "C:\\x\\y.txt", "y.txt" }, { "..", "attachment" },
        { "", "attachment" },        { "a\tb", "a b" },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        str got = shape_file_name(&a, str_from_cstr(names[i][0]));
        if (!str_eq(got, str_from_cstr(names[i][1])))
            fail_msg("%s gives %.*s", names[i][0], STR_FMT(got));
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attachments),
        cmocka_unit_test(test_broken_trees),
        cmocka_unit_test(test_file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
