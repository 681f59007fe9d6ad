/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP replies: writing them, reading them, and the keywords of EHLO. Pure; not for what a reply
 * means to a delivery. */
#include "wire/smtp_reply.h"

/* ---- server side ---- */

static bool format_line(struct buf *out, const char *prefix, str text)
{
    char line[SMTP_REPLY_OUT_MAX];
    size_t n = 0;
    for (; prefix[n]; n++)
        line[n] = prefix[n];
    for (size_t i = 0; i < text.n && n < sizeof(line); i++) {
        char c = text.p[i];
        line[n++] = (char)(c >= ' ' && c <= '~' ? c : '?');
    }
    return buf_add(out, str_of(line, n)) && buf_add(out, STR("\r\n"));
}

bool smtp_reply_format(struct buf *out, unsigned code, str status, str text)
{
    size_t before = out->n;
    bool more = true;
    while (more) {
        str line;
        more = str_cut(text, '\n', &line, &text);
        char prefix[32];
        (void)snprintf(prefix, sizeof(prefix), "%03u%c%.*s%s", code % 1000, more ? '-' : ' ',
                       (int)(status.n > 11 ? 11 : status.n), status.p ? status.p : "",
                       status.n > 0 ? " " : "");
        if (!format_line(out, prefix, line)) {
            buf_truncate(out, before);
            return false;
        }
    }
    return true;
}

/* ---- client side ---- */

void smtp_reply_init(struct smtp_reply *r)
{
    *r = (struct smtp_reply){ 0 };
    buf_init(&r->text, SMTP_REPLY_TEXT_MAX);
}

void smtp_reply_clear(struct smtp_reply *r)
{
    r->code = 0;
    r->status[0] = '\0';
    r->n_lines = 0;
    buf_clear(&r->text);
}

void smtp_reply_fini(struct smtp_reply *r)
{
    buf_fini(&r->text);
}

/* One to three digits at *at; moves it behind them. */
static bool take_digits(str s, size_t *at)
{
    size_t start = *at;
    while (*at < s.n && *at - start < 3 && ascii_is_digit(s.p[*at]))
        (*at)++;
    return *at > start && (*at == s.n || !ascii_is_digit(s.p[*at]));
}

bool smtp_status_parse(str text, size_t *length)
{
    if (text.n < 5 || (text.p[0] != '2' && text.p[0] != '4' && text.p[0] != '5') ||
        text.p[1] != '.')
        return false;
    size_t at = 2;
    if (!take_digits(text, &at) || at == text.n || text.p[at++] != '.' || !take_digits(text, &at))
        return false;
    if (at < text.n && text.p[at] != ' ')
        return false;
    *length = at;
    return true;
}

/* "250-text", "250 text", "250". */
static bool split_line(str line, unsigned *code, bool *more, str *text)
{
    uint64_t value;
    if (line.n < 3 || !str_to_uint(str_slice(line, 0, 3), 599, &value) || value < 200)
        return false;
    if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
        return false;
    *code = (unsigned)value;
    *more = line.n > 3 && line.p[3] == '-';
    *text = str_skip(line, 4);
    return true;
}

/* Without the status that the line before began with, too (RFC 2034 section 3: each line has it):
 * told as one sentence, it would stand in the midst of that. */
static str without_repeated_status(const struct smtp_reply *r, str text)
{
    size_t n;
    str before = str_from_cstr(r->status);
    if (before.n == 0 || !smtp_status_parse(text, &n) || !str_eq(str_slice(text, 0, n), before))
        return text;
    return str_skip(text, n + (text.n > n));
}

/* What does not fit any more is dropped: no reply needs so much text. */
static void keep_text(struct smtp_reply *r, str text)
{
    char *to = buf_reserve(&r->text, text.n + 1);
    if (!to)
        return;
    size_t n = 0;
    if (r->n_lines > 1)
        to[n++] = '\n';
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        to[n++] = (char)(c < ' ' || c == 127 ? '?' : c);
    }
    buf_commit(&r->text, n);
}

static void keep_status(struct smtp_reply *r, str text)
{
    size_t n;
    r->status[0] = '\0';
    if (!smtp_status_parse(text, &n) || text.p[0] != (char)('0' + r->code / 100))
        return;
    memcpy(r->status, text.p, n);
    r->status[n] = '\0';
}

