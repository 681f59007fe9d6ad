/* SPDX-License-Identifier: Apache-2.0 */
/* The framing of DATA (RFC 5321 4.5.2): dot-stuffing in both directions and the end of the message;
 * and the octets of BDAT (RFC 3030), whose end is told beforehand. Pure and incremental: any split
 * of the input gives the same result. Not for size limits of a session, and not for the content of
 * a message.
 *
 * Only CRLF.CRLF ends a message (RFC 5321 4.1.1.4, 2.3.8). A bare CR, a bare LF or a NUL is a
 * fault: from then on nothing is kept, and the decoder only looks for the real end, so that what
 * was meant to be smuggled is never taken for commands (ATTACKS S1). */
#ifndef WIRE_SMTP_DATA_H
#define WIRE_SMTP_DATA_H

#include "base/base.h"

enum {
    SMTP_LINE_LIMIT = 998,         /* octets of a text line without CRLF, RFC 5321 4.5.3.1.6 */
    SMTP_LINE_STORED_MAX = 1048576 /* octets of the longest line we store */
};

enum smtp_data_fault {
    SMTP_DATA_CLEAN,
    SMTP_DATA_BARE_CR,
    SMTP_DATA_BARE_LF,
    SMTP_DATA_NUL
};

/* ---- from the wire ---- */

/* Fields below "private" are for the decoder alone; the others may be read at any time. */
struct smtp_data_decoder {
    bool done;                  /* the end was seen */
    bool overflow;              /* content did not fit into `out`; it was counted, not kept */
    enum smtp_data_fault fault; /* the first one */
    uint64_t fault_at;          /* its offset in the octets of the wire, 0-based */
    uint64_t wire;              /* octets consumed, with stuffing and end */
    uint64_t content;           /* octets of content, also those that were not kept */
    uint64_t longest_line;      /* octets without CRLF, the current line included */
    uint64_t long_lines;        /* lines of more than SMTP_LINE_LIMIT */
    bool eight_bit;             /* an octet above 127 was kept */
    int state;                  /* private */
    uint64_t line;              /* private: octets in the current line */
};

/* At the start of a message. */
void smtp_data_decoder_init(struct smtp_data_decoder *d);

/* Decodes `in` up to its end or the end of the message, and appends the content to `out` (which may
 * be NULL: count only). Gives the number of octets consumed: less than in.n only when d->done; the
 * rest are commands. When out's maximum would be passed nothing more is kept. */
size_t smtp_data_decode(struct smtp_data_decoder *d, str in, struct buf *out);

/* The same for octets that came by BDAT: all of them are content, and dots mean nothing (RFC 3030
 * section 2). With `is_binary` (BODY=BINARYMIME, section 3) bare line ends and NUL are no faults.
 */
void smtp_chunk_decode(struct smtp_data_decoder *d, str in, bool is_binary, struct buf *out);
/* After the last chunk. Text gets the line end that its last line may lack; a CR there is bare. */
void smtp_chunk_end(struct smtp_data_decoder *d, bool is_binary, struct buf *out);

/* ---- to the wire ---- */

/* Stuffs dots and repairs what may never leave (R20): a bare CR or LF becomes CRLF, a NUL is left
 * out, and a line of more than SMTP_LINE_LIMIT octets is broken by CRLF SPACE. */
struct smtp_data_encoder {
    uint64_t repairs; /* how often something was repaired */
    size_t line;      /* private: octets in the current line */
    bool after_cr;    /* private */
};

/* At the start of a message. */
void smtp_data_encoder_init(struct smtp_data_encoder *c);
/* Appends the encoded form of `in`. False when `out` is full: then some of `in` may be in it, and
 * the message must be given up. At most 2 * (in.n + 1) + 3 * (in.n / 998 + 1) octets are appended.
 */
bool smtp_data_encode(struct smtp_data_encoder *c, str in, struct buf *out);
/* Ends the last line when it has no end, and appends the end of the message. */
bool smtp_data_encode_end(struct smtp_data_encoder *c, struct buf *out);

/* The first fault of a whole message that is not in wire form, with its 0-based offset in *at: what
 * the encoder would have to repair. Lines that are too long are no fault. */
enum smtp_data_fault smtp_data_check(str message, size_t *at);

/* "bare CR", "bare LF", "NUL": static. */
const char *smtp_data_fault_name(enum smtp_data_fault fault);

#endif
