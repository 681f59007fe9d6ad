/* SPDX-License-Identifier: Apache-2.0 */
/* One message with its people and attachments, from what is kept beside its bytes. Pure; gives. */
#ifndef API_SHAPE_MESSAGE_H
#define API_SHAPE_MESSAGE_H

#include "services/api/json.h"
#include "store/mail.h"

/* Message of the contract. */
json_t *shape_message(const struct store_mail *mail, struct arena *a);

/* A part that can be saved. */
struct shape_attachment {
    str part;       /* "2.1": its IMAP section */
    str name;       /* of the file, without path and control characters; never empty */
    str type;       /* "application/pdf" */
    str content_id; /* without brackets; empty when there is none */
    bool is_inline; /* the HTML of the message shows it */
    size_t size;    /* octets, decoded; of base64 computed from the encoded size */
};

enum {
    SHAPE_ATTACHMENTS_MAX = 1000
};

/* Attachments by the kept BODYSTRUCTURE, at most SHAPE_ATTACHMENTS_MAX; gives how many. In arena.
 */
size_t shape_attachments(str bodystructure, struct arena *a, struct shape_attachment **out);

/* The name of a file as it may be shown and saved: the last part of a path, no control characters;
 * "attachment" when nothing is left. In arena. */
str shape_file_name(struct arena *a, str name);

#endif
