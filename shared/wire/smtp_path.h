/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, mailboxes and domains of the SMTP envelope (RFC 5321 4.1.2, 4.1.3, RFC 6531 3.3), read
 * strictly. Pure. Not for addresses in message headers, whose grammar is another one (mime). */
#ifndef WIRE_SMTP_PATH_H
#define WIRE_SMTP_PATH_H

#include "base/base.h"

enum {
    SMTP_LOCAL_MAX = 64,   /* octets of a local part (of UTF-8 in NFC), RFC 5321 4.5.3.1.1 */
    SMTP_DOMAIN_MAX = 255, /* 4.5.3.1.2 */
    SMTP_PATH_MAX = 512    /* octets between < and >, with a source route and quoting */
};

enum smtp_fault {
    SMTP_GOOD,
    SMTP_FAULT_SYNTAX,            /* the command's own grammar: 501 5.5.4 */
    SMTP_FAULT_PATH,              /* no path of RFC 5321: 501 5.1.3 or 5.1.7 */
    SMTP_FAULT_NOT_ASCII,         /* an address beyond ASCII without SMTPUTF8: 553 5.6.7 */
    SMTP_FAULT_PARAMETER,         /* a parameter's value: 501 5.5.4 */
    SMTP_FAULT_UNKNOWN_PARAMETER, /* a parameter that was not offered: 555 5.5.4 */
    SMTP_FAULT_SIZE               /* SIZE= above our limit: 552 5.3.4 */
};

/* A parser of this module says by smtp_fault what is wrong, not by struct err: each value is one
 * SMTP reply, and kinds of errors are too coarse for them. */

struct smtp_path {
    str local;          /* without quotes and backslashes; case as sent; NFC */
    str domain;         /* lower-case A-labels; "[192.0.2.1]" for a literal */
    bool is_utf8;       /* it was sent with octets beyond ASCII, in either half */
    bool is_null;       /* <> (reverse paths only); local and domain are empty */
    bool is_literal;    /* the domain is an address literal */
    bool is_postmaster; /* <postmaster> without a domain (forward paths only) */
};

enum smtp_path_kind {
    SMTP_REVERSE_PATH, /* of MAIL: may be <> */
    SMTP_FORWARD_PATH  /* of RCPT: may be <postmaster> */
};

/* Reads the path that *cursor starts with, from '<' to '>', and moves *cursor behind it. Source
 * routes are checked and ignored (RFC 5321 appendix C). Whether a path beyond ASCII may come now is
 * the caller's to say. In arena. */
enum smtp_fault smtp_path_parse(str *cursor, enum smtp_path_kind kind, struct arena *a,
                                struct smtp_path *out);

/* Reads a bare "local@domain" (all of `text`), as in the AUTH parameter or an option. In arena. */
enum smtp_fault smtp_mailbox_parse(str text, struct arena *a, struct smtp_path *out);

/* Appends "local@domain", quoting the local part when it needs that; nothing for a null path, only
 * the local part for <postmaster>. False when `out` is full. */
bool smtp_path_format(const struct smtp_path *path, struct buf *out);
/* The same in arena. */
str smtp_path_text(const struct smtp_path *path, struct arena *a);

/* True for labels of letters, digits and hyphens with dots between them, at most 63 and 255 octets,
 * no dot at the end. */
bool smtp_is_domain(str s);
/* True for "[192.0.2.1]" and "[IPv6:2001:db8::1]". */
bool smtp_is_address_literal(str s);

/* Decodes xtext (RFC 3461 4): printable ASCII but '=', and "+XX" with upper-case hexadecimal
 * digits. False for anything else. In arena; the result may hold any byte, so never put it raw in a
 * header.
 */
bool smtp_xtext_decode(str text, struct arena *a, str *out);

#endif
