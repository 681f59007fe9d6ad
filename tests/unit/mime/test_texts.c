/* SPDX-License-Identifier: Apache-2.0 */
/* Texts: encoded words, charsets, body encodings, parameters. */
#include "base/utf8.h"
#include "mime/mime.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct text_case {
    const char *name;
    str text;
    str wanted;
} word_cases[] = {
    { "injection of a field", STR_INIT("=?utf-8?q?a=0d=0aBcc:_evil=00?="),
      STR_INIT("a  Bcc: evil") },
    { "injection by base64", STR_INIT("=?utf-8?b?YQ0KQmNjOiB4?="), STR_INIT("a  Bcc: x") },
    { "injection by utf-7", STR_INIT("=?utf-7?q?a+AA0ACg-b?="), STR_INIT("a  b") },
    { "character cut between words", STR_INIT("=?utf-8?b?4oI=?= =?utf-8?b?rA==?="),
      STR_INIT("\xe2\x82\xac") },
    { "different charsets", STR_INIT("=?utf-8?q?=C3=A9?= =?iso-8859-1?q?=E9?="),
      STR_INIT("\xc3\xa9\xc3\xa9") },
    { "unknown charset", STR_INIT("=?x-none?q?caf=E9?="), STR_INIT("caf\xc3\xa9") },
    { "unknown charset of utf-8", STR_INIT("=?x-none?q?caf=C3=A9?="), STR_INIT("caf\xc3\xa9") },
    { "japanese", STR_INIT("=?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?="),
      STR_INIT("\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88") },
    { "raw 8-bit", STR_INIT("caf\xe9 au lait"), STR_INIT("caf\xc3\xa9 au lait") },
    { "raw utf-8", STR_INIT("caf\xc3\xa9"), STR_INIT("caf\xc3\xa9") },
    { "space between word and text stays", STR_INIT("=?utf-8?q?a?= b =?utf-8?q?c?="),
      STR_INIT("a b c") },
    { "not a word", STR_INIT("=?utf-8?x?abc?= =?utf-8?q?abc"),
      STR_INIT("=?utf-8?x?abc?= =?utf-8?q?abc") },
    { "padding is missing", STR_INIT("=?utf-8?b?SGVsbG8?="), STR_INIT("Hello") },
    { "bad escapes stay", STR_INIT("=?utf-8?q?a=zz=4?="), STR_INIT("a=zz=4") },
    { "controls and line separators",
      STR_INIT("a\x01\xe2\x80\xa8"
               "b\xc2\x85"
               "c"),
      STR_INIT("a  b c") },
};

typedef str (*convert_fn)(struct arena *a, str text);

static void run(const struct text_case *cases, size_t n, convert_fn convert)
{
    for (size_t i = 0; i < n; i++) {
        struct arena a;
        arena_init(&a);
        str got = convert(&a, cases[i].text);
        if (!str_eq(got, cases[i].wanted))
            fail_msg("%s: '%.*s'", cases[i].name, STR_FMT(got));
        arena_fini(&a);
    }
}

static void decodes_words(void **state)
{
    (void)state;
    run(word_cases, COUNT_OF(word_cases), mime_text_decode);
}

static str encode(struct arena *a, str text)
{
    struct buf out;
    buf_init(&out, 100000);
    assert_true(mime_text_encode(text, &out));
    str encoded = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return encoded;
}

static const struct text_case encode_cases[] = {
    { "plain", STR_INIT("Hello, world?"), STR_INIT("Hello, world?") },
    { "mostly ascii", STR_INIT("na\xc3\xafve caf\xc3\xa9 menu"),
      STR_INIT("=?utf-8?b?bmHDr3ZlIGNhZsOpIG1lbnU=?=") },
    { "looks like a word", STR_INIT("=?utf-8?q?a?="),
      STR_INIT("=?utf-8?b?PT91dGYtOD9xP2E/PQ==?=") },
    { "q is shorter", STR_INIT("abcdefghijklmnop\xc3\xa9"),
      STR_INIT("=?utf-8?q?abcdefghijklmnop=C3=A9?=") },
};

