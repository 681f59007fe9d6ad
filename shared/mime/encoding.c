/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders as small state machines, so that a body may be cut at any byte; and encoders. */
#include "mime/encoding.h"

static const struct encoding_name {
    str name;
    enum mime_encoding encoding;
} encoding_names[] = {
    { STR_INIT("7bit"), MIME_ENCODING_7BIT },
    { STR_INIT("8bit"), MIME_ENCODING_8BIT },
    { STR_INIT("binary"), MIME_ENCODING_BINARY },
    { STR_INIT("quoted-printable"), MIME_ENCODING_QUOTED_PRINTABLE },
    { STR_INIT("base64"), MIME_ENCODING_BASE64 },
    { STR_INIT("x-uuencode"), MIME_ENCODING_UUENCODE },
    { STR_INIT("uuencode"), MIME_ENCODING_UUENCODE },
    { STR_INIT("x-uue"), MIME_ENCODING_UUENCODE },
    { STR_INIT("uue"), MIME_ENCODING_UUENCODE },
};

/* The first word of a field body; a comment before it is skipped. */
static str first_word(str body)
{
    size_t i = 0;
    unsigned depth = 0;
    for (; i < body.n; i++) {
        char c = body.p[i];
        if (c == '(') {
            depth++;
        } else if (c == ')' && depth) {
            depth--;
        } else if (depth == 0 && (unsigned char)c > ' ' && c != '"') {
            break;
        }
    }
    size_t start = i;
    while (i < body.n && (unsigned char)body.p[i] > ' ' &&
           str_find_byte(STR("();\""), body.p[i]) < 0)
        i++;
    return str_slice(body, start, i - start);
}

enum mime_encoding mime_encoding_parse(str body)
{
    str word = first_word(str_slice(body, 0, 1000));
    if (word.n == 0)
        return MIME_ENCODING_7BIT;
    for (size_t i = 0; i < COUNT_OF(encoding_names); i++) {
        if (str_ieq(word, encoding_names[i].name))
            return encoding_names[i].encoding;
    }
    return MIME_ENCODING_UNKNOWN;
}

str mime_encoding_name(enum mime_encoding encoding)
{
    for (size_t i = 0; i < COUNT_OF(encoding_names); i++) {
        if (encoding_names[i].encoding == encoding)
            return encoding_names[i].name;
    }
    return STR("binary");
}

void mime_decoder_init(struct mime_decoder *d, enum mime_encoding encoding)
{
    *d = (struct mime_decoder){ .encoding = encoding };
}

enum {
    BASE64_NO_DIGIT = 64,
    BASE64_GROUPS = 64 /* groups of four digits that are decoded at once */
};

/* Values of the digits (RFC 4648 section 4). */
static const uint8_t base64_digits[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64, 64, 0,  1,  2,  3,  4,  5,  6,
    7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
};

/* The whole bytes among the gathered digits. */
static bool base64_flush(struct mime_decoder *d, struct buf *out)
{
    bool fits = true;
    if (d->count >= 2)
        fits = buf_add_byte(out, (char)(d->bits >> (6 * d->count - 8) & 0xff));
    if (d->count == 3)
        fits = fits && buf_add_byte(out, (char)(d->bits >> 2 & 0xff));
    d->damaged = d->damaged || d->count == 1;
    d->bits = 0;
    d->count = 0;
    return fits;
}

/* Padding ends a quantum. What follows is decoded too: concatenated base64 is found in the wild. */
static bool base64_byte(struct mime_decoder *d, char c, struct buf *out)
{
    uint8_t digit = base64_digits[(unsigned char)c];
    if (c == '=')
        return base64_flush(d, out);
    if (digit == BASE64_NO_DIGIT) {
        d->damaged = d->damaged || str_find_byte(STR(" \t\r\n"), c) < 0;
        return true;
    }
    d->bits = d->bits << 6 | digit;
    if (++d->count < 4)
        return true;
    char three[3] = { (char)(d->bits >> 16 & 0xff), (char)(d->bits >> 8 & 0xff),
                      (char)(d->bits & 0xff) };
    d->bits = 0;
    d->count = 0;
    return buf_add(out, str_of(three, 3));
}

/* Decodes whole groups of digits up to the first other byte: nearly all of a usual body. Gives how
 * many bytes of the input that were; 0 when what they make does not fit in `out`. */
static size_t base64_groups(str in, struct buf *out)
{
    unsigned char bytes[3 * BASE64_GROUPS];
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n = 0;
    while (n < BASE64_GROUPS && in.n >= 4 * (n + 1)) {
        const unsigned char *four = p + 4 * n;
        uint32_t a = base64_digits[four[0]];
        uint32_t b = base64_digits[four[1]];
        uint32_t c = base64_digits[four[2]];
        uint32_t d = base64_digits[four[3]];
        if ((a | b | c | d) & BASE64_NO_DIGIT)
            break;
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        bytes[3 * n] = (unsigned char)(bits >> 16);
        bytes[3 * n + 1] = (unsigned char)(bits >> 8);
        bytes[3 * n + 2] = (unsigned char)bits;
        n++;
    }
    return buf_add(out, str_of((const char *)bytes, 3 * n)) ? 4 * n : 0;
}

