/* SPDX-License-Identifier: Apache-2.0 */
/* Composes questions about held mail. */
#include "queue/hold_mail.h"

#include "base/utf8.h"
#include "mime/compose.h"
#include "mime/summary.h"
#include "queue/wording.h"

enum {
    LISTED_MAX = 20, /* recipients named */
    ADDRESS_MAX = 320,
    SUBJECT_MAX = 1024,
    TEXT_MAX = 64 * 1024,
    LINE_MAX_OCTETS = 998
};

struct composing {
    const struct hold_mail *m;
    const struct hold_wording *words;
    struct arena a;
    struct mime_derived original;
    str header; /* of the held message; empty when it is not known */
    str boundary;
};

/* One line of valid UTF-8 without control bytes. */
static str one_line(struct arena *a, str text, size_t max)
{
    struct buf clean;
    text = str_slice(text, 0, max);
    buf_init(&clean, 3 * max + 4);
    utf8_repair(text, &clean);
    char *p = arena_cstr(a, buf_str(&clean));
    size_t n = clean.n;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)p[i] < ' ' || p[i] == 127)
            p[i] = ' ';
    }
    buf_fini(&clean);
    return str_trim(str_of(p, n));
}

/* ---- the text ---- */

static void add_message(struct composing *c, struct buf *text)
{
    const struct queue_hold *h = c->m->hold;
    str subject = c->original.summary.subject;
    if (subject.n > 0)
        wording_add(text, c->words->about, subject);
    for (size_t i = 0; i < h->n && i < LISTED_MAX; i++)
        wording_add(text, c->words->to, one_line(&c->a, h->recipients[i], ADDRESS_MAX));
    if (h->n > LISTED_MAX)
        wording_add(text, c->words->more, arena_printf(&c->a, "%zu", h->n - LISTED_MAX));
    wording_add(text, c->words->sent, wording_date(&c->a, c->m->language, h->created_us));
}

static void add_reason(struct composing *c, struct buf *text)
{
    const struct queue_hold *h = c->m->hold;
    str reason = one_line(&c->a, h->reason, QUEUE_REPLY_MAX);
    buf_addf(text, "%s", h->pin.n > 0 ? c->words->unproven : c->words->unsecured);
    wording_add(text, c->words->reason, reason);
    if (h->remote.n > 0)
        wording_add(text, c->words->server, one_line(&c->a, h->remote, 300));
    if (h->certificate.n > 0) {
        wording_add(text, c->words->certificate, one_line(&c->a, h->certificate, QUEUE_REPLY_MAX));
    }
}

/* The choices, in words that an answer may have (submit/answer.h). */
static void add_choices(const struct composing *c, struct buf *text)
{
    const struct queue_hold *h = c->m->hold;
    buf_addf(text, "%s", c->words->choices);
    if (h->pin.n > 0)
        wording_add(text, c->words->whitelist, h->domain);
    wording_add(text, c->words->whitelist_any, h->domain);
}

static void add_how(struct composing *c, struct buf *text)
{
    char id[QUEUE_ID_TEXT];
    str shown = queue_id_format(c->m->hold->queue_id, id);
    if (c->m->reply_to.n > 0) {
        buf_addf(text, "%s", c->words->answer);
        add_choices(c, text);
    } else {
        wording_add(text, c->words->ask_somebody, shown);
    }
    wording_add(text, c->words->until, wording_date(&c->a, c->m->language, c->m->hold->expires_us));
    wording_add(text, c->words->queue_id, shown);
}

static void add_people_text(struct composing *c, struct buf *text)
{
    if (c->m->is_unclear)
        buf_addf(text, "%s", c->words->unclear);
    wording_add(text, c->words->greeting, c->m->host);
    buf_addf(text, "%s", c->words->your_message);
    add_message(c, text);
    buf_addf(text, "%s", c->words->not_sent);
    add_reason(c, text);
    buf_addf(text, "%s", c->words->doubt);
    add_how(c, text);
}

/* ---- the parts ---- */

static bool add_text_part(struct composing *c, struct buf *out)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    add_people_text(c, &text);
    bool ok = mime_compose_part(out, c->boundary) &&
              buf_addf(out, "Content-Language: %s\r\n", language_tag(c->m->language)) &&
              mime_compose_text_part(out, buf_str(&text));
    buf_fini(&text);
    return ok;
}

static bool add_line(struct buf *out, str line)
{
    size_t at = out->n;
    if (!buf_add(out, str_slice(line, 0, LINE_MAX_OCTETS)))
        return false;
    for (size_t i = at; i < out->n; i++) {
        if (out->p[i] == '\r' || out->p[i] == '\0')
            out->p[i] = ' ';
    }
    return buf_add(out, STR("\r\n"));
}

