/* SPDX-License-Identifier: Apache-2.0 */
/* Summaries, base subjects, dates, message ids, and what the composer writes. */
#include "base/utf8.h"
#include "mime/mime.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct subject_case {
    const char *subject;
    const char *base;
    bool is_reply;
} subject_cases[] = {
    { "Hello", "hello", false },
    { "Re: Hello", "hello", true },
    { "RE: re:  fwd: Hello \t World", "hello world", true },
    { "Fw: Hello (fwd) (FWD)", "hello", true },
    { "[list] Re: [x] Hello", "hello", true },
    { "[list] Hello", "hello", false },
    { "[only a blob]", "[only a blob]", false },
    { "Re[2]: Hello", "hello", true },
    { "Re [2] : yes", "yes", true },
    { "Re [2 : no", "re [2 : no", false },
    { "[Fwd: [Fwd: Re: Hello]]", "hello", true },
    { "Regarding: x", "regarding: x", false },
    { "", "", false },
    { "Re:", "", true },
};

static void finds_base_subjects(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subject_cases); i++) {
        struct arena a;
        bool is_reply = false;
        arena_init(&a);
        str base = mime_subject_base(&a, str_from_cstr(subject_cases[i].subject), &is_reply);
        if (!str_eq(base, str_from_cstr(subject_cases[i].base)) ||
            is_reply != subject_cases[i].is_reply)
            fail_msg("%s: '%.*s' %d", subject_cases[i].subject, STR_FMT(base), is_reply);
        arena_fini(&a);
    }
}

#define MESSAGE                                                                                   \
    "From: =?utf-8?q?Fran=C3=A7oise?= <Fr.X@Example.ORG>, second@x\r\n"                           \
    "To: \"Doe, John\" <john@example.net>, team: a@b;\r\nCc: c@d\r\n"                             \
    "Subject: Re: =?utf-8?b?w4l0w6k=?=\r\n"                                                       \
    "Date: Sat, 21 Nov 2026 06:00:00 +0100\r\n"                                                   \
    "Message-ID: <1@x>\r\nReferences: <a@x>\r\n <b@x>\r\nIn-Reply-To: <b@x> <c@x>\r\n"            \
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"                                           \
    "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"                              \
    "--c\r\nContent-Type: text/html\r\n\r\n<p>from html</p>\r\n"                                  \
    "--c\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n> quoted\r\nThe  caf\xe9\r\n is " \
    "open.\r\n--c--\r\n"                                                                          \
    "--b\r\nContent-Type: image/png; name=p.png\r\n\r\nx\r\n--b--\r\n"

static void makes_summaries(void **state)
{
    (void)state;
    struct arena a;
    struct mime_derived d;
    arena_init(&a);
    mime_derive(&a, STR(MESSAGE), &d);
    const struct mime_summary *s = &d.summary;
    assert_string_equal(arena_cstr(&a, s->from_addr), "Fr.X@example.org");
    assert_string_equal(arena_cstr(&a, s->from_name), "Fran\xc3\xa7oise");
    assert_string_equal(arena_cstr(&a, s->to_text),
                        "Doe, John <john@example.net>, team:, a@b, c@d");
    assert_string_equal(arena_cstr(&a, s->subject), "Re: \xc3\x89t\xc3\xa9");
    assert_string_equal(arena_cstr(&a, s->subject_base), "\xc3\x89t\xc3\xa9");
    assert_true(s->subject_is_reply_or_forward);
    assert_string_equal(arena_cstr(&a, s->message_id), "1@x");
    assert_int_equal(s->n_references, 3);
    assert_string_equal(arena_cstr(&a, s->references[0]), "a@x");
    assert_string_equal(arena_cstr(&a, s->references[1]), "b@x");
    assert_string_equal(arena_cstr(&a, s->references[2]), "c@x");
    assert_true(s->has_date);
    assert_int_equal(s->sent_at, 1795237200);
    assert_string_equal(arena_cstr(&a, s->preview), "The caf\xc3\xa9 is open.");
    assert_true(s->has_attachment);
    assert_true(d.envelope.n > 0 && d.bodystructure.n > 0);
    arena_fini(&a);
}

