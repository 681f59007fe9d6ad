/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences of our own server with their codes (openapi/reasons.yaml): programs say them in
 * other languages by that. The code is found by the sentence, so that those which stand in the
 * database since long ago, or come from below, have theirs too. Pure. */
#ifndef API_TOLD_H
#define API_TOLD_H

#include "base/base.h"

#include <jansson.h>

enum {
    API_TOLD_VALUES = 4, /* places of a sentence at most */
    API_TOLD_DEPTH = 3   /* sentences in each other at most */
};

/* A sentence that was recognized. */
struct api_told {
    const char *code;
    size_t n;
    struct {
        str name;
        str value; /* borrowed from the text; never empty */
    } values[API_TOLD_VALUES];
};

/* Which sentence the text is. False: none of ours, as what another server replied, which begins
 * with its code (RFC 5321 4.2). */
bool api_told_find(str text, struct api_told *out);
/* The text as `Told` of the contract; NULL where it is none of ours. Gives. */
json_t *api_told(str text);
/* Sets the field "told" of an object: null where the text is none of ours. */
void api_set_told(json_t *object, str text);
/* Why mail waits, as `Waits` of the contract: the sentence with its code; null where there is none.
 * Gives. */
json_t *api_waits(str reason);

#endif
