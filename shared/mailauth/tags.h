/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of tags, "v=1; a=rsa-sha256; ..." (RFC 6376 section 3.2), as DKIM, ARC and DMARC write
 * them. Pure. What a tag means is told elsewhere. */
#ifndef MAILAUTH_TAGS_H
#define MAILAUTH_TAGS_H

#include "base/base.h"

enum {
    MAILAUTH_MAX_TAGS = 64 /* of one list; the standards together know 20 */
};

struct mailauth_tag {
    str name;
    str value; /* without white space at its ends; folds inside stay */
    str raw;   /* all between '=' and ';' or the end: what a signer leaves empty */
};

struct mailauth_tags {
    struct mailauth_tag list[MAILAUTH_MAX_TAGS];
    size_t n;
};

/* Reads a whole list; the slices borrow `text`. ERR_SYNTAX, also for a name that comes twice;
 * ERR_LIMIT past MAILAUTH_MAX_TAGS. */
bool mailauth_tags_parse(str text, struct mailauth_tags *out, struct err *e);
/* The tag of the name (case matters, RFC 6376 section 3.2); NULL when it is absent. */
const struct mailauth_tag *mailauth_tags_find(const struct mailauth_tags *tags, str name);
/* Its value; empty when it is absent. */
str mailauth_tags_get(const struct mailauth_tags *tags, str name);

/* The next word of a list with `sep` between its words, white space around them cut; false at the
 * end, also behind a last `sep`. *rest begins as the whole list. */
bool mailauth_next_word(str *rest, char sep, str *word);

/* Goes behind white space, folds and comments at the start of the text. False for a comment that
 * does not end, or is nested too deeply. */
bool mailauth_skip_cfws(str *text);

/* Decodes base64 that may be folded anywhere (RFC 6376 section 3.5 "b="). Padding may be missing.
 * False when it is none, or longer than `out` takes. */
bool mailauth_base64_decode(str text, struct buf *out);

/* Whether `domain` is `parent` or below it, in any case. */
bool mailauth_domain_is_within(str domain, str parent);

#endif
