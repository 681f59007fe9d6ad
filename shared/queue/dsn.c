/* SPDX-License-Identifier: Apache-2.0 */
/* Composes delivery status notifications. */
#include "queue/dsn.h"

#include "base/utf8.h"
#include "mime/compose.h"
#include "mime/date.h"
#include "mime/header.h"
#include "queue/wording.h"
#include "wire/smtp_path.h"

enum {
    DIAGNOSTIC_MAX = 1024, /* as much of a reply as the queue keeps */
    WORD_MAX = 900,        /* of such a text: a field has to be folded somewhere */
    ADDRESS_MAX = 900,
    ADDRESS_TYPE_MAX = 60, /* with an address and a field's name it fits into a line */
    LISTED_MAX = 100,      /* recipients named in the text for people */
    LINE_MAX_OCTETS = 998,
    PEOPLE_COLUMNS = 76,
    PEOPLE_INDENT = 4,
    TEXT_MAX = 64 * 1024
};

#define STATUS_EXPIRED "4.4.7" /* as the queue has it */

/* What is decided once for the whole report. */
struct shape {
    struct arena *a;
    const struct dsn *d;
    const struct dsn_wording *words;
    str boundary;
    str returned; /* the part of the original that goes back */
    bool is_full; /* it is a message, not only its header */
    bool is_cut;  /* it is less of that than there is (RFC 6522 section 3) */
    bool is_utf8;
    bool returned_is_ascii;
};

/* One line of harmless text: control bytes and runs of them are one space, as between the lines of
 * a reply; 8-bit bytes stay only where they are wanted and UTF-8. */
static str one_line(struct arena *a, str text, size_t max, bool keep_8bit)
{
    text = str_trim(text);
    keep_8bit = keep_8bit && utf8_is_valid(text);
    text = keep_8bit ? utf8_cut(text, max) : str_slice(text, 0, max);
    char *p = arena_alloc(a, text.n + text.n / WORD_MAX + 1);
    size_t n = 0;
    size_t word = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_space = (unsigned char)c <= ' ' || c == 127;
        word = is_space ? 0 : word + 1;
        if (word > WORD_MAX) {
            p[n++] = ' ';
            word = 1;
        }
        if ((unsigned char)c > 127 && !keep_8bit)
            c = '?';
        if (is_space && n > 0 && p[n - 1] != ' ') {
            p[n++] = ' ';
        } else if (!is_space) {
            p[n++] = c;
        }
    }
    return str_trim(str_of(p, n));
}

/* "5.1.1": class 4 or 5 and two numbers of at most three digits (RFC 3463 section 2). */
static bool is_status(str s, char class)
{
    str rest = s;
    str number;
    uint64_t value = 0;
    if (s.n < 5 || s.p[0] != class || s.p[1] != '.')
        return false;
    rest = str_skip(s, 2);
    if (!str_cut(rest, '.', &number, &rest) || !str_to_uint(number, 999, &value))
        return false;
    return str_to_uint(rest, 999, &value);
}

/* What differs between the actions. */
static const struct {
    const char *word;
    char class; /* of the status */
} actions[] = {
    [DSN_FAILED] = { "failed", '5' },
    [DSN_DELAYED] = { "delayed", '4' },
    [DSN_RELAYED] = { "relayed", '2' },
    [DSN_DELIVERED] = { "delivered", '2' },
};

static str status_of(const struct dsn *d, const struct dsn_recipient *r)
{
    char class = actions[d->action].class;
    if (is_status(r->status, class))
        return r->status;
    /* A deferral that ended the last try fails with its 4.x.x (RFC 3464 2.3.4 wants class 5). */
    if (class == '5' && str_eq(r->status, STR(STATUS_EXPIRED)))
        return STR("5.4.7");
    if (class == '2')
        return STR("2.0.0");
    return class == '5' ? STR("5.0.0") : STR("4.0.0");
}

/* What stands behind xtext (RFC 3461 4); text of other makes as it is. */
static str decode_xtext(struct arena *a, str text)
{
    str decoded;
    return smtp_xtext_decode(text, a, &decoded) ? decoded : text;
}

/* What a server said, and nothing that we found out about it: "550 text", or "550-text" where more
 * lines follow (RFC 3461 9.2). */
