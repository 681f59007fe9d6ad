/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of parts of a message (RFC 2046), with byte ranges into the message. Found by one pass
 * over its lines without recursion. Bodies are not decoded (encoding.h, text.h do that). */
#ifndef MIME_STRUCTURE_H
#define MIME_STRUCTURE_H

#include "base/base.h"
#include "mime/content_type.h"
#include "mime/encoding.h"
#include "mime/limits.h"

enum mime_part_kind {
    MIME_PART_LEAF,      /* no children: also everything that is opaque */
    MIME_PART_MULTIPART, /* at least one child */
    MIME_PART_MESSAGE    /* message/rfc822 with exactly one child: the message inside */
};

struct mime_part {
    enum mime_part_kind kind;
    struct mime_part *parent;      /* NULL for the message itself */
    struct mime_part *first_child; /* of a MULTIPART or MESSAGE */
    struct mime_part *last_child;
    struct mime_part *next; /* next sibling */
    unsigned depth;         /* 0 for the message itself */
    size_t header_start;    /* offsets in the message, bytes */
    size_t body_start;      /* behind the empty line: the header is [header_start, body_start) */
    size_t body_end;        /* before the line end that belongs to the next delimiter */
    size_t lines;           /* line ends in the body */
    str type;               /* effective type, lower case: what BODYSTRUCTURE says */
    str subtype;            /* effective subtype, lower case */
    struct mime_content_type content_type; /* as written; empty type when absent or unusable */
    struct mime_content_type disposition;  /* empty type when absent */
    enum mime_encoding encoding;
    str encoding_text; /* as written, unfolded; empty when absent */
    str id; /* Content-ID, Content-Description ...: raw bytes, unfolded; empty = absent */
    str description;
    str md5;
    str language; /* as written: words between commas */
    str location;
};

struct mime_structure {
    str message; /* borrowed: what the offsets point into */
    struct mime_part *root;
    size_t n_parts;
    size_t steps; /* lines looked at plus boundaries compared: the measured work */
    bool cut;     /* a limit was reached; what lies past it is inside an opaque leaf */
};

/* Finds the parts. The effective type of a part without a usable Content-Type is text/plain, or
 * message/rfc822 inside multipart/digest. A multipart without a boundary or without any part is a
 * text/plain leaf; a part past MIME_MAX_DEPTH, and a message/rfc822 that is base64 or
 * quoted-printable (RFC 2046 section 5.2.1 forbids it), is an application/octet-stream leaf. A
 * delimiter line is the boundary and nothing but white space, else the longest open boundary that
 * the line begins with (RFC 2046 section 5.1.1). In arena; keeps `message`. */
struct mime_structure *mime_structure_parse(struct arena *a, str message);

/* The part of an IMAP section number ("1.2" is {1, 2}; none is the message itself): NULL when the
 * message has no such part. Numbers are 1-based; a message that is no multipart has a part 1, its
 * body; numbers go through message/rfc822 into the message inside (RFC 3501 section 6.4.5). */
const struct mime_part *mime_structure_find(const struct mime_structure *s, const uint32_t *path,
                                            size_t n);
/* The number by which mime_structure_find finds a part: "1.2"; empty for the message itself, "1"
 * for the body of one that is no multipart. In arena. */
str mime_structure_path(const struct mime_part *part, struct arena *a);

enum mime_section {
    MIME_SECTION_BODY,   /* BODY[1.2]; without a path: the whole message */
    MIME_SECTION_HEADER, /* BODY[HEADER], BODY[1.HEADER]: of a message/rfc822 */
    MIME_SECTION_TEXT,   /* BODY[TEXT], BODY[1.TEXT]: of a message/rfc822 */
    MIME_SECTION_MIME    /* BODY[1.MIME] */
};
/* The bytes of a section, borrowed from the message. HEADER and MIME end with the empty line that
 * the message has. False when there is no such section: the answer is then NIL or empty. */
bool mime_structure_section(const struct mime_structure *s, const uint32_t *path, size_t n,
                            enum mime_section section, str *out);

/* Raw header (with its empty line) and raw body of a part. */
str mime_part_header(const struct mime_structure *s, const struct mime_part *part);
str mime_part_body(const struct mime_structure *s, const struct mime_part *part);
/* The body decoded, at most `max` bytes. In arena. */
str mime_part_decode(const struct mime_structure *s, const struct mime_part *part, struct arena *a,
                     size_t max);
/* The body of a text part decoded and as UTF-8, at most `max` bytes. In arena. */
str mime_part_text(const struct mime_structure *s, const struct mime_part *part, struct arena *a,
                   size_t max);
/* The name of the file: filename of the disposition, else name of the type; empty for none. */
str mime_part_filename(const struct mime_part *part);
/* True for what a reader would call an attachment: a leaf or message with disposition attachment,
 * or that has a file name, or that is neither text nor shown inside the text (no Content-ID in
 * multipart/related), signatures not counted. */
bool mime_part_is_attachment(const struct mime_part *part);

/* Depth-first walk in the order of the message; NULL behind the last. Start with `root`. */
const struct mime_part *mime_part_next(const struct mime_part *part);

#endif
