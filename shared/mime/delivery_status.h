/* SPDX-License-Identifier: Apache-2.0 */
/* What a delivery status notification says (RFC 3464): the fields of its part
 * message/delivery-status or message/global-delivery-status (RFC 6533). Foreign and not proven: who
 * believes it has to know the message by other means. */
#ifndef MIME_DELIVERY_STATUS_H
#define MIME_DELIVERY_STATUS_H

#include "mime/structure.h"

/* The values of Action (RFC 3464 section 2.3.3). */
enum mime_delivery_action {
    MIME_DELIVERY_FAILED,
    MIME_DELIVERY_DELAYED,
    MIME_DELIVERY_DELIVERED,
    MIME_DELIVERY_RELAYED, /* to a server that makes no such reports */
    MIME_DELIVERY_EXPANDED /* to several addresses */
};

/* One recipient. Texts are on one line, without the types that stand before them; empty where there
 * is no such field. */
struct mime_delivery_recipient {
    str original; /* the address that the sender named: of types rfc822 and utf-8, decoded */
    str final;    /* the address that the server had; likewise */
    enum mime_delivery_action action;
    str status;     /* "5.1.1" */
    str diagnostic; /* what a server answered */
    str remote;     /* its name */
};

struct mime_delivery_status {
    str reporting_mta; /* the name of who reports; may be empty */
    struct mime_delivery_recipient *recipients;
    size_t n; /* at most MIME_MAX_STATUS_RECIPIENTS */
};

/* The decoded text of the first such part, at most MIME_MAX_STATUS_BYTES; empty: there is none. A
 * message inside of the message is not looked into. In arena. */
str mime_delivery_status_text(const struct mime_structure *s, struct arena *a);

/* Reads that text: groups of fields between empty lines. A group without an address or without an
 * action that is known is none of a recipient. In arena, or borrowed. */
void mime_delivery_status_parse(struct arena *a, str text, struct mime_delivery_status *out);

#endif