static bool is_reply(const struct dsn_recipient *r)
{
    str text = str_trim(r->diagnostic);
    size_t n = 0;
    while (n < text.n && ascii_is_digit(text.p[n]))
        n++;
    return r->remote.n > 0 && n == 3 && (text.n == n || text.p[n] == ' ' || text.p[n] == '-');
}

/* ---- the text for people ---- */

/* Goes on in a line that has so many columns already, and in others. */
static void add_words(struct buf *text, size_t column, str words)
{
    bool more = words.n > 0;
    for (size_t n = 0; more; n++) {
        str word;
        more = str_cut(words, ' ', &word, &words);
        bool breaks = n > 0 && column + 1 + word.n > PEOPLE_COLUMNS;
        buf_addf(text, "%s%.*s", breaks ? "\r\n    " : n > 0 ? " " : "", STR_FMT(word));
        column = (breaks ? PEOPLE_INDENT : column + (n > 0)) + word.n;
    }
}

static void add_person(const struct shape *s, const struct dsn_recipient *r, struct buf *text)
{
    str why = one_line(s->a, r->diagnostic, DIAGNOSTIC_MAX, false);
    buf_addf(text, "\r\n<%.*s>\r\n", STR_FMT(one_line(s->a, r->address, ADDRESS_MAX, true)));
    if (s->d->action == DSN_DELIVERED)
        return;
    size_t start = text->n;
    if (r->remote.n) {
        const char *how = is_reply(r) ? s->words->said : s->words->tried;
        wording_add(text, how, one_line(s->a, r->remote, 300, false));
    } else {
        buf_addf(text, "    ");
    }
    add_words(text, text->n - start, why.n ? why : str_from_cstr(s->words->no_reason));
    buf_addf(text, "\r\n");
    /* Alone, "try again later" were a strange reason to give up. */
    if (s->d->action == DSN_FAILED && str_eq(r->status, STR(STATUS_EXPIRED)))
        wording_add(text, s->words->expired, wording_date(s->a, s->d->language, s->d->arrived_us));
}

static void add_people_text(const struct shape *s, struct buf *text)
{
    const struct dsn *d = s->d;
    wording_add(text, s->words->greeting, d->reporting_mta);
    buf_addf(text, "%s", s->words->actions[d->action].intro);
    if (d->action == DSN_DELAYED)
        wording_add(text, s->words->given_up, wording_date(s->a, d->language, d->expires_us));
    for (size_t i = 0; i < d->n && i < LISTED_MAX; i++)
        add_person(s, &d->recipients[i], text);
    if (d->n > LISTED_MAX)
        wording_add(text, s->words->more, arena_printf(s->a, "%zu", d->n - LISTED_MAX));
    if (s->is_cut)
        buf_addf(text, "%s", s->words->cut);
    wording_add(text, s->words->queue_id, d->queue_id);
}

static bool add_text_part(const struct shape *s, struct buf *out)
{
    struct buf text;
    buf_init(&text, (size_t)4 * TEXT_MAX);
    add_people_text(s, &text);
    bool ok = mime_compose_part(out, s->boundary) &&
              buf_addf(out, "Content-Language: %s\r\n", language_tag(s->d->language)) &&
              mime_compose_text_part(out, buf_str(&text));
    buf_fini(&text);
    return ok;
}

/* ---- the text for programs ---- */

static bool add_date(struct buf *out, const char *name, int64_t us)
{
    return buf_addf(out, "%s: ", name) && mime_date_format(us / 1000000, 0, out) &&
           buf_add(out, STR("\r\n"));
}

/* "name: type; value"; folded, 8-bit only where the report is UTF-8. */
static bool add_typed(const struct shape *s, struct buf *out, str name, const char *type, str value,
                      size_t max)
{
    str clean = one_line(s->a, value, max, s->is_utf8);
    if (str_is_empty(clean))
        return true;
    return mime_compose_raw_field(out, name, arena_printf(s->a, "%s; %.*s", type, STR_FMT(clean)));
}

/* "mx.example.net [192.0.2.1]" as a name with a comment (RFC 3464 section 2.1.2). With it, the
 * diagnostic code would be that server's word (2.3.6): what we found out ourselves stands alone. */
