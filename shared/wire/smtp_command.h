/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP command lines (RFC 5321 4.1) to values. Pure. Not for whether a command is allowed now: that
 * is the session's table. */
#ifndef WIRE_SMTP_COMMAND_H
#define WIRE_SMTP_COMMAND_H

#include "wire/smtp_path.h"

enum {
    SMTP_COMMAND_MAX = 510,       /* octets of a command line without CRLF, RFC 5321 4.5.3.1.4 */
    SMTP_COMMAND_LONG_MAX = 2046, /* the same for MAIL and RCPT, whose parameters need room */
    SMTP_AUTH_MAX = 12286         /* the same for AUTH and its answers, RFC 4954 4 */
};

enum smtp_verb {
    SMTP_HELO,
    SMTP_EHLO,
    SMTP_LHLO, /* of LMTP, RFC 2033 */
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_BDAT,
    SMTP_RSET,
    SMTP_NOOP,
    SMTP_QUIT,
    SMTP_VRFY,
    SMTP_EXPN,
    SMTP_HELP,
    SMTP_AUTH,
    SMTP_STARTTLS,
    SMTP_XCLIENT,
    SMTP_MASKED,  /* "XXXX": what old firewalls make of EHLO; their clients go on with HELO */
    SMTP_FOREIGN, /* of another protocol, as HTTP: never by a mail client */
    SMTP_UNKNOWN,
    SMTP_VERB_COUNT
};

struct smtp_command {
    enum smtp_verb verb;
    str argument; /* after the verb and one space, without trailing spaces; borrowed */
};

/* Splits a command line (without CRLF). Never fails: what is no command is SMTP_UNKNOWN. */
struct smtp_command smtp_command_parse(str line);
/* "EHLO"; static. "?" for SMTP_FOREIGN and SMTP_UNKNOWN. */
const char *smtp_verb_name(enum smtp_verb verb);
/* The longest line (octets without CRLF) that is taken for this verb. */
size_t smtp_verb_line_max(enum smtp_verb verb);

/* The argument of HELO and EHLO: a domain or an address literal, at most 255 octets. '_' is taken
 * too, because many hosts carry it in their names. */
bool smtp_is_helo_name(str argument);

/* What the session offers, and so which parameters are known. */
struct smtp_offer {
    bool auth;         /* the AUTH= parameter (RFC 4954 5) */
    bool smtputf8;     /* SMTPUTF8 (RFC 6531) */
    bool utf8_mail;    /* it was given with MAIL: addresses of RCPT may be beyond ASCII */
    bool binary;       /* BODY=BINARYMIME (RFC 3030) */
    bool dsn;          /* RET=, ENVID=, NOTIFY=, ORCPT= (RFC 3461) */
    bool requiretls;   /* REQUIRETLS (RFC 8689); under TLS only */
    bool verp;         /* XVERP (Postfix) */
    uint64_t max_size; /* octets of a message, for SIZE= (RFC 1870) */
    /* HOLDFOR= and HOLDUNTIL= (RFC 4865): how far ahead at most, and the time now, UTC; 0: not
     * offered. */
    int64_t hold_max_us;
    int64_t now_us;
};

struct smtp_mail {
    struct smtp_path sender;
    bool has_size;
    uint64_t size;   /* octets as the client says; only with has_size */
    bool has_body;   /* BODY= was given */
    bool eight_bit;  /* BODY=8BITMIME */
    bool binary;     /* BODY=BINARYMIME */
    bool smtputf8;   /* SMTPUTF8; without it the sender is ASCII */
    bool requiretls; /* REQUIRETLS */
    bool verp;       /* XVERP: each recipient has a sender of its own (smtp_verp.h) */
    bool has_auth;   /* AUTH= was given */
    str auth;        /* its mailbox, decoded from xtext; empty for <> */
    bool has_ret;    /* RET= was given */
    bool ret_full;   /* RET=FULL; with RET=HDRS false */
    str envid;       /* ENVID= as given: valid xtext of at most 100 octets; empty when not given */
    /* When it is to go (RFC 4865), UTC, ahead of now by no more than was offered; 0: at once. */
    int64_t release_us;
    str hold_request; /* the same in words of RFC 4865: "for;3600", "until;2026-..."; or empty */
};

/* NOTIFY= (RFC 3461 4.1); no bit: NEVER. */
enum {
    SMTP_NOTIFY_FAILURE = 1,
    SMTP_NOTIFY_DELAY = 2,
    SMTP_NOTIFY_SUCCESS = 4
};

struct smtp_rcpt {
    struct smtp_path path;
    bool has_notify; /* NOTIFY= was given */
    unsigned notify; /* SMTP_NOTIFY_ bits; only with has_notify */
    /* ORCPT= as given: "rfc822;xtext", at most 500 octets; empty when not given. UTF-8 in an
     * address of the type "utf-8" is written as utf-8-addr-xtext (RFC 6533 3), so that it is ASCII.
     */
    str orcpt;
};

/* The argument of MAIL: "FROM:<path> parameters". In arena. */
enum smtp_fault smtp_mail_parse(str argument, const struct smtp_offer *offer, struct arena *a,
                                struct smtp_mail *out);
/* The argument of RCPT: "TO:<path> parameters". In arena. */
enum smtp_fault smtp_rcpt_parse(str argument, const struct smtp_offer *offer, struct arena *a,
                                struct smtp_rcpt *out);

struct smtp_bdat {
    uint64_t size; /* octets that follow the line */
    bool is_last;  /* of the message */
};

/* The argument of BDAT: "size [LAST]" (RFC 3030 section 2). */
enum smtp_fault smtp_bdat_parse(str argument, struct smtp_bdat *out);

struct smtp_auth {
    str mechanism;    /* borrowed, case as sent */
    bool has_initial; /* an initial response was given; "=" is an empty one */
    str initial;      /* base64, not decoded; borrowed */
};

/* The argument of AUTH: "mechanism [initial-response]" (RFC 4954 4). */
enum smtp_fault smtp_auth_parse(str argument, struct smtp_auth *out);

#endif
