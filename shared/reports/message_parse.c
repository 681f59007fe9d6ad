/* SPDX-License-Identifier: Apache-2.0 */
/* Mails that carry reports: whether one is meant for programs, and the report in it. */
#include "mime/mime.h"
#include "reports/clean.h"

#include <stdlib.h>

/* ---- recognising ---- */

static const str subject_mark = STR_INIT("report domain:");

/* What stands behind "Report Domain:" in the subject, whatever else stands there; else empty. */
static str behind_mark(const struct mime_header *header, struct arena *a)
{
    const struct mime_field *subject = mime_header_find(header, STR("Subject"), 0);
    if (!subject)
        return STR_EMPTY;
    str text = mime_text_decode(a, subject->body);
    ptrdiff_t at = str_ifind(text, subject_mark);
    return at < 0 ? STR_EMPTY : str_skip(text, (size_t)at);
}

bool reports_is_report(const struct mime_header *header)
{
    struct arena a;
    if (mime_header_find(header, STR("In-Reply-To"), 0) ||
        mime_header_find(header, STR("References"), 0))
        return false;
    if (mime_header_find(header, STR("TLS-Report-Domain"), 0))
        return true;
    arena_init(&a);
    bool is_one = behind_mark(header, &a).n > 0;
    arena_fini(&a);
    return is_one;
}

/* Some senders put brackets, quotes or a comma around it. */
static bool is_around(char c)
{
    static const str around = STR_INIT("{}<>()[]\"';,");
    return str_find_byte(around, c) >= 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str reports_message_domain(const struct mime_header *header, struct arena *a)
{
    const struct mime_field *field = mime_header_find(header, STR("TLS-Report-Domain"), 0);
    str text = field ? field->body : str_skip(behind_mark(header, a), subject_mark.n);
    text = str_trim(text);
    size_t n = 0;
    while (n < text.n && !is_blank(text.p[n]))
        n++;
    text.n = n;
    while (text.n && is_around(text.p[0]))
        text = str_skip(text, 1);
    while (text.n && is_around(text.p[text.n - 1]))
        text.n--;
    return reports_clean_domain(a, text);
}

/* ---- finding the file ---- */

static bool ends_with_any(str name, const str *suffixes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_has_isuffix(name, suffixes[i]))
            return true;
    }
    return false;
}

/* Senders name the types of their files in many ways, but the files themselves alike. */
static bool may_be_report(const struct mime_part *part)
{
    static const str suffixes[] = { STR_INIT(".xml"), STR_INIT(".json"), STR_INIT(".gz"),
                                    STR_INIT(".gzip"), STR_INIT(".zip") };
    static const str subtypes[] = { STR_INIT("xml"), STR_INIT("json"), STR_INIT("gzip"),
                                    STR_INIT("zip"), STR_INIT("zip-compressed") };
    return part->kind == MIME_PART_LEAF &&
           (ends_with_any(part->subtype, subtypes, COUNT_OF(subtypes)) ||
            ends_with_any(mime_part_filename(part), suffixes, COUNT_OF(suffixes)));
}

static const struct mime_part *find_part(const struct mime_structure *s)
{
    const struct mime_part *part = s->root;
    while (part && !may_be_report(part))
        part = mime_part_next(part);
    return part;
}

static bool parse_text(str document, struct arena *a, struct reports_received *out, struct err *e)
{
    static const str mark = STR_INIT("\xef\xbb\xbf");
    str from = str_has_prefix(document, mark) ? str_skip(document, mark.n) : document;
    from = str_trim(from);
    return str_has_prefix(from, STR("{")) ? reports_tls_parse(from, a, out, e)
                                          : reports_dmarc_parse(from, a, out, e);
}

bool reports_message_parse(str message, struct arena *a, struct reports_received *out,
                           struct err *e)
{
    struct buf document;
    const struct mime_structure *s = mime_structure_parse(a, message);
    const struct mime_part *part = find_part(s);
    if (!part)
        return ERR(e, ERR_NOT_FOUND, "there is no file of a report in the mail");
    str file = mime_part_decode(s, part, a, REPORTS_DOCUMENT_MAX);
    buf_init(&document, REPORTS_DOCUMENT_MAX);
    bool ok = reports_unpack(file, &document, e) && parse_text(buf_str(&document), a, out, e);
    buf_fini(&document);
    return ok;
}

bool reports_post_parse(str body, struct arena *a, struct reports_received *out, struct err *e)
{
    struct buf document;
    buf_init(&document, REPORTS_DOCUMENT_MAX);
    bool ok = reports_unpack(body, &document, e) &&
              reports_tls_parse(str_trim(buf_str(&document)), a, out, e);
    buf_fini(&document);
    return ok;
}

/* ---- in the pool ---- */

typedef bool (*parse_fn)(str text, struct arena *a, struct reports_received *out, struct err *e);

struct job {
    struct work work;
    struct arena a; /* of all that is read */
    parse_fn parse;
    str text;
    struct reports_received read;
    bool ok;
    struct err error;
};

static void run(struct work *work)
{
    struct job *job = CONTAINER_OF(work, struct job, work);
    job->ok = job->parse(job->text, &job->a, &job->read, &job->error);
}

static void end(struct work *work)
{
    struct job *job = CONTAINER_OF(work, struct job, work);
    arena_fini(&job->a);
    free(job);
}

static void finish(void *ptr)
{
    struct job *job = ptr;
    work_finish(&job->work);
}

YIELDS static bool read_in_pool(parse_fn parse, str text, struct arena *a, int64_t deadline_ms,
                                struct reports_received *out, struct err *e)
{
    struct job *job = HEAP_NEW(struct job);
    job->work = (struct work){ .run = run, .done = end };
    arena_init(&job->a);
    job->parse = parse;
    job->text = arena_str(&job->a, text);
    if (!work_run(&job->work, deadline_ms, e))
        return err_wrap(e, "read a report");
    arena_defer(a, finish, job);
    if (!job->ok) {
        *e = job->error;
        return false;
    }
    *out = job->read;
    return true;
}

bool reports_message_read(str message, struct arena *a, int64_t deadline_ms,
                          struct reports_received *out, struct err *e)
{
    return read_in_pool(reports_message_parse, message, a, deadline_ms, out, e);
}

bool reports_post_read(str body, struct arena *a, int64_t deadline_ms, struct reports_received *out,
                       struct err *e)
{
    return read_in_pool(reports_post_parse, body, a, deadline_ms, out, e);
}
