/* SPDX-License-Identifier: Apache-2.0 */
/* Reading messages back from table blob: one, a part of one, or several. */
#include "blob/pieces.h"
#include "obs/obs.h"

#include <stdlib.h>

/* Gives only what octets [$3, $3 + $4) need: frames, the header's frame, or a run of raw bytes.
 * What is packed begins behind the prefix. Storage is EXTERNAL, so that substring reads no more
 * than that. */
static const struct db_stmt load_part = {
    "SELECT codec, size, lo, frames,"
    "       CASE WHEN want = 0 THEN ''::bytea"
    "            WHEN codec = 2 THEN substring(data FROM frames[lo + 1] + 1"
    "                                          FOR frames[hi + 1] - frames[lo + 1])"
    "            WHEN codec = 0 THEN substring(data FROM at::int + 1 FOR want::int)"
    "            WHEN at + want <= header THEN substring(data FROM 1 FOR head)"
    "            ELSE data END, prefix"
    "  FROM (SELECT codec, size, header, head, frames, data, prefix, at, (at / 262144)::int AS lo,"
    "               ((least(upto, size) + 262143) / 262144)::int AS hi,"
    "               greatest(least(upto, size) - at, 0) AS want"
    "          FROM (SELECT *, greatest($3::bigint - coalesce(length(prefix), 0), 0) AS at,"
    "                       greatest($3 + $4::bigint - coalesce(length(prefix), 0), 0) AS upto"
    "                  FROM blob WHERE account_id = $1 AND msg_id = $2) a) b"
};

/* LIMIT 1 keeps the planner from joining with all of the table. In the order asked for, up to $4
 * unpacked octets but at least one message. */
static const struct db_stmt load_many = {
    "SELECT codec, size, header, frames,"
    "       CASE WHEN $3 THEN substring(data FROM 1 FOR head) ELSE data END, prefix"
    "  FROM (SELECT u.ord, b.codec, b.size, b.header, b.head, b.frames, b.data, b.prefix,"
    "               sum(coalesce(CASE WHEN $3 THEN b.header ELSE b.size END, 0))"
    "                   OVER (ORDER BY u.ord) AS upto"
    "          FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS u (account, id, ord)"
    "          LEFT JOIN LATERAL (SELECT * FROM blob"
    "                              WHERE account_id = u.account AND msg_id = u.id LIMIT 1) b ON true) q"
    " WHERE ord = 1 OR upto <= $4 ORDER BY ord"
};

/* What stands in front of the packed octets, and they. In arena, or one of them. */
static str join(struct arena *a, str prefix, str rest)
{
    if (prefix.n == 0 || rest.n == 0)
        return prefix.n == 0 ? rest : prefix;
    char *bytes = arena_alloc(a, prefix.n + rest.n);
    memcpy(bytes, prefix.p, prefix.n);
    memcpy(bytes + prefix.n, rest.p, rest.n);
    return str_of(bytes, prefix.n + rest.n);
}

/* Unpacking in the offload pool: everything it touches is its own. */
struct unpack_job {
    struct work work;
    struct arena arena;
    struct blob_piece piece;
    size_t from;
    size_t n;
    bool ok;
    str out;
    struct err error;
};

static void run_unpack(struct work *work)
{
    struct unpack_job *job = CONTAINER_OF(work, struct unpack_job, work);
    job->ok =
        blob_piece_unpack(&job->arena, &job->piece, job->from, job->n, &job->out, &job->error);
}

static void end_unpack(struct work *work)
{
    struct unpack_job *job = CONTAINER_OF(work, struct unpack_job, work);
    arena_fini(&job->arena);
    free(job);
}

static void finish_unpack(void *ptr)
{
    struct unpack_job *job = ptr;
    work_finish(&job->work);
}

