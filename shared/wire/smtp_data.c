/* SPDX-License-Identifier: Apache-2.0 */
/* The framing of DATA: a state machine for the few octets around line ends, and memchr for the
 * rest. Not for size limits of a session, and not for the content of a message. */
#include "wire/smtp_data.h"

#include "base/utf8.h"

/* Where the decoder stands. What a line end or dot means depends on nothing else. */
enum {
    AT_LINE_START,    /* after CRLF, or at the very start */
    AFTER_DOT,        /* the line is "." so far: stuffing, or the end */
    AFTER_DOT_CR,     /* the line is ".\r" so far */
    IN_LINE,          /* somewhere in a line */
    AFTER_CR,         /* after a CR in a line */
    SEEKING,          /* a fault happened: nothing matters but the end */
    SEEKING_CR,       /* "\r" */
    SEEKING_CRLF,     /* "\r\n" */
    SEEKING_CRLF_DOT, /* "\r\n." */
    SEEKING_LAST_CR   /* "\r\n.\r" */
};

void smtp_data_decoder_init(struct smtp_data_decoder *d)
{
    *d = (struct smtp_data_decoder){ .state = AT_LINE_START };
}

static void keep(struct smtp_data_decoder *d, str s, struct buf *out)
{
    d->content += s.n;
    if (!out || d->overflow)
        return;
    if (!buf_add(out, s)) {
        d->overflow = true;
        return;
    }
    if (!d->eight_bit)
        d->eight_bit = !utf8_is_ascii(s);
}

static void end_line(struct smtp_data_decoder *d)
{
    if (d->line > SMTP_LINE_LIMIT)
        d->long_lines++;
    d->line = 0;
}

static void set_fault(struct smtp_data_decoder *d, enum smtp_data_fault fault, uint64_t at)
{
    d->fault = fault;
    d->fault_at = at;
    d->state = SEEKING;
}

/* How many octets from the start of s are neither CR, LF nor NUL. Each memchr is bounded by the hit
 * of the one before, so the work is linear in lines that end in CRLF; a line that does not is a
 * fault, after which this is not called again. */
static size_t plain_span(str s)
{
    const char *hit = memchr(s.p, '\r', s.n);
    size_t n = hit ? (size_t)(hit - s.p) : s.n;
    hit = memchr(s.p, '\n', n);
    if (hit)
        n = (size_t)(hit - s.p);
    hit = memchr(s.p, '\0', n);
    return hit ? (size_t)(hit - s.p) : n;
}

/* An octet inside a line, not following a CR. `at` is its offset in the wire. */
static void take_special(struct smtp_data_decoder *d, char c, uint64_t at)
{
    if (c == '\r') {
        d->state = AFTER_CR;
    } else {
        set_fault(d, c == '\n' ? SMTP_DATA_BARE_LF : SMTP_DATA_NUL, at);
    }
}

/* A run of a line; gives the octets consumed, at least one. */
static size_t take_line(struct smtp_data_decoder *d, str s, struct buf *out)
{
    size_t n = plain_span(s);
    if (n > 0) {
        keep(d, str_of(s.p, n), out);
        d->line += n;
        if (d->line > d->longest_line)
            d->longest_line = d->line;
        d->state = IN_LINE;
    }
    if (n == s.n)
        return n;
    take_special(d, s.p[n], d->wire + n);
    return n + 1;
}

/* The states of one octet at a line end. */
static size_t take_octet(struct smtp_data_decoder *d, char c, struct buf *out)
{
    if (d->state == AFTER_CR) {
        if (c != '\n') {
            set_fault(d, SMTP_DATA_BARE_CR, d->wire - 1);
            return 0;
        }
        keep(d, STR("\r\n"), out);
        end_line(d);
        d->state = AT_LINE_START;
        return 1;
    }
    if (d->state == AFTER_DOT_CR) {
        d->done = c == '\n';
        if (!d->done)
            set_fault(d, SMTP_DATA_BARE_CR, d->wire - 1);
        return d->done ? 1 : 0;
    }
    /* AFTER_DOT: the dot was stuffing unless the line ends here. */
    if (c != '\r') {
        d->state = IN_LINE;
        return 0;
    }
    d->state = AFTER_DOT_CR;
    return 1;
}

/* After a fault: only CRLF.CRLF counts. */
static size_t seek_end(struct smtp_data_decoder *d, str s)
{
    if (d->state == SEEKING) {
        const char *cr = memchr(s.p, '\r', s.n);
        if (!cr)
            return s.n;
        d->state = SEEKING_CR;
        return (size_t)(cr - s.p) + 1;
    }
    static const char wanted[] = { '\n', '.', '\r', '\n' };
    char c = s.p[0];
    if (c == wanted[d->state - SEEKING_CR]) {
        d->done = d->state == SEEKING_LAST_CR;
        d->state++;
    } else {
        d->state = c == '\r' ? SEEKING_CR : SEEKING;
    }
    return 1;
}

/* Where the search for the end goes on after a fault: the octets before the fault may be its
 * beginning. A bare CR is itself followed by an octet that is looked at again; a bare LF or NUL
 * begins nothing. */
static void start_seeking(struct smtp_data_decoder *d)
{
    if (d->fault == SMTP_DATA_BARE_CR)
        d->state = SEEKING_CR;
}

