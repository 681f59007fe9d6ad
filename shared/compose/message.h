/* SPDX-License-Identifier: Apache-2.0 */
/* A message made of what was written in an app: header fields, text in one or two forms, pictures
 * inside, files. Pure. What it makes has CRLF lines, is 7-bit, and no text can add a field. */
#ifndef COMPOSE_MESSAGE_H
#define COMPOSE_MESSAGE_H

#include "base/base.h"

struct compose_person {
    str name;    /* UTF-8; may be empty */
    str address; /* local@domain, ASCII */
};

struct compose_people {
    const struct compose_person *list;
    size_t n;
};

struct compose_file {
    str name;       /* UTF-8 */
    str type;       /* "application/pdf"; what is no media type becomes application/octet-stream */
    str content_id; /* of a picture inside the text, as its "cid:" says; empty: an attachment */
    str octets;
};

struct compose_content {
    struct compose_person from;
    str reply_to; /* an address, or empty */
    struct compose_people to;
    struct compose_people cc;
    struct compose_people bcc;
    str subject;
    str html; /* as written; it is cleaned here. Empty: plain text only */
    str text; /* empty: made from the HTML */
    const struct compose_file *files;
    size_t n_files;
    str in_reply_to;       /* message id without brackets, or empty */
    const str *references; /* the same, the oldest first */
    size_t n_references;
    int64_t date_utc; /* seconds */
    str hostname;     /* right side of its Message-ID */
    uint64_t unique1; /* left side of it; boundaries are made of both numbers too */
    uint64_t unique2;
};

/* Makes the message. ERR_LIMIT: larger than `max` octets. Cleaning HTML takes some milliseconds and
 * a thread of its own, so call it in the offload pool. In arena. */
bool compose_message(struct arena *a, const struct compose_content *c, size_t max, str *out,
                     struct err *e);

#endif
