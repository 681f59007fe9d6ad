/* SPDX-License-Identifier: Apache-2.0 */
/* Writes header fields and parts. Names come from our own code; texts may come from anywhere. */
#include "mime/compose.h"

#include "base/hex.h"
#include "mime/charset.h"
#include "mime/date.h"
#include "mime/encoded_word.h"
#include "mime/encoding.h"

enum {
    FOLD_COLUMN = 78,       /* RFC 5322 section 2.1.1 */
    MAX_TEXT = 64 * 1024,   /* bytes of one field's text; the rest is cut */
    MAX_UNIQUE_DIGITS = 13, /* base32 digits of 64 bits */
};

/* Appends words with single line breaks before those that would pass the fold column. */
static bool add_folded(struct buf *out, size_t column, str value)
{
    bool first = true;
    while (value.n) {
        str word;
        (void)str_cut(value, ' ', &word, &value);
        bool fold = !first && word.n && column + 1 + word.n > FOLD_COLUMN;
        if ((fold && !buf_add(out, STR("\r\n"))) || !buf_add_byte(out, ' ') || !buf_add(out, word))
            return false;
        column = (fold ? 0 : column) + 1 + word.n;
        first = false;
    }
    return buf_add(out, STR("\r\n"));
}

static bool add_field(struct buf *out, str name, str value)
{
    return buf_add(out, name) && buf_add_byte(out, ':') && add_folded(out, name.n + 1, value);
}

bool mime_compose_raw_field(struct buf *out, str name, str value)
{
    struct arena scratch;
    arena_init(&scratch);
    bool fits = add_field(out, name, mime_text_clean(&scratch, str_slice(value, 0, MAX_TEXT)));
    arena_fini(&scratch);
    return fits;
}

bool mime_compose_text_field(struct buf *out, str name, str text)
{
    struct arena scratch;
    struct buf encoded;
    arena_init(&scratch);
    buf_init(&encoded, MAX_TEXT * 6UL);
    bool fits =
        mime_text_encode(mime_text_clean(&scratch, str_slice(text, 0, MAX_TEXT)), &encoded) &&
        add_field(out, name, buf_str(&encoded));
    buf_fini(&encoded);
    arena_fini(&scratch);
    return fits;
}

static bool is_phrase(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!ascii_is_alnum(c) && str_find_byte(STR(" !#$%&'*+-/=?^_`{|}~"), c) < 0)
            return false;
    }
    return true;
}

/* A display name: atoms, a quoted string, or encoded words. */
static bool add_name(str name, struct buf *out)
{
    bool ascii = true;
    for (size_t i = 0; i < name.n; i++)
        ascii = ascii && (unsigned char)name.p[i] < 127;
    if (!ascii || str_find(name, STR("=?")) >= 0)
        return mime_text_encode(name, out);
    if (is_phrase(name))
        return buf_add(out, name);
    bool fits = buf_add_byte(out, '"');
    for (size_t i = 0; i < name.n && fits; i++) {
        if (name.p[i] == '"' || name.p[i] == '\\')
            fits = buf_add_byte(out, '\\');
        fits = fits && buf_add_byte(out, name.p[i]);
    }
    return fits && buf_add_byte(out, '"');
}

bool mime_compose_mailbox_field(struct buf *out, str name, str display_name, str address)
{
    struct arena scratch;
    struct buf value;
    arena_init(&scratch);
    buf_init(&value, MAX_TEXT * 6UL);
    str clean_name = mime_text_clean(&scratch, str_slice(display_name, 0, MAX_TEXT));
    str clean_address = mime_text_clean(&scratch, str_slice(address, 0, MAX_TEXT));
    bool fits = add_name(clean_name, &value) &&
                buf_addf(&value, "%s<%.*s>", clean_name.n ? " " : "", STR_FMT(clean_address)) &&
                add_field(out, name, buf_str(&value));
    buf_fini(&value);
    arena_fini(&scratch);
    return fits;
}

bool mime_compose_date_field(struct buf *out, int64_t at_utc, int zone_offset)
{
    return buf_add(out, STR("Date: ")) && mime_date_format(at_utc, zone_offset, out) &&
           buf_add(out, STR("\r\n"));
}

static str unique_text(uint64_t unique, char digits[MAX_UNIQUE_DIGITS])
{
    base32_encode(unique, digits, MAX_UNIQUE_DIGITS);
    return str_of(digits, MAX_UNIQUE_DIGITS);
}

bool mime_compose_message_id_field(struct buf *out, uint64_t unique1, uint64_t unique2, str host)
{
    char digits1[MAX_UNIQUE_DIGITS], digits2[MAX_UNIQUE_DIGITS];
    return buf_addf(out, "Message-ID: <%.*s.%.*s@%.*s>\r\n", STR_FMT(unique_text(unique1, digits1)),
                    STR_FMT(unique_text(unique2, digits2)), STR_FMT(host));
}

bool mime_compose_end_header(struct buf *out)
{
    return buf_add(out, STR("\r\n"));
}

/* "=_" can be in no quoted-printable text and '_' in no base64 (RFC 2045 section 6.7). */
str mime_compose_boundary(struct arena *a, uint64_t unique1, uint64_t unique2)
{
    char digits1[MAX_UNIQUE_DIGITS], digits2[MAX_UNIQUE_DIGITS];
    return arena_printf(a, "=_%.*s_%.*s", STR_FMT(unique_text(unique1, digits1)),
                        STR_FMT(unique_text(unique2, digits2)));
}

bool mime_compose_multipart_field(struct buf *out, str subtype, str params, str boundary)
{
    return buf_addf(out, "Content-Type: multipart/%.*s%.*s;\r\n boundary=\"%.*s\"\r\n",
                    STR_FMT(subtype), STR_FMT(params), STR_FMT(boundary));
}

bool mime_compose_part(struct buf *out, str boundary)
{
    return buf_addf(out, "\r\n--%.*s\r\n", STR_FMT(boundary));
}

bool mime_compose_multipart_end(struct buf *out, str boundary)
{
    return buf_addf(out, "\r\n--%.*s--\r\n", STR_FMT(boundary));
}

static bool is_7bit(str text)
{
    size_t line = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        line = c == '\n' ? 0 : line + 1;
        if (c > 126 || (c < ' ' && c != '\n' && c != '\r' && c != '\t') || line > FOLD_COLUMN)
            return false;
    }
    return true;
}

static bool add_crlf_text(struct buf *out, str text)
{
    while (text.n) {
        str line;
        (void)str_cut(text, '\n', &line, &text);
        if (str_has_suffix(line, STR("\r")))
            line.n--;
        if (!buf_add(out, line) || !buf_add(out, STR("\r\n")))
            return false;
    }
    return true;
}

bool mime_compose_text_part(struct buf *out, str text)
{
    bool plain = is_7bit(text);
    if (!buf_addf(out,
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: %s\r\n\r\n",
                  plain ? "7bit" : "quoted-printable"))
        return false;
    return plain ? add_crlf_text(out, text) : mime_encode_quoted_printable(text, out);
}