size_t smtp_data_decode(struct smtp_data_decoder *d, str in, struct buf *out)
{
    uint64_t start = d->wire;
    size_t used = 0;
    while (!d->done && used < in.n) {
        str rest = str_skip(in, used);
        bool was_clean = d->fault == SMTP_DATA_CLEAN;
        size_t n;
        if (!was_clean) {
            n = seek_end(d, rest);
        } else if (d->state == AT_LINE_START && rest.p[0] == '.') {
            d->state = AFTER_DOT;
            n = 1;
        } else if (d->state == AT_LINE_START || d->state == IN_LINE) {
            n = take_line(d, rest, out);
        } else {
            n = take_octet(d, rest.p[0], out);
        }
        if (was_clean && d->fault != SMTP_DATA_CLEAN)
            start_seeking(d);
        used += n;
        d->wire = start + used;
    }
    return used;
}

/* ---- from BDAT ---- */

/* Binary content: only the length of its lines is of interest. */
static void decode_binary(struct smtp_data_decoder *d, str in, struct buf *out)
{
    keep(d, in, out);
    bool more = true;
    while (more) {
        str line;
        more = str_cut(in, '\n', &line, &in);
        d->line += line.n;
        if (d->line > d->longest_line)
            d->longest_line = d->line;
        if (more)
            end_line(d);
    }
}

void smtp_chunk_decode(struct smtp_data_decoder *d, str in, bool is_binary, struct buf *out)
{
    uint64_t start = d->wire;
    size_t used = 0;
    if (is_binary)
        decode_binary(d, in, out);
    while (!is_binary && used < in.n && d->fault == SMTP_DATA_CLEAN) {
        str rest = str_skip(in, used);
        used += d->state == AFTER_CR ? take_octet(d, rest.p[0], out) : take_line(d, rest, out);
        d->wire = start + used;
    }
    d->wire = start + in.n;
}

void smtp_chunk_end(struct smtp_data_decoder *d, bool is_binary, struct buf *out)
{
    if (is_binary || d->fault != SMTP_DATA_CLEAN)
        return;
    if (d->state == AFTER_CR) {
        set_fault(d, SMTP_DATA_BARE_CR, d->wire - 1);
    } else if (d->state == IN_LINE) {
        keep(d, STR("\r\n"), out);
        end_line(d);
    }
}

/* ---- to the wire ---- */

void smtp_data_encoder_init(struct smtp_data_encoder *c)
{
    *c = (struct smtp_data_encoder){ 0 };
}

static bool encode_line_end(struct smtp_data_encoder *c, struct buf *out)
{
    c->line = 0;
    return buf_add(out, STR("\r\n"));
}

/* Octets of one line, none of them CR, LF or NUL. */
static bool encode_plain(struct smtp_data_encoder *c, str s, struct buf *out)
{
    while (s.n > 0) {
        if (c->line == SMTP_LINE_LIMIT) {
            c->repairs++;
            if (!encode_line_end(c, out) || !buf_add(out, STR(" ")))
                return false;
            c->line = 1;
        }
        if (c->line == 0 && s.p[0] == '.' && !buf_add_byte(out, '.'))
            return false;
        str piece = str_slice(s, 0, SMTP_LINE_LIMIT - c->line);
        if (!buf_add(out, piece))
            return false;
        c->line += piece.n;
        s = str_skip(s, piece.n);
    }
    return true;
}

/* A CR, LF or NUL. A CR is held back until the next octet tells whether it is bare. */
static bool encode_special(struct smtp_data_encoder *c, char octet, struct buf *out)
{
    if (octet == '\0') {
        c->repairs++;
        return true;
    }
    if (octet == '\r') {
        c->after_cr = true;
        return true;
    }
    c->repairs++;
    return encode_line_end(c, out);
}

bool smtp_data_encode(struct smtp_data_encoder *c, str in, struct buf *out)
{
    while (in.n > 0) {
        if (c->after_cr) {
            c->after_cr = false;
            bool is_crlf = in.p[0] == '\n';
            c->repairs += is_crlf ? 0 : 1;
            if (!encode_line_end(c, out))
                return false;
            in = str_skip(in, is_crlf ? 1 : 0);
            continue;
        }
        size_t n = plain_span(in);
        if (!encode_plain(c, str_of(in.p, n), out))
            return false;
        if (n < in.n && !encode_special(c, in.p[n++], out))
            return false;
        in = str_skip(in, n);
    }
    return true;
}

bool smtp_data_encode_end(struct smtp_data_encoder *c, struct buf *out)
{
    if (c->after_cr || c->line > 0) {
        c->repairs += c->after_cr ? 1 : 0;
        c->after_cr = false;
        if (!encode_line_end(c, out))
            return false;
    }
    return buf_add(out, STR(".\r\n"));
}

enum smtp_data_fault smtp_data_check(str message, size_t *at)
{
    size_t i = 0;
    while (i < message.n) {
        i += plain_span(str_skip(message, i));
        if (i == message.n)
            break;
        *at = i;
        if (message.p[i] == '\0')
            return SMTP_DATA_NUL;
        if (message.p[i] == '\n')
            return SMTP_DATA_BARE_LF;
        if (i + 1 == message.n || message.p[i + 1] != '\n')
            return SMTP_DATA_BARE_CR;
        i += 2;
    }
    return SMTP_DATA_CLEAN;
}

const char *smtp_data_fault_name(enum smtp_data_fault fault)
{
    switch (fault) {
    case SMTP_DATA_BARE_CR:
        return "bare CR";
    case SMTP_DATA_BARE_LF:
        return "bare LF";
    case SMTP_DATA_NUL:
        return "NUL";
    case SMTP_DATA_CLEAN:
        break;
    }
    return "none";
}