static void summaries_of_nothing_are_empty(void **state)
{
    (void)state;
    struct arena a;
    struct mime_derived d;
    arena_init(&a);
    mime_derive(&a, STR_EMPTY, &d);
    const struct mime_summary *s = &d.summary;
    assert_int_equal(s->from_addr.n + s->from_name.n + s->to_text.n + s->subject.n +
                         s->message_id.n + s->n_references + s->preview.n,
                     0);
    assert_false(s->has_date || s->has_attachment);
    assert_string_equal(arena_cstr(&a, d.envelope), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    arena_fini(&a);
}

/* Everything huge at once: nothing passes its maximum, nothing is cut inside a character. */
static void summaries_hold_their_limits(void **state)
{
    (void)state;
    static const char *const names[] = { "From", "To", "Subject", "Message-ID", "References" };
    struct arena a;
    struct buf text;
    struct mime_derived d;
    arena_init(&a);
    buf_init(&text, 10000000);
    for (size_t k = 0; k < COUNT_OF(names); k++) {
        (void)buf_addf(&text, "%s: ", names[k]);
        for (int i = 0; i < 5000; i++)
            (void)buf_addf(&text, "<\xe2\x82\xac%d@x>,\r\n ", i);
        (void)buf_add(&text, STR("\r\n"));
    }
    (void)buf_add(&text, STR("\r\n"));
    for (int i = 0; i < 20000; i++)
        (void)buf_add(&text, STR("\xe2\x82\xac "));
    mime_derive(&a, buf_str(&text), &d);
    const struct mime_summary *s = &d.summary;
    const str texts[] = { s->from_addr, s->to_text, s->subject, s->message_id, s->preview };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_true(texts[i].n > 0 && texts[i].n <= MIME_MAX_SUMMARY_BYTES);
        assert_true(utf8_is_valid(texts[i]));
    }
    assert_int_equal(utf8_count(s->preview), MIME_MAX_PREVIEW_CHARS - 1);
    assert_int_equal(s->n_references, MIME_MAX_MESSAGE_IDS);
    buf_fini(&text);
    arena_fini(&a);
}

static const struct date_case {
    const char *text;
    bool valid;
    int64_t at_utc;
    int zone;
    bool zone_known;
} date_cases[] = {
    { "Thu, 01 Jan 1970 00:00:00 +0000", true, 0, 0, true },
    { "Thu, 01 Jan 1970 00:00:00 -0000", true, 0, 0, false },
    { "1 Jan 70 00:00 A", true, 0, 0, false },
    { "1 Jan 1970 00:00:00 EST", true, 18000, -300, true },
    { "1 Jan 1970 02:00:00 +0200 (EET)", true, 0, 120, true },
    { "1 Jan 1970 00 : 00 : 01", true, 1, 0, false },
    { "1 Jan 49 00:00:00 GMT", true, INT64_C(2493072000), 0, true },
    { "1 Jan 103 00:00:00 GMT", true, 1041379200, 0, true },
    { "29 Feb 2023 00:00:00 GMT", false, 0, 0, false },
    { "29 Feb 2024 00:00:00 GMT", true, 1709164800, 0, true },
    { "1 Jan 2024 24:00:00 GMT", false, 0, 0, false },
    { "1 Jan 2024 00:00:00 +0060", false, 0, 0, false },
    { "1 2 3 4", false, 0, 0, false },
    { "", false, 0, 0, false },
    { "((((((((((((((((((((((((((((((((( 1 Jan 2024 00:00:00 GMT", false, 0, 0, false },
};

