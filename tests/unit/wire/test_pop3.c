/* SPDX-License-Identifier: Apache-2.0 */
/* POP3: command lines, numbers, doubled dots, the top of a message. */
#include "mime/header.h"
#include "wire/pop3_command.h"
#include "wire/pop3_message.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

static void test_commands(void **state)
{
    (void)state;
    static const struct {
        str line;
        enum pop3_verb verb;
        str argument;
    } cases[] = {
        { STR_INIT("RETR 1"), POP3_RETR, STR_INIT("1") },
        { STR_INIT("retr 1"), POP3_RETR, STR_INIT("1") },
        { STR_INIT("PASS two words "), POP3_PASS, STR_INIT("two words ") },
        { STR_INIT("PASS  x"), POP3_PASS, STR_INIT(" x") },
        { STR_INIT("QUIT"), POP3_QUIT, STR_INIT("") },
        { STR_INIT("QUITE"), POP3_UNKNOWN, STR_INIT("") },
        { STR_INIT(""), POP3_UNKNOWN, STR_INIT("") },
        { STR_INIT(" STAT"), POP3_UNKNOWN, STR_INIT("STAT") },
        { STR_INIT("GET / HTTP/1.1"), POP3_FOREIGN, STR_INIT("/ HTTP/1.1") },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pop3_command command = pop3_command_parse(cases[i].line);
        if (command.verb != cases[i].verb || !str_eq(command.argument, cases[i].argument)) {
            fail_msg("%.*s: verb %d, argument '%.*s'", STR_FMT(cases[i].line), (int)command.verb,
                     STR_FMT(command.argument));
        }
    }
    assert_string_equal(pop3_verb_name(POP3_UIDL), "UIDL");
    assert_string_equal(pop3_verb_name(POP3_UNKNOWN), "?");
}

static void test_numbers(void **state)
{
    (void)state;
    uint32_t number = 0;
    uint32_t lines = 0;
    struct err e = ERR_CLEAR;
    assert_true(pop3_number_parse(STR("2147483647"), &number, &e));
    assert_int_equal(number, 2147483647);
    assert_true(pop3_number_parse(STR("7 "), &number, &e));
    static const str wrong[] = { STR_INIT(""),   STR_INIT("0"),   STR_INIT("2147483648"),
                                 STR_INIT("-1"), STR_INIT("1 2"), STR_INIT("+1") };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(pop3_number_parse(wrong[i], &number, &e));
    assert_true(pop3_top_parse(STR("3 0"), &number, &lines, &e));
    assert_int_equal(number, 3);
    assert_int_equal(lines, 0);
    assert_false(pop3_top_parse(STR("3"), &number, &lines, &e));
    assert_false(pop3_top_parse(STR("3 -1"), &number, &lines, &e));
    assert_false(pop3_top_parse(STR("0 1"), &number, &lines, &e));
}

static void test_auth(void **state)
{
    (void)state;
    struct pop3_auth auth;
    struct err e = ERR_CLEAR;
    assert_true(pop3_auth_parse(STR(""), &auth, &e));
    assert_int_equal(auth.mechanism.n, 0);
    assert_true(pop3_auth_parse(STR("plain"), &auth, &e));
    assert_false(auth.has_initial);
    assert_true(pop3_auth_parse(STR("SCRAM-SHA-256-PLUS biw="), &auth, &e));
    assert_true(auth.has_initial && str_eq(auth.initial, STR("biw=")));
    assert_false(pop3_auth_parse(STR("PLAIN a b"), &auth, &e));
    assert_false(pop3_auth_parse(STR("PL\xc3\xa4IN"), &auth, &e));
    assert_false(pop3_auth_parse(STR("MECHANISM-OF-21-CHARS"), &auth, &e));
}

/* The message as it goes over the wire, given in pieces cut at `cut`. */
static void expect_wire(str message, size_t cut, str wanted)
{
    struct pop3_stuffer stuffer;
    struct buf out;
    buf_init(&out, 1000);
    pop3_stuffer_init(&stuffer);
    assert_true(pop3_stuff(&stuffer, str_slice(message, 0, cut), &out));
    assert_true(pop3_stuff(&stuffer, str_skip(message, cut), &out));
    assert_true(pop3_stuff_end(&stuffer, &out));
    if (!str_eq(buf_str(&out), wanted))
        fail_msg("cut at %zu: '%.*s'", cut, STR_FMT(buf_str(&out)));
    buf_fini(&out);
}

static void test_stuffing(void **state)
{
    (void)state;
    static const struct {
        str message;
        str wire;
    } cases[] = {
        { STR_INIT(""), STR_INIT(".\r\n") },
        { STR_INIT("a\r\n"), STR_INIT("a\r\n.\r\n") },
        { STR_INIT("a"), STR_INIT("a\r\n.\r\n") },
        { STR_INIT("a\n"), STR_INIT("a\n\r\n.\r\n") },
        { STR_INIT(".\r\n"), STR_INIT("..\r\n.\r\n") },
        { STR_INIT("."), STR_INIT("..\r\n.\r\n") },
        { STR_INIT("a\r\n.\r\n"), STR_INIT("a\r\n..\r\n.\r\n") },
        { STR_INIT("a\r\n..b\r\n.c"), STR_INIT("a\r\n...b\r\n..c\r\n.\r\n") },
        { STR_INIT("a.\r\n\r\n.\r\nb\r\n"), STR_INIT("a.\r\n\r\n..\r\nb\r\n.\r\n") },
        { STR_INIT("a\n.\nb\r\n"), STR_INIT("a\n..\nb\r\n.\r\n") },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].message.n; cut++)
            expect_wire(cases[i].message, cut, cases[i].wire);
    }
}

