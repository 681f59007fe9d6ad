/* SPDX-License-Identifier: Apache-2.0 */
/* Trace fields (RFC 5321 4.4): what a server writes on top of a message it takes over, and what is
 * already there. Pure. Not for the rest of the header. */
#ifndef WIRE_SMTP_TRACE_H
#define WIRE_SMTP_TRACE_H

#include "wire/smtp_path.h"

struct smtp_trace {
    str helo;             /* as the client named itself (smtp_is_helo_name); empty: it is hidden */
    str peer_ip;          /* "192.0.2.1" or "2001:db8::1"; empty: it is hidden */
    uint16_t peer_port;   /* for filters; 0: not known */
    bool is_peer_unknown; /* peer_ip is empty, for a proxy did not know it */
    str hostname;         /* ours */
    str session;          /* log id */
    str recipient;        /* "local@domain" as in RCPT when there was one only; empty: left out */
    str tls_version;      /* "TLSv1.3"; empty: no TLS */
    str tls_cipher;
    bool is_esmtp;  /* EHLO was used */
    bool is_auth;   /* the client logged in */
    bool is_utf8;   /* SMTPUTF8 was asked for */
    bool is_lmtp;   /* it was LMTP (RFC 2033) */
    int64_t at_utc; /* seconds */
};

/* Appends a whole Received field with CRLF: "from", "by", "with" (ESMTPSA and the like, RFC 3848),
 * "id", "for" and the date, folded. False when `out` is full. */
bool smtp_trace_received(const struct smtp_trace *t, struct buf *out);

/* Appends "Return-Path: <...>" and "Delivered-To: ..." with CRLF. `sender` is the envelope sender
 * as local@domain, empty for the null one; `recipient` the address that was delivered to, empty to
 * leave the second field out. */
bool smtp_trace_delivery(str sender, str recipient, struct buf *out);

/* How many Received fields the header at the start of `message` has: each stands for one hop. */
size_t smtp_trace_hops(str message);

/* The addresses of the Delivered-To fields (RFC 9228) in the header at the start of `message`, from
 * the top, as written without space and angle brackets around them: borrowed, the first `max` of
 * them. Gives how many there are in all. */
size_t smtp_trace_delivered(str message, str *out, size_t max);

/* True for a field that nobody but we may have written, so that it is taken out of what comes in
 * (ATTACKS S26): Return-Path, X-Spam fields, and an Authentication-Results field whose authserv-id
 * is `hostname` or a name below it, in any case, with the dot of the root, quoted, or behind
 * comments and folds (RFC 8601 5). `name` and `body` are raw. */
bool smtp_trace_is_forged(str name, str body, str hostname);

/* The message without forged fields and without all fields called one of `names` (any case): the
 * message itself when there is nothing to take out, else a copy in arena. All other bytes stay as
 * they are. */
str smtp_trace_strip(str message, str hostname, const str *names, size_t n, struct arena *a);

#endif
