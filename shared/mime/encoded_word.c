/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding gathers the bytes of neighbouring words of one charset and converts them together, so
 * that a character cut between two words survives. Each byte is looked at a bounded number of
 * times: a word's text ends at its first '?', so failed starts do not scan far. */
#include "mime/encoded_word.h"

#include "mime/charset.h"
#include "mime/encoding.h"
#include "mime/limits.h"

enum {
    MAX_CHARSET = 60,                      /* characters of a charset label and its language */
    MAX_DECODED = MIME_MAX_FIELD_BYTES * 3 /* bytes of a decoded field */
};

struct word {
    str charset;
    char encoding; /* 'q' or 'b' */
    str text;
    size_t length; /* of the whole word */
};

struct decoding {
    struct arena *a;
    struct mime_charset charset;
    str label;           /* of the gathered bytes */
    struct buf gathered; /* decoded, not yet converted */
    struct buf text;
};

static bool is_label_byte(char c)
{
    return (unsigned char)c > ' ' && (unsigned char)c < 127 &&
           str_find_byte(STR("?=()<>@,;:\"/[]"), c) < 0;
}

/* An encoded word at the front of s, which begins with "=?". */
static bool parse_word(str s, struct word *out)
{
    size_t i = 2;
    while (i < s.n && i < MAX_CHARSET && is_label_byte(s.p[i]))
        i++;
    if (i == 2 || i + 3 >= s.n || s.p[i] != '?' || s.p[i + 2] != '?')
        return false;
    out->charset = str_slice(s, 2, i - 2);
    out->encoding = ascii_lower(s.p[i + 1]);
    str rest = str_skip(s, i + 3);
    ptrdiff_t end = str_find_byte(rest, '?');
    if (end < 0 || (size_t)end + 1 >= rest.n || rest.p[end + 1] != '=')
        return false;
    out->text = str_slice(rest, 0, (size_t)end);
    out->length = i + 3 + (size_t)end + 2;
    return out->encoding == 'q' || out->encoding == 'b';
}

static int hex_value(char c)
{
    c = ascii_lower(c);
    return ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The Q encoding. A word that was folded inside, against the rules, loses the fold. */
static void decode_q(str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\r' || c == '\n') {
            while (i + 1 < text.n && str_find_byte(STR(" \t\r\n"), text.p[i + 1]) >= 0)
                i++;
            continue;
        }
        bool escape = c == '=' && i + 2 < text.n && hex_value(text.p[i + 1]) >= 0 &&
                      hex_value(text.p[i + 2]) >= 0;
        if (escape) {
            c = (char)(hex_value(text.p[i + 1]) << 4 | hex_value(text.p[i + 2]));
            i += 2;
        } else if (c == '_') {
            c = ' ';
        }
        if (!buf_add_byte(out, c))
            return;
    }
}

static void decode_b(str text, struct buf *out)
{
    struct mime_decoder d;
    mime_decoder_init(&d, MIME_ENCODING_BASE64);
    if (mime_decoder_update(&d, text, out))
        (void)mime_decoder_finish(&d, out);
}

/* Converts what was gathered and appends it. */
static void flush_words(struct decoding *d)
{
    if (d->gathered.n == 0)
        return;
    str text = mime_charset_convert(&d->charset, d->a, d->label, buf_str(&d->gathered),
                                    d->text.max - d->text.n);
    (void)buf_add(&d->text, text);
    buf_clear(&d->gathered);
}

static void add_word(struct decoding *d, const struct word *word)
{
    if (!str_ieq(d->label, word->charset))
        flush_words(d);
    d->label = word->charset;
    if (word->encoding == 'q') {
        decode_q(word->text, &d->gathered);
    } else {
        decode_b(word->text, &d->gathered);
    }
}

/* Bytes between words, unfolded. */
static void add_plain(struct decoding *d, str run)
{
    flush_words(d);
    char *p = arena_alloc(d->a, run.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < run.n; i++) {
        if (run.p[i] != '\r' && run.p[i] != '\n')
            p[n++] = run.p[i];
    }
    str text =
        mime_charset_convert(&d->charset, d->a, STR_EMPTY, str_of(p, n), d->text.max - d->text.n);
    (void)buf_add(&d->text, text);
}