static void test_stuffing_without_room(void **state)
{
    (void)state;
    struct pop3_stuffer stuffer;
    struct buf out;
    buf_init(&out, 3);
    pop3_stuffer_init(&stuffer);
    assert_true(pop3_stuff(&stuffer, STR(".a"), &out));
    assert_false(pop3_stuff(&stuffer, STR("b"), &out));
    assert_false(pop3_stuff_end(&stuffer, &out));
    buf_fini(&out);
}

/* TOP of a message in two pieces is `wanted`, of which the first `of_header` octets are header. */
static void expect_top(str message, size_t cut, uint32_t lines, str wanted, size_t of_header)
{
    struct pop3_top top;
    struct buf out;
    size_t begun;
    size_t more;
    buf_init(&out, message.n + 1);
    pop3_top_init(&top, lines);
    assert_true(buf_add(&out, pop3_top_next(&top, str_slice(message, 0, cut), &begun)));
    assert_true(buf_add(&out, pop3_top_next(&top, str_skip(message, cut), &more)));
    assert_true(str_eq(buf_str(&out), wanted));
    assert_int_equal(begun + more, of_header);
    assert_true(top.is_done || wanted.n == message.n);
    buf_fini(&out);
}

static void test_top(void **state)
{
    (void)state;
    static const struct {
        str message;
        uint32_t lines;
        size_t wanted;
        size_t header;
    } cases[] = {
        { STR_INIT("A: b\r\n\r\none\r\ntwo\r\nthree"), 0, 8, 8 },
        { STR_INIT("A: b\r\n\r\none\r\ntwo\r\nthree"), 2, 18, 8 },
        { STR_INIT("A: b\r\n\r\none\r\ntwo\r\nthree"), 3, 23, 8 },
        { STR_INIT("A: b\r\n\r\none\r\ntwo\r\nthree"), 2147483647, 23, 8 },
        { STR_INIT("A: b\r\n\r\none\r\ntwo\r\nthree"), POP3_ALL_LINES, 23, 8 },
        { STR_INIT("A: b\r\n\r\n\r\n\r\nx\r\n"), 2, 12, 8 },
        { STR_INIT("A: b\n\n\n\nx\n"), 1, 7, 6 },
        { STR_INIT("\r\nx\r\ny"), 1, 5, 2 },
        { STR_INIT("A: b\r\n\r\r\nB: c\r\n"), 1, 15, 15 },
        { STR_INIT("A: b\r\n"), 0, 6, 6 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str message = cases[i].message;
        str wanted = str_slice(message, 0, cases[i].wanted);
        assert_int_equal(mime_header_end(message), cases[i].header);
        for (size_t cut = 0; cut <= message.n; cut++)
            expect_top(message, cut, cases[i].lines, wanted, cases[i].header);
    }
}

static void test_headers_in_ascii(void **state)
{
    (void)state;
    static const struct {
        str header;
        str ascii;
    } cases[] = {
        { STR_INIT("A: b\r\n\r\n"), STR_INIT("A: b\r\n\r\n") },
        { STR_INIT("A: gr\303\274n \303\266l b\r\n"),
          STR_INIT("A: =?utf-8?Q?gr=C3=BCn_=C3=B6l?= b\r\n") },
        { STR_INIT("To: \"J\303\266\" <\303\266@x>,<a@\303\266.b>\r\n"),
          STR_INIT(
              "To: \"=?utf-8?Q?J=C3=B6?=\" <=?utf-8?Q?=C3=B6?=@x>,<a@=?utf-8?Q?=C3=B6=2Eb?=>\r\n") },
        { STR_INIT("A: \374=?_\r\n b"), STR_INIT("A: =?unknown-8bit?Q?=FC=3D=3F=5F?=\r\n b") },
        { STR_INIT("\377"), STR_INIT("=?unknown-8bit?Q?=FF?=") },
        { STR_INIT("A: \303\274aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\303\274b"),
          STR_INIT("A: =?utf-8?Q?=C3=BCaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?=\r\n "
                   "=?utf-8?Q?=C3=BCb?=") },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, (cases[i].header.n + 1) * POP3_ASCII_GROWTH);
        assert_true(pop3_header_to_ascii(cases[i].header, &out));
        if (!str_eq(buf_str(&out), cases[i].ascii))
            fail_msg("case %zu: %s", i, buf_cstr(&out));
        buf_clear(&out);
        out.max = 3;
        assert_int_equal(pop3_header_to_ascii(cases[i].header, &out), false);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_stuffing),
        cmocka_unit_test(test_stuffing_without_room),
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_headers_in_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
