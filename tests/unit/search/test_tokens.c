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
    { "accents stay, written apart", STR_INIT("Fr\xc3\xb6sche \xc3\x89t\xc3\xa9"),
      STR_INIT("fro\xcc\x88sche e\xcc\x81te\xcc\x81") },
    { "accents written apart stay", STR_INIT("E\xcc\x81t"), STR_INIT("e\xcc\x81t") },
    { "accents in another order", STR_INIT("a\xcc\x81\xcc\xa3"), STR_INIT("a\xcc\xa3\xcc\x81") },
    { "compatibility forms", STR_INIT("\xef\xbc\xa1\xc2\xb2"), STR_INIT("a2") },
    { "a ligature has no title case, and what it is made of is not its small form",
      STR_INIT("\xef\xac\x81n"), STR_INIT("FIn") },
    { "sharp s is not ss",
      STR_INIT("Stra\xc3\x9f"
               "e"),
      STR_INIT("stra\xc3\x9f"
               "e") },
    { "nor its capital", STR_INIT("\xe1\xba\x9e"), STR_INIT("\xe1\xba\x9e") },
    { "dotted I", STR_INIT("\xc4\xb0i"), STR_INIT("i\xcc\x87i") },
    { "dotless i is i", STR_INIT("\xc4\xb1I"), STR_INIT("ii") },
    { "all sigmas are one", STR_INIT("\xce\xa3\xcf\x83\xcf\x82"),
      STR_INIT("\xcf\x83\xcf\x83\xcf\x83") },
    { "Greek with an accent", STR_INIT("\xce\x8c\xcf\x83\xce\xbf\xcf\x82"),
      STR_INIT("\xce\xbf\xcc\x81\xcf\x83\xce\xbf\xcf\x83") },
    { "signs that are letters", STR_INIT("\xe2\x84\xaa\xe2\x84\xab"), STR_INIT("ka\xcc\x8a") },
    { "a title case digraph", STR_INIT("\xc7\x86"), STR_INIT("dZ\xcc\x8c") },
    { "spaces and controls fold",
      STR_INIT("a \t\r\n b\xc2\xa0\xe3\x80\x80"
               "c"),
      STR_INIT("a b c") },
    { "soft hyphens stay",
      STR_INIT("un\xc2\xad"
               "do"),
      STR_INIT("un\xc2\xad"
               "do") },
    { "wrong bytes",
      STR_INIT("a\xff"
               "b"),
      STR_INIT("a\xef\xbf\xbd"
               "b") },
    { "hangul is taken apart", STR_INIT("\xed\x95\x9c"),
      STR_INIT("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab") },
    { "kana and their voicing", STR_INIT("\xe3\x81\x8c"), STR_INIT("\xe3\x81\x8b\xe3\x82\x99") },
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
        arena_fini(&a);
    }
}

static const struct text_case folded_cases[] = {
    { "lower case", STR_INIT("Hello WORLD"), STR_INIT("hello world") },
    { "accents go", STR_INIT("Fr\xc3\xb6sche \xc3\x89t\xc3\xa9"), STR_INIT("frosche ete") },
    { "compatibility forms", STR_INIT("\xef\xac\x81n \xef\xbc\xa1"), STR_INIT("fin a") },
    { "soft hyphens go",
      STR_INIT("un\xc2\xad"
               "do"),
      STR_INIT("undo") },
    { "hangul stays whole", STR_INIT("\xed\x95\x9c"), STR_INIT("\xed\x95\x9c") },
    { "kana keep their voicing", STR_INIT("\xe3\x81\x8c"), STR_INIT("\xe3\x81\x8c") },
    { "cyrillic", STR_INIT("\xd0\x99"), STR_INIT("\xd0\xb8") },
};

/* Folding goes on from the normal form, and the folded form stays as it is. */
static void folds_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(folded_cases); i++) {
        struct arena a;
        arena_init(&a);
        str got = search_fold(&a, search_normalize(&a, folded_cases[i].text));
        if (!str_eq(got, folded_cases[i].wanted))
            fail_msg("%s: '%.*s'", folded_cases[i].name, STR_FMT(got));
        assert_true(str_eq(search_fold(&a, search_normalize(&a, got)), got));
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
    { "marks belong to what they stand behind",
      STR_INIT("\xc3\xa9t \xe3\x81\x8c\xe3\x81\x8d x\xc2\xady"),
      STR_INIT(
          "w1:e\xcc\x81t b2:\xe3\x81\x8b\xe3\x82\x99\xe3\x81\x8d s3:\xe3\x81\x8d w4:x\xc2\xady") },
    { "hangul by syllables", STR_INIT("\xed\x95\x9c\xea\xb5\xad"),
      STR_INIT("b1:\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab\xe1\x84\x80\xe1\x85\xae\xe1\x86\xa8 "
               "s2:\xe1\x84\x80\xe1\x85\xae\xe1\x86\xa8") },
    { "marks of nothing", STR_INIT("- \xcc\x81 \xe2\x80\x8b\xe6\x9d\xb1 \xcc\x81t"),
      STR_INIT("s1:\xe6\x9d\xb1 w2:\xcc\x81t") },
    { "marks where an address would be", STR_INIT("a@\xcc\x81- b.c@\xcc\x81.d. e.f@g.h"),
      STR_INIT(
          "c1:a@\xcc\x81 w1:a c2:b.c@\xcc\x81.d c2:b.c w2:b w3:c c4:\xcc\x81.d w4:d c5:e.f@g.h "
          "c5:e.f w5:e w6:f c7:g.h w7:g w8:h") },
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
        cmocka_unit_test(folds_text),
        cmocka_unit_test(finds_words),
        cmocka_unit_test(cuts_long_words_between_characters),
        cmocka_unit_test(looks_at_long_dotted_text_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