static YIELDS bool unpack_offloaded(const struct blob_piece *piece, size_t from, size_t n,
                                    struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct unpack_job *job = HEAP_NEW(struct unpack_job);
    arena_init(&job->arena);
    job->work = (struct work){ .run = run_unpack, .done = end_unpack };
    job->piece = *piece;
    job->piece.data = arena_str(&job->arena, piece->data);
    if (piece->n_frames) {
        int64_t *frames = ARENA_ARRAY(&job->arena, int64_t, piece->n_frames);
        memcpy(frames, piece->frames, piece->n_frames * sizeof(*frames));
        job->piece.frames = frames;
    }
    job->from = from;
    job->n = n;
    if (!work_run(&job->work, deadline_ms, e))
        return false;
    if (!job->ok) {
        *e = job->error;
        work_finish(&job->work);
        return false;
    }
    /* The bytes live in the job, which ends with the caller's arena. */
    arena_defer(a, finish_unpack, job);
    *out = job->out;
    return true;
}

/* The frames of a whole message, shifted so that they count from the first one of the piece. */
static bool read_frames(const struct db_rows *rows, size_t row, size_t column, size_t first,
                        struct arena *a, struct blob_piece *piece, struct err *e)
{
    int64_t *frames = NULL;
    if (db_is_null(rows, row, column))
        return ERR(e, ERR_DAMAGED, "a stored message is damaged: it has no frames");
    size_t n = db_ints(rows, row, column, a, &frames);
    if (first >= n)
        return ERR(e, ERR_DAMAGED, "a stored message is damaged: too few frames");
    piece->frames = frames + first;
    piece->n_frames = n - first;
    int64_t base = frames[first];
    for (size_t i = first; i < n; i++)
        frames[i] -= base;
    return true;
}

/* Somebody has to hear of it: nothing else tells that a disk or a backup has bad octets. */
static void log_damaged(int64_t account_id, int64_t msg_id, const struct err *why)
{
    obs_log(EV_BLOB_DAMAGED, STR_EMPTY, OBS_INT("account", account_id), OBS_INT("message", msg_id),
            OBS_ERR(why));
}

/* The row of load_part: octets [from, from + n) of what is packed, cut to what is there. Yields. */
static bool unpack_part(const struct db_rows *rows, size_t from, size_t n, struct arena *a,
                        int64_t deadline_ms, str *out, struct err *e)
{
    struct blob_piece piece = { .codec = (enum blob_codec)db_int(rows, 0, 0),
                                .size = (size_t)db_int(rows, 0, 1),
                                .data = db_str(rows, 0, 4) };
    size_t first = (size_t)db_int(rows, 0, 2);
    *out = STR("");
    if (from >= piece.size || n == 0)
        return true;
    n = n < piece.size - from ? n : piece.size - from;
    if (piece.codec == BLOB_RAW)
        piece.at = from;
    if (piece.codec == BLOB_FRAMES) {
        piece.at = first * BLOB_FRAME_BYTES;
        if (!read_frames(rows, 0, 3, first, a, &piece, e))
            return false;
    }
    if (piece.codec != BLOB_RAW && n > BLOB_OFFLOAD_ABOVE)
        return unpack_offloaded(&piece, from, n, a, deadline_ms, out, e);
    return blob_piece_unpack(a, &piece, from, n, out, e);
}

/* NOLINTNEXTLINE(readability-function-size): an array and a range are two values each. */
bool blob_load(struct db *db, int64_t account_id, int64_t msg_id, size_t from, size_t n,
               struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct db_rows *rows = NULL;
    from = from < BLOB_MAX_BYTES ? from : BLOB_MAX_BYTES;
    n = n < BLOB_MAX_BYTES ? n : BLOB_MAX_BYTES;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(msg_id), DB_INT8((int64_t)from),
                                       DB_INT8((int64_t)n) };
    if (!db_query(db, DB_READ, &load_part, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "the bytes of message %lld are gone", (long long)msg_id);
    str prefix = db_str(rows, 0, 5);
    str before = str_slice(prefix, from, n);
    struct err why = ERR_CLEAR;
    if (!unpack_part(rows, from > prefix.n ? from - prefix.n : 0, n - before.n, a, deadline_ms, out,
                     &why)) {
        if (why.kind == ERR_DAMAGED)
            log_damaged(account_id, msg_id, &why);
        if (e)
            *e = why;
        return false;
    }
    *out = join(a, before, *out);
    return true;
}

