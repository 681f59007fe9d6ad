/* SPDX-License-Identifier: Apache-2.0 */
/* Composes questions about held mail. */
#include "queue/hold_mail.h"

#include "base/utf8.h"
#include "mime/compose.h"
#include "mime/date.h"
#include "mime/summary.h"

enum {
    LISTED_MAX = 20, /* recipients named */
    ADDRESS_MAX = 320,
    TEXT_MAX = 64 * 1024,
    LINE_MAX_OCTETS = 998
};

struct composing {
    const struct hold_mail *m;
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

static str date(struct arena *a, int64_t us)
{
    struct buf text;
    buf_init(&text, 64);
    mime_date_format(us / 1000000, 0, &text);
    str copy = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return copy;
}

/* ---- the text ---- */

static void add_message(struct composing *c, struct buf *text)
{
    const struct queue_hold *h = c->m->hold;
    str subject = c->original.summary.subject;
    if (subject.n > 0)
        buf_addf(text, "    Subject: %.*s\r\n", STR_FMT(subject));
    for (size_t i = 0; i < h->n && i < LISTED_MAX; i++) {
        buf_addf(text, "    To:      %.*s\r\n",
                 STR_FMT(one_line(&c->a, h->recipients[i], ADDRESS_MAX)));
    }
    if (h->n > LISTED_MAX)
        buf_addf(text, "             and %zu more\r\n", h->n - LISTED_MAX);
    buf_addf(text, "    Sent:    %.*s\r\n", STR_FMT(date(&c->a, h->created_us)));
}

static void add_reason(struct composing *c, struct buf *text)
{
    const struct queue_hold *h = c->m->hold;
    buf_addf(text, "    %.*s\r\n\r\n", STR_FMT(one_line(&c->a, h->reason, QUEUE_REPLY_MAX)));
    if (h->remote.n > 0)
        buf_addf(text, "    Server:      %.*s\r\n", STR_FMT(one_line(&c->a, h->remote, 300)));
    if (h->certificate.n > 0) {
        buf_addf(text, "    Certificate: %.*s\r\n",
                 STR_FMT(one_line(&c->a, h->certificate, QUEUE_REPLY_MAX)));
    }
}

/* The choices, in the words that an answer may have. */
static void add_choices(const struct composing *c, struct buf *text)
{
    const struct queue_hold *h = c->m->hold;
    buf_addf(text, "    cancel\r\n"
                   "        The message is not sent at all.\r\n\r\n"
                   "    retry\r\n"
                   "        It is tried again, and goes if it can go securely now.\r\n\r\n"
                   "    send just this\r\n"
                   "        This one message is sent as it is, however insecure.\r\n\r\n");
    if (h->pin.n > 0) {
        buf_addf(text,
                 "    whitelist %.*s\r\n"
                 "        It is sent, and so is all your further mail to %.*s, as long as\r\n"
                 "        the server there has the same key as now.\r\n\r\n",
                 STR_FMT(h->domain), STR_FMT(h->domain));
    }
    buf_addf(text,
             "    whitelist %.*s without TLS\r\n"
             "        It is sent, and so is all your further mail to %.*s, to any\r\n"
             "        server that says it is in charge there, also without encryption.\r\n",
             STR_FMT(h->domain), STR_FMT(h->domain));
}

static void add_how(struct composing *c, struct buf *text)
{
    char id[QUEUE_ID_TEXT];
    str shown = queue_id_format(c->m->hold->queue_id, id);
    if (c->m->reply_to.n > 0) {
        buf_addf(text, "Please decide: answer this mail from your account on this server, with one"
                       " of these on\r\nthe first line:\r\n\r\n");
        add_choices(c, text);
    } else {
        buf_addf(text,
                 "Ask whoever runs this mail server to decide (heronry queue decide %.*s).\r\n",
                 STR_FMT(shown));
    }
    buf_addf(text, "\r\nWithout a decision until %.*s the message is returned to you.\r\n",
             STR_FMT(date(&c->a, c->m->hold->expires_us)));
    buf_addf(text, "\r\nQueue id: %.*s\r\n", STR_FMT(shown));
}

static void add_people_text(struct composing *c, struct buf *text)
{
    if (c->m->is_unclear) {
        buf_addf(text, "Your answer was not understood, and nothing was done. Only the first line"
                       " of an\r\nanswer is read; it may say one thing only.\r\n\r\n");
    }
    buf_addf(text,
             "This is the mail system at %.*s.\r\n\r\n"
             "Your message\r\n\r\n",
             STR_FMT(c->m->host));
    add_message(c, text);
    buf_addf(text, "\r\nhas not been sent, because it cannot go securely:\r\n\r\n");
    add_reason(c, text);
    buf_addf(text, "\r\nThe server may only be set up badly. But somebody on the way could also"
                   " pretend to be\r\nthat server, and read or change the message.\r\n\r\n");
    add_how(c, text);
}

/* ---- the parts ---- */

static bool add_text_part(struct composing *c, struct buf *out)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    add_people_text(c, &text);
    bool ok = mime_compose_part(out, c->boundary) && mime_compose_text_part(out, buf_str(&text));
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

static bool add_fields(struct composing *c, struct buf *out)
{
    const struct hold_mail *m = c->m;
    str about = c->original.summary.message_id;
    str subject = arena_printf(&c->a, "%sYour mail to %.*s could not be sent securely",
                               m->is_unclear ? "Not understood: " : "", STR_FMT(m->hold->domain));
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
    return ok && buf_add(out, STR("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n")) &&
           mime_compose_multipart_field(out, STR("mixed"), STR_EMPTY, c->boundary) &&
           mime_compose_end_header(out);
}

bool hold_mail_compose(const struct hold_mail *m, struct buf *out, struct err *e)
{
    struct composing c = { .m = m };
    size_t start = out->n;
    arena_init(&c.a);
    mime_derive(&c.a, m->hold->original, &c.original);
    c.header = str_slice(m->hold->original, 0, mime_header_end(m->hold->original));
    c.boundary = mime_compose_boundary(&c.a, m->unique[0], m->unique[1]);
    bool ok = add_fields(&c, out) && add_text_part(&c, out) &&
              (c.header.n == 0 || add_header_part(&c, out)) &&
              mime_compose_multipart_end(out, c.boundary);
    arena_fini(&c.a);
    if (ok)
        return true;
    buf_truncate(out, start);
    return ERR(e, ERR_LIMIT, "the question is too big");
}
