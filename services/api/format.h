/* SPDX-License-Identifier: Apache-2.0 */
/* What a text of a request has to look like: the `format` of the contract's schemas. Pure. Whether
 * the thing that it names exists is for others. */
#ifndef API_FORMAT_H
#define API_FORMAT_H

#include "base/base.h"

enum api_format {
    API_FORMAT_NONE,
    API_FORMAT_ACCOUNT,       /* an id, or an address */
    API_FORMAT_CONTENT_RANGE, /* "bytes 0-9/20" */
    API_FORMAT_CURSOR,        /* letters, digits, '-', '_', '=' */
    API_FORMAT_DATE_TIME,     /* RFC 3339 */
    API_FORMAT_DOMAIN,        /* A-labels in any case */
    API_FORMAT_EMAIL,         /* local@domain, unquoted; UTF-8 allowed */
    API_FORMAT_ETAG,          /* printable ASCII */
    API_FORMAT_ID,            /* 1 .. 2^63-1 in decimal */
    API_FORMAT_KEY,           /* letters, digits, '-', '_', '.' */
    API_FORMAT_KEYWORD,       /* an IMAP flag: an atom */
    API_FORMAT_LINE,          /* no control characters */
    API_FORMAT_MAILBOX_NAME,  /* the same, without '/', '*' and '%' */
    API_FORMAT_MEDIA_TYPE,    /* type/subtype */
    API_FORMAT_PART,          /* "1.2" */
    API_FORMAT_PASSWORD,      /* any text */
    API_FORMAT_QUEUE_ID,      /* 13 digits and small letters */
    API_FORMAT_STATE,         /* 0 .. 2^63-1 in decimal */
    API_FORMAT_TOKEN,         /* printable ASCII without spaces */
    API_FORMAT_COUNT
};

/* Whether a text in valid UTF-8 is of the format. */
bool api_format_check(enum api_format format, str text);
/* What is wrong with a text that is not, for people: "is not an address". Static. */
const char *api_format_fault(enum api_format format);
/* The name in the contract: "date-time"; static. */
const char *api_format_name(enum api_format format);

/* The range of a Content-Range field, all in octets; false when it is not of that format. */
bool api_content_range_parse(str text, int64_t *first, int64_t *last, int64_t *size);

#endif
