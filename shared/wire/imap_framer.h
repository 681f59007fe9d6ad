/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers one IMAP command, line by line and literal by literal, and enforces the limits of
 * ATTACKS I1 before anything is allocated. Pure: whoever owns the connection reads what the
 * framer needs and feeds it. Not for the meaning of the command (imap_command.h). */
#ifndef WIRE_IMAP_FRAMER_H
#define WIRE_IMAP_FRAMER_H

#include "base/base.h"

/* What must be fed, or has come of it. */
enum imap_frame {
    IMAP_FRAME_LINE,    /* feed a line */
    IMAP_FRAME_LITERAL, /* feed octets of a literal; imap_framer_wants_go_ahead says "+ OK" first */
    IMAP_FRAME_COMPLETE, /* the command is in imap_framer_text */
    IMAP_FRAME_REFUSED,  /* a literal is too big and was not sent: answer NO [TOOBIG], go on */
    IMAP_FRAME_TOO_BIG   /* what was announced cannot be stopped: say BYE [TOOBIG] and close */
};

struct imap_framer_limits {
    size_t command; /* octets of a command, all lines and literals together */
    size_t message; /* octets of each literal of APPEND and REPLACE on top; 0 outside a login */
    size_t total;   /* octets of all of those literals together; at least `message` */
    bool is_strict; /* before login: too much is always the end */
};

struct imap_framer {
    struct imap_framer_limits limits;
    struct buf text;
    size_t literal_left; /* octets of the literal that are still to come */
    size_t used;         /* octets that count for limits.command: lines, other literals */
    size_t messages;     /* octets of literals that count for limits.total */
    bool takes_messages; /* it is a command whose literals may be messages */
    bool is_synchronising;
    bool is_dropping; /* what comes of literals is not kept */
    enum imap_frame state;
};

enum {
    IMAP_COMMAND_MAX = 64 * 1024,       /* octets, PROMISES "IMAP limits" */
    IMAP_COMMAND_MAX_PREAUTH = 8 * 1024 /* octets before login, ATTACKS I1 */
};

/* An empty framer; imap_framer_fini releases its buffer. */
void imap_framer_init(struct imap_framer *f);
void imap_framer_fini(struct imap_framer *f);

/* Begins a new command under these limits, forgetting the former one. */
void imap_framer_begin(struct imap_framer *f, const struct imap_framer_limits *limits);

/* Feeds a line without its CRLF. Gives the new state. */
enum imap_frame imap_framer_line(struct imap_framer *f, str line);
/* Feeds octets of the literal, at most literal_left of them (none for an empty literal). Gives the
 * new state. */
enum imap_frame imap_framer_literal(struct imap_framer *f, str octets);
/* There is no memory for this command: forgets what was gathered and keeps nothing of the literal
 * that is being fed and of later ones, which must be fed all the same. What imap_framer_text gives
 * at the end is no command any more. */
void imap_framer_drop(struct imap_framer *f);
/* True at the start of a literal that the client sends only after "+ ". */
bool imap_framer_wants_go_ahead(const struct imap_framer *f);

/* The command gathered so far; valid until the next call. */
str imap_framer_text(const struct imap_framer *f);

#endif