static void reads_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(date_cases); i++) {
        const struct date_case *c = &date_cases[i];
        struct mime_date date = { 0 };
        bool valid = mime_date_parse(str_from_cstr(c->text), &date);
        if (valid != c->valid || date.at_utc != c->at_utc || date.zone_offset != c->zone ||
            date.zone_known != c->zone_known) {
            fail_msg("%s: %d %lld %d %d", c->text, valid, (long long)date.at_utc, date.zone_offset,
                     date.zone_known);
        }
    }
    struct buf out;
    buf_init(&out, 100);
    assert_true(mime_date_format(1795237200, -330, &out));
    assert_string_equal(buf_cstr(&out), "Fri, 20 Nov 2026 23:30:00 -0530");
    assert_false(mime_date_format(INT64_MAX / 2, 0, &out));
    buf_fini(&out);
}

static void keeps_the_last_message_ids(void **state)
{
    (void)state;
    struct arena a;
    struct buf text;
    const str *ids = NULL;
    arena_init(&a);
    buf_init(&text, 100000);
    for (int i = 0; i < 250; i++)
        (void)buf_addf(&text, "<%d@x> ", i);
    assert_int_equal(mime_message_ids_parse(&a, buf_str(&text), &ids), MIME_MAX_MESSAGE_IDS);
    assert_true(str_eq(ids[0], STR("150@x")) && str_eq(ids[99], STR("249@x")));
    assert_int_equal(mime_message_ids_parse(&a, STR("two words"), &ids), 0);
    assert_int_equal(mime_message_ids_parse(&a, STR("<<<a@x"), &ids), 0);
    assert_int_equal(mime_message_ids_parse(&a, STR("<a\r\n b@x>"), &ids), 1);
    assert_true(str_eq(ids[0], STR("a b@x")));
    buf_fini(&text);
    arena_fini(&a);
}

/* ---- composing ---- */

