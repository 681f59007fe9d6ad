/* SPDX-License-Identifier: Apache-2.0 */
/* iconv behind a tolerant face: a label that lies or is unknown never loses the text. */
#include "mime/charset.h"

#include <errno.h>
#include <iconv.h>

/* Labels that mail uses for something else than iconv means, or that iconv does not know. The
 * supersets are what the WHATWG encoding standard reads them as, which is what senders mean. */
static const struct alias {
    str label;
    const char *charset;
} aliases[] = {
    { STR_INIT("iso-8859-1"), "WINDOWS-1252" },
    { STR_INIT("latin1"), "WINDOWS-1252" },
    { STR_INIT("cp-850"), "CP850" },
    { STR_INIT("ks_c_5601-1987"), "CP949" },
    { STR_INIT("euc-kr"), "CP949" },
    { STR_INIT("gb2312"), "GB18030" },
    { STR_INIT("gbk"), "GB18030" },
    { STR_INIT("shift_jis"), "CP932" },
    { STR_INIT("x-sjis"), "CP932" },
    { STR_INIT("iso-8859-8-i"), "ISO-8859-8" },
    { STR_INIT("iso-8859-8-e"), "ISO-8859-8" },
    { STR_INIT("iso-8859-6-i"), "ISO-8859-6" },
    { STR_INIT("x-mac-roman"), "MACINTOSH" },
    { STR_INIT("macintosh"), "MACINTOSH" },
    { STR_INIT("unicode-1-1-utf-7"), "UTF-7" },
    { STR_INIT("x-unicode-2-0-utf-7"), "UTF-7" },
    { STR_INIT("iso-8859-9"), "WINDOWS-1254" },
    { STR_INIT("tis-620"), "WINDOWS-874" },
};

/* What Windows-1252 has at 80-9F; 0 = nothing. The rest is as in Latin-1. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

void mime_charset_init(struct mime_charset *c)
{
    *c = (struct mime_charset){ 0 };
}

void mime_charset_fini(struct mime_charset *c)
{
    if (c->handle)
        (void)iconv_close((iconv_t)c->handle);
    mime_charset_init(c);
}

static str copy_cut(struct arena *a, const struct buf *text, size_t max)
{
    return arena_str(a, utf8_cut(buf_str(text), max));
}

/* The text as UTF-8 that is cut and repaired to at most `max` bytes. */
static str repaired(struct arena *a, str bytes, size_t max)
{
    if (utf8_is_valid(bytes))
        return arena_str(a, utf8_cut(bytes, max));
    struct buf text;
    buf_init(&text, max);
    (void)utf8_repair(bytes, &text);
    str out = copy_cut(a, &text, max);
    buf_fini(&text);
    return out;
}

static str from_windows_1252(struct arena *a, str bytes, size_t max)
{
    struct buf text;
    buf_init(&text, max);
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        uint32_t cp = c >= 0x80 && c < 0xa0 ? windows_1252[c - 0x80] : c;
        char utf8[4];
        size_t n = utf8_encode(cp || c == 0 ? cp : 0xfffd, utf8);
        if (!buf_add(&text, str_of(utf8, n)))
            break;
    }
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

static str guessed(struct arena *a, str bytes, size_t max)
{
    return utf8_is_valid(bytes) ? repaired(a, bytes, max) : from_windows_1252(a, bytes, max);
}

/* The label in lower case without a language tag (RFC 2231 section 5) or odd bytes; an empty text
 * for one that is too long or no charset name. */
static void clean_label(str label, char out[48])
{
    label = str_trim(label);
    size_t n = 0;
    for (; n < label.n && n < 47 && label.p[n] != '*'; n++) {
        char c = ascii_lower(label.p[n]);
        if (!ascii_is_alnum(c) && str_find_byte(STR("-_.:+"), c) < 0) {
            n = 0;
            break;
        }
        out[n] = c;
    }
    out[n < label.n && label.p[n] != '*' ? 0 : n] = '\0';
}

static const char *iconv_name(const char *label)
{
    for (size_t i = 0; i < COUNT_OF(aliases); i++) {
        if (str_eq(aliases[i].label, str_from_cstr(label)))
            return aliases[i].charset;
    }
    return label;
}

/* Opens the conversion of the label unless it is the one that is open. A label that iconv does not
 * know is remembered too, with no handle. */
