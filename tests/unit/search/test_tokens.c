/* SPDX-License-Identifier: Apache-2.0 */
/* The normal form of text and its words. */
#include "base/utf8.h"
#include "search/tokens.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct text_case {
    const char *name;
    str text;
    str wanted;
} normal_cases[] = {
    { "lower case", STR_INIT("Hello WORLD"), STR_INIT("hello world") },
    { "accents go", STR_INIT("Fr\xc3\xb6sche \xc3\x89t\xc3\xa9"), STR_INIT("frosche ete") },
    { "accents written apart go", STR_INIT("e\xcc\x81t"), STR_INIT("et") },
    { "compatibility forms", STR_INIT("\xef\xac\x81n \xef\xbc\xa1"), STR_INIT("fin a") },
    { "spaces and controls fold",
      STR_INIT("a \t\r\n b\xc2\xa0\xe3\x80\x80"
               "c"),
      STR_INIT("a b c") },
    { "soft hyphens go",
      STR_INIT("un\xc2\xad"
               "do"),
      STR_INIT("undo") },
    { "wrong bytes",
      STR_INIT("a\xff"
               "b"),
      STR_INIT("a\xef\xbf\xbd"
               "b") },
    { "hangul stays whole", STR_INIT("\xed\x95\x9c"), STR_INIT("\xed\x95\x9c") },
    { "kana keep their voicing", STR_INIT("\xe3\x81\x8c"), STR_INIT("\xe3\x81\x8c") },
    { "cyrillic", STR_INIT("\xd0\x9f\xd0\xa0\xd0\x98"), STR_INIT("\xd0\xbf\xd1\x80\xd0\xb8") },
    { "empty", { 0 }, { 0 } },
};

static void brings_text_into_normal_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(normal_cases); i++) {
        struct arena a;
        arena_init(&a);
        str got = search_normalize(&a, normal_cases[i].text);
        if (!str_eq(got, normal_cases[i].wanted))
            fail_msg("%s: '%.*s'", normal_cases[i].name, STR_FMT(got));
        assert_true(str_eq(search_normalize(&a, got), got));
        arena_fini(&a);
    }
}

static const char kinds[] = { [SEARCH_TOKEN_WORD] = 'w',
                              [SEARCH_TOKEN_BIGRAM] = 'b',
                              [SEARCH_TOKEN_SINGLE] = 's',
                              [SEARCH_TOKEN_COMPOUND] = 'c' };

/* "w1:ada c2:..." */
static str render(struct arena *a, str text)
{
    struct search_tokenizer t;
    struct search_token token;
    struct buf out;
    buf_init(&out, 1 << 20);
    search_tokenizer_init(&t, search_normalize(a, text));
    while (search_tokenizer_next(&t, &token)) {
        (void)buf_addf(&out, "%s%c%u:%.*s", out.n ? " " : "", kinds[token.kind], token.position,
                       STR_FMT(token.text));
    }
    str rendered = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return rendered;
}

static const struct text_case token_cases[] = {
    { "words and numbers", STR_INIT("Don't pay 1,000!"),
      STR_INIT("w1:don w2:t w3:pay w4:1 w5:000") },
    { "an address", STR_INIT("<Ada.B@Mail.Example.org>."),
      STR_INIT("c1:ada.b@mail.example.org c1:ada.b w1:ada w2:b c3:mail.example.org w3:mail "
               "w4:example w5:org") },
    { "a plain address", STR_INIT("ada@localhost x"),
      STR_INIT("c1:ada@localhost w1:ada w2:localhost w3:x") },
    { "no address", STR_INIT("a @ b a@ @b"), STR_INIT("w1:a w2:b w3:a w4:b") },
    { "two addresses in a row", STR_INIT("a@b,c@d"),
      STR_INIT("c1:a@b w1:a w2:b c3:c@d w3:c w4:d") },
    { "bigrams",
      STR_INIT("\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd"
               "x"),
      STR_INIT("b1:\xe6\x9d\xb1\xe4\xba\xac b2:\xe4\xba\xac\xe9\x83\xbd s3:\xe9\x83\xbd w4:x") },
    { "one alone", STR_INIT("a\xe6\x9d\xb1 b"), STR_INIT("w1:a s2:\xe6\x9d\xb1 w3:b") },
    { "nothing", STR_INIT(" -- ,.@ "), { 0 } },
};

static void finds_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(token_cases); i++) {
        struct arena a;
        arena_init(&a);
        str got = render(&a, token_cases[i].text);
        if (!str_eq(got, token_cases[i].wanted))
            fail_msg("%s: '%.*s'", token_cases[i].name, STR_FMT(got));
        arena_fini(&a);
    }
}

static void cuts_long_words_between_characters(void **state)
{
    (void)state;
    struct search_tokenizer t;
    struct search_token token;
    char text[602];
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "\xd0\xb0", 2);
    search_tokenizer_init(&t, str_of(text, sizeof(text)));
    assert_true(search_tokenizer_next(&t, &token));
    assert_true(token.cut);
    assert_int_equal(token.text.n, SEARCH_MAX_TOKEN_BYTES);
    assert_true(utf8_is_valid(token.text));
    assert_false(search_tokenizer_next(&t, &token));
}

/* Dots without an '@' behind them must not be walked again from each word. */
static void looks_at_long_dotted_text_once(void **state)
{
    (void)state;
    enum {
        WORDS = 200000
    };
    struct search_tokenizer t;
    struct search_token token;
    char *text = heap_alloc(WORDS * 2);
    size_t n = 0;
    for (size_t i = 0; i < WORDS; i++)
        memcpy(text + 2 * i, "a.", 2);
    search_tokenizer_init(&t, str_of(text, WORDS * 2));
    while (search_tokenizer_next(&t, &token)) {
        n++;
        assert_true(t.looked_to >= WORDS * 2 - 1);
    }
    assert_int_equal(n, WORDS);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_text_into_normal_form),
        cmocka_unit_test(finds_words),
        cmocka_unit_test(cuts_long_words_between_characters),
        cmocka_unit_test(looks_at_long_dotted_text_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
