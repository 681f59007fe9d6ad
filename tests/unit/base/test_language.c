/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of languages. */
#include "base/language.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *tag;
    enum language language;
} cases[] = {
    { "de", LANGUAGE_GERMAN },     { "DE", LANGUAGE_GERMAN },     { "de-AT", LANGUAGE_GERMAN },
    { "en", LANGUAGE_ENGLISH },    { "en-GB", LANGUAGE_ENGLISH }, { "auto", LANGUAGE_ENGLISH },
    { "", LANGUAGE_ENGLISH },      { "-", LANGUAGE_ENGLISH },     { "deu", LANGUAGE_ENGLISH },
    { "fr-de", LANGUAGE_ENGLISH }, { "d", LANGUAGE_ENGLISH },
};

static void tags_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (language_parse(str_from_cstr(cases[i].tag)) != cases[i].language)
            fail_msg("'%s' is read as another language", cases[i].tag);
    }
    for (int i = 0; i < N_LANGUAGES; i++) {
        str tag = str_from_cstr(language_tag((enum language)i));
        assert_int_equal(language_parse(tag), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tags_are_read) };
    return cmocka_run_group_tests_name("base/language", tests, NULL, NULL);
}
