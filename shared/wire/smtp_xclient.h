/* SPDX-License-Identifier: Apache-2.0 */
/* XCLIENT, by which a proxy or a filter that is trusted tells for whom it speaks; as Postfix
 * defines it (XCLIENT_README). Pure. */
#ifndef WIRE_SMTP_XCLIENT_H
#define WIRE_SMTP_XCLIENT_H

#include "wire/smtp_path.h"

/* The attributes that are understood, as EHLO tells them. */
#define SMTP_XCLIENT_ATTRIBUTES "NAME ADDR PORT PROTO HELO"

struct smtp_xclient {
    str addr; /* numeric IP as text; empty: not given. In arena, like the others */
    bool has_port;
    uint16_t port;
    str helo; /* empty: not given, or not known */
    bool has_proto;
    bool is_esmtp; /* only with has_proto */
};

/* The argument: one or more of "attribute=xtext", each once; "[UNAVAILABLE]" and "[TEMPUNAVAIL]"
 * stand for what the sender does not know. NAME is checked and not used: names are looked up here.
 * SMTP_FAULT_SYNTAX, SMTP_FAULT_PARAMETER (a value; an ADDR that is not known), or
 * SMTP_FAULT_UNKNOWN_PARAMETER. */
enum smtp_fault smtp_xclient_parse(str argument, struct arena *a, struct smtp_xclient *out);

#endif
