/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the text parts (RFC 2046 section 5.1.4), joins them and has them cleaned. */
#include "services/api/mail_text.h"

#include "mime/structure.h"
#include "runtime/runtime.h"
#include "services/api/clean_html.h"

#include <stdlib.h>

/* Base of what the frame shows; the mail's own styles come behind it. It may use what the policy
 * of the answer allows: inline styles and nothing from elsewhere. */
static const char frame_head[] =
    "<style>html{color-scheme:light;background:#fff;color:#1c252c}"
    "body{margin:0;padding:2px;font:15px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}"
    "blockquote{margin:0 0 0 2px;padding:0 0 0 12px;border-left:2px solid #c8d3da;color:#51606b}"
    "</style>";

/* A text part of the message. */
struct text_part {
    const struct mime_part *part;
    const struct mime_part *alternative; /* the nearest multipart/alternative around it, or NULL */
    bool is_html;
};

struct text_job {
    struct work work;
    struct arena a;
    struct mail_text_wanted wanted; /* its texts are in the arena */
    struct mime_structure *structure;
    struct text_part parts[MAIL_TEXT_PARTS_MAX];
    size_t n;
    struct html_part *pictures;
    size_t n_pictures;
    struct mail_text out;
};

/* ---- which parts ---- */

/* The nearest alternative; false when the part is inside of an attached message. */
static bool find_alternative(const struct mime_part *part, const struct mime_part **out)
{
    *out = NULL;
    for (const struct mime_part *p = part->parent; p; p = p->parent) {
        if (p->kind == MIME_PART_MESSAGE)
            return false;
        if (!*out && str_eq(p->subtype, STR("alternative")))
            *out = p;
    }
    return true;
}

static void find_parts(struct text_job *job)
{
    const struct mime_part *part = job->structure->root;
    for (; part; part = mime_part_next(part)) {
        const struct mime_part *alternative;
        bool is_html = str_eq(part->subtype, STR("html"));
        bool is_text = part->kind == MIME_PART_LEAF && str_eq(part->type, STR("text")) &&
                       (is_html || str_eq(part->subtype, STR("plain")) ||
                        str_eq(part->subtype, STR("enriched")));
        if (!is_text || mime_part_is_attachment(part) || !find_alternative(part, &alternative))
            continue;
        if (job->n == MAIL_TEXT_PARTS_MAX) {
            job->out.is_cut = true;
            return;
        }
        job->out.has_html = job->out.has_html || is_html;
        job->parts[job->n++] = (struct text_part){ part, alternative, is_html };
    }
}

/* Of one alternative the wanted form is shown, and the other one where that is missing. */
static bool is_shown(const struct text_job *job, const struct text_part *t)
{
    bool wants_html = !job->wanted.plain;
    if (!t->alternative || t->is_html == wants_html)
        return true;
    for (size_t i = 0; i < job->n; i++) {
        if (job->parts[i].alternative == t->alternative && job->parts[i].is_html == wants_html)
            return false;
    }
    return true;
}

/* Pictures and other parts with a Content-ID, and where they are served. */
static void find_pictures(struct text_job *job)
{
    const struct mime_part *part = job->structure->root;
    job->pictures = ARENA_ARRAY(&job->a, struct html_part, MAIL_TEXT_PICTURES_MAX);
    for (; part && job->n_pictures < MAIL_TEXT_PICTURES_MAX; part = mime_part_next(part)) {
        str id = str_trim(part->id);
        if (part->kind != MIME_PART_LEAF || id.n == 0)
            continue;
        if (str_has_prefix(id, STR("<")) && str_has_suffix(id, STR(">")))
            id = str_slice(id, 1, id.n - 2);
        str number = mime_structure_path(part, &job->a);
        job->pictures[job->n_pictures++] = (struct html_part){
            .content_id = id,
            .url = arena_printf(&job->a, "/api/v1/messages/%lld/parts/%.*s?disposition=inline",
                                (long long)job->wanted.msg_id, STR_FMT(number)),
        };
    }
}

/* ---- making ---- */

