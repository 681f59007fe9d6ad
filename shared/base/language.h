/* SPDX-License-Identifier: Apache-2.0 */
/* The languages that the server itself writes to people in. Not for those of the apps, which have
 * catalogues of their own, nor for reading texts. */
#ifndef BASE_LANGUAGE_H
#define BASE_LANGUAGE_H

#include "base/base.h"

enum language {
    LANGUAGE_ENGLISH,
    LANGUAGE_GERMAN
};

enum {
    N_LANGUAGES = LANGUAGE_GERMAN + 1
};

/* The language of a tag as "de" or "de-AT" (RFC 5646), in any case of letters; English for all
 * others, also for "auto" and for none. Pure. */
enum language language_parse(str tag);
/* "en" or "de"; static. */
const char *language_tag(enum language language);

#endif
