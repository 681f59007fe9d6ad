/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of the API, called by commands: at --url with --token, or in this process on the
 * configured database. The same code answers both. */
#ifndef CLI_API_H
#define CLI_API_H

#include "services/cli/session.h"

#include <jansson.h>

/* Carries out an operation. `path` begins behind "/api/v1" and is encoded; `body` is released, NULL
 * for none. *out is the answer (json_decref), NULL when it has none. A problem becomes an error of
 * its kind with the sentence of the API. Yields. */
YIELDS bool cli_call(struct cli_session *s, const char *method, str path, json_t *body,
                     json_t **out, struct err *e);

/* A text as one segment of a path, or as a value of a query. In the session's arena. */
const char *cli_encode(struct cli_session *s, const char *text);

/* An option of a command whose value the API knows as a field. */
struct cli_filter {
    const char *option;
    const char *field;
};

/* The path with those options that were given as its query, behind the one it may have. */
str cli_filter_path(struct cli_session *s, str path, const struct cli_filter *filters, size_t n);
/* The same as fields of a body. */
void cli_filter_body(const struct cli *cli, json_t *body, const struct cli_filter *filters,
                     size_t n);

/* Reads all pages of a list, whose path has its query already or none, and calls fn for each item.
 */
typedef void (*cli_item_fn)(json_t *item, void *arg);
YIELDS bool cli_call_list(struct cli_session *s, str path, cli_item_fn fn, void *arg,
                          struct err *e);

/* Fields of an answer; missing ones give empty values. */
str cli_field_text(const json_t *object, const char *name);
int64_t cli_field_number(const json_t *object, const char *name);
/* A time as microseconds since 1970 UTC; 0 for null. */
int64_t cli_field_time(const json_t *object, const char *name);
int64_t cli_time_of(const json_t *value);

#endif
