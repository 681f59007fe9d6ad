/* SPDX-License-Identifier: Apache-2.0 */
/* Writes mixed( alternative( text, related( html, pictures ) ), files ), leaving out the levels
 * that hold one part only. */
#include "compose/message.h"

#include "base/utf8.h"
#include "html/html.h"
#include "mime/charset.h"
#include "mime/compose.h"
#include "mime/encoding.h"

enum {
    FIELD_MAX = 1 << 20,  /* octets of one header field */
    TEXT_MAX = 8 << 20,   /* of one form of the text */
    REFERENCES_KEPT = 40, /* message ids; the newest */
    NAME_MAX_OCTETS = 180 /* of a file's name */
};

struct writer {
    struct arena *a;
    const struct compose_content *c;
    struct buf out;
    str html; /* cleaned */
    str text;
    size_t n_inline;
    unsigned boundaries; /* made so far */
};

/* ---- header ---- */

/* "Name <a@b>,\r\n Name <c@d>": one mailbox a line. */
static bool add_people(struct buf *out, const char *field, const struct compose_people *people)
{
    for (size_t i = 0; i < people->n; i++) {
        struct buf one;
        buf_init(&one, FIELD_MAX);
        bool ok = mime_compose_mailbox_field(&one, STR("X"), people->list[i].name,
                                             people->list[i].address);
        str text = str_trim(str_skip(buf_str(&one), 2));
        ok = ok && (i ? buf_add(out, STR(",\r\n ")) : buf_addf(out, "%s: ", field)) &&
             buf_add(out, text);
        buf_fini(&one);
        if (!ok)
            return false;
    }
    return people->n == 0 || buf_add(out, STR("\r\n"));
}

static bool add_ids(struct buf *out, const char *field, const str *ids, size_t n)
{
    size_t from = n > REFERENCES_KEPT ? n - REFERENCES_KEPT : 0;
    for (size_t i = from; i < n; i++) {
        if (!(i > from ? buf_add(out, STR("\r\n ")) : buf_addf(out, "%s: ", field)) ||
            !buf_addf(out, "<%.*s>", STR_FMT(ids[i])))
            return false;
    }
    return n == 0 || buf_add(out, STR("\r\n"));
}

static bool add_header(struct writer *w)
{
    const struct compose_content *c = w->c;
    const struct compose_people from = { &c->from, 1 };
    const struct compose_person reply_to = { STR_EMPTY, c->reply_to };
    const struct compose_people reply = { &reply_to, c->reply_to.n > 0 };
    return add_people(&w->out, "From", &from) && add_people(&w->out, "Reply-To", &reply) &&
           add_people(&w->out, "To", &c->to) && add_people(&w->out, "Cc", &c->cc) &&
           add_people(&w->out, "Bcc", &c->bcc) &&
           mime_compose_text_field(&w->out, STR("Subject"), c->subject) &&
           mime_compose_date_field(&w->out, c->date_utc, 0) &&
           mime_compose_message_id_field(&w->out, c->unique1, c->unique2, c->hostname) &&
           add_ids(&w->out, "In-Reply-To", &c->in_reply_to, c->in_reply_to.n > 0) &&
           add_ids(&w->out, "References", c->references, c->n_references) &&
           buf_add(&w->out, STR("MIME-Version: 1.0\r\n"));
}

/* ---- parts ---- */

static str new_boundary(struct writer *w)
{
    return mime_compose_boundary(w->a, w->c->unique1 + ++w->boundaries, ~w->c->unique2);
}

static bool add_html(struct writer *w)
{
    return buf_add(&w->out, STR("Content-Type: text/html; charset=utf-8\r\n"
                                "Content-Transfer-Encoding: quoted-printable\r\n\r\n")) &&
           mime_encode_quoted_printable(w->html, &w->out) && buf_add(&w->out, STR("\r\n"));
}

/* A media type that may stand in a header. Messages inside would have to be 7-bit as they are. */
static str safe_type(str type)
{
    size_t slashes = 0;
    for (size_t i = 0; i < type.n; i++) {
        char ch = type.p[i];
        slashes += ch == '/';
        if (!ascii_is_alnum(ch) && (ch == '\0' || !strchr("/-+._", ch)))
            return STR("application/octet-stream");
    }
    bool fits = slashes == 1 && type.n < 100 && !str_has_iprefix(type, STR("message/")) &&
                !str_has_iprefix(type, STR("multipart/"));
    return fits ? type : STR("application/octet-stream");
}

static bool is_plain_name(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.p[i] > 126 || name.p[i] == '"' || name.p[i] == '\\')
            return false;
    }
    return true;
}

/* filename, or filename* (RFC 2231) for names that are not ASCII; never both, as readers disagree
 * on which one counts. */
