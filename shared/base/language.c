/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of languages. */
#include "base/language.h"

static const str tags[] = {
    [LANGUAGE_ENGLISH] = STR_INIT("en"),
    [LANGUAGE_GERMAN] = STR_INIT("de"),
};

enum language language_parse(str tag)
{
    str primary = tag;
    str rest;
    (void)str_cut(tag, '-', &primary, &rest);
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        if (str_ieq(primary, tags[i]))
            return (enum language)i;
    }
    return LANGUAGE_ENGLISH;
}

const char *language_tag(enum language language)
{
    return tags[language].p;
}
