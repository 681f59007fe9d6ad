/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values of our own types, in the forms of the contract. Pure. All give. */
#ifndef API_JSON_H
#define API_JSON_H

#include "base/base.h"

#include <jansson.h>

/* A text; bytes that are no UTF-8 become U+FFFD. */
json_t *api_text(str s);
/* The same, null for an empty one. */
json_t *api_text_or_null(str s);
/* An id: a decimal number as text. */
json_t *api_id(int64_t id);
/* The same, null for 0. */
json_t *api_id_or_null(int64_t id);
/* "2026-03-01T12:00:00Z" of microseconds since 1970 UTC. */
json_t *api_time(int64_t at_us);
/* The same, null for 0 and for INT64_MAX. */
json_t *api_time_or_null(int64_t at_us);

/* Sets a field of an object (takes the value). */
void api_set(json_t *object, const char *name, json_t *value);
/* Appends to an array (takes the value). */
void api_add(json_t *array, json_t *value);

/* Reads a field of a body that was judged by its schema. Missing ones give the empty value. */
str api_get_text(const json_t *object, const char *name);
int64_t api_get_id(const json_t *object, const char *name);
bool api_get_bool(const json_t *object, const char *name, bool otherwise);
/* Microseconds since 1970 UTC; `otherwise` also for null. */
int64_t api_get_time(const json_t *object, const char *name, int64_t otherwise);
/* Whether the field is there, null included. */
bool api_has(const json_t *object, const char *name);
/* A text value as a str, borrowed. */
str api_str(const json_t *text);
/* An id as text: 0 when it is none. */
int64_t api_id_parse(str text);

#endif
