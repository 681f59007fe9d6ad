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
    { "just this", "send", "", false },
    { "Only this message, please.", "send", "", false },
    { "Whitelist this domain: shady.net", "whitelist", "shady.net", false },
    { "whitelist tls shady.net", "whitelist", "shady.net", false },
    { "Cancel it, they are insecure", "cancel", "", false },
    { "try again later", "retry", "", false },
    { "abbrechen", "cancel", "", false },
    { "Bitte abbrechen!", "cancel", "", false },
    { "Brich das bitte ab.", "cancel", "", false },
    { "\xe2\x80\x9e"
      "abbrechen\xe2\x80\x9c",
      "cancel", "", false },
    { "L\xc3\x96SCHEN", "cancel", "", false },
    { "loesche sie", "cancel", "", false },
    { "l\xc3\xb6sche sie", "cancel", "", false },
    { "lo\xcc\x88sche sie", "cancel", "", false },
    { "Nur diese l\xc3\xb6schen", "cancel", "", false },
    { "Bitte nicht senden.", "cancel", "", false },
    { "Schick sie nicht ab", "cancel", "", false },
    { "Hallo,\n\nzur\xc3\xbc"
      "ckziehen\n",
      "cancel", "", false },
    { "noch einmal", "retry", "", false },
    { "NOCH EINMAL!", "retry", "", false },
    { "Bitte versuche es sp\xc3\xa4ter noch mal.", "retry", "", false },
    { "nochmal senden", "retry", "", false },
    { "erneut versuchen", "retry", "", false },
    { "Probier's nochmals", "retry", "", false },
    { "nur diese", "send", "", false },
    { "Ja, nur diese eine Nachricht bitte", "send", "", false },
    { "nur dieses Mal", "send", "", false },
    { "Nur diese senden", "send", "", false },
    { "Bitte trotzdem schicken", "send", "", false },
    { "Guten Morgen,\nbitte sende sie, unverschl\xc3\xbcsselt", "send", "", false },
    { "Sehr geehrte Damen und Herren,\nsenden", "send", "", false },
    { "> abbrechen\nnur diese", "send", "", false },
    { "Send just this, bitte", "send", "", false },
    { "whitelist shady.net bitte", "whitelist", "shady.net", false },
    { "Erlaube shady.net", "whitelist", "shady.net", false },
    { "Bitte nur shady.net erlauben", "whitelist", "shady.net", false },
    { "Ich vertraue \xc2\xbbshady.net\xc2\xab.", "whitelist", "shady.net", false },
    { "Setze shady.net auf die wei\xc3\x9f"
      "e Liste",
      "whitelist", "shady.net", false },
    { "Auf jeden Fall shady.net erlauben", "whitelist", "shady.net", false },
    { "erlaube shady.net ohne TLS", "whitelist", "shady.net", true },
    { "shady.net ohne jede Verschl\xc3\xbcsselung zulassen", "whitelist", "shady.net", true },
    { "Erlaube jeden Server von shady.net", "whitelist", "shady.net", true },
    { "senden\n-- \nabbrechen\n", "send", "", false },
    { "do not\nsend it", "cancel", "", false },
    { "Do not send it, please", "cancel", "", false },
    { "Sende sie bitte nicht", "cancel", "", false },
    { "Don`t send it", "cancel", "", false },
    { "don\xca\xbct send", "cancel", "", false },
    { "bitte\xc2\xa0nicht\xe2\x80\xafsenden", "cancel", "", false },
    { "Please\nsend just this\n> cancel", "send", "", false },
    { "send it\n\nThey answered nothing?", "send", "", false },
    { "Hi,\nsend it once", "send", "", false },
    { "Send it just this once", "send", "", false },
    { "send\xe2\x80\x94please", "send", "", false },
    { "Hello Postmaster\n\nsend it", "send", "", false },
    { "Ohne TLS senden", "send", "", true },
    { "try once more", "retry", "", false },
    { "Send it, thanks!", "send", "", false },
    { "I trust shady.net", "whitelist", "shady.net", false },
    { "Put shady.net on the whitelist", "whitelist", "shady.net", false },
    { "allow shady.net without any encryption, please", "whitelist", "shady.net", true },
    { "Erlaube\nshady.net\nohne TLS", "whitelist", "shady.net", true },
    { "Erlaube shady.net und sende sie", "whitelist", "shady.net", false },
    /* Not understood. */
    { "Nein", NULL, "", false },
    { "Nein, senden", NULL, "", false },
    { "nicht abbrechen", NULL, "", false },
    { "nie wieder versuchen", NULL, "", false },
    { "noch nicht senden", NULL, "", false },
    { "Nicht nur diese senden", NULL, "", false },
    { "nicht nur diese", NULL, "", false },
    { "nicht ohne TLS senden", NULL, "", false },
    { "auf keinen Fall senden", NULL, "", false },
    { "abbrechen oder senden", NULL, "", false },
    { "Abbrechen?", NULL, "", false },
    { "Soll ich abbrechen", NULL, "", false },
    { "Was passiert, wenn ich abbreche", NULL, "", false },
    { "warum nicht einfach senden", NULL, "", false },
    { "Sende sie, wenn es sicher geht", NULL, "", false },
    { "Nur verschl\xc3\xbcsselt senden", NULL, "", false },
    { "mit TLS senden", NULL, "", false },
    { "Schick sie mir zur\xc3\xbc"
      "ck",
      NULL, "", false },
    { "Ich werde sie selbst schicken", NULL, "", false },
    { "Die habe ich schon per Post geschickt", NULL, "", false },
    { "Ich lese hier nur diese Mail", NULL, "", false },
    { "Erlaube alles", NULL, "", false },
    { "allow everything", NULL, "", false },
    { "Jetzt nicht senden", NULL, "", false },
    { "Erlaube nur diese", NULL, "", false },
    { "Erlaube diese Nachricht an shady.net", NULL, "", false },
    { "Erlaube bob@shady.net", NULL, "", false },
    { "sp\xc3\xa4ter senden", NULL, "", false },
    { "Ich wei\xc3\x9f nicht", NULL, "", false },
    { "Hallo, ich wei\xc3\x9f nicht\nsenden", NULL, "", false },
    { "Am Montag schrieb das Mailsystem:\n> senden", NULL, "", false },
    { "Ich bin bis zum 4. im Urlaub", NULL, "", false },
    { "do not send without TLS", NULL, "", false },
    { "don't just send it", NULL, "", false },
    { "do not send it yet", NULL, "", false },
    { "No, allow shady.net, with TLS", NULL, "", false },
    { "send it only if it is encrypted", NULL, "", false },
    { "send it securely", NULL, "", false },
    { "send it with TLS", NULL, "", false },
    { "send it back to me", NULL, "", false },
    { "send it, but to somebody else", NULL, "", false },
    { "I will send it by post", NULL, "", false },
    { "what happens if I cancel", NULL, "", false },
    { "allow just this", NULL, "", false },
    { "allow this message to shady.net", NULL, "", false },
    { "retry without TLS", NULL, "", false },
    { "This is only this week's news", NULL, "", false },
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
    { "I wouldn't trust shady.net without TLS", NULL, "", false },
    { "You mustn't send it.", NULL, "", false },
    { "I refuse to send it unencrypted.", NULL, "", false },
    { "It is too risky to send this now.", NULL, "", false },
    { "Ich kann shady.net kaum vertrauen", NULL, "", false },
    { "Es ist zu gef\xc3\xa4hrlich, das jetzt zu senden", NULL, "", false },
    { "Bitte nciht senden", NULL, "", false },
    { "Remove shady.net from the whitelist", NULL, "", false },
    { "Take shady.net off the whitelist", NULL, "", false },
    { "Please send me the whitelist", NULL, "", false },
    { "Show me the whitelist", NULL, "", false },
    { "Allow me some time to think", NULL, "", false },
    { "Allow shady.net to send", NULL, "", false },
    { "allow it", NULL, "", false },
    { "Trust any server", NULL, "", false },
    { "Entferne shady.net von der wei\xc3\x9f"
      "en Liste",
      NULL, "", false },
    { "L\xc3\xb6sche shady.net von der wei\xc3\x9f"
      "en Liste",
      NULL, "", false },
    { "Encrypt it and send it", NULL, "", false },
    { "Bitte verschl\xc3\xbcsseln und senden", NULL, "", false },
    { "Verschl\xc3\xbcssele und sende sie", NULL, "", false },
    { "send it, SSL", NULL, "", false },
    { "send with STARTTLS", NULL, "", false },
    { "trust the certificate of shady.net", NULL, "", false },
    { "Vertraue dem Zertifikat von shady.net", NULL, "", false },
    { "send it protected", NULL, "", false },
    { "Bitte gesch\xc3\xbctzt senden", NULL, "", false },
    { "Send it once they have fixed the server", NULL, "", false },
    { "Send it once the server is secure", NULL, "", false },
    { "Retry once they have fixed it", NULL, "", false },
    { "Einmal senden", NULL, "", false },
    { "allow shady.net once", NULL, "", false },
    { "Erlaube shady.net einmal", NULL, "", false },
    { "Erlaube shady.net einmalig", NULL, "", false },
    { "Allow shady.net now", NULL, "", false },
    { "Allow shady.net today", NULL, "", false },
    { "Allow shady.net this time", NULL, "", false },
    { "Erlaube shady.net heute", NULL, "", false },
    { "send/encrypted", NULL, "", false },
    { "send\xe2\x80\xa6not", NULL, "", false },
    { "nicht\xe2\x80\x93senden", NULL, "", false },
    { "Please send it only\nif it is encrypted", NULL, "", false },
    { "Please send it, but\nnot without TLS", NULL, "", false },
    { "Hello, I refuse to\nsend it", NULL, "", false },
    { "Hello all you people out there,\nsend it", NULL, "", false },
    { "Hello Postmaster\nsend it", NULL, "", false },
    { "allow shady.net without TLS certificate", NULL, "", false },
    { "allow any mail of shady.net without TLS encryption", NULL, "", false },
    { "whitelist shady.net, it is insecure", NULL, "", false },
    { "Erlaube shady.net, unsicher", NULL, "", false },
    { "No, TLS please, send it", NULL, "", false },
    { "Allow any domain", NULL, "", false },
    { "Never mind, send it", NULL, "", false },
    { "Don't worry, send it", NULL, "", false },
    { "Ich habe nichts dagegen, bitte senden", NULL, "", false },
    { "Not this, send it", NULL, "", false },
    { "Send it, not this", NULL, "", false },
    { "Do not hold, send it", NULL, "", false },
    { "Drop the TLS requirement", NULL, "", false },
    { "Cancel the hold", NULL, "", false },
    { "Please stop holding my mail", NULL, "", false },
    { "Stop asking", NULL, "", false },
    { "Do I trust shady.net", NULL, "", false },
    { "Allow TLS", NULL, "", false },
    { "trust TLS of shady.net", NULL, "", false },
    { "Erlaube Mail von shady.net", NULL, "", false },
    { "I send it", NULL, "", false },
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