static void composes_messages(void **state)
{
    (void)state;
    struct arena a;
    struct buf out;
    arena_init(&a);
    buf_init(&out, 100000);
    str boundary = mime_compose_boundary(&a, 1, 2);
    assert_true(mime_compose_mailbox_field(&out, STR("From"), STR("Mail, \"Delivery\""),
                                           STR("MAILER-DAEMON@example.org")));
    assert_true(mime_compose_mailbox_field(&out, STR("To"), STR("J\xc3\xbcrgen"), STR("j@x.org")));
    assert_true(mime_compose_mailbox_field(&out, STR("Errors-To"), STR_EMPTY, STR_EMPTY));
    assert_true(
        mime_compose_text_field(&out, STR("Subject"), STR("r\xc3\xa9sum\xc3\xa9\r\nBcc: evil@x")));
    assert_true(
        mime_compose_raw_field(&out, STR("X-Long"),
                               STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
                                   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\nX: y")));
    assert_true(mime_compose_date_field(&out, 0, 60));
    assert_true(mime_compose_message_id_field(&out, 1, 2, STR("host.example")));
    assert_true(mime_compose_multipart_field(&out, STR("report"),
                                             STR("; report-type=delivery-status"), boundary));
    assert_true(mime_compose_end_header(&out));
    assert_true(mime_compose_part(&out, boundary));
    assert_true(mime_compose_text_part(&out, STR("plain\ntext\n")));
    assert_true(mime_compose_part(&out, boundary));
    assert_true(mime_compose_text_part(&out, STR("\xc3\xa9\n")));
    assert_true(mime_compose_multipart_end(&out, boundary));

    struct mime_derived d;
    mime_derive(&a, buf_str(&out), &d);
    assert_int_equal(mime_header_count(&d.header, STR("bcc")), 0);
    assert_int_equal(mime_header_count(&d.header, STR("x")), 0);
    assert_string_equal(arena_cstr(&a, d.summary.from_name), "Mail, \"Delivery\"");
    assert_string_equal(arena_cstr(&a, d.summary.to_text), "J\xc3\xbcrgen <j@x.org>");
    assert_string_equal(arena_cstr(&a, d.summary.subject), "r\xc3\xa9sum\xc3\xa9  Bcc: evil@x");
    assert_int_equal(d.summary.sent_at, 0);
    assert_true(str_has_suffix(d.summary.message_id, STR("@host.example")));
    assert_int_equal(d.structure->n_parts, 3);
    const struct mime_part *first = d.structure->root->first_child;
    assert_int_equal(first->encoding, MIME_ENCODING_7BIT);
    assert_true(str_eq(mime_part_text(d.structure, first, &a, 100), STR("plain\r\ntext\r\n")));
    assert_int_equal(first->next->encoding, MIME_ENCODING_QUOTED_PRINTABLE);
    assert_true(str_eq(mime_part_text(d.structure, first->next, &a, 100), STR("\xc3\xa9\r\n")));
    str rest = buf_str(&out), line;
    while (rest.n) {
        (void)str_cut(rest, '\n', &line, &rest);
        assert_true(line.n <= 79 && str_has_suffix(line, STR("\r")));
    }
    buf_fini(&out);
    arena_fini(&a);
}

/* Text for the index: all parts, the subjects of messages inside, names of files. */
static void extracts_text(void **state)
{
    (void)state;
    struct arena a;
    struct mime_text text;
    arena_init(&a);
    mime_text_extract(&a, mime_structure_parse(&a, STR(MESSAGE)), 0, &text);
    assert_false(text.cut);
    assert_true(str_find(text.text, STR("from html")) >= 0);
    assert_true(str_find(text.text, STR("The  caf\xc3\xa9")) >= 0);
    assert_true(str_find(text.text, STR("p.png")) >= 0);
    mime_text_extract(&a,
                      mime_structure_parse(&a, STR("Content-Type: message/rfc822\r\n\r\n"
                                                   "Subject: inner\r\n\r\nbo\0dy")),
                      0, &text);
    assert_true(str_find(text.text, STR("inner\n")) >= 0);
    assert_true(str_find(text.text, STR("bo dy")) >= 0);
    mime_text_extract(&a, mime_structure_parse(&a, STR("\r\n\xc3\xa9\xc3\xa9\xc3\xa9")), 4, &text);
    assert_true(text.cut);
    assert_true(str_eq(text.text, STR("\xc3\xa9\n")));
    arena_fini(&a);
}

static void lists_addresses(void **state)
{
    (void)state;
    struct arena a;
    struct mime_address_list list;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 1000000);
    /* X1: a million addresses. */
    while (text.n < 900000)
        (void)buf_add(&text, STR("a@b,"));
    mime_address_list_parse(&a, buf_str(&text), &list);
    assert_true(list.n <= MIME_MAX_ADDRESSES && list.cut);
    /* X8: comments without end. */
    buf_clear(&text);
    while (text.n < 900000)
        (void)buf_add(&text, STR("("));
    mime_address_list_parse(&a, buf_str(&text), &list);
    assert_int_equal(list.n, 0);
    mime_address_list_parse(&a, STR("\"a b\"@c.d, <\"x\\\"y\"@z>, a@b@c"), &list);
    assert_int_equal(list.n, 3);
    assert_string_equal(arena_cstr(&a, mime_address_spec(&a, &list.items[0])), "\"a b\"@c.d");
    assert_string_equal(arena_cstr(&a, mime_address_spec(&a, &list.items[1])), "\"x\\\"y\"@z");
    assert_string_equal(arena_cstr(&a, mime_address_spec(&a, &list.items[2])), "\"a@b\"@c");
    mime_address_list_parse(&a, STR("none:;"), &list);
    assert_null(mime_address_first(&list));
    buf_fini(&text);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_base_subjects),
        cmocka_unit_test(makes_summaries),
        cmocka_unit_test(summaries_of_nothing_are_empty),
        cmocka_unit_test(summaries_hold_their_limits),
        cmocka_unit_test(reads_dates),
        cmocka_unit_test(keeps_the_last_message_ids),
        cmocka_unit_test(composes_messages),
        cmocka_unit_test(extracts_text),
        cmocka_unit_test(lists_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
