/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of FETCH: attributes, body sections with partials, macros, and modifiers (RFC
 * 9051 section 6.4.5, RFC 7162 section 3.1.4, RFC 9394). Pure. */
#ifndef WIRE_IMAP_FETCH_H
#define WIRE_IMAP_FETCH_H

#include "wire/imap_partial.h"
#include "wire/imap_sequence.h"

enum {
    IMAP_FETCH_ITEMS_MAX = 64,    /* attributes in one command */
    IMAP_SECTION_PARTS_MAX = 100, /* numbers in one section, as deep as MIME may nest */
    IMAP_SECTION_FIELDS_MAX = 256 /* header names in one section */
};

/* Attributes without arguments, as bits. */
enum {
    IMAP_FETCH_UID = 1,
    IMAP_FETCH_FLAGS = 2,
    IMAP_FETCH_INTERNALDATE = 4,
    IMAP_FETCH_SIZE = 8,
    IMAP_FETCH_ENVELOPE = 16,
    IMAP_FETCH_BODYSTRUCTURE = 32,
    IMAP_FETCH_BODY = 64, /* BODY without a section: the structure without extension data */
    IMAP_FETCH_MODSEQ = 128,
    IMAP_FETCH_EMAILID = 256,   /* RFC 8474 */
    IMAP_FETCH_THREADID = 512,  /* RFC 8474 */
    IMAP_FETCH_SAVEDATE = 1024, /* RFC 8514 */
    IMAP_FETCH_PREVIEW = 2048   /* RFC 8970; LAZY changes nothing: previews are made at delivery */
};

enum imap_section_kind {
    IMAP_SECTION_ALL, /* the part, or without numbers the message */
    IMAP_SECTION_HEADER,
    IMAP_SECTION_FIELDS,
    IMAP_SECTION_FIELDS_NOT,
    IMAP_SECTION_TEXT,
    IMAP_SECTION_MIME
};

/* How the client asked for a section, which is how the answer is called. */
enum imap_section_form {
    IMAP_FORM_BODY,
    IMAP_FORM_BINARY,      /* decoded */
    IMAP_FORM_BINARY_SIZE, /* only the number of decoded octets */
    IMAP_FORM_RFC822,
    IMAP_FORM_RFC822_HEADER,
    IMAP_FORM_RFC822_TEXT
};

struct imap_section {
    enum imap_section_form form;
    enum imap_section_kind kind;
    bool is_peek; /* \Seen is not set */
    uint32_t parts[IMAP_SECTION_PARTS_MAX];
    size_t n_parts;
    str *fields; /* as sent; of FIELDS and FIELDS_NOT */
    size_t n_fields;
    bool has_partial;
    uint32_t partial_from;  /* octets */
    uint32_t partial_count; /* octets, at least 1 */
};

struct imap_fetch_args {
    struct imap_sequence set; /* not resolved */
    unsigned items;           /* IMAP_FETCH_* */
    struct imap_section *sections;
    size_t n_sections;
    bool has_changedsince;
    uint64_t changedsince;
    bool vanished; /* the VANISHED modifier (RFC 7162 section 3.2.6) */
    bool has_partial;
    struct imap_partial partial; /* only these of the messages (RFC 9394 section 3.3) */
};

/* Reads everything behind "FETCH", in the lexer's arena. ERR_SYNTAX, ERR_LIMIT, and ERR_UNSUPPORTED
 * for an attribute or modifier that is not offered. */
bool imap_fetch_parse(struct imap_lexer *l, struct imap_fetch_args *out, struct err *e);
/* Reads only the attributes, "(UID FLAGS)" or one of them, into *out, which must be zeroed. The
 * same errors. */
bool imap_fetch_items_parse(struct imap_lexer *l, struct imap_fetch_args *out, struct err *e);

/* Reads a section without brackets, "1.2.HEADER.FIELDS (To)", as a peek of BODY; empty is the whole
 * message. In arena. ERR_SYNTAX, ERR_LIMIT. */
bool imap_section_parse(struct arena *a, str text, struct imap_section *out, struct err *e);

/* Writes the name under which a section is answered: "BODY[1.HEADER.FIELDS (To)]<0>". Field names
 * are astrings as they were sent. False when `out` is full. */
bool imap_section_format(struct buf *out, const struct imap_section *section);

#endif
