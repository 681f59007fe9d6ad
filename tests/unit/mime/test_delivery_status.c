/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery status notifications as servers write them, and as strangers do. */
#include "mime/mime.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define HOST "Reporting-MTA: dns; mx.far.example\r\n\r\n"

static const struct recipient_case {
    const char *name;
    const char *group;
    struct mime_delivery_recipient wanted; /* without an address: there is none */
} recipient_cases[] = {
    { "Postfix",
      "Final-Recipient: rfc822; leo@far.example\r\nOriginal-Recipient: rfc822;Leo@Far.example\r\n"
      "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; in.far.example\r\n"
      "Diagnostic-Code: smtp; 550 5.1.1 <leo@far.example>:\r\n    User unknown; bye\r\n",
      { STR_INIT("Leo@Far.example"), STR_INIT("leo@far.example"), MIME_DELIVERY_FAILED,
        STR_INIT("5.1.1"), STR_INIT("550 5.1.1 <leo@far.example>:    User unknown; bye"),
        STR_INIT("in.far.example") } },
    { "Exim",
      "Action: failed\r\nFinal-Recipient: rfc822;leo@far.example\r\nStatus: 5.0.0\r\n",
      { .final = STR_INIT("leo@far.example"),
        .action = MIME_DELIVERY_FAILED,
        .status = STR_INIT("5.0.0") } },
    { "bare line feeds, other cases, comments, brackets",
      "FINAL-RECIPIENT : RFC822; <leo@far.example>\naction: Delayed (for a while)\nstatus: 4.4.1 (x)\n",
      { .final = STR_INIT("leo@far.example"),
        .action = MIME_DELIVERY_DELAYED,
        .status = STR_INIT("4.4.1") } },
    { "without a type",
      "Final-Recipient: leo@far.example\r\nAction: relayed\r\n",
      { .final = STR_INIT("leo@far.example"), .action = MIME_DELIVERY_RELAYED } },
    { "RFC 6533",
      "Final-Recipient: utf-8; j\xc3\xbcrgen@far.example\r\n"
      "Original-Recipient: utf-8;j\\x{FC}rgen\\x{1f600}@far.example\r\nAction: expanded\r\n",
      { .original = STR_INIT("j\xc3\xbcrgen\xf0\x9f\x98\x80@far.example"),
        .final = STR_INIT("j\xc3\xbcrgen@far.example"),
        .action = MIME_DELIVERY_EXPANDED } },
    { "escapes that are none stay",
      "Final-Recipient: utf-8; \\x{D800}\\x{110000}\\x{0A}\\x{}\\x{41\\x{1234567}@x\r\n"
      "Action: delivered\r\n",
      { .final = STR_INIT("\\x{D800}\\x{110000}\\x{0A}\\x{}\\x{41\\x{1234567}@x"),
        .action = MIME_DELIVERY_DELIVERED } },
    { "no escapes in an address of ASCII",
      "Final-Recipient: rfc822; \\x{41}@x\r\nAction: failed\r\n",
      { .final = STR_INIT("\\x{41}@x"), .action = MIME_DELIVERY_FAILED } },
    { "the first of two counts",
      "Final-Recipient: rfc822; a@x\r\nFinal-Recipient: rfc822; b@x\r\nAction: failed\r\n"
      "Action: delivered\r\n",
      { .final = STR_INIT("a@x"), .action = MIME_DELIVERY_FAILED } },
    { "a status that is none",
      "Final-Recipient: rfc822; a@x\r\nAction: failed\r\nStatus: 5.1.1.1\r\n",
      { .final = STR_INIT("a@x"), .action = MIME_DELIVERY_FAILED } },
    { "a status with letters",
      "Final-Recipient: rfc822; a@x\r\nAction: failed\r\nStatus: 5.a.1\r\n",
      { .final = STR_INIT("a@x"), .action = MIME_DELIVERY_FAILED } },
    { "no mail", "Final-Recipient: x400; /c=de\r\nAction: failed\r\n", { .final = STR_INIT("") } },
    { "no address", "Action: failed\r\nStatus: 5.0.0\r\n", { .final = STR_INIT("") } },
    { "no action", "Final-Recipient: rfc822; a@x\r\n", { .final = STR_INIT("") } },
    { "another action",
      "Final-Recipient: rfc822; a@x\r\nAction: failing\r\n",
      { .final = STR_INIT("") } },
};