static void encodes_words(void **state)
{
    (void)state;
    run(encode_cases, COUNT_OF(encode_cases), encode);
    struct arena a;
    arena_init(&a);
    char text[3000];
    for (size_t i = 0; i < sizeof(text); i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    str encoded = encode(&a, str_of(text, sizeof(text)));
    str rest = encoded, word;
    while (rest.n) {
        (void)str_cut(rest, ' ', &word, &rest);
        assert_true(word.n <= 75);
        assert_true(utf8_is_valid(mime_text_decode(&a, word)));
    }
    assert_true(str_eq(mime_text_decode(&a, encoded), str_of(text, sizeof(text))));
    arena_fini(&a);
}

/* X5: work is bounded, converters are not opened again and again. */
static void bounds_the_work_of_words(void **state)
{
    (void)state;
    struct arena a;
    struct buf text;
    struct mime_charset charset;
    arena_init(&a);
    buf_init(&text, 10000000);
    while (text.n < 2000000)
        assert_true(buf_add(&text, STR("=?koi8-r?q?=C1?= ")));
    str decoded = mime_text_decode(&a, buf_str(&text));
    assert_true(decoded.n <= MIME_MAX_FIELD_BYTES);
    mime_charset_init(&charset);
    for (int i = 0; i < 1000; i++)
        (void)mime_charset_convert(&charset, &a, STR("KOI8-R"), STR("\xc1"), 100);
    assert_int_equal(charset.opened, 1);
    for (int i = 0; i < 1000; i++)
        (void)mime_charset_convert(&charset, &a, STR("no-such-charset"), STR("\xc1"), 100);
    assert_int_equal(charset.opened, 2);
    mime_charset_fini(&charset);
    buf_fini(&text);
    arena_fini(&a);
}

static const struct charset_case {
    const char *label;
    str bytes;
    str wanted;
} charset_cases[] = {
    { "iso-8859-1", STR_INIT("\xe9\x80"), STR_INIT("\xc3\xa9\xe2\x82\xac") },
    { "ISO-8859-15", STR_INIT("\xa4"), STR_INIT("\xe2\x82\xac") },
    { "utf-8",
      STR_INIT("a\xff"
               "b"),
      STR_INIT("a\xef\xbf\xbd"
               "b") },
    { "us-ascii", STR_INIT("caf\xc3\xa9"), STR_INIT("caf\xc3\xa9") },
    { "shift_jis", STR_INIT("\x83\x65\x83"), STR_INIT("\xe3\x83\x86\xef\xbf\xbd") },
    { "utf-16le", STR_INIT("a\0\xac\x20"), STR_INIT("a\xe2\x82\xac") },
    { "../../etc/passwd", STR_INIT("x\xe9"), STR_INIT("x\xc3\xa9") },
    { "utf-8//translit", STR_INIT("x\xe9"), STR_INIT("x\xc3\xa9") },
    { "gb2312", STR_INIT("\xc4\xe3"), STR_INIT("\xe4\xbd\xa0") },
    { "us-ascii*en", STR_INIT("x"), STR_INIT("x") },
};

static void converts_charsets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(charset_cases); i++) {
        struct arena a;
        arena_init(&a);
        str got = mime_charset_to_utf8(&a, str_from_cstr(charset_cases[i].label),
                                       charset_cases[i].bytes, 100);
        if (!str_eq(got, charset_cases[i].wanted))
            fail_msg("%s: '%.*s'", charset_cases[i].label, STR_FMT(got));
        arena_fini(&a);
    }
    struct arena a;
    arena_init(&a);
    assert_int_equal(mime_charset_to_utf8(&a, STR("iso-8859-15"), STR("\xa4\xa4"), 5).n, 3);
    arena_fini(&a);
}

static const struct body_case {
    const char *name;
    enum mime_encoding encoding;
    str body;
    str wanted;
} body_cases[] = {
    { "base64", MIME_ENCODING_BASE64, STR_INIT("SGVs\r\nbG8=\r\n"), STR_INIT("Hello") },
    { "base64, junk", MIME_ENCODING_BASE64, STR_INIT("S-G.V*s bG8"), STR_INIT("Hello") },
    { "base64, concatenated", MIME_ENCODING_BASE64, STR_INIT("QQ==QkM="), STR_INIT("ABC") },
    { "base64, one digit left", MIME_ENCODING_BASE64, STR_INIT("QUJDR"), STR_INIT("ABC") },
    { "quoted-printable", MIME_ENCODING_QUOTED_PRINTABLE, STR_INIT("caf=C3=a9 =\r\nx  \r\ny"),
      STR_INIT("caf\xc3\xa9 x\r\ny") },
    { "qp, soft break with spaces", MIME_ENCODING_QUOTED_PRINTABLE, STR_INIT("a= \t\r\nb"),
      STR_INIT("ab") },
    { "qp, not an escape", MIME_ENCODING_QUOTED_PRINTABLE, STR_INIT("a=zb=4"), STR_INIT("a=zb=4") },
    { "qp, bare lf", MIME_ENCODING_QUOTED_PRINTABLE, STR_INIT("a=\nb \nc"), STR_INIT("ab\nc") },
    { "uuencode", MIME_ENCODING_UUENCODE, STR_INIT("begin 644 x\r\n#86)C\r\n`\r\nend\r\nmore"),
      STR_INIT("abc") },
    { "7bit", MIME_ENCODING_7BIT, STR_INIT("a=3D"), STR_INIT("a=3D") },
    { "unknown", MIME_ENCODING_UNKNOWN, STR_INIT("a=3D"), STR_INIT("a=3D") },
};

static void decodes_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(body_cases); i++) {
        struct arena a;
        arena_init(&a);
        str got = mime_decode(&a, body_cases[i].encoding, body_cases[i].body, 1000);
        if (!str_eq(got, body_cases[i].wanted))
            fail_msg("%s: '%.*s'", body_cases[i].name, STR_FMT(got));
        assert_true(mime_decode(&a, body_cases[i].encoding, body_cases[i].body, 2).n <= 2);
        arena_fini(&a);
    }
}