/* The answer of load_many. */
struct many_rows {
    const struct db_rows *rows;
    const int64_t *accounts;
    const int64_t *msg_ids;
    bool only_header;
    bool *damaged; /* or NULL */
    struct ZSTD_DCtx_s *decompressor;
};

/* Unpacks one row, without what stands before it. p NULL: there is no such message. */
static YIELDS bool unpack_row(const struct many_rows *many, size_t row, struct arena *a,
                              int64_t deadline_ms, str *out, struct err *e)
{
    const struct db_rows *rows = many->rows;
    *out = STR_EMPTY;
    if (db_is_null(rows, row, 0))
        return true;
    struct blob_piece piece = { .codec = (enum blob_codec)db_int(rows, row, 0),
                                .size = (size_t)db_int(rows, row, 1),
                                .data = db_str(rows, row, 4) };
    size_t n = many->only_header ? (size_t)db_int(rows, row, 2) : piece.size;
    if (piece.codec == BLOB_FRAMES && !read_frames(rows, row, 3, 0, a, &piece, e))
        return false;
    if (n > BLOB_OFFLOAD_ABOVE && piece.codec != BLOB_RAW)
        return unpack_offloaded(&piece, 0, n, a, deadline_ms, out, e);
    piece.decompressor = many->decompressor;
    return blob_piece_unpack(a, &piece, 0, n, out, e);
}

/* A damaged message must not keep the others back: it is told of, and left out. */
static YIELDS bool load_row(const struct many_rows *many, size_t row, struct arena *a,
                            int64_t deadline_ms, str *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (unpack_row(many, row, a, deadline_ms, out, &why)) {
        if (out->p)
            *out = join(a, db_str(many->rows, row, 5), *out);
        return true;
    }
    *out = STR_EMPTY;
    if (why.kind == ERR_DAMAGED) {
        log_damaged(many->accounts[row], many->msg_ids[row], &why);
        if (many->damaged)
            many->damaged[row] = true;
        return true;
    }
    *e = why;
    return false;
}

bool blob_load_many(struct db *db, const struct blob_many *wanted, struct arena *a,
                    int64_t deadline_ms, str *texts, size_t *done, struct err *e)
{
    struct db_rows *rows = NULL;
    INVARIANT(wanted->n <= BLOB_MAX_MANY);
    *done = 0;
    if (wanted->n == 0)
        return true;
    const int64_t *accounts = wanted->account_ids;
    if (!accounts) {
        int64_t *same = ARENA_ARRAY(a, int64_t, wanted->n);
        for (size_t i = 0; i < wanted->n; i++)
            same[i] = wanted->account_id;
        accounts = same;
    }
    size_t most = wanted->most_octets ? wanted->most_octets : BLOB_MAX_MANY_BYTES;
    const struct db_param params[] = { DB_INT8S(accounts, wanted->n),
                                       DB_INT8S(wanted->msg_ids, wanted->n),
                                       DB_BOOL(wanted->only_header), DB_INT8((int64_t)most) };
    if (!db_query(db, wanted->class, &load_many, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    struct many_rows many = { .rows = rows,
                              .accounts = accounts,
                              .msg_ids = wanted->msg_ids,
                              .only_header = wanted->only_header,
                              .damaged = wanted->damaged,
                              .decompressor = blob_decompressor_new() };
    bool ok = true;
    if (wanted->damaged)
        memset(wanted->damaged, 0, wanted->n * sizeof(*wanted->damaged));
    for (size_t i = 0; ok && i < db_row_count(rows); i++)
        ok = load_row(&many, i, a, deadline_ms, &texts[i], e);
    blob_decompressor_free(&many.decompressor);
    *done = ok ? db_row_count(rows) : 0;
    return ok;
}
