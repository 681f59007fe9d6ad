/* SPDX-License-Identifier: Apache-2.0 */
/* A request on its way to the loop, and its answer on the way back. Whatever happens to the client,
 * libh2o's request is touched only here, only in the thread, and only while it exists: the anchor
 * in its memory pool tells when it ends (its generator's stop would not: that is called only after
 * an answer has begun). */
#include "http/thread.h"

enum {
    HANDLER_ROOM = 1024 /* octets of a request's arena beside its texts */
};

struct anchor {
    struct reply *reply;
};

struct reply_handler {
    h2o_handler_t super;
    struct http_thread *thread;
};

static const struct {
    str name;
    enum http_method method;
} methods[] = {
    { STR_INIT("GET"), HTTP_GET },         { STR_INIT("HEAD"), HTTP_HEAD },
    { STR_INIT("POST"), HTTP_POST },       { STR_INIT("PUT"), HTTP_PUT },
    { STR_INIT("PATCH"), HTTP_PATCH },     { STR_INIT("DELETE"), HTTP_DELETE },
    { STR_INIT("OPTIONS"), HTTP_OPTIONS },
};

static enum http_method method_of(str name)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (str_eq(methods[i].name, name))
            return methods[i].method;
    }
    return HTTP_OTHER_METHOD;
}

static void unref(struct reply *r)
{
    if (--r->refs > 0)
        return;
    r->thread->bodies -= r->body_octets;
    thread_free_job(&r->job);
}

/* ---- the answer ---- */

static void pump(struct reply *r);

/* The rest of the answer will not come: the client must notice. */
static void abort_answer(struct reply *r)
{
    r->is_over = true;
    r->has_end = true;
    r->req->http1_is_persistent = 0;
    h2o_send(r->req, NULL, 0, H2O_SEND_STATE_ERROR);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)req;
    struct reply *r = CONTAINER_OF(generator, struct reply, generator);
    r->is_sending = false;
    h2o_timeout_unlink(&r->stall);
    if (r->is_beating) {
        r->is_beating = false;
    } else if (!list_is_empty(&r->pieces)) {
        struct http_piece *piece = CONTAINER_OF(r->pieces.next, struct http_piece, link);
        if (piece->at == piece->n) {
            list_remove(&piece->link);
            piece_free(r->job.server, piece);
            exchange_tell(&r->job, JOB_TAKEN, 1);
        }
    }
    if (r->is_lost) {
        abort_answer(r);
    } else {
        pump(r);
    }
}

static void send_octets(struct reply *r, h2o_iovec_t *octets, bool is_final)
{
    h2o_timeout_unlink(&r->beat);
    h2o_timeout_unlink(&r->stall);
    h2o_timeout_link(r->thread->context.loop, &r->thread->stall_timeout, &r->stall);
    r->is_sending = true;
    r->is_over = is_final;
    /* It may dispose of the request, and with it of `r`. */
    h2o_send(r->req, octets, octets ? 1 : 0,
             is_final ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

/* Hands the next octets to libh2o if it has none. Touch nothing of `r` afterwards. */
static void pump(struct reply *r)
{
    if (!r->req || !r->is_started || r->is_sending || r->is_over)
        return;
    if (list_is_empty(&r->pieces)) {
        if (r->has_end) {
            send_octets(r, NULL, true);
        } else if (r->job.answer.is_events && !h2o_timeout_is_linked(&r->beat)) {
            h2o_timeout_link(r->thread->context.loop, &r->thread->beat_timeout, &r->beat);
        }
        return;
    }
    struct http_piece *piece = CONTAINER_OF(r->pieces.next, struct http_piece, link);
    size_t n = piece->n - piece->at;
    if (n > ONE_SEND_MAX)
        n = ONE_SEND_MAX;
    h2o_iovec_t octets = h2o_iovec_init(piece->bytes + piece->at, n);
    piece->at += n;
    bool is_last = piece->link.next == &r->pieces && piece->at == piece->n;
    send_octets(r, &octets, is_last && r->has_end);
}

static bool is_set_by_handler(const struct http_answer *answer, str name)
{
    for (const struct answer_field *f = answer->fields; f; f = f->next) {
        if (str_eq(f->field.name, name))
            return true;
    }
    return false;
}

static void add_field(h2o_req_t *req, const struct http_field *field)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, field->name.p, field->name.n, 1, NULL,
                          field->value.p, field->value.n);
}

