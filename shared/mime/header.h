/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields as raw slices of a message (RFC 5322 section 2.2), and changes to a raw header.
 * Not for the meaning of a field: that is in address.h, date.h, content_type.h ... */
#ifndef MIME_HEADER_H
#define MIME_HEADER_H

#include "base/base.h"
#include "mime/limits.h"

struct mime_field {
    str name;      /* raw, as written, without the colon; empty for a line that has no colon */
    str body;      /* raw, between the colon and the last line end, folds included; never NULL */
    str raw;       /* the whole field with its last line end */
    size_t offset; /* of `raw` in what was parsed, bytes */
};

struct mime_header {
    const struct mime_field *fields; /* in the order of the message */
    size_t n;                        /* at most MIME_MAX_FIELDS */
    str raw;                         /* all field lines, the empty line not included */
    size_t body_offset;              /* behind the empty line; the end when there is none */
    bool cut;                        /* fields past a limit are not listed */
};

/* Lists the fields at the start of a message. Lines end with CRLF or a bare LF. The header ends at
 * the first empty line, or at the end of `message`. Continuation lines before the first field, and
 * lines without a colon (an mbox "From " line), are listed with an empty name, so that the raw
 * slices of an uncut list are the header byte for byte. In arena. */
void mime_header_parse(struct arena *a, str message, struct mime_header *out);

/* The same without an array, for headers of which only a few fields matter. */
struct mime_field_iter {
    str rest;      /* private */
    size_t offset; /* private */
};
/* Begins at the start of a message or of a header. */
void mime_field_iter_init(struct mime_field_iter *it, str message);
/* Gives the next field; false at the end of the header. No limit applies but the input's length. */
bool mime_field_iter_next(struct mime_field_iter *it, struct mime_field *out);

/* How many fields of a message or header are called `name` (any case), counted up to `max`,
 * wherever they are; *first is the first of them. Costs a small part of what an iteration does. */
size_t mime_field_count(str message, str name, size_t max, struct mime_field *first);

/* Offset of the body: behind the empty line that ends the header, or message.n without one.
 * Without a limit on the size of the header. */
size_t mime_header_end(str message);

/* Whether the first line continues a field that is not there: fields put in front of it would take
 * it up. */
bool mime_header_begins_torn(str message);

/* The first field called `name` (any case) at index `from` or later; NULL when there is none. */
const struct mime_field *mime_header_find(const struct mime_header *h, str name, size_t from);
/* How many fields are called `name`. */
size_t mime_header_count(const struct mime_header *h, str name);
/* Index of a field that mime_header_find gave, to continue behind it. */
size_t mime_header_index(const struct mime_header *h, const struct mime_field *field);

/* A field body on one line: line ends removed, other control bytes as spaces, trimmed at both
 * ends, cut at MIME_MAX_FIELD_BYTES. Bytes above 127 stay as they are. In arena. */
str mime_field_unfold(struct arena *a, str body);

/* Appends the fields that are (or, with `invert`, are not) called one of `names`, raw and in order,
 * and an empty line: the answer to IMAP HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 section
 * 6.4.5). False when `out` is full. */
bool mime_header_pick(str header, const str *names, size_t n, bool invert, struct buf *out);

/* A change to the header of a raw message. */
struct mime_header_edit {
    const str *remove; /* names of fields to take out, all of each name; any case */
    size_t n_remove;
    str prepend; /* whole fields with line ends, before the first field: trace fields */
    str append;  /* whole fields with line ends, before the empty line: Date, Message-ID */
};
/* Appends the changed message to `out`; all bytes that the edit does not name stay the same. When
 * the header has no end, an empty line is added if anything is appended. ERR_LIMIT when `out` is
 * full. */
bool mime_header_apply(str message, const struct mime_header_edit *edit, struct buf *out,
                       struct err *e);
/* The two common edits: `fields` put before the empty line; all fields called `name` taken out. */
bool mime_header_insert(str message, str fields, struct buf *out, struct err *e);
bool mime_header_remove(str message, str name, struct buf *out, struct err *e);

#endif
