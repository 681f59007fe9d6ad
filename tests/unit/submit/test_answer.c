/* SPDX-License-Identifier: Apache-2.0 */
/* What people answer when they are asked what to do with held mail, and the address they answer
 * to. */
#include "submit/answer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *says; /* NULL: not understood */
    const char *domain;
    bool any;
} cases[] = {
    { "cancel", "cancel", "", false },
    { "Cancel it, please.\r\n", "cancel", "", false },
    { "Do not send it!", "cancel", "", false },
    { "don't send", "cancel", "", false },
    { "Don\xe2\x80\x99t send this.", "cancel", "", false },
    { "retry", "retry", "", false },
    { "Please try again", "retry", "", false },
    { "send it again", "retry", "", false },
    { "\r\n\r\n  RETRY  \r\n", "retry", "", false },
    { "send just this", "send", "", false },
    { "\"send just this\"", "send", "", false },
    { "> cancel\n>> retry\nOK, send just this one\n> whitelist x.test", "send", "", false },
    { "Hello,\n\nsend it\n", "send", "", false },
    { "Dear Mail Delivery System,\nplease deliver this one anyway\n", "send", "", false },
    { "whitelist shady.net", "whitelist", "shady.net", false },
    { "Whitelist Shady.NET.", "whitelist", "Shady.NET", false },
    { "whitelist <shady.net> and send it", "whitelist", "shady.net", false },
    { "whitelist b\xc3\xbc"
      "cher.example",
      "whitelist",
      "b\xc3\xbc"
      "cher.example",
      false },
    { "whitelist shady.net without TLS", "whitelist", "shady.net", true },
    { "allow shady.net, no encryption", "whitelist", "shady.net", true },
    { "trust any server of shady.net", "whitelist", "shady.net", true },
    { "whitelist", "whitelist", "", false },
    { "send\n-- \ncancel\n", "send", "", false },
    /* Not understood. */
    { "", NULL, "", false },
    { "\r\n\r\n", NULL, "", false },
    { "yes", NULL, "", false },
    { "ok thanks", NULL, "", false },
    { "-- \ncancel\n", NULL, "", false },
    { "> cancel\n> send", NULL, "", false },
    { "cancel or send", NULL, "", false },
    { "Can I trust shady.net?", NULL, "", false },
    { "Why did you not just send it? ", NULL, "", false },
    { "What happens to it if I cancel?!", NULL, "", false },
    { "do not cancel", NULL, "", false },
    { "never retry", NULL, "", false },
    { "do not whitelist, send", NULL, "", false },
    { "not not send", NULL, "", false },
    { "no, send it", NULL, "", false },
    { "send without", NULL, "", false },
    { "whitelist a.example and b.example", NULL, "", false },
    { "On Monday the mail system wrote:\n> send", NULL, "", false },
    { "I am on holiday until the 4th", NULL, "", false },
};

static void what_people_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct answer answer;
        bool good = answer_parse(str_from_cstr(cases[i].text), &answer);
        if (good != (cases[i].says != NULL))
            fail_msg("\"%s\" was %sunderstood", cases[i].text, good ? "" : "not ");
        if (!good)
            continue;
        if (strcmp(queue_choice_name(answer.choice), cases[i].says) != 0 ||
            answer.any != cases[i].any || !str_eq(answer.domain, str_from_cstr(cases[i].domain))) {
            fail_msg("\"%s\": %s %.*s", cases[i].text, queue_choice_name(answer.choice),
                     STR_FMT(answer.domain));
        }
    }
}

/* Who writes a novel, or hides an order behind many lines, is not understood. */
static void limits(void **state)
{
    (void)state;
    struct answer answer;
    struct buf text;
    buf_init(&text, 100000);
    for (unsigned i = 0; i < ANSWER_WORDS_MAX - 1; i++)
        buf_addf(&text, "please ");
    buf_addf(&text, "send");
    assert_true(answer_parse(buf_str(&text), &answer));
    buf_addf(&text, " it");
    assert_false(answer_parse(buf_str(&text), &answer));
    buf_clear(&text);
    for (unsigned i = 0; i < ANSWER_LINES_MAX - 1; i++)
        buf_addf(&text, "\n");
    buf_addf(&text, "send");
    assert_true(answer_parse(buf_str(&text), &answer));
    buf_clear(&text);
    for (unsigned i = 0; i < ANSWER_LINES_MAX; i++)
        buf_addf(&text, "\n");
    buf_addf(&text, "send");
    assert_false(answer_parse(buf_str(&text), &answer));
    buf_fini(&text);
}

static void addresses(void **state)
{
    (void)state;
    static const uint8_t secret[QUEUE_TOKEN_SIZE] = { 1, 2, 3, 250, 251, 252, 0, 9, 8, 7, 255 };
    static const char *const bases[] = { "mia@example.org", "mia+news@example.org",
                                         "abcdefghijklmnopqrstuvwxyz1234567@example.org" };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(bases); i++) {
        uint8_t read[QUEUE_TOKEN_SIZE] = { 0 };
        str address = answer_address_make(&a, str_from_cstr(bases[i]), secret);
        assert_true(answer_address_parse(address, read));
        assert_memory_equal(read, secret, sizeof(read));
        char *upper = arena_cstr(&a, address);
        for (size_t k = 0; upper[k]; k++)
            upper[k] = (char)(upper[k] >= 'a' && upper[k] <= 'z' ? upper[k] - 32 : upper[k]);
        memset(read, 0, sizeof(read));
        assert_true(answer_address_parse(str_from_cstr(upper), read));
        assert_memory_equal(read, secret, sizeof(read));
    }
    str good = answer_address_make(&a, STR("mia@example.org"), secret);
    uint8_t out[QUEUE_TOKEN_SIZE];
    assert_int_equal(good.n, strlen("mia+tls-@example.org") + 26);
    assert_int_equal(
        answer_address_make(&a, STR("abcdefghijklmnopqrstuvwxyz12345678@x.test"), secret).n, 0);
    assert_int_equal(answer_address_make(&a, STR("nothing"), secret).n, 0);
    assert_false(answer_address_parse(STR("mia@example.org"), out));
    assert_false(answer_address_parse(STR("mia+tls-short@example.org"), out));
    assert_false(answer_address_parse(str_skip(good, 3), out)); /* no name before the tag */
    assert_false(answer_address_parse(STR("mia+tls-%%%%%%%%%%%%%%%%%%%%%%%%%%@example.org"), out));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_say),
        cmocka_unit_test(limits),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests_name("submit/answer", tests, NULL, NULL);
}
