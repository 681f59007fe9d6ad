/* SPDX-License-Identifier: Apache-2.0 */
/* Framing of DATA: what ends a message, what is a fault, and that no split changes anything. */
#include "wire/smtp_data.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

enum {
    OUT_MAX = 1 << 20
};

static const struct {
    const char *name;
    str wire;
    str content; /* when clean */
    enum smtp_data_fault fault;
    uint64_t fault_at;
    size_t left; /* octets behind the end; SIZE_MAX: the end does not come */
} cases[] = {
    { "empty message", STR_INIT(".\r\n"), STR_INIT(""), SMTP_DATA_CLEAN, 0, 0 },
    { "one line", STR_INIT("a\r\n.\r\n"), STR_INIT("a\r\n"), SMTP_DATA_CLEAN, 0, 0 },
    { "stuffed dot", STR_INIT("..\r\n..a\r\n.b\r\n.\r\n"), STR_INIT(".\r\n.a\r\nb\r\n"),
      SMTP_DATA_CLEAN, 0, 0 },
    { "commands follow", STR_INIT("a\r\n.\r\nQUIT\r\n"), STR_INIT("a\r\n"), SMTP_DATA_CLEAN, 0, 6 },
    { "dot inside a line", STR_INIT("a.\r\n.\r\n"), STR_INIT("a.\r\n"), SMTP_DATA_CLEAN, 0, 0 },
    { "no end", STR_INIT("a\r\n."), STR_INIT("a\r\n"), SMTP_DATA_CLEAN, 0, SIZE_MAX },
    { "empty lines", STR_INIT("\r\n\r\n.\r\n"), STR_INIT("\r\n\r\n"), SMTP_DATA_CLEAN, 0, 0 },
    { "LF . LF", STR_INIT("a\n.\nMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 1, 0 },
    { "LF . CRLF", STR_INIT("a\n.\r\nMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 1, 0 },
    { "CR . CR", STR_INIT("a\r.\rMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 1, 0 },
    { "CR . LF", STR_INIT("a\r.\nMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 1, 0 },
    { "CR . CRLF", STR_INIT("a\r.\r\nMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 1, 0 },
    { "CRLF . LF", STR_INIT("a\r\n.\nMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 4, 0 },
    { "CRLF . CR", STR_INIT("a\r\n.\rMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 4, 0 },
    { "LF . CR", STR_INIT("a\n.\rMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 1, 0 },
    { "CRLF NUL . CRLF", STR_INIT("a\r\n\0.\r\nMAIL\r\n.\r\n"), STR_INIT(""), SMTP_DATA_NUL, 3, 0 },
    { "CR CRLF . CRLF", STR_INIT("a\r\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 1, 0 },
    { "CRLF . CR CRLF . CRLF", STR_INIT("a\r\n.\r\r\n.\r\nx"), STR_INIT(""), SMTP_DATA_BARE_CR, 4,
      1 },
    { "fault without an end", STR_INIT("a\nb\r\n\r\n."), STR_INIT(""), SMTP_DATA_BARE_LF, 1,
      SIZE_MAX },
    { "lone LF first", STR_INIT("\n.\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 0, 0 },
};

static void check_case(size_t i, const struct smtp_data_decoder *d, const struct buf *out,
                       size_t used)
{
    if (d->fault != cases[i].fault || (d->fault && d->fault_at != cases[i].fault_at)) {
        fail_msg("%s: fault %d at %llu", cases[i].name, (int)d->fault,
                 (unsigned long long)d->fault_at);
    }
    bool ends = cases[i].left != SIZE_MAX;
    if (d->done != ends || used != cases[i].wire.n - (ends ? cases[i].left : 0))
        fail_msg("%s: done %d after %zu octets", cases[i].name, (int)d->done, used);
    if (!d->fault && !str_eq(buf_str(out), cases[i].content))
        fail_msg("%s: content is '%.*s'", cases[i].name, STR_FMT(buf_str(out)));
}

/* Every case, cut in two at every place, and octet by octet. */
static void test_cases_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].wire.n; cut++) {
            struct smtp_data_decoder d;
            struct buf out;
            smtp_data_decoder_init(&d);
            buf_init(&out, OUT_MAX);
            size_t used = smtp_data_decode(&d, str_slice(cases[i].wire, 0, cut), &out);
            used += smtp_data_decode(&d, str_skip(cases[i].wire, cut), &out);
            check_case(i, &d, &out, used);
            buf_fini(&out);
        }
    }
}

static void test_octet_by_octet(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_data_decoder d;
        struct buf out;
        size_t used = 0;
        smtp_data_decoder_init(&d);
        buf_init(&out, OUT_MAX);
        for (size_t at = 0; at < cases[i].wire.n; at++)
            used += smtp_data_decode(&d, str_slice(cases[i].wire, at, 1), &out);
        check_case(i, &d, &out, used);
        buf_fini(&out);
    }
}

static void test_counts_lines(void **state)
{
    (void)state;
    struct smtp_data_decoder d;
    struct buf wire;
    buf_init(&wire, OUT_MAX);
    for (int i = 0; i < SMTP_LINE_LIMIT; i++)
        assert_true(buf_add_byte(&wire, 'a'));
    assert_true(buf_add(&wire, STR("\r\n")));
    for (int i = 0; i < SMTP_LINE_LIMIT + 1; i++)
        assert_true(buf_add_byte(&wire, 'b'));
    assert_true(buf_add(&wire, STR("\r\n\xc3\xa4\r\n.\r\n")));
    struct buf out;
    buf_init(&out, OUT_MAX);
    smtp_data_decoder_init(&d);
    (void)smtp_data_decode(&d, buf_str(&wire), &out);
    assert_true(d.done);
    assert_true(d.eight_bit);
    assert_int_equal(d.longest_line, SMTP_LINE_LIMIT + 1);
    assert_int_equal(d.long_lines, 1);
    assert_int_equal(d.wire, wire.n);
    assert_int_equal(d.content, wire.n - 3);
    buf_fini(&out);
    buf_fini(&wire);
}

static void test_content_past_the_maximum_is_counted(void **state)
{
    (void)state;
    struct smtp_data_decoder d;
    struct buf out;
    buf_init(&out, 10);
    smtp_data_decoder_init(&d);
    (void)smtp_data_decode(&d, STR("12345678\r\n"), &out);
    assert_false(d.overflow);
    (void)smtp_data_decode(&d, STR("9\r\n.\r\n"), &out);
    assert_true(d.overflow);
    assert_true(d.done);
    assert_int_equal(d.content, 13);
    assert_true(out.n <= 10);
    buf_fini(&out);
}

static const struct {
    const char *name;
    str message;
    str wire;
    uint64_t repairs;
} encodings[] = {
    { "plain", STR_INIT("a\r\nb\r\n"), STR_INIT("a\r\nb\r\n.\r\n"), 0 },
    { "dots", STR_INIT(".\r\n.a\r\na.b\r\n"), STR_INIT("..\r\n..a\r\na.b\r\n.\r\n"), 0 },
    { "no last line end", STR_INIT("a"), STR_INIT("a\r\n.\r\n"), 0 },
    { "empty", STR_INIT(""), STR_INIT(".\r\n"), 0 },
    { "bare LF", STR_INIT("a\nb\n.\n"), STR_INIT("a\r\nb\r\n..\r\n.\r\n"), 3 },
    { "bare CR", STR_INIT("a\rb\r.\r"), STR_INIT("a\r\nb\r\n..\r\n.\r\n"), 3 },
    { "CR CR LF", STR_INIT("a\r\r\n"), STR_INIT("a\r\n\r\n.\r\n"), 1 },
    { "NUL", STR_INIT("a\0b\r\n"), STR_INIT("ab\r\n.\r\n"), 1 },
    { "NUL before a dot", STR_INIT("\r\n\0.\r\n"), STR_INIT("\r\n..\r\n.\r\n"), 1 },
};

static void check_encoding(size_t i, size_t cut)
{
    struct smtp_data_encoder c;
    struct buf out;
    buf_init(&out, OUT_MAX);
    smtp_data_encoder_init(&c);
    assert_true(smtp_data_encode(&c, str_slice(encodings[i].message, 0, cut), &out));
    assert_true(smtp_data_encode(&c, str_skip(encodings[i].message, cut), &out));
    assert_true(smtp_data_encode_end(&c, &out));
    if (!str_eq(buf_str(&out), encodings[i].wire) || c.repairs != encodings[i].repairs) {
        fail_msg("%s cut at %zu: '%.*s', %llu repairs", encodings[i].name, cut,
                 STR_FMT(buf_str(&out)), (unsigned long long)c.repairs);
    }
    buf_fini(&out);
}

static void test_encodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        for (size_t cut = 0; cut <= encodings[i].message.n; cut++)
            check_encoding(i, cut);
    }
}

static void test_breaks_long_lines(void **state)
{
    (void)state;
    char line[2500];
    memset(line, 'x', sizeof(line));
    struct smtp_data_encoder c;
    struct buf out;
    struct buf back;
    buf_init(&out, OUT_MAX);
    buf_init(&back, OUT_MAX);
    smtp_data_encoder_init(&c);
    assert_true(smtp_data_encode(&c, str_of(line, sizeof(line)), &out));
    assert_true(smtp_data_encode_end(&c, &out));
    struct smtp_data_decoder d;
    smtp_data_decoder_init(&d);
    (void)smtp_data_decode(&d, buf_str(&out), &back);
    assert_true(d.done);
    assert_int_equal(d.long_lines, 0);
    assert_int_equal(d.longest_line, SMTP_LINE_LIMIT);
    assert_int_equal(back.n, sizeof(line) + (size_t)2 * 3 + 2);
    assert_int_equal(c.repairs, 2);
    buf_fini(&back);
    buf_fini(&out);
}

static void test_check_finds_the_first_fault(void **state)
{
    (void)state;
    size_t at = 0;
    assert_int_equal(smtp_data_check(STR("a\r\nb\r\n"), &at), SMTP_DATA_CLEAN);
    assert_int_equal(smtp_data_check(STR("no end"), &at), SMTP_DATA_CLEAN);
    assert_int_equal(smtp_data_check(STR("a\r\nb\n"), &at), SMTP_DATA_BARE_LF);
    assert_int_equal(at, 4);
    assert_int_equal(smtp_data_check(STR("a\r"), &at), SMTP_DATA_BARE_CR);
    assert_int_equal(at, 1);
    assert_int_equal(smtp_data_check(STR("a\rb\n"), &at), SMTP_DATA_BARE_CR);
    assert_int_equal(smtp_data_check(STR("ab\0"), &at), SMTP_DATA_NUL);
    assert_int_equal(at, 2);
}

/* ---- BDAT ---- */

static const struct {
    const char *name;
    str chunks;
    bool is_binary;
    str content; /* when clean */
    enum smtp_data_fault fault;
    uint64_t longest_line;
} chunked[] = {
    { "nothing", STR_INIT(""), false, STR_INIT(""), SMTP_DATA_CLEAN, 0 },
    { "dots mean nothing", STR_INIT(".\r\n..\r\n"), false, STR_INIT(".\r\n..\r\n"), SMTP_DATA_CLEAN,
      2 },
    { "the end of DATA is text", STR_INIT("a\r\n.\r\nQUIT\r\n"), false,
      STR_INIT("a\r\n.\r\nQUIT\r\n"), SMTP_DATA_CLEAN, 4 },
    { "a last line without its end", STR_INIT("a\r\nbc"), false, STR_INIT("a\r\nbc\r\n"),
      SMTP_DATA_CLEAN, 2 },
    { "bare LF", STR_INIT("a\nb\r\n"), false, STR_INIT(""), SMTP_DATA_BARE_LF, 1 },
    { "bare CR", STR_INIT("a\rb\r\n"), false, STR_INIT(""), SMTP_DATA_BARE_CR, 1 },
    { "bare CR at the end", STR_INIT("a\r\nb\r"), false, STR_INIT(""), SMTP_DATA_BARE_CR, 1 },
    { "NUL", STR_INIT("a\0"), false, STR_INIT(""), SMTP_DATA_NUL, 1 },
    { "binary", STR_INIT("a\nb\r\0\r\rcd"), true, STR_INIT("a\nb\r\0\r\rcd"), SMTP_DATA_CLEAN, 7 },
};

/* Cut in two at every place: chunks may end anywhere, also between CR and LF. */
static void test_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(chunked); i++) {
        for (size_t cut = 0; cut <= chunked[i].chunks.n; cut++) {
            struct smtp_data_decoder d;
            struct buf out;
            buf_init(&out, OUT_MAX);
            smtp_data_decoder_init(&d);
            smtp_chunk_decode(&d, str_slice(chunked[i].chunks, 0, cut), chunked[i].is_binary, &out);
            smtp_chunk_decode(&d, str_skip(chunked[i].chunks, cut), chunked[i].is_binary, &out);
            assert_int_equal(d.wire, chunked[i].chunks.n);
            smtp_chunk_end(&d, chunked[i].is_binary, &out);
            if (d.fault != chunked[i].fault || d.longest_line != chunked[i].longest_line)
                fail_msg("%s: fault %d, cut at %zu", chunked[i].name, (int)d.fault, cut);
            if (!d.fault && !str_eq(buf_str(&out), chunked[i].content))
                fail_msg("%s: '%.*s'", chunked[i].name, STR_FMT(buf_str(&out)));
            buf_fini(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_cases_at_every_split),
        cmocka_unit_test(test_octet_by_octet),
        cmocka_unit_test(test_counts_lines),
        cmocka_unit_test(test_content_past_the_maximum_is_counted),
        cmocka_unit_test(test_encodes),
        cmocka_unit_test(test_breaks_long_lines),
        cmocka_unit_test(test_check_finds_the_first_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