static void start(struct reply *r)
{
    h2o_req_t *req = r->req;
    const struct http_answer *answer = &r->job.answer;
    const struct http_server_options *o = &r->job.server->options;
    req->res.status = (int)answer->status;
    req->res.reason = http_status_phrase(answer->status);
    if (answer->length >= 0) {
        req->res.content_length = (size_t)answer->length;
    } else if (req->version < 0x101) {
        req->http1_is_persistent = 0; /* the end of the connection is the end of the body */
    }
    if (answer->content_type.n > 0) {
        gate_add_field(req, "content-type", answer->content_type.p, answer->content_type.n);
    }
    for (const struct answer_field *f = answer->fields; f; f = f->next)
        add_field(req, &f->field);
    for (size_t i = 0; i < o->n_fields; i++) {
        if (!is_set_by_handler(answer, o->fields[i].name))
            add_field(req, &o->fields[i]);
    }
    req->compress_hint =
        answer->may_compress ? H2O_COMPRESS_HINT_ENABLE : H2O_COMPRESS_HINT_DISABLE;
    if (r->thread->context.shutdown_requested)
        req->http1_is_persistent = 0;
    r->is_started = true;
    h2o_start_response(req, &r->generator);
}

static void on_stall(h2o_timeout_entry_t *entry)
{
    struct reply *r = CONTAINER_OF(entry, struct reply, stall);
    http_conn_cut(r->conn);
}

static void on_beat(h2o_timeout_entry_t *entry)
{
    struct reply *r = CONTAINER_OF(entry, struct reply, beat);
    h2o_iovec_t comment = h2o_iovec_init(H2O_STRLIT(":\n\n"));
    r->is_beating = true;
    send_octets(r, &comment, false);
}

static void on_watch_time(h2o_timeout_entry_t *entry)
{
    struct reply *r = CONTAINER_OF(entry, struct reply, watch);
    http_conn_watch(r->conn);
}

void reply_on_gone(struct reply *r)
{
    r->is_lost = true;
    exchange_tell(&r->job, JOB_GONE, 0);
    if (r->is_started && !r->is_sending && !r->is_over)
        abort_answer(r);
}

/* The loop gave up a request whose client is gone; libh2o still waits for an answer. */
static void answer_nobody(struct reply *r)
{
    r->is_started = true;
    r->is_over = true;
    r->req->http1_is_persistent = 0;
    r->req->res.status = 503;
    r->req->res.reason = http_status_phrase(503);
    h2o_start_response(r->req, &r->generator);
    h2o_send(r->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

void reply_on_asked(struct reply *r, unsigned asked, struct list *pieces)
{
    struct list *item;
    while ((item = list_pop_head(pieces))) {
        if (r->req) {
            list_add_tail(&r->pieces, item);
        } else {
            piece_free(r->job.server, CONTAINER_OF(item, struct http_piece, link));
        }
    }
    if (asked & JOB_END)
        r->has_end = true;
    if (r->req && (asked & JOB_START))
        start(r);
    if (r->req && (asked & JOB_CUT)) {
        r->is_lost = true;
        http_conn_cut(r->conn);
        if (!r->is_sending && !r->is_over)
            abort_answer(r);
    }
    pump(r);
    if (!(asked & JOB_DROP))
        return;
    if (r->req && !r->is_started)
        answer_nobody(r);
    unref(r);
}

/* ---- the request ---- */

static void stop_timers(struct reply *r)
{
    h2o_timeout_unlink(&r->watch);
    h2o_timeout_unlink(&r->stall);
    h2o_timeout_unlink(&r->beat);
}

/* Of the anchor in the request's pool: the request ends, done or not. */
static void on_dispose(void *arg)
{
    const struct anchor *anchor = arg;
    struct reply *r = anchor->reply;
    struct list *item;
    stop_timers(r);
    http_conn_unwatch(r->conn);
    r->conn->reply = NULL;
    r->req = NULL;
    while ((item = list_pop_head(&r->pieces)))
        piece_free(r->job.server, CONTAINER_OF(item, struct http_piece, link));
    if (!r->is_over)
        exchange_tell(&r->job, JOB_GONE, 0);
    unref(r);
}

static void on_stop(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)generator;
    (void)req; /* on_dispose comes next */
}

static str copy_text(struct arena *a, h2o_iovec_t text)
{
    return arena_str(a, str_of(text.base, text.len));
}

static str copy_lower(struct arena *a, h2o_iovec_t text)
{
    return arena_lower(a, str_of(text.base, text.len));
}

/* One block for all texts of a usual request. */
static size_t room_for(const h2o_req_t *req)
{
    size_t n = HANDLER_ROOM + req->input.path.len + req->input.authority.len + req->entity.len;
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *h = &req->headers.entries[i];
        n += sizeof(struct http_field) + h->name->len + h->value.len + 32;
    }
    return n;
}

