/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of an operation, from path, query and header fields, into the operation's own struct
 * (generated: struct list_threads_params). Pure. */
#ifndef API_PARAMS_H
#define API_PARAMS_H

#include "http/http_server.h"
#include "services/api/validate.h"

enum api_param_in {
    API_IN_PATH, /* in the order of the path */
    API_IN_QUERY,
    API_IN_HEADER
};

/* Kind of a parameter and the type of its field. */
enum api_param_kind {
    API_PARAM_TEXT,    /* str, decoded, valid UTF-8; empty when it was not sent */
    API_PARAM_INTEGER, /* int64_t */
    API_PARAM_ID,      /* int64_t: formats id and state */
    API_PARAM_TIME,    /* int64_t: microseconds since 1970 UTC */
    API_PARAM_BOOLEAN, /* bool: "true" or "false" */
    API_PARAM_CHOICE,  /* an enum: index in `words` */
    API_PARAM_CHOICES  /* unsigned: bits 1 << index in `words`, sent as "a,b" */
};

struct api_param {
    const char *name; /* of header fields in lower case */
    enum api_param_in in;
    enum api_param_kind kind;
    enum api_format format;
    bool is_required;
    size_t offset;            /* of the field */
    size_t has_offset;        /* of its bool has_..., or 0 when it has none */
    int64_t min;              /* numbers: the least; texts: characters */
    int64_t max;              /* the same; 0 with min 0: no limit */
    const char *const *words; /* of choices */
    size_t n_words;
};

struct api_params {
    const struct api_param *list;
    size_t n;
    size_t size;          /* of the operation's struct */
    const void *defaults; /* such a struct: what is not sent */
};

struct api_params_input {
    const str *values; /* of the path, as sent */
    size_t n_values;
    str query; /* as sent, without '?' */
    const struct http_field *fields;
    size_t n_fields;
};

enum api_params_result {
    API_PARAMS_OK,
    API_PARAMS_NOT_FOUND, /* a parameter of the path cannot name anything: 404 */
    API_PARAMS_WRONG      /* 400: see faults */
};

/* Fills the operation's struct: *out is it, in the arena. Query parameters that the operation does
 * not have and those sent twice are wrong. */
enum api_params_result api_params_read(const struct api_params *params,
                                       const struct api_params_input *in, struct arena *a,
                                       void **out, struct api_faults *faults);

#endif
