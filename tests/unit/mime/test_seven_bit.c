/* SPDX-License-Identifier: Apache-2.0 */
/* Messages re-encoded for seven bits: what changes, what does not, and what is refused. */
#include "mime/mime.h"
#include "mime/seven_bit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define UE "\xc3\xbc"

static const struct {
    const char *name;
    const char *message;
    const char *wanted; /* NULL: refused */
} cases[] = {
    { "ascii stays", "Subject: x\r\n\r\nplain =20 text\r\n",
      "Subject: x\r\n\r\nplain =20 text\r\n" },
    { "no MIME, utf-8", "Subject: x\r\n\r\n" UE "\r\n",
      "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n" },
    { "no MIME, unknown", "Subject: x\r\n\r\n\xfc\r\n",
      "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n=FC\r\n" },
    { "the header's own octets stay",
      "MIME-Version: 1.0\r\nSubject: " UE "\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\n\r\na",
      "MIME-Version: 1.0\r\nSubject: " UE "\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\n\r\na" },
    { "parts, each by itself",
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
      "Content-Transfer-Encoding: 8bit\r\n\r\npre" UE "\r\n--b\r\n"
      "Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\nContent-ID: <1>\r\n\r\n" UE
      "\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\x89PNG"
      "\r\n--b\r\n\r\nas it is\r\n--b--\r\nepi" UE,
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npre??\r\n--b\r\n"
      "Content-Type: text/html\r\nContent-ID: <1>\r\nContent-Transfer-Encoding: quoted-printable"
      "\r\n\r\n=C3=BC\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
      "\r\niVBORw==\r\n\r\n--b\r\n\r\nas it is\r\n--b--\r\nepi??" },
    { "a message inside",
      "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
      "Content-Type: text/plain\r\n\r\n" UE "\r\n",
      "Content-Type: message/rfc822\r\n\r\n"
      "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n" },
    { "a wrong label",
      "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
      "quoted-printable\r\n\r\n=41" UE "\r\n",
      "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
      "quoted-printable\r\n\r\nA=C3=BC\r\n" },
    { "a delimiter behind an encoding",
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n" UE "\r\n=2D-b\r\n--b--\r\n",
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "w7wNCi0tYg==\r\n\r\n--b--\r\n" },
    { "a boundary beyond ASCII",
      "Content-Type: multipart/mixed; boundary=\"" UE "\"\r\n\r\n--" UE "\r\n\r\nx\r\n--" UE
      "--\r\n",
      NULL },
    { "signed", "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n" UE "\r\n--b--\r\n",
      NULL },
    { "signed, deeper",
      "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; "
      "boundary=c\r\n\r\n--c\r\n\r\n" UE "\r\n--c--\r\n--b--\r\n",
      NULL },
    { "an encoding we do not know",
      "Content-Type: text/plain\r\nContent-Transfer-Encoding: x-odd\r\n\r\n" UE "\r\n", NULL },
    { "a multipart without parts", "Content-Type: multipart/mixed\r\n\r\n" UE "\r\n", NULL },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        struct err e = ERR_CLEAR;
        buf_init(&out, 100000);
        bool ok = mime_to_seven_bit(str_from_cstr(cases[i].message), &out, &e);
        if (ok != (cases[i].wanted != NULL))
            fail_msg("%s: %s", cases[i].name, ok ? "was not refused" : e.msg);
        if (!ok)
            assert_int_equal(e.kind, ERR_UNSUPPORTED);
        if (ok && strcmp(buf_cstr(&out), cases[i].wanted) != 0)
            fail_msg("%s: %s", cases[i].name, buf_cstr(&out));
        buf_fini(&out);
    }
}

/* A part with `header` and a line of its own, behind another, inside of `multipart`. */
static str with_line(struct arena *a, const char *multipart, const char *header, str line)
{
    struct buf out;
    buf_init(&out, 100000);
    assert_true(buf_addf(&out,
                         "MIME-Version: 1.0\r\nContent-Type: multipart/%s; boundary=b\r\n\r\n"
                         "--b\r\n\r\nshort\r\n--b\r\n%s\r\n%.*s\r\n\r\nend\r\n--b--\r\n",
                         multipart, header, STR_FMT(line)));
    str message = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return message;
}

