/* SPDX-License-Identifier: Apache-2.0 */
/* Doubled dots, and the top of a message. Pure. */
#include "wire/pop3_message.h"

#include "base/utf8.h"

#define ENDS_OF_WORDS " \t\r\n\"<>@,;:()[]\\"

enum {
    ENCODED_TEXT = 56 /* octets in one encoded word, so that it has at most 75 */
};

void pop3_stuffer_init(struct pop3_stuffer *s)
{
    memcpy(s->last, "\r\n", sizeof(s->last));
}

bool pop3_stuff(struct pop3_stuffer *s, str in, struct buf *out)
{
    while (in.n > 0) {
        if (s->last[1] == '\n' && in.p[0] == '.' && !buf_add_byte(out, '.'))
            return false;
        /* As far as the next line that begins with a dot, in one piece: most messages have none. */
        ptrdiff_t next = str_find(in, STR("\n."));
        size_t n = next < 0 ? in.n : (size_t)next + 1;
        if (!buf_add(out, str_slice(in, 0, n)))
            return false;
        s->last[0] = s->last[1];
        if (n > 1)
            s->last[0] = in.p[n - 2];
        s->last[1] = in.p[n - 1];
        in = str_skip(in, n);
    }
    return true;
}

bool pop3_stuff_end(const struct pop3_stuffer *s, struct buf *out)
{
    bool is_ended = s->last[0] == '\r' && s->last[1] == '\n';
    return buf_add(out, is_ended ? STR(".\r\n") : STR("\r\n.\r\n"));
}

void pop3_top_init(struct pop3_top *t, uint32_t lines)
{
    *t = (struct pop3_top){ .lines = lines };
}

/* Another line is complete; `is_empty`: nothing was in it. */
static void line_ended(struct pop3_top *t, bool is_empty)
{
    if (t->is_in_body && t->lines != POP3_ALL_LINES)
        t->lines--;
    t->is_in_body = t->is_in_body || is_empty;
    t->is_done = t->is_in_body && t->lines == 0;
    t->has_cr = false;
    t->has_more = false;
}

/* The next line, or what the piece has of it: its length. */
static size_t take_line(struct pop3_top *t, str rest)
{
    ptrdiff_t at = str_find_byte(rest, '\n');
    str text = at < 0 ? rest : str_slice(rest, 0, (size_t)at);
    if (text.n > 0) {
        t->has_more = t->has_more || t->has_cr || !str_eq(text, STR("\r"));
        t->has_cr = true;
    }
    if (at >= 0)
        line_ended(t, !t->has_more);
    return text.n + (at >= 0);
}

str pop3_top_next(struct pop3_top *t, str piece, size_t *header)
{
    size_t end = 0;
    *header = 0;
    while (end < piece.n && !t->is_done) {
        bool is_body = t->is_in_body;
        if (is_body && t->lines == POP3_ALL_LINES)
            return piece;
        end += take_line(t, str_skip(piece, end));
        if (!is_body)
            *header = end;
    }
    return str_slice(piece, 0, end);
}

/* ---- headers for clients without UTF8 ---- */

static size_t word_length(str in)
{
    size_t n = 0;
    while (n < in.n && str_find_byte(STR(ENDS_OF_WORDS), in.p[n]) < 0)
        n++;
    return n;
}

/* As many words as one space each separates, if they all need encoding: the space between two
 * encoded words is none of the text (RFC 2047 section 6.2). */
static size_t phrase_length(str in)
{
    size_t n = word_length(in);
    while (n < in.n && in.p[n] == ' ') {
        size_t more = word_length(str_skip(in, n + 1));
        if (utf8_is_ascii(str_slice(in, n + 1, more)))
            break;
        n += 1 + more;
    }
    return n;
}

/* One octet in the Q encoding; "out" is three long. */
static size_t encode_octet(unsigned char c, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    out[0] = '_';
    if (c == ' ')
        return 1;
    out[0] = (char)c;
    if (ascii_is_alnum((char)c))
        return 1;
    out[0] = '=';
    out[1] = digits[c >> 4];
    out[2] = digits[c & 15];
    return 3;
}

/* The octets of the first character: one when they are no UTF-8. */
static size_t character_length(str phrase, bool is_utf8)
{
    size_t n = 1;
    while (is_utf8 && n < phrase.n && ((unsigned char)phrase.p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static bool encode_phrase(str phrase, struct buf *out)
{
    bool is_utf8 = utf8_is_valid(phrase);
    const char *begin = is_utf8 ? "=?utf-8?Q?" : "=?unknown-8bit?Q?";
    size_t used = 0;
    bool ok = buf_add(out, str_from_cstr(begin));
    while (ok && phrase.n) {
        char text[4 * 3];
        size_t n = 0;
        size_t octets = character_length(phrase, is_utf8);
        for (size_t i = 0; i < octets; i++)
            n += encode_octet((unsigned char)phrase.p[i], text + n);
        if (used + n > ENCODED_TEXT) {
            ok = buf_addf(out, "?=\r\n %s", begin);
            used = 0;
        }
        ok = ok && buf_add(out, str_of(text, n));
        used += n;
        phrase = str_skip(phrase, octets);
    }
    return ok && buf_add(out, STR("?="));
}

bool pop3_header_to_ascii(str header, struct buf *out)
{
    while (header.n) {
        size_t n = word_length(header);
        bool is_plain = utf8_is_ascii(str_slice(header, 0, n));
        if (is_plain) { /* with what ends it */
            n += n < header.n;
        } else {
            n = phrase_length(header);
        }
        str part = str_slice(header, 0, n);
        if (!(is_plain ? buf_add(out, part) : encode_phrase(part, out)))
            return false;
        header = str_skip(header, n);
    }
    return true;
}
