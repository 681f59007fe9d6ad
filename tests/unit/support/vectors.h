/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the public test vectors of tests/vectors. Any failure to read ends
 * the test. Not for anything else. */
#ifndef UNIT_SUPPORT_VECTORS_H
#define UNIT_SUPPORT_VECTORS_H

#include "base/base.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>
#include <jansson.h>

/* A case that we answer otherwise than the author of the vectors, and the sentence that says so. */
struct vector_exception {
    size_t index;       /* of the case in its file */
    const char *ours;   /* our answer */
    const char *reason; /* RFC and sentence */
};

static inline const struct vector_exception *
vector_exception_find(const struct vector_exception *all, size_t n, size_t index)
{
    for (size_t i = 0; i < n; i++) {
        if (all[i].index == index)
            return &all[i];
    }
    return NULL;
}

/* The JSON file below tests/vectors; release with json_decref. */
static inline json_t *vectors_load(const char *path)
{
    char full[512];
    json_error_t error;
    (void)snprintf(full, sizeof(full), "%s/%s", SHARED_VECTORS_DIR, path);
    json_t *root = json_load_file(full, JSON_ALLOW_NUL, &error);
    if (!root)
        fail_msg("%s:%d: %s", full, error.line, error.text);
    return root;
}

/* The file below tests/vectors, in arena. */
static inline str vectors_read(struct arena *a, const char *path)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s/%s", SHARED_VECTORS_DIR, path);
    FILE *file = fopen(full, "rb");
    if (!file)
        fail_msg("cannot open %s", full);
    enum {
        MOST = 1024 * 1024
    };
    char *p = arena_alloc(a, MOST);
    size_t n = fread(p, 1, MOST, file);
    (void)fclose(file);
    return str_of(p, n);
}

/* A string of an object; empty for null or absent. */
static inline str vectors_str(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return STR_EMPTY;
    return str_of(json_string_value(value), json_string_length(value));
}

/* The message with LF or CRLF line ends, as the two forms of the vectors were made: without any CR,
 * or with one before each LF. In arena. */
static inline str vectors_line_ends(struct arena *a, str text, bool crlf)
{
    char *p = arena_alloc(a, text.n * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\r' && !crlf)
            continue;
        if (text.p[i] == '\n' && crlf && (i == 0 || text.p[i - 1] != '\r'))
            p[n++] = '\r';
        p[n++] = text.p[i];
    }
    return str_of(p, n);
}

#endif
