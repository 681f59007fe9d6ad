/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of a queued message, packed with blob's codec into columns of q_msg. */
#include "queue/private.h"

#include <assert.h>

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

/* ---- reading ---- */

/* Octets [$2, $2 + $3): the frames that hold them, or a run of raw bytes. Storage is EXTERNAL, so
 * that substring reads no more than that. What is packed as one frame is small. */
#define SELECT_PART                                                            \
    "SELECT codec, size, frames[lo + 1 : hi + 1],"                             \
    " CASE codec WHEN 2 THEN substring(data FROM frames[lo + 1] + 1"           \
    " FOR greatest(frames[hi + 1] - frames[lo + 1], 0))"                       \
    " WHEN 0 THEN substring(data FROM $2::int + 1 FOR $3::int) ELSE data END"  \
    " FROM (SELECT codec, size, frames, data, ($2::int8 / 262144)::int AS lo," \
    " ((least($2::int8 + $3::int8, size) + 262143) / 262144)::int AS hi"       \
    " FROM q_msg WHERE queue_id = $1"
static const struct db_stmt select_part = { SELECT_PART ") m" };
static const struct db_stmt select_first = {
    SELECT_PART " AND EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = $1 AND r.domain = $4"
                " AND r.status = 0)) m"
};

static_assert(QUEUE_PART_BYTES % BLOB_FRAME_BYTES == 0 && BLOB_FRAME_BYTES == 262144,
              "a part is a number of frames of the size that select_part knows");

/* The row is a message that begins with the part: frames count from its first one. */
static bool unpack_part(const struct db_rows *r, size_t from, struct arena *a, str *out,
                        struct err *e)
{
    int64_t *frames = NULL;
    struct blob_packed p = { .codec = (enum blob_codec)db_int(r, 0, 0), .data = db_str(r, 0, 3) };
    size_t size = (size_t)db_int(r, 0, 1);
    if (size > BLOB_MAX_BYTES)
        return ERR(e, ERR_DAMAGED, "a queued message is damaged");
    *out = STR_EMPTY;
    if (from >= size)
        return true;
    p.size = size - from;
    size_t n = p.size < QUEUE_PART_BYTES ? p.size : QUEUE_PART_BYTES;
    if (p.codec == BLOB_RAW)
        p.size = n;
    if (p.codec == BLOB_ZSTD) {
        p.size = size;
        return blob_unpack(a, &p, from, n, out, e);
    }
    if (p.codec == BLOB_FRAMES && !db_is_null(r, 0, 2)) {
        p.n_frames = db_ints(r, 0, 2, a, &frames);
        int64_t base = p.n_frames > 0 ? frames[0] : 0;
        for (size_t i = 0; i < p.n_frames; i++)
            frames[i] -= base;
        p.frames = frames;
    }
    return blob_unpack(a, &p, 0, n, out, e);
}

bool queue_load_first(struct queue *q, const struct queue_lease *lease,
                      const struct queue_message *m, struct arena *a, int64_t deadline_ms, str *out,
                      struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_INT8(m->queue_id), DB_INT8(0), DB_INT8(QUEUE_PART_BYTES),
                                       DB_TEXT(lease->domain) };
    if (!db_query(q->db, DB_DELIVER, &select_first, params, COUNT_OF(params), a, deadline_ms, &r,
                  e))
        return false;
    if (db_row_count(r) == 0)
        return ERR(e, ERR_NOT_FOUND, "the message is not to go any more");
    return unpack_part(r, 0, a, out, e);
}

bool queue_load_part(struct queue *q, int64_t queue_id, size_t from, struct arena *a,
                     int64_t deadline_ms, str *out, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_INT8(queue_id), DB_INT8((int64_t)from),
                                       DB_INT8(QUEUE_PART_BYTES) };
    INVARIANT(from % QUEUE_PART_BYTES == 0);
    from = from < BLOB_MAX_BYTES ? from : BLOB_MAX_BYTES;
    if (!db_query(q->db, DB_DELIVER, &select_part, params, 3, a, deadline_ms, &r, e))
        return false;
    if (db_row_count(r) == 0)
        return ERR(e, ERR_NOT_FOUND, "the message is not in the queue any more");
    return unpack_part(r, from, a, out, e);
}

bool queue_load_body(struct queue *q, int64_t queue_id, struct arena *a, int64_t deadline_ms,
                     str *out, struct err *e)
{
    struct buf whole;
    struct arena part_arena;
    str part = STR_EMPTY;
    buf_init(&whole, BLOB_MAX_BYTES);
    arena_init(&part_arena);
    bool ok;
    do {
        arena_reset(&part_arena);
        ok = queue_load_part(q, queue_id, whole.n, &part_arena, deadline_ms, &part, e) &&
             (buf_add(&whole, part) || ERR(e, ERR_DAMAGED, "a queued message is damaged"));
    } while (ok && part.n == QUEUE_PART_BYTES);
    if (ok)
        *out = arena_str(a, buf_str(&whole));
    arena_fini(&part_arena);
    buf_fini(&whole);
    return ok;
}