static bool add_header_part(const struct composing *c, struct buf *out)
{
    str rest = c->header;
    str line;
    bool ok =
        mime_compose_part(out, c->boundary) &&
        buf_add(out, STR("Content-Type: text/rfc822-headers\r\n")) &&
        (utf8_is_ascii(c->header) || buf_add(out, STR("Content-Transfer-Encoding: 8bit\r\n"))) &&
        buf_add(out, STR("\r\n"));
    while (ok && rest.n > 0) {
        (void)str_cut(rest, '\n', &line, &rest);
        if (str_has_suffix(line, STR("\r")))
            line.n--;
        ok = add_line(out, line);
    }
    return ok;
}

static str subject_of(struct composing *c)
{
    struct buf text;
    buf_init(&text, SUBJECT_MAX);
    if (c->m->is_unclear)
        buf_addf(&text, "%s", c->words->subject_unclear);
    wording_add(&text, c->words->subject, c->m->hold->domain);
    str copy = arena_str(&c->a, buf_str(&text));
    buf_fini(&text);
    return copy;
}

static bool add_fields(struct composing *c, str subject, struct buf *out)
{
    const struct hold_mail *m = c->m;
    str about = c->original.summary.message_id;
    bool ok = mime_compose_mailbox_field(out, STR("From"), STR("Mail Delivery System"), m->from) &&
              mime_compose_mailbox_field(out, STR("To"), STR_EMPTY, m->to) &&
              (m->reply_to.n == 0 ||
               mime_compose_mailbox_field(out, STR("Reply-To"), STR_EMPTY, m->reply_to)) &&
              mime_compose_text_field(out, STR("Subject"), subject) &&
              mime_compose_date_field(out, m->now_us / 1000000, 0) &&
              mime_compose_message_id_field(out, m->unique[0], m->unique[1], m->host);
    if (ok && about.n > 0 && about.n < ADDRESS_MAX) {
        ok = buf_addf(out, "In-Reply-To: <%.*s>\r\nReferences: <%.*s>\r\n", STR_FMT(about),
                      STR_FMT(about));
    }
    return ok && buf_add(out, STR("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"));
}

/* Ends the composing: what is not whole is taken back. */
static bool finish(struct composing *c, struct buf *out, size_t start, bool is_whole, struct err *e)
{
    arena_fini(&c->a);
    if (is_whole)
        return true;
    buf_truncate(out, start);
    return ERR(e, ERR_LIMIT, "the question is too big");
}

bool hold_mail_compose(const struct hold_mail *m, struct buf *out, struct err *e)
{
    struct composing c = { .m = m, .words = wording_of_hold(m->language) };
    size_t start = out->n;
    arena_init(&c.a);
    mime_derive(&c.a, m->hold->original, &c.original);
    c.header = str_slice(m->hold->original, 0, mime_header_end(m->hold->original));
    c.boundary = mime_compose_boundary(&c.a, m->unique[0], m->unique[1]);
    bool ok = add_fields(&c, subject_of(&c), out) &&
              mime_compose_multipart_field(out, STR("mixed"), STR_EMPTY, c.boundary) &&
              mime_compose_end_header(out) && add_text_part(&c, out) &&
              (c.header.n == 0 || add_header_part(&c, out)) &&
              mime_compose_multipart_end(out, c.boundary);
    return finish(&c, out, start, ok, e);
}

bool hold_mail_compose_late(const struct hold_mail *m, str answer, struct buf *out, struct err *e)
{
    struct hold_mail own = *m;
    struct composing c = { .m = &own, .words = wording_of_hold(m->language) };
    size_t start = out->n;
    struct buf text;
    own.reply_to = STR_EMPTY;
    arena_init(&c.a);
    mime_derive(&c.a, str_slice(answer, 0, mime_header_end(answer)), &c.original);
    buf_init(&text, TEXT_MAX);
    wording_add(&text, c.words->greeting, m->host);
    buf_addf(&text, "%s", c.words->your_answer);
    wording_add(&text, c.words->about, c.original.summary.subject);
    buf_addf(&text, "%s", c.words->late);
    bool ok = add_fields(&c, str_from_cstr(c.words->subject_late), out) &&
              buf_addf(out, "Content-Language: %s\r\n", language_tag(m->language)) &&
              mime_compose_text_part(out, buf_str(&text));
    buf_fini(&text);
    return finish(&c, out, start, ok, e);
}
