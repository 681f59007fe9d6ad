/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of APPEND and REPLACE: one or several messages, each a literal, or made of texts
 * and URLs (RFC 9051 section 6.3.12, RFC 3502, 3516, 4469, 6855, 8508). Pure; the octets of
 * messages are borrowed from the command. */
#ifndef WIRE_IMAP_APPEND_H
#define WIRE_IMAP_APPEND_H

#include "wire/imap_flags.h"

enum {
    IMAP_APPEND_MESSAGES_MAX = 500, /* in one command */
    IMAP_APPEND_PARTS_MAX = 1000    /* texts and URLs of one message */
};

struct imap_append_part {
    bool is_url;
    bool is_binary; /* sent as literal8: may hold NULs */
    str octets;     /* the text, or the URL as sent */
};

struct imap_append_message {
    struct imap_flags flags;
    bool has_date;
    int64_t date_utc_s;
    bool is_catenated; /* parts are those of CATENATE; else there is one, the message */
    bool is_utf8;      /* sent as "UTF8 (~{n} ...)" */
    struct imap_append_part *parts;
    size_t n_parts;
};

struct imap_append_args {
    str mailbox; /* as sent */
    struct imap_append_message *messages;
    size_t n;
};

/* Reads everything behind "APPEND". ERR_SYNTAX; ERR_LIMIT (messages, parts, keywords);
 * ERR_UNSUPPORTED for a flag that only the standard may define. */
bool imap_append_parse(struct imap_lexer *l, struct imap_append_args *out, struct err *e);

struct imap_replace_args {
    uint32_t number; /* of the message or its UID; UINT32_MAX with is_last */
    bool is_last;    /* "*" */
    str mailbox;     /* as sent */
    struct imap_append_message message;
};

/* Reads everything behind "REPLACE" (RFC 8508 section 5). Errors as above. */
bool imap_replace_parse(struct imap_lexer *l, struct imap_replace_args *out, struct err *e);

/* Whether every CR is followed by LF, every LF follows a CR, and there is no NUL: what a message
 * must be to be sent in a literal (ATTACKS I9). */
bool imap_message_is_clean(str message);

#endif