static void open_label(struct mime_charset *c, const char *label)
{
    if (strcmp(c->label, label) == 0)
        return;
    unsigned opened = c->opened + 1;
    mime_charset_fini(c);
    c->opened = opened;
    memcpy(c->label, label, sizeof(c->label));
    iconv_t handle = iconv_open("UTF-8", iconv_name(label));
    /* iconv_open says "none" by (iconv_t)-1; NULL is easier to keep. */
    c->handle = (intptr_t)handle == -1 ? NULL : (void *)handle;
}

enum {
    ROOM = 16 /* iconv writes at most a few characters at a time after E2BIG */
};

/* One call of iconv; false when the output is full. *bytes moves on by at least one byte. */
static bool convert_some(iconv_t handle, str *bytes, struct buf *text)
{
    size_t want = bytes->n * 2 + ROOM;
    size_t room = text->max - text->n < want ? text->max - text->n : want;
    char *out = buf_reserve(text, room);
    if (!out || room == 0)
        return false;
    /* iconv's interface forgets const; it does not write to its input. */
    union {
        const char *in;
        char *p;
    } in = { .in = bytes->p };
    size_t in_left = bytes->n, out_left = room;
    size_t result = iconv(handle, &in.p, &in_left, &out, &out_left);
    int why = result == (size_t)-1 ? errno : 0;
    buf_commit(text, room - out_left);
    bool moved = in_left < bytes->n || out_left < room;
    *bytes = str_skip(*bytes, bytes->n - in_left);
    if (why == EILSEQ || why == EINVAL) {
        *bytes = str_skip(*bytes, 1);
        return buf_add(text, STR("\xef\xbf\xbd"));
    }
    return why == 0 || (moved && why == E2BIG);
}

static str through_iconv(iconv_t handle, struct arena *a, str bytes, size_t max)
{
    struct buf text;
    buf_init(&text, max);
    (void)iconv(handle, NULL, NULL, NULL, NULL);
    while (bytes.n && convert_some(handle, &bytes, &text)) {
    }
    /* Some converters pass on what is no character of Unicode. */
    str out = repaired(a, buf_str(&text), max);
    buf_fini(&text);
    return out;
}

str mime_charset_convert(struct mime_charset *c, struct arena *a, str label, str bytes, size_t max)
{
    char name[48] = "";
    clean_label(label, name);
    if (name[0] == '\0')
        return guessed(a, bytes, max);
    if (strcmp(name, "utf-8") == 0 || strcmp(name, "utf8") == 0)
        return repaired(a, bytes, max);
    /* Text labelled ASCII that is not: the sender forgot to say what it is. */
    if (strcmp(name, "us-ascii") == 0 || strcmp(name, "ascii") == 0)
        return guessed(a, bytes, max);
    if (strcmp(iconv_name(name), "WINDOWS-1252") == 0 || strcmp(name, "windows-1252") == 0)
        return from_windows_1252(a, bytes, max);
    open_label(c, name);
    return c->handle ? through_iconv((iconv_t)c->handle, a, bytes, max) : guessed(a, bytes, max);
}

str mime_charset_to_utf8(struct arena *a, str label, str bytes, size_t max)
{
    struct mime_charset c;
    mime_charset_init(&c);
    str out = mime_charset_convert(&c, a, label, bytes, max);
    mime_charset_fini(&c);
    return out;
}

/* C0 and C1 controls, the line and paragraph separators: a header is one line. `at` is a lead byte
 * in valid UTF-8; gives the bytes of the control, 0 for none. */
static size_t control_length(str s, size_t at)
{
    unsigned char c = (unsigned char)s.p[at];
    if (c < ' ' || c == 127)
        return 1;
    if (c == 0xc2 && (unsigned char)s.p[at + 1] < 0xa0)
        return 2;
    if (c == 0xe2 && (unsigned char)s.p[at + 1] == 0x80 &&
        ((unsigned char)s.p[at + 2] == 0xa8 || (unsigned char)s.p[at + 2] == 0xa9))
        return 3;
    return 0;
}

str mime_controls_clean(struct arena *a, str s)
{
    str valid = repaired(a, s, s.n * 3 + 1);
    char *p = arena_alloc(a, valid.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < valid.n;) {
        size_t control = control_length(valid, i);
        p[n++] = (char)(control ? ' ' : valid.p[i]);
        i += control ? control : 1;
    }
    return str_of(p, n);
}

str mime_text_clean(struct arena *a, str s)
{
    return str_trim(mime_controls_clean(a, s));
}