enum smtp_reply_step smtp_reply_add_line(struct smtp_reply *r, str line, struct err *e)
{
    unsigned code = 0;
    bool more = false;
    str text = STR_EMPTY;
    if (line.n > SMTP_REPLY_LINE_MAX || r->n_lines >= SMTP_REPLY_LINES_MAX) {
        ERR(e, ERR_LIMIT, "the reply is too long (line %u, %zu octets)", r->n_lines + 1, line.n);
        return SMTP_REPLY_BAD;
    }
    if (str_find_byte(line, '\0') >= 0 || !split_line(line, &code, &more, &text)) {
        ERR(e, ERR_SYNTAX, "this is no SMTP reply: %.*s", STR_FMT(str_slice(line, 0, 80)));
        return SMTP_REPLY_BAD;
    }
    if (r->n_lines > 0 && code != r->code) {
        ERR(e, ERR_SYNTAX, "one reply carries the codes %u and %u", r->code, code);
        return SMTP_REPLY_BAD;
    }
    r->code = code;
    r->n_lines++;
    keep_text(r, without_repeated_status(r, text));
    keep_status(r, text);
    return more ? SMTP_REPLY_MORE : SMTP_REPLY_DONE;
}

/* ---- EHLO ---- */

enum {
    LIMIT_MAX = 999999 /* of RFC 9422: values have six digits at most */
};

static void parse_size(str argument, struct smtp_extensions *out)
{
    out->has_size = true;
    if (!str_to_uint(argument, UINT64_MAX, &out->size))
        out->size = 0;
}

static void parse_auth(str argument, struct smtp_extensions *out)
{
    bool more = true;
    while (more) {
        str word;
        more = str_cut(argument, ' ', &word, &argument);
        out->auth_plain |= str_ieq(word, STR("PLAIN"));
        out->auth_login |= str_ieq(word, STR("LOGIN"));
        out->auth_scram |= str_ieq(word, STR("SCRAM-SHA-256"));
        out->auth_scram_plus |= str_ieq(word, STR("SCRAM-SHA-256-PLUS"));
    }
}

/* "RCPTMAX=20 MAILMAX=5": names that we do not know, and values that are none, say nothing (RFC
 * 9422 section 4). */
static void parse_limits(str argument, struct smtp_extensions *out)
{
    const struct {
        str name;
        size_t *field;
    } limits[] = {
        { STR("RCPTMAX"), &out->rcpt_max },
        { STR("MAILMAX"), &out->mail_max },
        { STR("RCPTDOMAINMAX"), &out->domain_max },
    };
    bool more = true;
    while (more) {
        str word;
        str name;
        str value;
        uint64_t number;
        more = str_cut(argument, ' ', &word, &argument);
        if (!str_cut(word, '=', &name, &value) || !str_to_uint(value, LIMIT_MAX, &number))
            continue;
        for (size_t i = 0; i < COUNT_OF(limits); i++) {
            if (str_ieq(name, limits[i].name))
                *limits[i].field = (size_t)number;
        }
    }
}

static void parse_keyword(str line, struct smtp_extensions *out)
{
    static const struct {
        str name;
        size_t field;
    } flags[] = {
        { STR_INIT("STARTTLS"), offsetof(struct smtp_extensions, starttls) },
        { STR_INIT("PIPELINING"), offsetof(struct smtp_extensions, pipelining) },
        { STR_INIT("8BITMIME"), offsetof(struct smtp_extensions, eight_bit_mime) },
        { STR_INIT("ENHANCEDSTATUSCODES"),
          offsetof(struct smtp_extensions, enhanced_status_codes) },
        { STR_INIT("SMTPUTF8"), offsetof(struct smtp_extensions, smtputf8) },
        { STR_INIT("CHUNKING"), offsetof(struct smtp_extensions, chunking) },
        { STR_INIT("DSN"), offsetof(struct smtp_extensions, dsn) },
        { STR_INIT("REQUIRETLS"), offsetof(struct smtp_extensions, requiretls) },
    };
    str keyword;
    str argument;
    (void)str_cut(line, ' ', &keyword, &argument);
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        if (str_ieq(keyword, flags[i].name))
            *(bool *)((char *)out + flags[i].field) = true;
    }
    if (str_ieq(keyword, STR("SIZE")))
        parse_size(str_trim(argument), out);
    if (str_ieq(keyword, STR("LIMITS")))
        parse_limits(argument, out);
    if (str_ieq(keyword, STR("AUTH")))
        parse_auth(argument, out);
    if (str_has_iprefix(line, STR("AUTH=")))
        parse_auth(str_skip(line, 5), out);
}

void smtp_extensions_parse(const struct smtp_reply *r, struct smtp_extensions *out)
{
    *out = (struct smtp_extensions){ 0 };
    str rest = buf_str(&r->text);
    str line;
    bool more = str_cut(rest, '\n', &line, &rest); /* the first line is the server's name */
    while (more) {
        more = str_cut(rest, '\n', &line, &rest);
        parse_keyword(str_trim(line), out);
    }
}
