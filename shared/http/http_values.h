/* SPDX-License-Identifier: Apache-2.0 */
/* The small languages inside a request, as pure parsers with limits: query strings and forms,
 * cookies, Range, tags, and the names in Content-Disposition. */
#ifndef HTTP_HTTP_VALUES_H
#define HTTP_HTTP_VALUES_H

#include "base/base.h"

enum {
    HTTP_QUERY_MAX = 128 /* pairs of a query or form */
};

struct http_pair {
    str name;  /* decoded */
    str value; /* decoded; empty without '=' */
};

struct http_query {
    struct http_pair *list; /* in order, in the arena */
    size_t n;
};

/* Reads a query string or an application/x-www-form-urlencoded body. ERR_SYNTAX: bad encoding, not
 * UTF-8; ERR_LIMIT: more than HTTP_QUERY_MAX pairs. */
bool http_query_parse(struct arena *a, str query, struct http_query *out, struct err *e);
/* The value of the cookie in a Cookie field (RFC 6265 4.2, quotes removed); false when it is not
 * there, or is there twice with different values: somebody else set one of them. Borrowed. */
bool http_cookie_find(str field, str name, str *value);

enum http_range {
    HTTP_RANGE_NONE, /* no Range, or one we do not serve: answer 200 with everything */
    HTTP_RANGE_ONE,  /* answer 206 */
    HTTP_RANGE_UNFIT /* answer 416 with "Content-Range: bytes * / length" (without the spaces) */
};

/* Reads a Range field for something of `length` octets (RFC 9110 14.2): one range of bytes, cut to
 * the length; *first and *count are filled for HTTP_RANGE_ONE. Lists of ranges are not served. */
enum http_range http_range_parse(str field, uint64_t length, uint64_t *first, uint64_t *count);

/* Whether an If-None-Match field (weak comparison) or, with `strong`, an If-Match field names the
 * tag; "*" does. `etag` with its quotes. */
bool http_etag_matches(str field, str etag, bool strong);

/* Appends "attachment" or "inline" with the file's name in both forms of RFC 6266: an ASCII
 * fallback, and filename* in UTF-8. Control and direction characters, slashes and quotes are
 * replaced, at most 200 octets are kept. False when `out` is full. */
bool http_disposition_format(struct buf *out, bool attachment, str filename);

#endif
