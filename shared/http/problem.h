/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents (RFC 9457) that the server makes by itself. Private to http. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "http/http_server.h"

enum {
    PROBLEM_MAX = 2048 /* octets of a document */
};

#define PROBLEM_TYPE "application/problem+json"

/* Appends the document to an empty buffer made for PROBLEM_MAX octets. The detail is cut to fit;
 * octets that are no UTF-8 become '?'. */
void problem_format(struct buf *out, unsigned status, str detail);

#endif
