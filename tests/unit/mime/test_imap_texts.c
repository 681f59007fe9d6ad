/* SPDX-License-Identifier: Apache-2.0 */
/* ENVELOPE and BODYSTRUCTURE, byte for byte. */
#include "mime/mime.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct string_case {
    str text;
    const char *wanted;
} string_cases[] = {
    { STR_INIT("plain"), "\"plain\"" },
    { STR_INIT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
    { STR_INIT("caf\xc3\xa9"), "{5}\r\ncaf\xc3\xa9" },
    { STR_INIT("a\r\nb"), "{4}\r\na\r\nb" },
    { STR_INIT("a\0b"), "{3}\r\na b" },
    { { 0 }, "\"\"" },
};

static void writes_strings(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4000);
    for (size_t i = 0; i < COUNT_OF(string_cases); i++) {
        buf_clear(&out);
        assert_true(mime_imap_string(string_cases[i].text, &out));
        assert_string_equal(buf_cstr(&out), string_cases[i].wanted);
    }
    buf_clear(&out);
    assert_true(mime_imap_nstring(STR_EMPTY, &out));
    assert_string_equal(buf_cstr(&out), "NIL");
    char text[2000];
    memset(text, 'x', sizeof(text));
    buf_clear(&out);
    assert_true(mime_imap_string(str_of(text, sizeof(text)), &out));
    assert_true(str_has_prefix(buf_str(&out), STR("{2000}\r\nxxx")));
    buf_fini(&out);
    buf_init(&out, 8);
    assert_false(mime_imap_string(STR("much too long"), &out));
    assert_int_equal(out.n, 0);
    buf_fini(&out);
}

static const struct imap_case {
    const char *name;
    str text;
    const char *wanted;
} envelope_cases[] = {
    /* RFC 3501 section 8. */
    { "the example of the RFC",
      STR_INIT("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
               "From: Terry Gray <gray@cac.washington.edu>\r\n"
               "Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
               "To: imap@cac.washington.edu\r\n"
               "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
               "Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n"),
      "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
      "((NIL NIL \"imap\" \"cac.washington.edu\")) "
      "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
      "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) "
      "NIL NIL \"<B27397-0100000@cac.washington.edu>\")" },
    { "nothing", STR_INIT("\r\n"), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
    { "groups, routes, no domain",
      STR_INIT("From: x\r\nTo: A: b@c, d@e;, none:;\r\nCc: <@r,@s:t@u>\r\n\r\n"),
      "(NIL NIL ((NIL NIL \"x\" \"\")) ((NIL NIL \"x\" \"\")) ((NIL NIL \"x\" \"\")) "
      "((NIL NIL \"A\" NIL)(NIL NIL \"b\" \"c\")(NIL NIL \"d\" \"e\")(NIL NIL NIL NIL)"
      "(NIL NIL \"none\" NIL)(NIL NIL NIL NIL)) ((NIL \"@r,@s\" \"t\" \"u\")) NIL NIL NIL)" },
    { "encoded words stay, 8-bit is literal, nothing breaks out",
      STR_INIT("Subject: =?utf-8?q?a=0d=0a?= \"x\"\r\nFrom: \"a\\\"b\r\n c\" <q@r>\r\n"
               "In-Reply-To: \xc3\xa9\r\n\r\n"),
      "(NIL \"=?utf-8?q?a=0d=0a?= \\\"x\\\"\" ((\"a\\\"b c\" NIL \"q\" \"r\")) "
      "((\"a\\\"b c\" NIL \"q\" \"r\")) ((\"a\\\"b c\" NIL \"q\" \"r\")) NIL NIL NIL "
      "{2}\r\n\xc3\xa9 NIL)" },
    { "repeated fields", STR_INIT("To: a@b\r\nSubject: 1\r\nTo: c@d\r\nSubject: 2\r\n\r\n"),
      "(NIL \"1\" NIL NIL NIL ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) NIL NIL NIL NIL)" },
};

static void writes_envelopes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(envelope_cases); i++) {
        struct arena a;
        struct buf out;
        struct mime_header h;
        arena_init(&a);
        buf_init(&out, 10000);
        mime_header_parse(&a, envelope_cases[i].text, &h);
        assert_true(mime_envelope_format(&a, &h, &out));
        if (strcmp(buf_cstr(&out), envelope_cases[i].wanted) != 0)
            fail_msg("%s:\n%s", envelope_cases[i].name, buf_cstr(&out));
        buf_fini(&out);
        arena_fini(&a);
    }
}

