/* SPDX-License-Identifier: Apache-2.0 */
/* Mailbox names and modified UTF-7. */
#include "wire/imap_mailbox_name.h"

#include "base/utf8.h"
#include "wire/imap_format.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool is_direct(uint32_t cp)
{
    return cp >= 0x20 && cp <= 0x7e;
}

/* ---- encoding ---- */

/* Bits waiting to be written as base64 digits. */
struct shift {
    uint32_t bits;
    unsigned count;
};

static bool add_unit(struct buf *out, struct shift *s, uint32_t unit)
{
    s->bits = (s->bits << 16) | unit;
    s->count += 16;
    bool ok = true;
    while (s->count >= 6) {
        s->count -= 6;
        ok = ok && buf_add_byte(out, alphabet[(s->bits >> s->count) & 63]);
        s->bits &= ((uint32_t)1 << s->count) - 1;
    }
    return ok;
}

static bool end_shift(struct buf *out, struct shift *s)
{
    bool ok = true;
    if (s->count)
        ok = buf_add_byte(out, alphabet[(s->bits << (6 - s->count)) & 63]);
    *s = (struct shift){ 0, 0 };
    return ok && buf_add_byte(out, '-');
}

static bool add_shifted(struct buf *out, struct shift *s, uint32_t cp)
{
    if (cp < 0x10000)
        return add_unit(out, s, cp);
    uint32_t rest = cp - 0x10000;
    return add_unit(out, s, 0xd800 + (rest >> 10)) && add_unit(out, s, 0xdc00 + (rest & 0x3ff));
}

bool imap_utf7_encode(struct buf *out, str text)
{
    struct shift shift = { 0, 0 };
    bool is_shifted = false;
    bool ok = true;
    while (ok && text.n) {
        uint32_t cp = 0;
        size_t n = utf8_decode(text, &cp);
        if (n == 0)
            return false;
        text = str_skip(text, n);
        if (is_direct(cp)) {
            ok = !is_shifted || end_shift(out, &shift);
            is_shifted = false;
            ok = ok && (cp == '&' ? buf_add(out, STR("&-")) : buf_add_byte(out, (char)cp));
            continue;
        }
        ok = (is_shifted || buf_add_byte(out, '&')) && add_shifted(out, &shift, cp);
        is_shifted = true;
    }
    return ok && (!is_shifted || end_shift(out, &shift));
}

/* ---- decoding ---- */

static int digit_value(char c)
{
    const char *hit = c ? strchr(alphabet, c) : NULL;
    return hit ? (int)(hit - alphabet) : -1;
}

/* UTF-16 units to UTF-8; `high` keeps the first half of a pair. */
static bool take_unit(struct buf *out, uint32_t unit, uint32_t *high, struct err *e)
{
    char utf8[4];
    uint32_t cp = unit;
    bool is_low = unit >= 0xdc00 && unit <= 0xdfff;
    if ((*high != 0) != is_low)
        return ERR(e, ERR_SYNTAX, "half a surrogate pair");
    if (unit >= 0xd800 && unit <= 0xdbff) {
        *high = unit;
        return true;
    }
    if (is_low)
        cp = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
    *high = 0;
    size_t n = utf8_encode(cp, utf8);
    if (n == 0)
        return ERR(e, ERR_SYNTAX, "no character");
    if (!buf_add(out, str_of(utf8, n)))
        return ERR(e, ERR_LIMIT, "the name is too long");
    return true;
}

/* The digits between '&' and '-'. */
static bool decode_shifted(struct buf *out, str digits, struct err *e)
{
    uint32_t bits = 0;
    unsigned count = 0;
    uint32_t high = 0;
    for (size_t i = 0; i < digits.n; i++) {
        int value = digit_value(digits.p[i]);
        if (value < 0)
            return ERR(e, ERR_SYNTAX, "no digit of modified base64");
        bits = (bits << 6) | (uint32_t)value;
        count += 6;
        if (count < 16)
            continue;
        count -= 16;
        uint32_t unit = bits >> count;
        bits &= ((uint32_t)1 << count) - 1;
        if (!take_unit(out, unit, &high, e))
            return false;
    }
    if (high)
        return ERR(e, ERR_SYNTAX, "half a surrogate pair");
    return true;
}

static bool decode_loosely(struct buf *out, str text, struct err *e)
{
    while (text.n) {
        char c = text.p[0];
        ptrdiff_t end = c == '&' ? str_find_byte(text, '-') : 0;
        if (end < 0 || !is_direct((unsigned char)c))
            return ERR(e, ERR_SYNTAX, "no modified UTF-7");
        if (c != '&' || end == 1) {
            if (!buf_add_byte(out, c))
                return ERR(e, ERR_LIMIT, "the name is too long");
        } else if (!decode_shifted(out, str_slice(text, 1, (size_t)end - 1), e)) {
            return false;
        }
        text = str_skip(text, (size_t)end + 1);
    }
    return true;
}

/* One name must have one spelling, so what was decoded has to give the same text again: that
 * refuses printable characters in base64, split shifts and non-zero padding in one stroke. */
bool imap_utf7_decode(struct buf *out, str text, struct err *e)
{
    size_t from = out->n;
    struct buf again;
    if (!decode_loosely(out, text, e))
        return false;
    buf_init(&again, text.n + 16);
    bool same =
        imap_utf7_encode(&again, str_skip(buf_str(out), from)) && str_eq(buf_str(&again), text);
    buf_fini(&again);
    if (!same)
        return ERR(e, ERR_SYNTAX, "another spelling of modified UTF-7");
    return true;
}

/* ---- names ---- */