static bool is_blank(str s)
{
    return str_trim(s).n == 0;
}

static void decode_body(struct decoding *d, str body)
{
    size_t plain = 0; /* where the run between words began */
    bool after_word = false;
    for (size_t i = 0; i + 1 < body.n;) {
        struct word word;
        if (body.p[i] != '=' || body.p[i + 1] != '?' || !parse_word(str_skip(body, i), &word)) {
            i++;
            continue;
        }
        str run = str_slice(body, plain, i - plain);
        if (run.n && !(after_word && is_blank(run)))
            add_plain(d, run);
        add_word(d, &word);
        i += word.length;
        plain = i;
        after_word = true;
    }
    add_plain(d, str_skip(body, plain));
}

/* The decoded text with its control characters, which a word may hide. */
static str decode_words(struct arena *a, str body)
{
    struct decoding d = { .a = a };
    buf_init(&d.gathered, MIME_MAX_FIELD_BYTES);
    buf_init(&d.text, MAX_DECODED);
    mime_charset_init(&d.charset);
    decode_body(&d, str_slice(body, 0, MIME_MAX_FIELD_BYTES));
    str text = arena_str(a, buf_str(&d.text));
    mime_charset_fini(&d.charset);
    buf_fini(&d.text);
    buf_fini(&d.gathered);
    return text;
}

str mime_text_decode(struct arena *a, str body)
{
    return mime_text_clean(a, decode_words(a, body));
}

str mime_phrase_decode(struct arena *a, str phrase)
{
    return mime_controls_clean(a, decode_words(a, phrase));
}

enum {
    MAX_WORD = 75, /* RFC 2047 section 2 */
    OVERHEAD = 12  /* "=?utf-8?q?" and "?=" */
};

/* Also a word that could not be folded into lines of 998 bytes. */
static bool needs_encoding(str text)
{
    enum {
        LONGEST_WORD = 900
    };
    size_t word = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        word = c == ' ' ? 0 : word + 1;
        if (c < ' ' || c > 126 || word > LONGEST_WORD)
            return true;
    }
    return str_find(text, STR("=?")) >= 0;
}

/* What may stand for itself in a word that is part of a phrase (RFC 2047 section 5, rule 3). */
static bool is_q_literal(char c)
{
    return ascii_is_alnum(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/';
}

static size_t q_length(str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += is_q_literal(text.p[i]) || text.p[i] == ' ' ? 1 : 3;
    return n;
}

static size_t b_length(str text)
{
    return (text.n + 2) / 3 * 4;
}

/* The longest head of whole characters that fits one word. */
static str head_of_word(str text, bool q)
{
    size_t n = 0;
    while (n < text.n) {
        uint32_t cp = 0;
        size_t step = utf8_decode(str_skip(text, n), &cp);
        str longer = str_slice(text, 0, n + (step ? step : 1));
        if ((q ? q_length(longer) : b_length(longer)) > MAX_WORD - OVERHEAD)
            break;
        n = longer.n;
    }
    return str_slice(text, 0, n);
}

static bool add_q_text(str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool fits = c == ' '          ? buf_add_byte(out, '_')
                    : is_q_literal(c) ? buf_add_byte(out, c)
                                      : buf_addf(out, "=%02X", (unsigned)(unsigned char)c);
        if (!fits)
            return false;
    }
    return true;
}

static bool add_encoded(str head, bool q, struct buf *out)
{
    if (!buf_add(out, q ? STR("=?utf-8?q?") : STR("=?utf-8?b?")))
        return false;
    return (q ? add_q_text(head, out) : mime_encode_base64_line(head, out)) &&
           buf_add(out, STR("?="));
}

bool mime_text_encode(str text, struct buf *out)
{
    if (!needs_encoding(text))
        return buf_add(out, text);
    bool q = q_length(text) <= b_length(text);
    for (size_t at = 0; at < text.n;) {
        str head = head_of_word(str_skip(text, at), q);
        if ((at && !buf_add_byte(out, ' ')) || !add_encoded(head, q, out))
            return false;
        at += head.n;
    }
    return true;
}
