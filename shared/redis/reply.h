/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of a Redis server as values, with limits against a hostile one (ATTACKS R-3). Pure: bytes
 * in, values out; hiredis' reader does the grammar. Private to redis. */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include "redis/redis.h"

enum {
    REPLY_NODES_MAX = 100000,           /* values in one reply, nested ones too */
    REPLY_BYTES_MAX = 16 * 1024 * 1024, /* of one reply */
    REPLY_LINE_MAX = 64 * 1024,         /* of an error or status kept */
};

struct reply_reader;

/* Gives. */
struct reply_reader *reply_reader_new(void);
void reply_reader_free(struct reply_reader **r);
/* Takes bytes as they come. ERR_LIMIT: too much for one reply. */
bool reply_reader_feed(struct reply_reader *r, str bytes, struct err *e);
/* The next whole reply; it is valid until the next call. STEP_END: more bytes are needed. STEP_FAIL
 * (ERR_SYNTAX, ERR_LIMIT): the connection is of no use any more. */
enum step reply_reader_next(struct reply_reader *r, struct redis_value *out, struct err *e);

/* A copy in the arena. */
struct redis_value reply_copy(struct arena *a, const struct redis_value *v);
/* The kind of an error reply by its first word. */
enum err_kind reply_error_kind(str text);

#endif