static bool to_utf8(struct arena *a, str sent, bool is_utf8, str *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (is_utf8) {
        *out = arena_str(a, sent); /* else BAD (RFC 6855 section 3) */
        return utf8_is_valid(sent) || ERR(e, ERR_SYNTAX, "the name is not UTF-8");
    }
    struct buf utf8;
    buf_init(&utf8, sent.n * 2 + 4);
    bool ok = imap_utf7_decode(&utf8, sent, &why);
    *out = arena_str(a, buf_str(&utf8));
    buf_fini(&utf8);
    return ok || ERR(e, ERR_UNSUPPORTED, "the name is not modified UTF-7: %s", why.msg);
}

static bool check_characters(str name, struct err *e)
{
    while (name.n) {
        uint32_t cp = 0;
        size_t n = utf8_decode(name, &cp);
        /* C0, DEL, C1, and the line and paragraph separators (RFC 9051 section 5.1). */
        bool is_control = cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x2028 || cp == 0x2029;
        if (n == 0 || is_control || cp == '*' || cp == '%')
            return ERR(e, ERR_UNSUPPORTED, "the name has a character that is not allowed");
        name = str_skip(name, n);
    }
    return true;
}

static bool check_levels(str name, struct err *e)
{
    str level;
    str rest = name;
    unsigned depth = 0;
    bool more = true;
    while (more) {
        more = str_cut(rest, '/', &level, &rest);
        if (level.n == 0 || str_eq(level, STR(".")) || str_eq(level, STR("..")))
            return ERR(e, ERR_UNSUPPORTED, "the name has an empty level");
        if (++depth > IMAP_MAILBOX_DEPTH_MAX)
            return ERR(e, ERR_LIMIT, "more than %d levels", IMAP_MAILBOX_DEPTH_MAX);
    }
    return true;
}

bool imap_mailbox_parse(struct arena *a, str sent, bool is_utf8, str *out, struct err *e)
{
    str name;
    if (!to_utf8(a, sent, is_utf8, &name, e))
        return false;
    if (name.n > 1 && name.p[name.n - 1] == '/')
        name.n--;
    if (name.n > IMAP_MAILBOX_OCTETS_MAX)
        return ERR(e, ERR_LIMIT, "a name of %zu octets", name.n);
    if (!check_characters(name, e) || !check_levels(name, e))
        return false;
    bool is_inbox = str_has_iprefix(name, STR("INBOX")) && (name.n == 5 || name.p[5] == '/');
    *out = is_inbox ? arena_printf(a, "INBOX%.*s", STR_FMT(str_skip(name, 5))) : name;
    return true;
}

bool imap_mailbox_pattern_parse(struct arena *a, str sent, bool is_utf8, str *out, struct err *e)
{
    return to_utf8(a, sent, is_utf8, out, e);
}

/* What may be taken for the letters of INBOX: other alphabets, full width, digits. */
static const uint32_t lookalikes[5][12] = {
    { 'i', 'I', 'l', '1', '|', 0x130, 0x131, 0x399, 0x406, 0x456, 0x4c0, 0xff29 },
    { 'n', 'N', 0x39d, 0xff2e, 0xff4e },
    { 'b', 'B', 0x392, 0x412, 0xff22, 0xff42 },
    { 'o', 'O', '0', 0x39f, 0x3bf, 0x41e, 0x43e, 0xff2f, 0xff4f },
    { 'x', 'X', 0x3a7, 0x3c7, 0x425, 0x445, 0xff38, 0xff58 },
};

static bool looks_like(uint32_t cp, size_t letter)
{
    for (size_t i = 0; i < COUNT_OF(lookalikes[0]); i++) {
        if (lookalikes[letter][i] == cp)
            return true;
    }
    return false;
}

bool imap_mailbox_check_new(str name, struct err *e)
{
    if (str_has_prefix(name, STR("#")))
        return ERR(e, ERR_UNSUPPORTED, "names beginning with # are kept for namespaces");
    if (str_eq(str_slice(name, 0, 5), STR("INBOX")))
        return true;
    str rest = name;
    for (size_t letter = 0; letter < COUNT_OF(lookalikes); letter++) {
        uint32_t cp = 0;
        size_t n = utf8_decode(rest, &cp);
        if (n == 0 || !looks_like(cp, letter))
            return true;
        rest = str_skip(rest, n);
    }
    if (rest.n && rest.p[0] != '/')
        return true;
    return ERR(e, ERR_UNSUPPORTED, "the name could be taken for INBOX");
}

/* Whether a client that enabled UTF-8 reads the name in quotes: it has letters beyond ASCII, and
 * nothing that may not stand there (RFC 6855 section 3). */
static bool is_quotable(str name)
{
    bool is_eight_bit = false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        is_eight_bit |= c > 0x7f;
    }
    return is_eight_bit && utf8_is_valid(name);
}

static bool add_quoted(struct buf *out, str name)
{
    bool ok = buf_add_byte(out, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"' || name.p[i] == '\\')
            ok = ok && buf_add_byte(out, '\\');
        ok = ok && buf_add_byte(out, name.p[i]);
    }
    return ok && buf_add_byte(out, '"');
}

bool imap_mailbox_format(struct buf *out, str name, bool is_utf8)
{
    if (is_utf8)
        return is_quotable(name) ? add_quoted(out, name) : imap_format_astring(out, name);
    struct buf utf7;
    buf_init(&utf7, name.n * 5 + 16);
    bool ok = imap_utf7_encode(&utf7, name) && imap_format_astring(out, buf_str(&utf7));
    buf_fini(&utf7);
    return ok;
}
