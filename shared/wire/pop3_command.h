/* SPDX-License-Identifier: Apache-2.0 */
/* POP3 command lines (RFC 1939 section 3, RFC 2449 section 4) to values. Pure. Not for whether a
 * command is allowed now: that is the session's table. */
#ifndef WIRE_POP3_COMMAND_H
#define WIRE_POP3_COMMAND_H

#include "base/base.h"

enum {
    POP3_LINE_MAX = 1024, /* octets of a command line without CRLF; RFC 2449 demands 253, names and
                             passwords in UTF-8 (RFC 6856) need more */
    POP3_AUTH_MAX = 12286 /* the same for AUTH and its answers, as for SMTP (RFC 4954 section 4) */
};

enum pop3_verb {
    POP3_CAPA,
    POP3_STLS,
    POP3_USER,
    POP3_PASS,
    POP3_APOP,
    POP3_AUTH,
    POP3_UTF8,
    POP3_STAT,
    POP3_LIST,
    POP3_UIDL,
    POP3_RETR,
    POP3_TOP,
    POP3_DELE,
    POP3_RSET,
    POP3_NOOP,
    POP3_QUIT,
    POP3_FOREIGN, /* a command of HTTP: never by a mail client */
    POP3_UNKNOWN
};

struct pop3_command {
    enum pop3_verb verb;
    str argument; /* all behind the verb and one space, with the spaces in it: passwords may have
                     some (RFC 1939 section 7); borrowed */
};

/* Splits a command line (without CRLF). Never fails: what is no command is POP3_UNKNOWN. */
struct pop3_command pop3_command_parse(str line);
/* "RETR"; static. "?" for POP3_FOREIGN and POP3_UNKNOWN. */
const char *pop3_verb_name(enum pop3_verb verb);

/* A message number: 1 to 2^31-1, no sign, no leading space. ERR_SYNTAX. */
bool pop3_number_parse(str argument, uint32_t *out, struct err *e);
/* The argument of TOP: "msg n", n from 0. ERR_SYNTAX. */
bool pop3_top_parse(str argument, uint32_t *number, uint32_t *lines, struct err *e);

struct pop3_auth {
    str mechanism;    /* case as sent; empty: AUTH alone, which asks for the list */
    bool has_initial; /* an initial response was given; "=" is an empty one */
    str initial;      /* base64, not decoded; borrowed */
};

/* The argument of AUTH: "[mechanism [initial-response]]" (RFC 5034 section 4). ERR_SYNTAX. */
bool pop3_auth_parse(str argument, struct pop3_auth *out, struct err *e);

#endif
