/* SPDX-License-Identifier: Apache-2.0 */
/* The question about held mail, read back as a mail: complete in each language, and nothing of
 * others breaks its shape. */
#include "queue/hold_mail.h"

#include "mime/structure.h"
#include "mime/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static str recipients[] = { STR_INIT("leo@shady.net"), STR_INIT("ida\r\nBcc: evil@x") };

static struct queue_hold sample(void)
{
    return (struct queue_hold){
        .queue_id = 77,
        .domain = STR("shady.net"),
        .account_id = 5,
        .envelope_from = STR("mia@example.org"),
        .reason = STR("self-signed certificate\r\n\r\ncancel"),
        .remote = STR("mx.shady.net [192.0.2.9]"),
        .certificate = STR("CN=shady"),
        .pin = STR("0123456789abcdef0123456789abcdef"),
        .created_us = INT64_C(1700000000000000),
        .expires_us = INT64_C(1700600000000000),
        .recipients = recipients,
        .n = COUNT_OF(recipients),
        .original = STR("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <a@b>\r\n\r\nsecret"),
    };
}

struct composed {
    struct arena a;
    str raw;
    str text; /* of its parts, with LF */
};

/* Takes the buffer. */
static void read_back(struct buf *out, struct composed *c)
{
    struct mime_text text;
    arena_init(&c->a);
    c->raw = arena_str(&c->a, buf_str(out));
    buf_fini(out);
    mime_text_extract(&c->a, mime_structure_parse(&c->a, c->raw), 65536, &text);
    char *p = arena_cstr(&c->a, text.text);
    size_t n = 0;
    for (size_t i = 0; i < text.text.n; i++) {
        if (p[i] != '\r')
            p[n++] = p[i];
    }
    c->text = str_of(p, n);
}

static void compose(const struct queue_hold *hold, enum language language, bool is_unclear,
                    const char *reply_to, struct composed *c)
{
    struct err e = ERR_CLEAR;
    struct buf out;
    const struct hold_mail m = {
        .hold = hold,
        .host = STR("mx.example.org"),
        .from = STR("mailer-daemon@mx.example.org"),
        .to = hold->envelope_from,
        .reply_to = str_from_cstr(reply_to),
        .unique = { 1, 2 },
        .now_us = INT64_C(1700000100000000),
        .is_unclear = is_unclear,
        .language = language,
    };
    buf_init(&out, HOLD_MAIL_MAX);
    if (!hold_mail_compose(&m, &out, &e))
        fail_msg("%s", e.msg);
    read_back(&out, c);
}

static void must_have(str where, const char *what)
{
    if (str_find(where, str_from_cstr(what)) < 0)
        fail_msg("'%s' is not in\n%.*s", what, STR_FMT(where));
}

static const struct {
    enum language language;
    const char *header[3];
    const char *text[13];
} expected[N_LANGUAGES] = {
    [LANGUAGE_ENGLISH] = { LANGUAGE_ENGLISH,
                           { "Subject: Your mail to shady.net could not be sent securely\r\n",
                             "Reply-To: <mia+tls-x@example.org>\r\n", "Content-Language: en\r\n" },
                           { "    Subject: Grüße\n", "    To:      leo@shady.net\n", "    cancel\n",
                             "    retry\n", "    send just this\n", "    whitelist shady.net\n",
                             "    whitelist shady.net without TLS\n",
                             "    Reason:      self-signed certificate    cancel\n",
                             "The server's certificate does not prove that it is the right one.",
                             "    Server:      mx.shady.net [192.0.2.9]\n",
                             "    Certificate: CN=shady\n",
                             "Without a decision until Tue, 21 Nov 2023 20:53:20 +0000",
                             "Queue id: " } },
    [LANGUAGE_GERMAN] = { LANGUAGE_GERMAN,
                          { "Subject: Deine Nachricht an shady.net konnte nicht sicher gesendet",
                            "Reply-To: <mia+tls-x@example.org>\r\n", "Content-Language: de\r\n" },
                          { "    Betreff:  Grüße\n", "    An:       leo@shady.net\n",
                            "    abbrechen\n", "    noch einmal\n", "    nur diese\n",
                            "    erlaube shady.net\n", "    erlaube shady.net ohne TLS\n",
                            "    Meldung:     self-signed certificate    cancel\n",
                            "    Server:      mx.shady.net [192.0.2.9]\n",
                            "    Zertifikat:  CN=shady\n",
                            "am 21. November 2023, 20:53 Uhr (UTC) zu dir zurück",
                            "Nummer in der Warteschlange: " } },
};

