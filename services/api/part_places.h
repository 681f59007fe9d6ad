/* SPDX-License-Identifier: Apache-2.0 */
/* Where parts lie in their messages: what the last downloads found out, so that the next range of
 * the same part does not read the whole message again. A message never changes under its id. */
#ifndef API_PART_PLACES_H
#define API_PART_PLACES_H

#include "base/base.h"
#include "mime/encoding.h"

struct part_place {
    size_t start; /* of the body in the message as it is stored; octets */
    size_t end;
    size_t size; /* octets of the body decoded */
    enum mime_encoding encoding;
    str type; /* "image/png" as the message says it */
    str name; /* of the file, never empty */
};

/* A part of a message of an account, by its IMAP number ("1.2"). */
struct part_id {
    int64_t account_id;
    int64_t msg_id;
    str number;
};

struct part_places;

struct part_places *part_places_new(void);
/* Accepts NULL inside. */
void part_places_free(struct part_places **places);

/* The place with its texts copied to the arena; false when it is not remembered. */
bool part_places_find(struct part_places *places, const struct part_id *id, struct arena *a,
                      struct part_place *out);
/* Remembers a place, instead of the one that was asked for least lately. Copies. */
void part_places_add(struct part_places *places, const struct part_id *id,
                     const struct part_place *place);

#endif
