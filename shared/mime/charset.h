/* SPDX-License-Identifier: Apache-2.0 */
/* Charsets to UTF-8, by iconv. A charset is a label of a message: unknown and lying ones are usual.
 */
#ifndef MIME_CHARSET_H
#define MIME_CHARSET_H

#include "base/base.h"
#include "base/utf8.h"

/* Keeps the conversion of the last charset open, because neighbours mostly share it. */
struct mime_charset {
    void *handle;    /* private: iconv_t, or NULL */
    char label[48];  /* private: of the handle, lower case, NUL-terminated */
    unsigned opened; /* conversions opened so far; the measured work */
};

/* Nothing is opened yet. Release with mime_charset_fini. */
void mime_charset_init(struct mime_charset *c);
void mime_charset_fini(struct mime_charset *c);

/* Bytes in charset `label` as valid UTF-8, at most `max` bytes, cut between characters. Bytes that
 * mean nothing become U+FFFD. An empty or unknown label: UTF-8 where the bytes are that, else
 * Windows-1252. Controls stay as they are. In arena. */
str mime_charset_convert(struct mime_charset *c, struct arena *a, str label, str bytes, size_t max);

/* The same for one conversion. */
str mime_charset_to_utf8(struct arena *a, str label, str bytes, size_t max);

/* A header text: valid UTF-8 (U+FFFD for what is not), control characters as spaces, trimmed. In
 * arena. */
str mime_text_clean(struct arena *a, str s);
/* The same with its outer spaces. */
str mime_controls_clean(struct arena *a, str s);

#endif
