/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of parsing mail (PROMISES.md section 5, ATTACKS.md X1-X8, I17), in one place.
 * What lies past a limit is left out or opaque and marked as cut; it is never an error. */
#ifndef MIME_LIMITS_H
#define MIME_LIMITS_H

enum {
    MIME_MAX_FIELDS = 1000,                 /* header fields of one header that are listed */
    MIME_MAX_FIELD_BYTES = 100 * 1024,      /* of one field's body that are looked at */
    MIME_MAX_HEADER_BYTES = 1024 * 1024,    /* of one header that are looked at for fields */
    MIME_MAX_ADDRESSES = 10000,             /* of one address list, group marks included */
    MIME_MAX_COMMENT_DEPTH = 32,            /* nested comments; deeper ones end the field */
    MIME_MAX_PARAMS = 64,                   /* parameters of one field, continuations joined */
    MIME_MAX_CONTINUATIONS = 32,            /* pieces of one RFC 2231 parameter */
    MIME_MAX_PARAM_BYTES = 16 * 1024,       /* of one parameter's decoded value */
    MIME_MAX_BOUNDARY_BYTES = 256,          /* that are compared; RFC 2046 allows 70 */
    MIME_MAX_DEPTH = 100,                   /* nested multiparts and messages */
    MIME_MAX_PARTS = 10000,                 /* parts of one message */
    MIME_MAX_MESSAGE_IDS = 100,             /* kept of one References field, the newest */
    MIME_MAX_MESSAGE_ID_BYTES = 998,        /* of one message id; longer ones are ignored */
    MIME_MAX_SUMMARY_BYTES = 1000,          /* of one text of a summary, UTF-8 */
    MIME_MAX_PREVIEW_BYTES = 800,           /* of the preview; 200 characters */
    MIME_MAX_PREVIEW_CHARS = 200,           /* of the preview */
    MIME_MAX_TEXT_BYTES = 256 * 1024,       /* of text that is extracted for the search index */
    MIME_MAX_ENVELOPE_BYTES = 256 * 1024,   /* of one ENVELOPE */
    MIME_MAX_STATUS_BYTES = 256 * 1024,     /* of the fields of one delivery status */
    MIME_MAX_STATUS_RECIPIENTS = 1000,      /* of one delivery status */
    MIME_MAX_STRUCTURE_BYTES = 4096 * 1024, /* of one BODYSTRUCTURE */
};

#endif