static bool base64_update(struct mime_decoder *d, str piece, struct buf *out)
{
    while (piece.n > 0) {
        size_t n = d->count == 0 ? base64_groups(piece, out) : 0;
        if (n == 0) {
            if (!base64_byte(d, piece.p[0], out))
                return false;
            n = 1;
        }
        piece = str_of(piece.p + n, piece.n - n);
    }
    return true;
}

static int hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool qp_release(struct mime_decoder *d, struct buf *out)
{
    bool fits = buf_add(out, str_of(d->held, d->n_held));
    d->n_held = 0;
    return fits;
}

static bool qp_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Bytes behind a '=': an escape is complete with two, a soft break with its LF. What is neither
 * stays as it is (RFC 2045 section 6.7, the notes on robust implementations). */
static bool qp_escape(struct mime_decoder *d, char c, struct buf *out)
{
    bool soft = d->n_held == 1 || qp_is_blank(d->held[1]);
    if (soft && c == '\n') {
        d->n_held = 0;
        return true;
    }
    bool may_go_on = (soft && qp_is_blank(c)) || (d->n_held == 1 && hex_value(c) >= 0);
    if (may_go_on && d->n_held < sizeof(d->held)) {
        d->held[d->n_held++] = c;
        return true;
    }
    if (d->n_held == 2 && !soft && hex_value(c) >= 0) {
        char byte = (char)((unsigned)hex_value(d->held[1]) << 4 | (unsigned)hex_value(c));
        d->n_held = 0;
        return buf_add_byte(out, byte);
    }
    d->damaged = true;
    return qp_release(d, out) && mime_decoder_update(d, str_of(&c, 1), out);
}

/* White space at the end of a line was added in transit and goes; so it is held until the next
 * byte. More than fits is not held back: no line is that long. */
static bool qp_byte(struct mime_decoder *d, char c, struct buf *out)
{
    if (d->n_held && d->held[0] == '=')
        return qp_escape(d, c, out);
    if (c == '\n' && d->n_held) {
        bool crlf = d->held[d->n_held - 1] == '\r';
        d->n_held = 0;
        return buf_add(out, crlf ? STR("\r\n") : STR("\n"));
    }
    if (!qp_is_blank(c) || d->n_held == sizeof(d->held)) {
        if (!qp_release(d, out))
            return false;
    }
    if (c == '=' || qp_is_blank(c)) {
        d->held[d->n_held++] = c;
        return true;
    }
    return buf_add_byte(out, c);
}

enum uu_state {
    UU_LINE_START, /* n_held bytes of it are held, to know "begin" and "end" */
    UU_DATA,
    UU_SKIP /* to the end of the line */
};

static bool uu_starts_data(struct mime_decoder *d)
{
    str line = str_of(d->held, d->n_held);
    if (str_has_prefix(line, STR("end"))) {
        d->ended = true;
        return false;
    }
    return !str_has_prefix(line, STR("beg"));
}

static bool uu_digit(struct mime_decoder *d, char c, struct buf *out)
{
    if (c < ' ' || c > '`') {
        d->damaged = true;
        return true;
    }
    d->bits = d->bits << 6 | (uint32_t)((c - ' ') & 63);
    if (++d->count < 4)
        return true;
    char three[3] = { (char)(d->bits >> 16 & 0xff), (char)(d->bits >> 8 & 0xff),
                      (char)(d->bits & 0xff) };
    size_t n = d->uu_left < 3 ? d->uu_left : 3;
    d->uu_left -= (unsigned)n;
    d->bits = 0;
    d->count = 0;
    if (d->uu_left == 0)
        d->uu_state = UU_SKIP;
    return buf_add(out, str_of(three, n));
}

/* Three bytes of a line tell "begin" and "end" from data: no data line of a count above 29 is
 * shorter, and 'b' and 'e' are no counts. */
static bool uu_line_end(struct mime_decoder *d)
{
    d->uu_state = UU_LINE_START;
    d->n_held = 0;
    d->count = 0;
    d->bits = 0;
    return true;
}

static bool uu_held_data(struct mime_decoder *d, struct buf *out)
{
    d->uu_state = UU_SKIP;
    if (!uu_starts_data(d) || d->held[0] < ' ' || d->held[0] > '`')
        return true;
    d->uu_left = (unsigned)(d->held[0] - ' ') & 63;
    if (d->uu_left)
        d->uu_state = UU_DATA;
    for (size_t i = 1; i < d->n_held && d->uu_state == UU_DATA; i++) {
        if (!uu_digit(d, d->held[i], out))
            return false;
    }
    return true;
}

