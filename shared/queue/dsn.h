/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery status notifications (RFC 3464 in the multipart/report of RFC 6522) as text: pure
 * composition. It decides nothing about when or to whom. */
#ifndef QUEUE_DSN_H
#define QUEUE_DSN_H

#include "base/language.h"

enum dsn_action {
    DSN_FAILED,
    DSN_DELAYED,
    DSN_RELAYED,  /* to a server that will not report (RFC 3461 5.2.2) */
    DSN_DELIVERED /* into a mailbox of ours */
};

struct dsn_recipient {
    str address;    /* Final-Recipient */
    str orcpt;      /* "rfc822;xtext" as given, or empty: Original-Recipient (RFC 3464 2.3.1) */
    str status;     /* "5.1.1"; one that does not fit the action becomes 5.0.0, 4.0.0 or 2.0.0 */
    str diagnostic; /* reply of the remote server with its code, or our own finding, which begins
                       with no three digits; may have several lines */
    str remote;     /* "mx.example.net [192.0.2.1]", tried last, or empty; a Remote-MTA where the
                       diagnostic is its reply, or it took the message (RFC 3464 2.3.6) */
    int64_t last_attempt_us; /* UTC; 0 leaves Last-Attempt-Date out */
};

struct dsn {
    enum dsn_action action;
    str reporting_mta; /* our host name */
    str from;          /* address of the From field: "mailer-daemon@example.org" */
    str to;            /* the envelope sender that is told; never empty */
    str message_id;    /* without angle brackets; unique */
    int64_t now_us;    /* Date */
    str envelope_id;   /* ENVID= as given (xtext); empty: no Original-Envelope-Id */
    str hold_request;  /* "for;3600": Future-Release-Request (RFC 4865); empty: there was none */
    str queue_id;      /* shown in the text */
    int64_t arrived_us;
    int64_t expires_us; /* DSN_DELAYED: until when we try */
    const struct dsn_recipient *recipients;
    size_t n;
    str original;           /* the message, or its beginning; what is returned is cut at 64 kB */
    bool is_original_cut;   /* it is only its beginning */
    bool is_utf8;           /* it came as one of SMTPUTF8 (RFC 6531) */
    bool return_full;       /* the message instead of its header; of failures only (RFC 3461 4.3) */
    enum language language; /* of the text for people */
};

enum {
    DSN_RETURN_MAX = 64 * 1024, /* octets returned of the original (ATTACKS O7) */
    DSN_MAX = 8 * 1024 * 1024   /* room for QUEUE_MAX_RECIPIENTS of the longest kind */
};

/* Appends the whole message with CRLF lines of at most 998 octets: header with
 * "Auto-Submitted: auto-replied" (RFC 3834), a text for people, message/delivery-status, and the
 * original as text/rfc822-headers or message/rfc822. Text of peers is made harmless: control bytes
 * and line ends become spaces, 8-bit text of diagnostics '?'. The message must be sent with a null
 * envelope sender. Parts become message/global-* (RFC 6533) and *is_utf8 is set when an address is
 * not ASCII, or the returned header of a message of SMTPUTF8 is; *is_8bit when any octet is above
 * 127. ERR_LIMIT: `out` is
 * full. ERR_DENIED: `to` is empty: no report about a report (RFC 5321 4.5.5). */
bool dsn_compose(const struct dsn *d, struct buf *out, bool *is_utf8, bool *is_8bit, struct err *e);

#endif