static const struct imap_case structure_cases[] = {
    { "plain", STR_INIT("Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\na\r\nb\r\n"),
      "(\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 6 2 NIL NIL NIL NIL)" },
    { "no type", STR_INIT("A: b\r\n\r\na"),
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL)" },
    { "all fields",
      STR_INIT("Content-Type: image/png; name=x\r\nContent-ID: <1>\r\n"
               "Content-Description: d \"q\"\r\nContent-Transfer-Encoding: BASE64\r\n"
               "Content-MD5: Q==\r\nContent-Disposition: Inline; filename*=utf-8''%c3%a9\r\n"
               "Content-Language: de, en\r\nContent-Location: http://x/\r\n\r\nQQ=="),
      "(\"image\" \"png\" (\"name\" \"x\") \"<1>\" \"d \\\"q\\\"\" \"base64\" 4 \"Q==\" "
      "(\"inline\" (\"filename*\" \"utf-8''%c3%a9\")) (\"de\" \"en\") \"http://x/\")" },
    { "multipart",
      STR_INIT(
          "Content-Type: multipart/mixed; boundary=\"b\"\r\nContent-Language: fr\r\n\r\n--b\r\n"
          "\r\na\r\n--b\r\nContent-Type: application/x\r\n\r\nbc\r\n--b--\r\n"),
      "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL)"
      "(\"application\" \"x\" NIL NIL NIL \"7bit\" 2 NIL NIL NIL NIL) "
      "\"mixed\" (\"boundary\" \"b\") NIL \"fr\" NIL)" },
    { "message", STR_INIT("Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nx\r\n"),
      "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 "
      "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) "
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1 NIL NIL NIL NIL) "
      "3 NIL NIL NIL NIL)" },
    { "opaque", STR_INIT("Content-Type: multipart/mixed\r\n\r\nx"),
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL)" },
    { "unknown encoding", STR_INIT("Content-Transfer-Encoding: x-zip\r\n\r\nx"),
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"x-zip\" 1 0 NIL NIL NIL NIL)" },
};

static void writes_structures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(structure_cases); i++) {
        struct arena a;
        struct buf out;
        arena_init(&a);
        buf_init(&out, 10000);
        const struct mime_structure *s = mime_structure_parse(&a, structure_cases[i].text);
        assert_true(mime_bodystructure_format(&a, s, true, &out));
        if (strcmp(buf_cstr(&out), structure_cases[i].wanted) != 0)
            fail_msg("%s:\n%s", structure_cases[i].name, buf_cstr(&out));
        buf_fini(&out);
        arena_fini(&a);
    }
}

static const struct imap_case body_cases[] = {
    { "text", STR_INIT("(\"text\" \"plain\" NIL NIL NIL \"7bit\" 6 2 NIL NIL NIL NIL)"),
      "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 6 2)" },
    { "literal", STR_INIT("(\"a\" \"b\" (\"n\" {3}\r\n)\"x) NIL NIL \"7bit\" 6 NIL NIL NIL NIL)"),
      "(\"a\" \"b\" (\"n\" {3}\r\n)\"x) NIL NIL \"7bit\" 6)" },
    { "multipart",
      STR_INIT("((\"a\" \"b\" NIL NIL NIL \"7bit\" 6 NIL NIL NIL NIL) \"mixed\" (\"b\" \"c\") NIL "
               "NIL NIL)"),
      "((\"a\" \"b\" NIL NIL NIL \"7bit\" 6) \"mixed\")" },
    { "cut", STR_INIT("(\"a\" \"b\" NIL NIL"), NULL },
    { "more behind", STR_INIT("(\"a\" \"b\" NIL NIL NIL \"7bit\" 6) x"), NULL },
    { "lying literal", STR_INIT("(\"a\" {99}\r\nx"), NULL },
    { "empty", { 0 }, NULL },
};

static void makes_body_of_bodystructure(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(body_cases); i++) {
        struct buf out;
        buf_init(&out, 10000);
        bool ok = mime_bodystructure_to_body(body_cases[i].text, &out);
        assert_int_equal(ok, body_cases[i].wanted != NULL);
        if (ok) {
            assert_string_equal(buf_cstr(&out), body_cases[i].wanted);
        } else {
            assert_int_equal(out.n, 0);
        }
        buf_fini(&out);
    }
}

static void says_when_they_do_not_fit(void **state)
{
    (void)state;
    struct arena a;
    struct buf out;
    struct mime_header h;
    arena_init(&a);
    buf_init(&out, 30);
    assert_true(buf_add(&out, STR("before")));
    mime_header_parse(&a, STR("Subject: a long subject, longer than the rest\r\n\r\n"), &h);
    assert_false(mime_envelope_format(&a, &h, &out));
    assert_false(mime_bodystructure_format(&a, mime_structure_parse(&a, STR("\r\nx")), true, &out));
    assert_string_equal(buf_cstr(&out), "before");
    buf_fini(&out);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_strings),
        cmocka_unit_test(writes_envelopes),
        cmocka_unit_test(writes_structures),
        cmocka_unit_test(makes_body_of_bodystructure),
        cmocka_unit_test(says_when_they_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
