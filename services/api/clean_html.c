/* SPDX-License-Identifier: Apache-2.0 */
/* One job of the offload pool: copies in, cleans, copies out. */
#include "services/api/clean_html.h"

#include <stdlib.h>

struct clean_job {
    struct work work;
    struct arena a;
    str html;
    struct html_part *parts;
    size_t n_parts;
    str document;
};

/* Pictures on other servers keep their address. */
static bool keep_address(void *arg, str url, struct buf *out)
{
    (void)arg;
    return buf_add(out, url);
}

/* In a thread of the pool. */
static void clean(struct work *work)
{
    struct clean_job *job = CONTAINER_OF(work, struct clean_job, work);
    struct html_clean cleaned;
    const struct html_policy policy = {
        .images = HTML_IMAGES_PROXY,
        .proxy = keep_address,
        .parts = job->parts,
        .n_parts = job->n_parts,
    };
    html_sanitise(&job->a, job->html, &policy, &cleaned);
    job->document = cleaned.document;
}

static void free_job(struct work *work)
{
    struct clean_job *job = CONTAINER_OF(work, struct clean_job, work);
    arena_fini(&job->a);
    free(job);
}

str clean_html_inside(str document)
{
    ptrdiff_t start = str_find(document, STR("<body"));
    if (start < 0)
        return document;
    str rest = str_skip(document, (size_t)start);
    rest = str_skip(rest, (size_t)(str_find_byte(rest, '>') + 1));
    for (size_t n = rest.n; n >= strlen("</body>"); n--) {
        if (str_has_suffix(str_slice(rest, 0, n), STR("</body>")))
            return str_slice(rest, 0, n - strlen("</body>"));
    }
    return rest;
}

bool clean_html(struct clean_html_wanted *wanted, struct arena *a, int64_t deadline_ms,
                struct err *e)
{
    wanted->document = wanted->fragment = STR_EMPTY;
    if (str_is_empty(str_trim(wanted->html)))
        return true;
    struct clean_job *job = HEAP_NEW(struct clean_job);
    job->work.run = clean;
    job->work.done = free_job;
    arena_init(&job->a);
    job->html = arena_str(&job->a, wanted->html);
    job->parts = ARENA_ARRAY(&job->a, struct html_part, wanted->n_parts + 1);
    job->n_parts = wanted->n_parts;
    for (size_t i = 0; i < wanted->n_parts; i++) {
        job->parts[i].content_id = arena_str(&job->a, wanted->parts[i].content_id);
        job->parts[i].url = arena_str(&job->a, wanted->parts[i].url);
    }
    if (!work_run(&job->work, deadline_ms, e))
        return false;
    wanted->document = arena_str(a, job->document);
    wanted->fragment = clean_html_inside(wanted->document);
    work_finish(&job->work);
    return true;
}