static bool add_remote(const struct shape *s, struct buf *out, const struct dsn_recipient *r)
{
    str name;
    str ip;
    str clean = one_line(s->a, r->remote, 300, false);
    bool has_ip = str_cut(clean, ' ', &name, &ip);
    if (str_is_empty(name) || (actions[s->d->action].class != '2' && !is_reply(r)))
        return true;
    str value = has_ip ? arena_printf(s->a, "%.*s (%.*s)", STR_FMT(name), STR_FMT(ip)) : name;
    return add_typed(s, out, STR("Remote-MTA"), "dns", value, 320);
}

/* The whole field, decoded and harmless; empty without an ORCPT. */
static str original_recipient(const struct shape *s, str orcpt)
{
    str type;
    str address;
    if (!str_cut(orcpt, ';', &type, &address))
        return STR_EMPTY;
    type = one_line(s->a, type, ADDRESS_TYPE_MAX, false);
    address = one_line(s->a, decode_xtext(s->a, address), ADDRESS_MAX, s->is_utf8);
    return arena_printf(s->a, "Original-Recipient: %.*s;%.*s\r\n", STR_FMT(type), STR_FMT(address));
}

static bool add_diagnostic(const struct shape *s, struct buf *out, const struct dsn_recipient *r)
{
    return add_typed(s, out, STR("Diagnostic-Code"), is_reply(r) ? "smtp" : "x-heronry",
                     one_line(s->a, r->diagnostic, DIAGNOSTIC_MAX, false), DIAGNOSTIC_MAX);
}

/* RFC 3464 section 2.3, RFC 6533 section 3 for UTF-8 addresses. */
static bool add_recipient(const struct shape *s, struct buf *out, const struct dsn_recipient *r)
{
    const struct dsn *d = s->d;
    str original = original_recipient(s, r->orcpt);
    const char *type = utf8_is_ascii(r->address) ? "rfc822" : "utf-8";
    bool ok = buf_add(out, STR("\r\n")) && (str_is_empty(original) || buf_add(out, original)) &&
              add_typed(s, out, STR("Final-Recipient"), type, r->address, ADDRESS_MAX) &&
              buf_addf(out, "Action: %s\r\n", actions[d->action].word) &&
              buf_addf(out, "Status: %.*s\r\n", STR_FMT(status_of(d, r))) &&
              add_remote(s, out, r) &&
              (actions[d->action].class == '2' || add_diagnostic(s, out, r));
    if (ok && r->last_attempt_us)
        ok = add_date(out, "Last-Attempt-Date", r->last_attempt_us);
    if (ok && d->action == DSN_DELAYED)
        ok = add_date(out, "Will-Retry-Until", d->expires_us);
    return ok;
}

static bool add_status_part(const struct shape *s, struct buf *out)
{
    const struct dsn *d = s->d;
    str envelope_id = one_line(s->a, decode_xtext(s->a, d->envelope_id), 500, false);
    bool ok =
        mime_compose_part(out, s->boundary) &&
        buf_addf(out, "Content-Type: message/%sdelivery-status\r\n", s->is_utf8 ? "global-" : "") &&
        (!s->is_utf8 || buf_addf(out, "Content-Transfer-Encoding: 8bit\r\n")) &&
        buf_add(out, STR("\r\n")) &&
        add_typed(s, out, STR("Reporting-MTA"), "dns", d->reporting_mta, 255);
    if (ok && envelope_id.n)
        ok = buf_addf(out, "Original-Envelope-Id: %.*s\r\n", STR_FMT(envelope_id));
    ok = ok && add_date(out, "Arrival-Date", d->arrived_us);
    if (ok && d->hold_request.n) {
        str request = one_line(s->a, d->hold_request, 100, false);
        ok = buf_addf(out, "Future-Release-Request: %.*s\r\n", STR_FMT(request));
    }
    for (size_t i = 0; i < d->n && ok; i++)
        ok = add_recipient(s, out, &d->recipients[i]);
    return ok;
}

/* ---- the original ---- */

static bool add_line(struct buf *out, str line)
{
    line = str_slice(line, 0, LINE_MAX_OCTETS);
    size_t at = out->n;
    if (!buf_add(out, line))
        return false;
    for (size_t i = at; i < out->n; i++) {
        if (out->p[i] == '\r' || out->p[i] == '\0')
            out->p[i] = ' ';
    }
    return buf_add(out, STR("\r\n"));
}

/* Lines end with CRLF whatever they ended with, and are cut where they are too long (R20). */
static bool add_lines(struct buf *out, str text)
{
    str line;
    while (!str_is_empty(text)) {
        str_cut(text, '\n', &line, &text);
        if (str_has_suffix(line, STR("\r")))
            line.n--;
        if (!add_line(out, line))
            return false;
    }
    return true;
}

