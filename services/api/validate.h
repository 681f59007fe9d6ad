/* SPDX-License-Identifier: Apache-2.0 */
/* Judges JSON bodies by the schemas of the contract, and collects what is wrong with them. Pure.
 * Unknown fields, fields twice, deep and endless bodies are refused. */
#ifndef API_VALIDATE_H
#define API_VALIDATE_H

#include "services/api/format.h"

#include <jansson.h>

/* ---- what is wrong ---- */

enum {
    API_FAULTS_MAX = 20 /* told in one answer; the first ones */
};

struct api_fault {
    str pointer; /* JSON pointer into the body (RFC 6901), or the name of a parameter */
    str detail;  /* "has to have at most 5 characters" */
};

struct api_faults {
    struct arena *arena; /* where the texts are */
    struct api_fault list[API_FAULTS_MAX];
    size_t n;
};

/* Notes a fault; pointer and detail are copied. Further ones than API_FAULTS_MAX are dropped. */
void api_fault_add(struct api_faults *faults, str pointer, str detail);

/* ---- reading ---- */

enum {
    API_JSON_DEPTH_MAX = 32,    /* arrays and objects in each other */
    API_JSON_VALUES_MAX = 20000 /* values and keys in all */
};

/* Reads a body. ERR_SYNTAX: not JSON, a key twice, bad UTF-8, a number that is too large;
 * ERR_LIMIT: too deep or too many values; ERR_UNSUPPORTED: a text holds NUL. Gives (json_decref).
 */
bool api_json_read(str body, json_t **out, struct err *e);

/* ---- judging ---- */

/* Types that a value may have, as bits. */
enum {
    API_TYPE_NULL = 1,
    API_TYPE_FALSE = 2,
    API_TYPE_TRUE = 4,
    API_TYPE_INTEGER = 8,
    API_TYPE_NUMBER = 16, /* any number, whole ones too */
    API_TYPE_TEXT = 32,
    API_TYPE_ARRAY = 64,
    API_TYPE_OBJECT = 128,
    API_TYPE_BOOLEAN = API_TYPE_FALSE | API_TYPE_TRUE
};

struct api_schema;

struct api_property {
    const char *name;
    const struct api_schema *schema;
    bool is_required;
};

/* What a value has to be. Numbers that are 0 as `most` mean: no limit. */
struct api_schema {
    unsigned types;
    enum api_format format;                /* of texts */
    const char *const *words;              /* of texts: one of these; NULL: any */
    size_t n_words;                        /* */
    int64_t min;                           /* of whole numbers */
    int64_t max;                           /* the same */
    size_t least;                          /* characters, items or properties */
    size_t most;                           /* the same */
    const struct api_schema *items;        /* of arrays */
    const struct api_property *properties; /* of objects, by name in byte order */
    size_t n_properties;                   /* */
    const struct api_schema *others; /* of properties with any other name; NULL: there are none */
    const struct api_schema *names;  /* what their names have to be, or NULL */
    bool is_unique;                  /* no two items are equal */
};

/* Whether the value is as the schema says; what is not goes to `faults`. */
bool api_validate(const struct api_schema *schema, json_t *value, struct api_faults *faults);

#endif
