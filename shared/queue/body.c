/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of a queued message, packed with blob's codec into columns of q_msg. */
#include "queue/private.h"

struct queue_body {
    struct blob_packed packed;
};

const struct queue_body *queue_pack_here(struct arena *a, str body)
{
    struct queue_body *b = ARENA_NEW(a, struct queue_body);
    blob_pack(a, body, 0, &b->packed);
    return b;
}

void queue_body_params(const struct queue_body *body, struct db_param params[4])
{
    const struct blob_packed *p = &body->packed;
    params[0] = DB_INT4((int64_t)p->size);
    params[1] = DB_INT4((int64_t)p->codec);
    params[2] = p->n_frames ? DB_INT4S(p->frames, p->n_frames) : DB_NULL;
    params[3] = DB_BYTEA(p->data);
}

/* ---- in the pool: the job has copies of everything, because its fiber may give up ---- */

struct pack_job {
    struct work work;
    struct arena a;
    str body;
    struct blob_packed packed;
};

static void run_pack(struct work *work)
{
    struct pack_job *job = CONTAINER_OF(work, struct pack_job, work);
    blob_pack(&job->a, job->body, 0, &job->packed);
}

static void end_pack(struct work *work)
{
    struct pack_job *job = CONTAINER_OF(work, struct pack_job, work);
    arena_fini(&job->a);
    free(job);
}

static void copy_packed(struct arena *a, const struct blob_packed *from, str body,
                        struct blob_packed *to)
{
    *to = *from;
    to->data = from->codec == BLOB_RAW ? body : arena_str(a, from->data);
    int64_t *frames = ARENA_ARRAY(a, int64_t, from->n_frames);
    if (from->n_frames)
        memcpy(frames, from->frames, from->n_frames * sizeof(*frames));
    to->frames = frames;
}

bool queue_pack(struct arena *a, str body, int64_t deadline_ms, const struct queue_body **out,
                struct err *e)
{
    if (body.n > BLOB_MAX_BYTES)
        return ERR(e, ERR_LIMIT, "a message of %zu bytes is too big for the queue", body.n);
    if (body.n <= BLOB_OFFLOAD_ABOVE) {
        *out = queue_pack_here(a, body);
        return true;
    }
    struct pack_job *job = HEAP_NEW(struct pack_job);
    job->work = (struct work){ .run = run_pack, .done = end_pack };
    arena_init(&job->a);
    job->body = arena_str(&job->a, body);
    if (!work_run(&job->work, deadline_ms, e))
        return err_wrap(e, "pack a message");
    struct queue_body *b = ARENA_NEW(a, struct queue_body);
    copy_packed(a, &job->packed, body, &b->packed);
    work_finish(&job->work);
    *out = b;
    return true;
}

/* Columns: codec, size, frames, data. */
bool queue_unpack_row(const struct db_rows *r, size_t row, size_t column, size_t n, struct arena *a,
                      str *out, struct err *e)
{
    int64_t *frames = NULL;
    struct blob_packed p = {
        .codec = (enum blob_codec)db_int(r, row, column),
        .size = (size_t)db_int(r, row, column + 1),
        .data = db_str(r, row, column + 3),
    };
    if (!db_is_null(r, row, column + 2))
        p.n_frames = db_ints(r, row, column + 2, a, &frames);
    p.frames = frames;
    if (p.size > BLOB_MAX_BYTES)
        return ERR(e, ERR_INTERNAL, "a queued message is damaged");
    return blob_unpack(a, &p, 0, n, out, e);
}