static void add_plain(struct text_job *job, const struct mime_part *part, str text, struct buf *out)
{
    str format = mime_content_type_param(&part->content_type, STR("format"));
    str delsp = mime_content_type_param(&part->content_type, STR("delsp"));
    const struct html_from_text_options options = {
        .flowed = str_ieq(format, STR("flowed")),
        .delsp = str_ieq(delsp, STR("yes")),
    };
    if (!html_from_text(text, &options, out))
        job->out.is_cut = true;
}

/* All shown parts as one HTML text, not cleaned yet. */
static str join(struct text_job *job)
{
    struct buf out;
    size_t shown = 0;
    buf_init(&out, HTML_MAX_INPUT_BYTES);
    for (size_t i = 0; i < job->n; i++) {
        const struct text_part *t = &job->parts[i];
        if (!is_shown(job, t))
            continue;
        str text = mime_part_text(job->structure, t->part, &job->a, MAIL_TEXT_MAX);
        job->out.is_cut = job->out.is_cut || text.n >= MAIL_TEXT_MAX;
        if (shown++ > 0)
            (void)buf_add(&out, STR("<hr>"));
        if (t->is_html) {
            job->out.is_cut = !buf_add(&out, text) || job->out.is_cut;
        } else {
            add_plain(job, t->part, text, &out);
        }
    }
    str joined = arena_str(&job->a, buf_str(&out));
    buf_fini(&out);
    return joined;
}

static void make_quote(struct text_job *job)
{
    struct buf text;
    const struct html_text_options options = { .links = false };
    buf_init(&text, MAIL_TEXT_QUOTE_MAX);
    (void)html_to_text(job->out.document, &options, &text);
    job->out.text = arena_str(&job->a, buf_str(&text));
    buf_fini(&text);
}

/* In a thread of the pool. */
static void make(struct work *work)
{
    struct text_job *job = CONTAINER_OF(work, struct text_job, work);
    struct html_clean clean;
    job->structure = mime_structure_parse(&job->a, job->wanted.message);
    find_parts(job);
    find_pictures(job);
    const struct html_policy policy = {
        .images = HTML_IMAGES_BLOCK,
        .parts = job->pictures,
        .n_parts = job->n_pictures,
        .head = str_from_cstr(frame_head),
    };
    html_sanitise(&job->a, join(job), &policy, &clean);
    job->out.document = clean.document;
    job->out.fragment = clean_html_inside(clean.document);
    job->out.report = clean.report;
    job->out.is_cut = job->out.is_cut || clean.report.cut;
    make_quote(job);
}

static void free_job(struct work *work)
{
    struct text_job *job = CONTAINER_OF(work, struct text_job, work);
    arena_fini(&job->a);
    free(job);
}

/* Copies what the answer needs, as the job ends. */
static void copy_out(const struct text_job *job, struct arena *a, struct mail_text *out)
{
    const struct html_report *from = &job->out.report;
    struct html_host *hosts = ARENA_ARRAY(a, struct html_host, from->n_hosts + 1);
    struct html_misleading_link *links =
        ARENA_ARRAY(a, struct html_misleading_link, from->n_misleading + 1);
    *out = job->out;
    out->document = arena_str(a, job->out.document);
    out->fragment = arena_str(a, job->out.fragment);
    out->text = arena_str(a, job->out.text);
    for (size_t i = 0; i < from->n_hosts; i++) {
        hosts[i] = from->hosts[i];
        hosts[i].name = arena_str(a, from->hosts[i].name);
    }
    out->report.hosts = hosts;
    for (size_t i = 0; i < from->n_misleading; i++) {
        links[i].shown = arena_str(a, from->misleading[i].shown);
        links[i].target = arena_str(a, from->misleading[i].target);
    }
    out->report.misleading = links;
    out->report.part_used = NULL;
}

bool mail_text_make(const struct mail_text_wanted *wanted, struct arena *a, int64_t deadline_ms,
                    struct mail_text *out, struct err *e)
{
    struct text_job *job = HEAP_NEW(struct text_job);
    job->work.run = make;
    job->work.done = free_job;
    arena_init(&job->a);
    job->wanted = *wanted;
    job->wanted.message = arena_str(&job->a, wanted->message);
    if (!work_run(&job->work, deadline_ms, e))
        return false;
    copy_out(job, a, out);
    work_finish(&job->work);
    return true;
}