static str decoded_part(struct arena *a, str message, str *raw)
{
    const struct mime_structure *s = mime_structure_parse(a, message);
    assert_int_equal(s->n_parts, 3);
    const struct mime_part *part = mime_part_next(mime_part_next(s->root));
    *raw = mime_part_body(s, part);
    return mime_part_decode(s, part, a, SIZE_MAX);
}

/* A line that the wire would break is encoded as what is 8-bit is, where that can be; it decodes to
 * what it was. */
static void long_lines_are_encoded(void **state)
{
    enum {
        LONG_LINE = 5000
    };
    static const struct {
        const char *name, *multipart, *header;
        size_t n; /* octets of the line */
        char octet;
        bool changes;
    } lines[] = {
        { "at the limit", "mixed", "Content-Type: text/html\r\n", 998, '<', false },
        { "one more", "mixed", "Content-Type: text/html\r\n", 999, '<', true },
        { "HTML", "mixed", "Content-Type: text/html\r\n", LONG_LINE, '=', true },
        { "all hyphens", "mixed", "Content-Type: text/html\r\n", LONG_LINE, '-', true },
        { "not text", "mixed", "Content-Type: application/json\r\n", LONG_LINE, '1', true },
        { "no type", "mixed", "", LONG_LINE, 'x', true },
        { "text with line feeds, in base64", "mixed",
          "Content-Type: text/csv\r\nContent-Transfer-Encoding: base64\r\n", 4000, 'C', true },
        { "text with line feeds, quoted", "mixed",
          "Content-Type: text/csv\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=0A", 4000,
          'C', true },
        { "signed", "signed; protocol=\"a/b\"", "Content-Type: text/html\r\n", LONG_LINE, '<',
          false },
        { "an encoding we do not know", "mixed", "Content-Transfer-Encoding: x-odd\r\n", LONG_LINE,
          'x', false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct arena a;
        struct buf out;
        struct err e = ERR_CLEAR;
        str before, after;
        arena_init(&a);
        buf_init(&out, 100000);
        char *line = arena_alloc(&a, lines[i].n);
        (void)memset(line, lines[i].octet, lines[i].n);
        str message = with_line(&a, lines[i].multipart, lines[i].header, str_of(line, lines[i].n));
        if (!mime_to_seven_bit(message, &out, &e))
            fail_msg("%s: %s", lines[i].name, e.msg);
        str text = decoded_part(&a, message, &before);
        if (!str_eq(text, decoded_part(&a, buf_str(&out), &after)))
            fail_msg("%s gave: %.*s", lines[i].name, STR_FMT(buf_str(&out)));
        if (str_eq(message, buf_str(&out)) == lines[i].changes ||
            mime_has_long_line(before) != (lines[i].n > 998) ||
            mime_has_long_line(after) != (lines[i].n > 998 && !lines[i].changes))
            fail_msg("%s: is, or was, of other lines", lines[i].name);
        buf_fini(&out);
        arena_fini(&a);
    }
}

/* Not an octet of what is signed changes, though a label says 8bit and a line is long. */
static void what_is_signed_stays(void **state)
{
    static const str signed_message = STR_INIT(
        "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n"
        "Content-Type: multipart/mixed; boundary=m\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "--m\r\n\r\ntext\r\n--m--\r\n--s\r\nContent-Type: a/b\r\n\r\nx\r\n--s--\r\n");
    struct buf out;
    struct err e = ERR_CLEAR;
    (void)state;
    buf_init(&out, 10000);
    assert_true(mime_to_seven_bit(signed_message, &out, &e));
    assert_true(str_eq(buf_str(&out), signed_message));
    buf_fini(&out);
}

static void test_limit(void **state)
{
    (void)state;
    struct buf out;
    struct err e = ERR_CLEAR;
    buf_init(&out, 40);
    assert_false(mime_to_seven_bit(STR("Subject: x\r\n\r\n" UE UE "\r\n"), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(out.n, 0);
    buf_fini(&out);
}

/* Binary data in base64; what a literal may hold stays as it is. */
static void binary_parts_become_base64(void **state)
{
    static const struct {
        str message;
        str wanted; /* empty: refused */
        enum err_kind kind;
    } binary[] = {
        { STR_INIT("A: b\r\n\r\n" UE " =20\r\n"), STR_INIT("A: b\r\n\r\n" UE " =20\r\n"),
          ERR_NONE },
        { STR_INIT("MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
                   "Content-Transfer-Encoding: binary\r\n\r\na\0\nb"),
          STR_INIT("MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
                   "Content-Transfer-Encoding: base64\r\n\r\nYQAKYg==\r\n"),
          ERR_NONE },
        { STR_INIT("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                   "Content-Transfer-Encoding: binary\r\n\r\nx\ry\r\n--b\r\n\r\nz\r\n--b--\r\n"),
          STR_INIT("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                   "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64"
                   "\r\n\r\neA15\r\n\r\n--b\r\n\r\nz\r\n--b--\r\n"),
          ERR_NONE },
        { STR_INIT("A: \0\r\n\r\nx"), STR_INIT(""), ERR_SYNTAX },
        { STR_INIT("A: b\nC: d\r\n\r\nx"), STR_INIT(""), ERR_SYNTAX },
        { STR_INIT("Content-Transfer-Encoding: x-what\r\n\r\na\0"), STR_INIT(""), ERR_UNSUPPORTED },
        { STR_INIT("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\0\r\n--b\r\n\r\n"
                   "z\r\n--b--\r\n"),
          STR_INIT(""), ERR_UNSUPPORTED },
    };
    (void)state;
    struct buf out;
    buf_init(&out, 10000);
    for (size_t i = 0; i < COUNT_OF(binary); i++) {
        struct err e = ERR_CLEAR;
        buf_clear(&out);
        bool ok = mime_binary_to_base64(binary[i].message, &out, &e);
        if (e.kind != binary[i].kind || ok != (binary[i].kind == ERR_NONE))
            fail_msg("case %zu: %s", i, e.msg);
        if (!str_eq(buf_str(&out), binary[i].wanted))
            fail_msg("case %zu gave: %.*s", i, STR_FMT(buf_str(&out)));
    }
    buf_fini(&out);
}

/* BINARYMIME: what is labelled binary and is text gets the label that text may have. */
static void labels_of_binary_mail_become_true(void **state)
{
    static const struct {
        str message;
        str wanted;
    } labelled[] = {
        { STR_INIT("MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n"
                   "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                   "Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nx\r\n"
                   "--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n"
                   "\r\n--b--\r\n"),
          STR_INIT("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
                   "Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n"
                   "Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n"
                   "--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAo=\r\n"
                   "\r\n--b--\r\n") },
        { STR_INIT("A: b\r\n\r\nx\r\n"), STR_INIT("A: b\r\n\r\nx\r\n") },
    };
    (void)state;
    struct buf out;
    buf_init(&out, 10000);
    for (size_t i = 0; i < COUNT_OF(labelled); i++) {
        struct err e = ERR_CLEAR;
        buf_clear(&out);
        assert_true(mime_binary_to_text(labelled[i].message, &out, &e));
        if (!str_eq(buf_str(&out), labelled[i].wanted))
            fail_msg("case %zu gave: %.*s", i, STR_FMT(buf_str(&out)));
    }
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(long_lines_are_encoded),
        cmocka_unit_test(what_is_signed_stays),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(binary_parts_become_base64),
        cmocka_unit_test(labels_of_binary_mail_become_true),
    };
    return cmocka_run_group_tests_name("mime/seven_bit", tests, NULL, NULL);
}