static bool add_original(const struct shape *s, struct buf *out)
{
    const char *type = s->is_full ? "message/rfc822" : "text/rfc822-headers";
    if (s->is_utf8)
        type = s->is_full ? "message/global" : "message/global-headers";
    return mime_compose_part(out, s->boundary) && buf_addf(out, "Content-Type: %s\r\n", type) &&
           (s->returned_is_ascii || buf_addf(out, "Content-Transfer-Encoding: 8bit\r\n")) &&
           buf_add(out, STR("\r\n")) && add_lines(out, s->returned);
}

/* ---- all of it ---- */

static bool add_header(const struct shape *s, struct buf *out)
{
    const struct dsn *d = s->d;
    str id = one_line(s->a, d->message_id, 300, false);
    return mime_compose_mailbox_field(out, STR("From"), STR("Mail Delivery System"), d->from) &&
           mime_compose_mailbox_field(out, STR("To"), STR_EMPTY, d->to) &&
           mime_compose_text_field(out, STR("Subject"),
                                   str_from_cstr(s->words->actions[d->action].subject)) &&
           mime_compose_date_field(out, d->now_us / 1000000, 0) &&
           buf_addf(out, "Message-ID: <%.*s>\r\n", STR_FMT(id)) &&
           buf_add(out, STR("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n")) &&
           mime_compose_multipart_field(out, STR("report"), STR("; report-type=delivery-status"),
                                        s->boundary) &&
           mime_compose_end_header(out);
}

static void choose_returned(struct shape *s)
{
    const struct dsn *d = s->d;
    str original = str_slice(d->original, 0, DSN_RETURN_MAX);
    s->is_full = d->return_full && d->action == DSN_FAILED;
    s->returned = original;
    if (!s->is_full)
        s->returned = str_slice(original, 0, mime_header_end(original));
    /* A header that does not end in what is there is cut, too. */
    s->is_cut = (d->is_original_cut || original.n < d->original.n) && s->returned.n == original.n;
    s->returned_is_ascii = utf8_is_ascii(s->returned);
}

static bool needs_utf8(const struct shape *s)
{
    const struct dsn *d = s->d;
    str header = str_slice(s->returned, 0, mime_header_end(s->returned));
    /* Raw 8-bit bytes of other messages go back as they came, in the old types: a report that only
     * servers with SMTPUTF8 take might never reach who sent them. */
    bool utf8_header = d->is_utf8 && !utf8_is_ascii(header) && utf8_is_valid(header);
    bool found = utf8_header || !utf8_is_ascii(d->to) || !utf8_is_ascii(d->from);
    for (size_t i = 0; i < d->n && !found; i++)
        found = !utf8_is_ascii(d->recipients[i].address) || !utf8_is_ascii(d->recipients[i].orcpt);
    return found;
}

/* Unguessable as long as the message id is; and looked for, to be sure. */
static str choose_boundary(const struct shape *s)
{
    for (uint64_t i = 0;; i++) {
        str b = mime_compose_boundary(s->a, str_hash(s->d->message_id, i),
                                      str_hash(s->d->queue_id, (uint64_t)s->d->now_us + i));
        if (str_find(s->returned, b) < 0)
            return b;
    }
}

bool dsn_compose(const struct dsn *d, struct buf *out, bool *is_utf8, bool *is_8bit, struct err *e)
{
    struct arena a;
    size_t start = out->n;
    if (str_is_empty(d->to))
        return ERR(e, ERR_DENIED, "no report about a report");
    arena_init(&a);
    struct shape s = { .a = &a, .d = d, .words = wording_of_dsn(d->language) };
    choose_returned(&s);
    s.is_utf8 = needs_utf8(&s);
    s.boundary = choose_boundary(&s);
    bool ok = add_header(&s, out) && add_text_part(&s, out) && add_status_part(&s, out) &&
              add_original(&s, out) && mime_compose_multipart_end(out, s.boundary);
    arena_fini(&a);
    if (!ok) {
        buf_truncate(out, start);
        return ERR(e, ERR_LIMIT, "the report is too big");
    }
    *is_utf8 = s.is_utf8;
    *is_8bit = !utf8_is_ascii(str_skip(buf_str(out), start));
    return true;
}