static void expect(const char *name, const char *field, str got, str wanted)
{
    if (!str_eq(got, wanted))
        fail_msg("%s: %s is \"%.*s\"", name, field, STR_FMT(got));
}

static void test_recipients(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(recipient_cases); i++) {
        const struct recipient_case *c = &recipient_cases[i];
        struct mime_delivery_status got;
        mime_delivery_status_parse(&a, arena_printf(&a, HOST "%s", c->group), &got);
        expect(c->name, "host", got.reporting_mta, STR("mx.far.example"));
        if (got.n != (c->wanted.original.n + c->wanted.final.n > 0))
            fail_msg("%s: %zu recipients", c->name, got.n);
        if (got.n == 0)
            continue;
        expect(c->name, "original", got.recipients[0].original, c->wanted.original);
        expect(c->name, "final", got.recipients[0].final, c->wanted.final);
        expect(c->name, "status", got.recipients[0].status, c->wanted.status);
        expect(c->name, "diagnostic", got.recipients[0].diagnostic, c->wanted.diagnostic);
        expect(c->name, "remote", got.recipients[0].remote, c->wanted.remote);
        assert_int_equal(got.recipients[0].action, c->wanted.action);
    }
    arena_fini(&a);
}

/* Empty lines more, no group of the message, and more recipients than are looked at. */
static void test_groups(void **state)
{
    struct mime_delivery_status got;
    struct arena a;
    struct buf many;
    (void)state;
    arena_init(&a);
    mime_delivery_status_parse(&a,
                               STR("\r\n\nFinal-Recipient: rfc822; a@x\nAction: failed\n\n\r\n\n"
                                   "Final-Recipient: rfc822; b@x\r\nAction: delayed"),
                               &got);
    assert_int_equal(got.n, 2);
    assert_true(str_eq(got.recipients[1].final, STR("b@x")) && got.reporting_mta.n == 0);
    mime_delivery_status_parse(&a, STR_EMPTY, &got);
    assert_int_equal(got.n, 0);
    buf_init(&many, MIME_MAX_STATUS_BYTES);
    for (int i = 0; i <= MIME_MAX_STATUS_RECIPIENTS; i++)
        assert_true(buf_addf(&many, "\n\nFinal-Recipient: rfc822; a%d@x\nAction: failed\n", i));
    mime_delivery_status_parse(&a, buf_str(&many), &got);
    assert_int_equal(got.n, MIME_MAX_STATUS_RECIPIENTS);
    buf_fini(&many);
    arena_fini(&a);
}

#define HEAD \
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n"

static const struct {
    const char *name;
    const char *mail;
    const char *wanted; /* the beginning; empty: there is none */
} part_cases[] = {
    { "as it is", HEAD "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: x\r\n--b--\r\n",
      "Action: x" },
    { "global, in base64",
      HEAD "--b\r\nContent-Type: Message/Global-Delivery-Status\r\n"
           "Content-Transfer-Encoding: base64\r\n\r\nQWN0aW9uOiB5DQo=\r\n--b--\r\n",
      "Action: y" },
    { "cut", HEAD "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: z", "Action: z" },
    { "the whole mail", "Content-Type: message/delivery-status\r\n\r\nAction: w\r\n", "Action: w" },
    { "of a message that came back",
      HEAD "--b\r\nContent-Type: message/rfc822\r\n\r\n"
           "Content-Type: message/delivery-status\r\n\r\nAction: x\r\n--b--\r\n",
      "" },
    { "another mail", "Subject: x\r\n\r\nAction: x\r\n", "" },
};

static void test_part(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(part_cases); i++) {
        str text = mime_delivery_status_text(
            mime_structure_parse(&a, str_from_cstr(part_cases[i].mail)), &a);
        str wanted = str_from_cstr(part_cases[i].wanted);
        if (!str_has_prefix(text, wanted) || (wanted.n == 0 && text.n > 0))
            fail_msg("%s: %.*s", part_cases[i].name, STR_FMT(text));
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_recipients),
                                        cmocka_unit_test(test_groups),
                                        cmocka_unit_test(test_part) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
