/* SPDX-License-Identifier: Apache-2.0 */
/* XCLIENT, by which a proxy or a filter that is trusted tells for whom it speaks; as Postfix
 * defines it (XCLIENT_README). Pure. */
#ifndef WIRE_SMTP_XCLIENT_H
#define WIRE_SMTP_XCLIENT_H

#include "wire/smtp_path.h"

/* The attributes that are understood, as EHLO tells them. */
#define SMTP_XCLIENT_ATTRIBUTES "NAME ADDR PORT PROTO HELO REVERSE_NAME DESTADDR DESTPORT"

struct smtp_xclient {
    bool has_addr;
    str addr; /* numeric IP as text; empty with has_addr: not known. In arena, like the others */
    bool has_port;
    uint16_t port;      /* 0 with has_port: not known */
    str dest_addr;      /* where the client connected to; empty: not given, or not known */
    uint16_t dest_port; /* 0: not given, or not known */
    str helo;           /* empty: not given, or not known */
    bool has_proto;
    bool is_esmtp; /* only with has_proto */
};

/* The argument: one or more of "attribute=xtext", each once; "[UNAVAILABLE]" and "[TEMPUNAVAIL]",
 * in any case, stand for what the sender does not know. NAME and REVERSE_NAME are checked and not
 * used: names are looked up here. LOGIN is not taken: nobody is signed in by somebody else's word.
 * SMTP_FAULT_SYNTAX, SMTP_FAULT_PARAMETER (a value), or SMTP_FAULT_UNKNOWN_PARAMETER. */
enum smtp_fault smtp_xclient_parse(str argument, struct arena *a, struct smtp_xclient *out);

#endif
