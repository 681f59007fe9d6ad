/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions about addresses of pictures, and what the reader is told about servers and links. */
#include "html/tree.h"
#include "html/url.h"
#include "html/writer.h"

enum {
    MAX_LINK_TEXT = 300,
    MAX_LINK_NODES = 64
};

static void note_host(struct html_writer *w, str name, bool tracker)
{
    struct html_host *host = NULL;
    for (size_t i = 0; i < w->hosts.n && !host; i++) {
        struct html_host *known = VEC_AT(&w->hosts, struct html_host, i);
        host = str_eq(known->name, name) ? known : NULL;
    }
    if (!host) {
        host = VEC_PUSH(&w->hosts, struct html_host);
        if (!host) {
            w->report.hosts_cut = true;
            return;
        }
        host->name = arena_str(w->a, name);
    }
    host->n++;
    host->trackers += tracker;
}

static bool find_part(struct html_writer *w, str content_id, struct buf *out)
{
    const struct html_policy *policy = w->policy;
    for (size_t i = 0; i < policy->n_parts; i++) {
        if (!str_ieq(policy->parts[i].content_id, content_id))
            continue;
        if (out) {
            w->part_used[i] = true;
            w->report.inline_parts++;
        }
        return out && buf_add(out, policy->parts[i].url);
    }
    return false;
}

bool html_image_url(struct html_writer *w, str raw, bool invisible, struct buf *out, str *host)
{
    struct html_url url;
    html_url_read(w->scratch, raw, &url);
    if (url.kind == HTML_URL_CODE)
        w->report.scripts++;
    if (url.kind == HTML_URL_PART)
        return find_part(w, url.url, out);
    if (url.kind == HTML_URL_DATA_IMAGE)
        return out && buf_add(out, url.url);
    if (url.kind != HTML_URL_REMOTE)
        return false;
    if (host)
        *host = url.host;
    w->report.remote++;
    w->report.trackers += invisible;
    note_host(w, url.host, invisible);
    size_t before = out ? out->n : 0;
    if (out && !invisible && w->policy->images == HTML_IMAGES_PROXY &&
        w->policy->proxy(w->policy->proxy_arg, url.url, out))
        return true;
    if (out)
        buf_truncate(out, before);
    w->report.blocked++;
    return false;
}

bool html_css_url(void *arg, str raw, struct buf *out)
{
    return html_image_url(arg, raw, false, out, NULL);
}

/* The beginning of the text inside an element. */
static str text_of(struct arena *a, const GumboNode *element)
{
    struct html_walk walk;
    struct buf text;
    buf_init(&text, MAX_LINK_TEXT);
    html_walk_init(&walk, element);
    for (int i = 0; i < MAX_LINK_NODES && html_walk_next(&walk); i++) {
        if (walk.node->type == GUMBO_NODE_TEXT || walk.node->type == GUMBO_NODE_WHITESPACE)
            (void)buf_add(&text, str_from_cstr(walk.node->v.text.text));
    }
    str result = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return result;
}

void html_note_link(struct html_writer *w, const GumboNode *element, str host)
{
    str shown = html_url_host_in_text(w->scratch, text_of(w->scratch, element));
    if (str_is_empty(shown) || html_url_hosts_agree(shown, host))
        return;
    struct html_misleading_link *link = VEC_PUSH(&w->misleading, struct html_misleading_link);
    if (link) {
        link->shown = arena_str(w->a, shown);
        link->target = arena_str(w->a, host);
    }
}

static int compare_hosts(const void *one, const void *other)
{
    const struct html_host *a = one;
    const struct html_host *b = other;
    if ((a->trackers > 0) != (b->trackers > 0))
        return a->trackers > 0 ? -1 : 1;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    return str_cmp(a->name, b->name);
}

/* A copy of the elements in the arena of the caller. */
static const void *keep(struct html_writer *w, struct vec *v)
{
    void *copy = arena_array(w->a, v->n, v->size);
    if (v->n > 0)
        memcpy(copy, v->p, v->n * v->size);
    return copy;
}

void html_finish_report(struct html_writer *w)
{
    struct html_report *report = &w->report;
    if (w->hosts.n > 1)
        qsort(w->hosts.p, w->hosts.n, sizeof(struct html_host), compare_hosts);
    report->hosts = keep(w, &w->hosts);
    report->n_hosts = w->hosts.n;
    report->misleading = keep(w, &w->misleading);
    report->n_misleading = w->misleading.n;
    report->part_used = w->part_used;
    report->styles += w->css.dropped;
    report->sets_colours |= w->css.sets_colours;
    report->knows_dark |= w->css.knows_dark;
}