static void encodes_bodies(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    assert_true(mime_encode_quoted_printable(STR("a=b \n.dot\r\n\xc3\xa9\t"), &out));
    assert_string_equal(buf_cstr(&out), "a=3Db=20\r\n=2Edot\r\n=C3=A9=09");
    buf_clear(&out);
    char long_line[200];
    memset(long_line, 'x', sizeof(long_line));
    assert_true(mime_encode_quoted_printable(str_of(long_line, sizeof(long_line)), &out));
    str rest = buf_str(&out), line;
    while (rest.n) {
        (void)str_cut(rest, '\n', &line, &rest);
        assert_true(line.n <= 77);
    }
    buf_clear(&out);
    assert_true(mime_encode_base64(STR("Hello"), &out));
    assert_string_equal(buf_cstr(&out), "SGVsbG8=\r\n");
    buf_fini(&out);
}

static const struct {
    const char *body;
    enum mime_encoding encoding;
} encoding_names[] = {
    { " Base64 ", MIME_ENCODING_BASE64 },
    { "(x) quoted-printable;", MIME_ENCODING_QUOTED_PRINTABLE },
    { "\"8bit\"", MIME_ENCODING_8BIT },
    { "", MIME_ENCODING_7BIT },
    { "x-gzip", MIME_ENCODING_UNKNOWN },
    { "x-uuencode", MIME_ENCODING_UUENCODE },
};

static void reads_names_of_encodings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(encoding_names); i++) {
        assert_int_equal(mime_encoding_parse(str_from_cstr(encoding_names[i].body)),
                         encoding_names[i].encoding);
    }
}

/* X3. */
static void bounds_parameters(void **state)
{
    (void)state;
    struct arena a;
    struct buf text;
    struct mime_content_type ct;
    arena_init(&a);
    buf_init(&text, 10000000);
    (void)buf_add(&text, STR("text/plain"));
    for (int i = 0; i < 10000; i++)
        (void)buf_addf(&text, "; p%d=v", i);
    mime_content_type_parse(&a, buf_str(&text), &ct);
    assert_int_equal(ct.n_params, MIME_MAX_PARAMS);
    assert_true(ct.cut);
    buf_clear(&text);
    (void)buf_add(&text, STR("text/plain"));
    for (int i = 0; i < 10000; i++)
        (void)buf_addf(&text, "; n*%d=x", i);
    mime_content_type_parse(&a, buf_str(&text), &ct);
    assert_int_equal(ct.n_params, 1);
    assert_int_equal(ct.params[0].value.n, MIME_MAX_CONTINUATIONS);
    assert_true(ct.cut);
    assert_true(a.total < 2000000);
    buf_fini(&text);
    arena_fini(&a);
}

static const struct param_case {
    const char *body;
    const char *value;
    const char *wire_name;
    const char *wire_value;
} param_cases[] = {
    { "attachment; filename=\"a b.txt\"", "a b.txt", "filename", "a b.txt" },
    { "attachment; filename=a b (1).txt; x=y", "a b", "filename", "a b" },
    { "attachment; filename*=utf-8''%e2%82%ac.txt", "\xe2\x82\xac.txt", "filename*",
      "utf-8''%e2%82%ac.txt" },
    { "attachment; filename=plain.txt; filename*=utf-8''%e2%82%ac", "\xe2\x82\xac", "filename*",
      "utf-8''%e2%82%ac" },
    { "attachment; filename*0*=utf-8''%e2%82; filename*1*=%ac; filename*2=\" x.txt\"",
      "\xe2\x82\xac x.txt", "filename*", "utf-8''%e2%82%ac%20x.txt" },
    { "attachment; filename*1=b; filename*0=a", "ab", "filename", "ab" },
    { "attachment; filename=\"=?utf-8?q?=0d=0aX?=\"", "X", "filename", "=?utf-8?q?=0d=0aX?=" },
};

static void joins_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(param_cases); i++) {
        struct arena a;
        struct mime_content_type ct;
        arena_init(&a);
        mime_disposition_parse(&a, str_from_cstr(param_cases[i].body), &ct);
        assert_true(str_eq(ct.type, STR("attachment")));
        const struct mime_param *p = mime_content_type_find(&ct, STR("filename"));
        assert_non_null(p);
        assert_string_equal(arena_cstr(&a, p->value), param_cases[i].value);
        assert_string_equal(arena_cstr(&a, p->wire_name), param_cases[i].wire_name);
        assert_string_equal(arena_cstr(&a, p->wire_value), param_cases[i].wire_value);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_words),
        cmocka_unit_test(encodes_words),
        cmocka_unit_test(bounds_the_work_of_words),
        cmocka_unit_test(converts_charsets),
        cmocka_unit_test(decodes_bodies),
        cmocka_unit_test(encodes_bodies),
        cmocka_unit_test(reads_names_of_encodings),
        cmocka_unit_test(bounds_parameters),
        cmocka_unit_test(joins_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
