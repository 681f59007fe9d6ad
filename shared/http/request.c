/* SPDX-License-Identifier: Apache-2.0 */
/* A request in the loop: its fiber, and what its handler answers. */
#include "http/private.h"
#include "http/problem.h"

enum {
    PIECES_IN_FLIGHT = 2, /* one on the wire, one behind it */
    COMPRESS_FROM = 1024, /* octets of JSON */
    ANSWER_BLOCK = 512    /* octets of the arena of a usual head */
};

struct http_job *request_job(struct http_request *r)
{
    return CONTAINER_OF(r, struct http_job, request);
}

str http_request_field(const struct http_request *r, str name)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        if (str_eq(r->fields[i].name, name))
            return r->fields[i].value;
    }
    return STR_EMPTY;
}

bool http_request_has_field(const struct http_request *r, str name)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        if (str_eq(r->fields[i].name, name))
            return true;
    }
    return false;
}

/* A line end inside a value would begin a field of somebody else's choice. */
static str copy_value(struct arena *a, str value)
{
    char *copy = arena_alloc(a, value.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c == '\t' || (c >= 0x20 && c != 0x7f))
            copy[n++] = value.p[i];
    }
    return str_of(copy, n);
}

void http_add_field(struct http_request *r, const char *name, str value)
{
    struct http_job *job = request_job(r);
    struct http_answer *answer = &job->answer;
    if (job->is_begun)
        return;
    struct answer_field *added = ARENA_NEW(&answer->arena, struct answer_field);
    added->field.name = str_from_cstr(name);
    added->field.value = copy_value(&answer->arena, value);
    *answer->last = added;
    answer->last = &added->next;
}

bool request_begin(struct http_job *job, unsigned status, const char *content_type, int64_t length)
{
    if (job->is_begun || job->is_gone)
        return false;
    INVARIANT(status >= 200 && status <= 599);
    struct http_answer *answer = &job->answer;
    job->is_begun = true;
    bool is_bodiless = status == 204 || status == 304;
    job->has_no_body = is_bodiless || job->request.method == HTTP_HEAD;
    answer->status = status;
    answer->content_type = copy_value(&answer->arena, str_from_cstr(content_type));
    answer->length = is_bodiless ? -1 : length;
    if (job->fiber)
        (void)fiber_set_deadline(DEADLINE_NONE); /* each http_send has its own */
    return true;
}

static bool is_compressible(const struct http_answer *answer)
{
    if (answer->length < COMPRESS_FROM ||
        !str_has_prefix(answer->content_type, STR("application/")) ||
        str_ifind(answer->content_type, STR("json")) < 0)
        return false;
    for (const struct answer_field *f = answer->fields; f; f = f->next) {
        if (str_eq(f->field.name, STR("content-encoding")))
            return false;
    }
    return true;
}

void http_reply(struct http_request *r, unsigned status, const char *content_type, str body)
{
    struct http_job *job = request_job(r);
    if (!request_begin(job, status, content_type, (int64_t)body.n))
        return;
    job->is_ended = true;
    struct http_piece *piece = NULL;
    if (!job->has_no_body && body.n > 0)
        piece = piece_new(job->server, &body, 1);
    job->answer.may_compress = piece && is_compressible(&job->answer);
    exchange_ask(job, JOB_START | JOB_END, piece);
}

void http_begin(struct http_request *r, unsigned status, const char *content_type, int64_t length)
{
    struct http_job *job = request_job(r);
    if (!request_begin(job, status, content_type, length))
        return;
    exchange_ask(job, JOB_START, NULL);
}

bool http_send(struct http_request *r, str bytes, struct err *e)
{
    struct http_job *job = request_job(r);
    int64_t deadline = clock_deadline_in(job->server->options.stall_ms);
    INVARIANT(job->is_begun || job->is_gone);
    while (!job->is_gone && !fiber_is_cancelled() && job->in_flight >= PIECES_IN_FLIGHT) {
        if (!signal_point_wait(&job->taken, deadline, e))
            return err_wrap(e, "the client takes nothing");
    }
    if (job->is_gone)
        return ERR(e, ERR_CLOSED, "the client is gone");
    if (fiber_is_cancelled())
        return ERR(e, ERR_CANCELLED, "the fiber was asked to end");
    if (job->has_no_body || bytes.n == 0)
        return true;
    job->in_flight++;
    exchange_ask(job, JOB_PIECE, piece_new(job->server, &bytes, 1));
    return true;
}

void http_end(struct http_request *r)
{
    struct http_job *job = request_job(r);
    if (!job->is_begun || job->is_ended)
        return;
    job->is_ended = true;
    exchange_ask(job, JOB_END, NULL);
}

bool http_was_answered(const struct http_request *r)
{
    const char *job = (const char *)r - offsetof(struct http_job, request);
    return ((const struct http_job *)(const void *)job)->is_begun;
}

/* ---- the life of a request ---- */

/* The client, if there still is one, must not take an answer for complete that is not; and libh2o
 * waits for an answer to each request. */
static void end_answer(struct http_job *job)
{
    if (job->events || job->is_ended || job->is_gone)
        return;
    if (job->is_begun) {
        job->is_ended = true;
        exchange_ask(job, JOB_CUT, NULL);
    } else if (fiber_is_cancelled()) {
        http_reply_problem(&job->request, 503, "The server is about to stop. Try again.");
    } else {
        http_reply_problem(&job->request, 500, "The server gave no answer to this request.");
    }
}

void request_drop_if_done(struct http_job *job)
{
    struct http_server *s = job->server;
    if (job->fiber || job->events)
        return;
    list_remove(&job->link);
    arena_fini(&job->arena);
    exchange_ask(job, JOB_DROP, NULL);
    runtime_release(s->rt);
}

static void serve(void *arg)
{
    struct http_job *job = arg;
    const struct http_server_options *o = &job->server->options;
    (void)fiber_set_deadline(clock_deadline_in(o->request_ms));
    if (!job->is_gone)
        o->handle(&job->request, o->arg);
    end_answer(job);
    arena_fini(&job->arena);
    job->fiber = NULL;
    request_drop_if_done(job);
}

static void begin(struct http_job *job)
{
    struct http_server *s = job->server;
    struct err e = ERR_CLEAR;
    list_add_tail(&s->jobs, &job->link);
    runtime_hold(s->rt);
    job->request.arena = &job->arena;
    signal_point_init(&job->taken);
    arena_init(&job->answer.arena);
    job->answer.arena.first_block = ANSWER_BLOCK;
    job->answer.last = &job->answer.fields;
    if (!job->is_gone && fiber_spawn(s->rt, "http", serve, job, &job->fiber, &e))
        return;
    if (!job->is_gone) {
        http_add_retry(&job->request, 1);
        http_reply_problem(&job->request, 503, "The server is busy. Try again in a moment.");
    }
    request_drop_if_done(job);
}

void request_on_told(struct http_job *job, unsigned told, unsigned n_taken)
{
    if (told & JOB_GONE)
        job->is_gone = true;
    if (told & JOB_ARRIVED) {
        begin(job);
        return; /* with JOB_GONE it was dropped at once */
    }
    INVARIANT(n_taken <= job->in_flight);
    job->in_flight -= n_taken;
    if (n_taken > 0)
        signal_point_all(&job->taken);
    if (n_taken > 0 && job->events)
        events_on_taken(job->events);
    if (!(told & JOB_GONE))
        return;
    if (job->fiber)
        fiber_cancel(job->fiber);
    if (job->events)
        events_on_end(job->events);
}