static bool add_disposition(struct writer *w, const struct compose_file *f)
{
    static const char digits[] = "0123456789ABCDEF";
    str name = utf8_cut(mime_text_clean(w->a, f->name), NAME_MAX_OCTETS);
    if (!buf_addf(&w->out, "Content-Disposition: %s;\r\n ",
                  f->content_id.n ? "inline" : "attachment"))
        return false;
    if (is_plain_name(name))
        return buf_addf(&w->out, "filename=\"%.*s\"\r\n", STR_FMT(name));
    bool ok = buf_add(&w->out, STR("filename*=utf-8''"));
    for (size_t i = 0; i < name.n && ok; i++) {
        unsigned char ch = (unsigned char)name.p[i];
        bool is_safe = ascii_is_alnum(name.p[i]) || ch == '.' || ch == '-' || ch == '_';
        ok = is_safe ? buf_add_byte(&w->out, name.p[i])
                     : buf_addf(&w->out, "%%%c%c", digits[ch >> 4], digits[ch & 15]);
    }
    return ok && buf_add(&w->out, STR("\r\n"));
}

static bool add_file(struct writer *w, const struct compose_file *f)
{
    str id = mime_text_clean(w->a, f->content_id);
    return buf_addf(&w->out, "Content-Type: %.*s\r\n", STR_FMT(safe_type(f->type))) &&
           add_disposition(w, f) &&
           (id.n == 0 || buf_addf(&w->out, "Content-ID: <%.*s>\r\n", STR_FMT(id))) &&
           buf_add(&w->out, STR("Content-Transfer-Encoding: base64\r\n\r\n")) &&
           mime_encode_base64(f->octets, &w->out);
}

static bool add_files(struct writer *w, bool are_inline, str boundary)
{
    for (size_t i = 0; i < w->c->n_files; i++) {
        const struct compose_file *f = &w->c->files[i];
        bool is_inline = f->content_id.n > 0 && w->html.n > 0;
        if (is_inline == are_inline && (!mime_compose_part(&w->out, boundary) || !add_file(w, f)))
            return false;
    }
    return mime_compose_multipart_end(&w->out, boundary);
}

static bool add_related(struct writer *w)
{
    if (w->n_inline == 0)
        return add_html(w);
    str boundary = new_boundary(w);
    return mime_compose_multipart_field(&w->out, STR("related"), STR("; type=\"text/html\""),
                                        boundary) &&
           mime_compose_end_header(&w->out) && mime_compose_part(&w->out, boundary) &&
           add_html(w) && add_files(w, true, boundary);
}

static bool add_alternative(struct writer *w)
{
    if (w->html.n == 0)
        return mime_compose_text_part(&w->out, w->text);
    str boundary = new_boundary(w);
    return mime_compose_multipart_field(&w->out, STR("alternative"), STR_EMPTY, boundary) &&
           mime_compose_end_header(&w->out) && mime_compose_part(&w->out, boundary) &&
           mime_compose_text_part(&w->out, w->text) && mime_compose_part(&w->out, boundary) &&
           add_related(w) && mime_compose_multipart_end(&w->out, boundary);
}

static bool add_mixed(struct writer *w)
{
    if (w->n_inline == w->c->n_files)
        return add_alternative(w);
    str boundary = new_boundary(w);
    return mime_compose_multipart_field(&w->out, STR("mixed"), STR_EMPTY, boundary) &&
           mime_compose_end_header(&w->out) && mime_compose_part(&w->out, boundary) &&
           add_alternative(w) && add_files(w, false, boundary);
}

/* ---- text ---- */

/* The same rules as for mail that comes: nobody can send a script through us (ATTACKS W12).
 * Pictures of other servers go too, so that a quoted mail tells nobody that it was read. */
static void clean_markup(struct writer *w)
{
    const struct compose_content *c = w->c;
    struct html_clean clean;
    struct html_part *parts = ARENA_ARRAY(w->a, struct html_part, c->n_files + 1);
    struct html_policy policy = { .images = HTML_IMAGES_BLOCK, .parts = parts };
    if (str_trim(c->html).n == 0)
        return;
    for (size_t i = 0; i < c->n_files; i++) {
        if (c->files[i].content_id.n == 0)
            continue;
        str id = mime_text_clean(w->a, c->files[i].content_id);
        parts[policy.n_parts++] =
            (struct html_part){ id, arena_printf(w->a, "cid:%.*s", STR_FMT(id)) };
    }
    html_sanitise(w->a, c->html, &policy, &clean);
    w->html = clean.document;
    w->n_inline = policy.n_parts;
}

static void make_text(struct writer *w)
{
    struct buf text;
    const struct html_text_options options = { .links = true };
    w->text = w->c->text;
    if (w->text.n > 0 || w->html.n == 0)
        return;
    buf_init(&text, TEXT_MAX);
    (void)html_to_text(w->html, &options, &text);
    w->text = arena_str(w->a, buf_str(&text));
    buf_fini(&text);
}

bool compose_message(struct arena *a, const struct compose_content *c, size_t max, str *out,
                     struct err *e)
{
    struct writer w = { .a = a, .c = c };
    clean_markup(&w);
    make_text(&w);
    buf_init(&w.out, max);
    bool ok = add_header(&w) && add_mixed(&w);
    if (ok)
        *out = arena_str(a, buf_str(&w.out));
    buf_fini(&w.out);
    return ok || ERR(e, ERR_LIMIT, "the message is larger than %zu octets", max);
}