static void what_is_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        struct queue_hold hold = sample();
        struct composed c;
        compose(&hold, expected[i].language, false, "mia+tls-x@example.org", &c);
        for (size_t k = 0; k < COUNT_OF(expected[i].header); k++)
            must_have(c.raw, expected[i].header[k]);
        for (size_t k = 0; k < COUNT_OF(expected[i].text) && expected[i].text[k]; k++)
            must_have(c.text, expected[i].text[k]);
        must_have(c.raw, "Auto-Submitted: auto-generated\r\n");
        must_have(c.raw, "In-Reply-To: <a@b>\r\n");
        assert_true(str_find(c.raw, STR("\r\nBcc:")) < 0 && str_find(c.raw, STR("secret")) < 0);
        assert_true(str_find(c.text, STR("{}")) < 0);
        arena_fini(&c.a);
    }
}

/* What cannot be chosen is not offered. */
static void what_is_not_offered(void **state)
{
    (void)state;
    static const struct {
        enum language language;
        const char *pinned;
        const char *any;
        const char *unclear;
        const char *others;
    } cases[] = {
        { LANGUAGE_ENGLISH, "whitelist shady.net\n", "whitelist shady.net without TLS\n",
          "Subject: Not understood: ", "heronry queue decide" },
        { LANGUAGE_GERMAN, "erlaube shady.net\n", "erlaube shady.net ohne TLS\n",
          "Subject: Nicht verstanden: ", "heronry queue decide" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct queue_hold hold = sample();
        struct composed c;
        hold.pin = hold.certificate = STR_EMPTY;
        compose(&hold, cases[i].language, true, "mia+tls-x@example.org", &c);
        assert_true(str_find(c.text, str_from_cstr(cases[i].pinned)) < 0);
        must_have(c.text, cases[i].any);
        must_have(c.raw, cases[i].unclear);
        arena_fini(&c.a);
        compose(&hold, cases[i].language, false, "", &c);
        must_have(c.text, cases[i].others);
        assert_true(str_find(c.text, str_from_cstr(cases[i].any)) < 0);
        assert_true(str_find(c.raw, STR("\r\nReply-To:")) < 0);
        arena_fini(&c.a);
    }
}

static void what_is_said_too_late(void **state)
{
    static const struct {
        enum language language;
        const char *header;
        const char *text;
        const char *who; /* may have decided: an answer that came twice took effect */
    } cases[] = {
        { LANGUAGE_ENGLISH, "Subject: Nothing to decide any more\r\n",
          "Your answer\n\n    Subject: Re: Grüße\n\nwent to a question that is not open any more",
          "perhaps by yourself" },
        { LANGUAGE_GERMAN, "Subject: Nichts mehr zu entscheiden\r\n",
          "Deine Antwort\n\n    Betreff:  Re: Grüße\n\nging an eine Frage, die nicht mehr offen ist",
          "vielleicht von dir" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct composed c;
        struct err e = ERR_CLEAR;
        const struct hold_mail m = { .host = STR("mx.example.org"),
                                     .from = STR("mailer-daemon@mx.example.org"),
                                     .to = STR("mia@example.org"),
                                     .reply_to = STR("mia+tls-x@example.org"),
                                     .unique = { 1, 2 },
                                     .now_us = INT64_C(1700000100000000),
                                     .language = cases[i].language };
        str answer =
            STR("Message-ID: <c@d>\r\nSubject: Re: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nsecret");
        struct buf out;
        buf_init(&out, HOLD_MAIL_MAX);
        assert_true(hold_mail_compose_late(&m, answer, &out, &e));
        read_back(&out, &c);
        must_have(c.raw, cases[i].header);
        must_have(c.raw, "In-Reply-To: <c@d>\r\n");
        must_have(c.raw, "Auto-Submitted: auto-generated\r\n");
        must_have(c.text, cases[i].text);
        must_have(c.text, cases[i].who);
        assert_true(str_find(c.raw, STR("Reply-To: <mia")) < 0 &&
                    str_find(c.raw, STR("secret")) < 0);
        assert_true(str_find(c.text, STR("{}")) < 0);
        arena_fini(&c.a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked),
        cmocka_unit_test(what_is_not_offered),
        cmocka_unit_test(what_is_said_too_late),
    };
    return cmocka_run_group_tests_name("queue/hold_mail", tests, NULL, NULL);
}
