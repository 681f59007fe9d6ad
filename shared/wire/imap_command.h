/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an IMAP command: its tag and its name; the arguments stay in a lexer for the parser
 * of that command. Pure. */
#ifndef WIRE_IMAP_COMMAND_H
#define WIRE_IMAP_COMMAND_H

#include "wire/imap_lexer.h"
#include "wire/imap_sequence.h"

enum {
    IMAP_TAG_MAX = 128 /* octets; a longer tag is a syntax error */
};

struct imap_command {
    str tag;                /* empty when not even that could be read */
    str name;               /* upper case, without "UID " */
    bool is_uid;            /* it stood behind UID */
    struct imap_lexer args; /* before the space in front of the first argument, or at the end */
};

/* Reads tag and name of one command gathered by the framer. Borrows from `frame` and the arena.
 * ERR_SYNTAX; out->tag is filled whenever it could be read, so that the BAD can carry it. */
bool imap_command_parse(str frame, struct arena *a, struct imap_command *out, struct err *e);

/* The arguments " astring astring ..." of exactly n, then the end. ERR_SYNTAX. */
bool imap_parse_astrings(struct imap_lexer *l, str *out, size_t n, struct err *e);
/* Nothing but the end. ERR_SYNTAX. */
bool imap_parse_nothing(struct imap_lexer *l, struct err *e);

/* Arguments of SELECT and EXAMINE: a mailbox as sent, and "(CONDSTORE)" or "(QRESYNC (uidvalidity
 * modseq known-uids (numbers uids)))" of RFC 7162 sections 3.1.8 and 3.2.5. The sets have no "*"
 * and no "$"; `numbers` and `uids` are in ascending order, known_uids is sorted. Other parameters
 * are ERR_UNSUPPORTED. ERR_SYNTAX, ERR_LIMIT. */
struct imap_select_args {
    str mailbox;
    bool condstore;
    bool qresync;
    uint32_t uidvalidity; /* the rest: with qresync */
    int64_t modseq;
    struct imap_sequence known_uids; /* n is 0: not given */
    struct imap_sequence numbers;    /* n is 0: not given */
    struct imap_sequence uids;       /* of the messages with these numbers */
};
bool imap_parse_select(struct imap_lexer *l, struct imap_select_args *out, struct err *e);

/* Arguments of CREATE: a mailbox as sent, and the attributes of "(USE (\Archive ...))" of RFC 6154.
 * ERR_UNSUPPORTED for other parameters, ERR_LIMIT past 8 attributes. */
enum {
    IMAP_CREATE_USES_MAX = 8
};
struct imap_create_args {
    str mailbox;
    str uses[IMAP_CREATE_USES_MAX]; /* with the backslash */
    size_t n_uses;
};
bool imap_parse_create(struct imap_lexer *l, struct imap_create_args *out, struct err *e);

/* Arguments of ID (RFC 2971): field names and values, at most 30 pairs. Values that are NIL come as
 * empty. ERR_SYNTAX, ERR_LIMIT. */
enum {
    IMAP_ID_FIELDS_MAX = 30
};
struct imap_id_args {
    str names[IMAP_ID_FIELDS_MAX];
    str values[IMAP_ID_FIELDS_MAX];
    size_t n;
};
bool imap_parse_id(struct imap_lexer *l, struct imap_id_args *out, struct err *e);

#endif