static void copy_request(struct reply *r, const h2o_req_t *req)
{
    struct http_request *to = &r->job.request;
    struct arena *a = &r->job.arena;
    arena_init(a);
    a->first_block = room_for(req);
    str target = copy_text(a, req->input.path);
    (void)str_cut(target, '?', &to->path, &to->query);
    to->method_name = copy_text(a, req->input.method);
    to->method = method_of(to->method_name);
    to->host = copy_lower(a, req->input.authority);
    to->n_fields = req->headers.size;
    struct http_field *fields = ARENA_ARRAY(a, struct http_field, to->n_fields);
    for (size_t i = 0; i < to->n_fields; i++) {
        fields[i].name = copy_lower(a, *req->headers.entries[i].name);
        fields[i].value = copy_text(a, req->headers.entries[i].value);
    }
    to->fields = fields;
    to->body = copy_text(a, req->entity);
    to->peer = r->conn->client;
    to->is_secure = r->conn->is_secure;
    to->id = arena_str(a, str_from_cstr(r->conn->id));
    to->began_ms = r->conn->began_ms;
}

static struct reply *reply_new(struct http_thread *t, h2o_req_t *req)
{
    struct reply *r = HEAP_NEW(struct reply);
    r->job.server = t->server;
    r->thread = t;
    r->req = req;
    r->conn = http_conn_of(req);
    r->refs = 2;
    r->body_octets = req->entity.len;
    t->bodies += r->body_octets;
    r->generator = (h2o_generator_t){ .proceed = on_proceed, .stop = on_stop };
    r->watch.cb = on_watch_time;
    r->stall.cb = on_stall;
    r->beat.cb = on_beat;
    list_init(&r->pieces);
    list_init(&r->job.link);
    list_init(&r->job.to_thread);
    list_init(&r->job.to_loop);
    list_init(&r->job.pieces);
    (void)atomic_fetch_add(&t->server->n_jobs, 1);
    return r;
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct http_thread *t = CONTAINER_OF(self, struct reply_handler, super)->thread;
    if (t->bodies + req->entity.len > t->server->options.input_max) {
        gate_refuse(req, 503, "Too much is being sent to this server. Try again in a moment.");
        return 0;
    }
    struct reply *r = reply_new(t, req);
    copy_request(r, req);
    struct anchor *anchor = h2o_mem_alloc_shared(&req->pool, sizeof(*anchor), on_dispose);
    anchor->reply = r;
    r->conn->reply = r;
    h2o_timeout_link(t->context.loop, &t->watch_timeout, &r->watch);
    exchange_tell(&r->job, JOB_ARRIVED, 0);
    return 0;
}

void reply_register(h2o_pathconf_t *path, struct http_thread *t)
{
    static h2o_compress_args_t compression = { .min_size = 1,
                                               .gzip = { .quality = 1 },
                                               .brotli = { .quality = -1 } };
    struct reply_handler *h =
        CONTAINER_OF(h2o_create_handler(path, sizeof(*h)), struct reply_handler, super);
    h->super.on_req = on_request;
    h->thread = t;
    h2o_compress_register(path, &compression);
}
