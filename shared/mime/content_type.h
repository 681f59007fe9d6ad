/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Type (RFC 2045 section 5) and Content-Disposition (RFC 2183) with their parameters, RFC
 * 2231 continuations and charsets joined. Tolerant; not for other structured fields. */
#ifndef MIME_CONTENT_TYPE_H
#define MIME_CONTENT_TYPE_H

#include "base/base.h"
#include "mime/limits.h"

struct mime_param {
    str name;       /* lower case, without the marks of RFC 2231 */
    str value;      /* decoded UTF-8, encoded words too; no control characters */
    str language;   /* of RFC 2231, mostly empty */
    str wire_name;  /* for BODYSTRUCTURE: `name`, with "*" when `wire_value` is RFC 2231 extended */
    str wire_value; /* unquoted and joined, not decoded; may hold bytes above 127 */
};

struct mime_content_type {
    str type;    /* lower case; empty when the field is missing or starts with no type */
    str subtype; /* lower case; empty when there is none */
    const struct mime_param *params;
    size_t n_params; /* at most MIME_MAX_PARAMS */
    bool cut;        /* parameters past a limit are left out */
};

/* Reads a raw Content-Type body. Both names are empty when the field is unusable: then RFC 2045
 * section 5.2 makes it text/plain; us-ascii, which is for the caller to say. In arena. */
void mime_content_type_parse(struct arena *a, str body, struct mime_content_type *out);

/* Reads a raw Content-Disposition body: `type` is the disposition, `subtype` is empty. In arena. */
void mime_disposition_parse(struct arena *a, str body, struct mime_content_type *out);

/* The parameter's decoded value; empty when there is none. `name` in lower case. */
str mime_content_type_param(const struct mime_content_type *ct, str name);
/* The parameter itself, or NULL. */
const struct mime_param *mime_content_type_find(const struct mime_content_type *ct, str name);

/* type/subtype, any case. */
bool mime_content_type_is(const struct mime_content_type *ct, str type, str subtype);

/* Words between commas of a raw body, unfolded and trimmed, encoded words decoded, empty ones
 * dropped (Content-Language, Keywords). At most MIME_MAX_PARAMS. Gives their number. In arena. */
size_t mime_list_parse(struct arena *a, str body, const str **out);

#endif