static bool uu_byte(struct mime_decoder *d, char c, struct buf *out)
{
    if (c == '\n')
        return uu_line_end(d);
    if (d->ended || c == '\r' || d->uu_state == UU_SKIP)
        return true;
    if (d->uu_state == UU_DATA)
        return uu_digit(d, c, out);
    d->held[d->n_held++] = c;
    return d->n_held < 3 || uu_held_data(d, out);
}

bool mime_decoder_update(struct mime_decoder *d, str piece, struct buf *out)
{
    bool (*byte)(struct mime_decoder *, char, struct buf *) = NULL;
    switch (d->encoding) {
    case MIME_ENCODING_BASE64:
        return base64_update(d, piece, out);
    case MIME_ENCODING_QUOTED_PRINTABLE:
        byte = qp_byte;
        break;
    case MIME_ENCODING_UUENCODE:
        byte = uu_byte;
        break;
    case MIME_ENCODING_7BIT:
    case MIME_ENCODING_8BIT:
    case MIME_ENCODING_BINARY:
    case MIME_ENCODING_UNKNOWN:
        return buf_add(out, piece);
    }
    for (size_t i = 0; i < piece.n; i++) {
        if (!byte(d, piece.p[i], out))
            return false;
    }
    return true;
}

/* White space held at the very end of quoted-printable text ends a line too, so it goes; a lone
 * '=' there is a soft break that lost its line end. */
bool mime_decoder_finish(struct mime_decoder *d, struct buf *out)
{
    bool fits = true;
    if (d->encoding == MIME_ENCODING_BASE64) {
        fits = base64_flush(d, out);
    } else if (d->encoding == MIME_ENCODING_QUOTED_PRINTABLE && d->n_held == 2 &&
               !qp_is_blank(d->held[1])) {
        fits = qp_release(d, out);
    }
    d->n_held = 0;
    return fits;
}

str mime_decode(struct arena *a, enum mime_encoding encoding, str body, size_t max)
{
    if (encoding != MIME_ENCODING_BASE64 && encoding != MIME_ENCODING_QUOTED_PRINTABLE &&
        encoding != MIME_ENCODING_UUENCODE)
        return str_slice(body, 0, max);
    struct mime_decoder d;
    struct buf out;
    /* Never longer than the input and a few octets; `max` may be SIZE_MAX. */
    buf_init(&out, max < body.n + sizeof(d.held) ? max : body.n + sizeof(d.held));
    mime_decoder_init(&d, encoding);
    if (mime_decoder_update(&d, body, &out))
        (void)mime_decoder_finish(&d, &out);
    str decoded = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return decoded;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool add_quantum(str three, struct buf *out)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; i++)
        bits = bits << 8 | (i < three.n ? (unsigned char)three.p[i] : 0U);
    char four[4];
    for (size_t i = 0; i < 4; i++)
        four[i] = (char)(i <= three.n ? base64_alphabet[bits >> (18 - 6 * i) & 63] : '=');
    return buf_add(out, str_of(four, 4));
}

bool mime_encode_base64_line(str data, struct buf *out)
{
    for (size_t i = 0; i < data.n; i += 3) {
        if (!add_quantum(str_slice(data, i, 3), out))
            return false;
    }
    return true;
}

bool mime_encode_base64(str data, struct buf *out)
{
    enum {
        BYTES_A_LINE = 57
    };
    for (size_t i = 0; i < data.n; i += BYTES_A_LINE) {
        if (!mime_encode_base64_line(str_slice(data, i, BYTES_A_LINE), out) ||
            !buf_add(out, STR("\r\n")))
            return false;
    }
    return true;
}

enum {
    QP_LINE = 75 /* and the '=' of a soft break makes 76 */
};

static bool qp_put(str bytes, size_t *column, struct buf *out)
{
    if (*column + bytes.n > QP_LINE) {
        if (!buf_add(out, STR("=\r\n")))
            return false;
        *column = 0;
    }
    *column += bytes.n;
    return buf_add(out, bytes);
}

/* A dot that begins a line is escaped: some relays mishandle dot-stuffing. */
static bool qp_is_literal(str text, size_t i, size_t column)
{
    unsigned char c = (unsigned char)text.p[i];
    bool at_end = i + 1 == text.n || text.p[i + 1] == '\n' || text.p[i + 1] == '\r';
    if (c == ' ' || c == '\t')
        return !at_end;
    return c > ' ' && c < 127 && c != '=' && !(c == '.' && column == 0);
}

bool mime_encode_quoted_printable(str text, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t column = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool crlf = c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n';
        if (crlf)
            continue;
        char escape[3] = { '=', hex[c >> 4], hex[c & 15] };
        bool fits;
        if (c == '\n') {
            column = 0;
            fits = buf_add(out, STR("\r\n"));
        } else if (qp_is_literal(text, i, column)) {
            fits = qp_put(str_slice(text, i, 1), &column, out);
        } else {
            fits = qp_put(str_of(escape, 3), &column, out);
        }
        if (!fits)
            return false;
    }
    return true;
}
