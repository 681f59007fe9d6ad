/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations of mailboxes and of the server (RFC 5464): the arguments of GETMETADATA and
 * SETMETADATA, and the METADATA response. Names of entries come in lower case, as they are
 * compared. Pure. */
#ifndef WIRE_IMAP_METADATA_H
#define WIRE_IMAP_METADATA_H

#include "wire/imap_lexer.h"

enum {
    IMAP_METADATA_ENTRIES_MAX = 64,    /* of one command */
    IMAP_METADATA_NAME_MAX = 255,      /* octets of a name */
    IMAP_METADATA_DEPTH_INFINITY = 255 /* a depth below which there is nothing */
};

/* Entries that are asked for: of GETMETADATA, and of LIST RETURN (METADATA ...) (RFC 9590). */
struct imap_metadata_names {
    str *names; /* in the arena */
    size_t n;
};

/* "entry" or "(entry entry ...)". ERR_SYNTAX (also a name that can be none), ERR_LIMIT. */
bool imap_metadata_names_parse(struct imap_lexer *l, struct imap_metadata_names *out,
                               struct err *e);

struct imap_getmetadata_args {
    str mailbox; /* as sent; empty: the server */
    bool has_maxsize;
    uint64_t maxsize; /* octets; longer values are only told of */
    unsigned depth;   /* 0, 1 or IMAP_METADATA_DEPTH_INFINITY levels below each name */
    struct imap_metadata_names entries;
};

/* Reads everything behind "GETMETADATA"; the options may stand before or behind the mailbox, as in
 * the RFC's grammar and in its examples. ERR_SYNTAX, ERR_LIMIT. */
bool imap_getmetadata_parse(struct imap_lexer *l, struct imap_getmetadata_args *out, struct err *e);

struct imap_metadata_value {
    str name;
    str value;
    bool is_nil; /* to be removed */
};

struct imap_setmetadata_args {
    str mailbox;                      /* as sent; empty: the server */
    struct imap_metadata_value *list; /* each name once; in the arena */
    size_t n;
};

/* Reads everything behind "SETMETADATA". ERR_SYNTAX, ERR_LIMIT. */
bool imap_setmetadata_parse(struct imap_lexer *l, struct imap_setmetadata_args *out, struct err *e);

/* Writes "entry value". False when `out` is full. */
bool imap_metadata_format(struct buf *out, str name, str value);

#endif
