/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations in the database. */
#include "store/annotation.h"

#include "store/internal.h"
#include "store/write.h"

static const struct db_stmt get_some = { "SELECT * FROM annotation_get($1, $2, $3, $4, $5, $6)" };
static const struct db_stmt set_some = {
    "SELECT annotation_change($1, $2, $3, $4, $5, $6, $7, $8)"
};

bool store_annotations_get(struct store *s, const struct store_annotated *of,
                           const struct store_annotation_query *query, struct arena *a,
                           int64_t deadline_ms, struct store_annotations *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = {
        DB_INT8(of->viewer_id),         DB_INT8(of->account_id),
        DB_INT4(of->mailbox_id),        DB_TEXTS(query->names, query->n),
        DB_INT4((int64_t)query->depth), query->maxsize < 0 ? DB_NULL : DB_INT8(query->maxsize),
    };
    if (!db_query(s->options.db, DB_READ, &get_some, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct store_annotation, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct store_annotation){ .name = arena_str(a, db_str(rows, i, 0)),
                                                  .size = (size_t)db_int(rows, i, 1),
                                                  .value = arena_str(a, db_str(rows, i, 2)),
                                                  .is_removed = false };
    }
    return true;
}

static const struct db_stmt mark_all = {
    "SELECT account_id, mailbox_id, name, ('x' || left(md5(value), 16))::bit(64)::bigint"
    "  FROM annotation WHERE account_id = ANY($2) AND viewer IN (0, $1)"
    " ORDER BY account_id, mailbox_id, name LIMIT $3"
};

bool store_annotations_mark(struct store *s, const struct store_marked *of, struct arena *a,
                            int64_t deadline_ms, struct store_annotation_marks *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(of->viewer_id), DB_INT8S(of->account_ids, of->n),
                                       DB_INT8(STORE_MAX_MARKS + 1) };
    if (!db_query(s->options.db, DB_READ, &mark_all, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    out->n = db_row_count(rows);
    if (out->n > STORE_MAX_MARKS)
        return ERR(e, ERR_LIMIT, "more than %d annotations", STORE_MAX_MARKS);
    out->list = ARENA_ARRAY(a, struct store_annotation_mark, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct store_annotation_mark){ .account_id = db_int(rows, i, 0),
                                                       .mailbox_id = (int)db_int(rows, i, 1),
                                                       .name = arena_str(a, db_str(rows, i, 2)),
                                                       .mark = db_int(rows, i, 3) };
    }
    return true;
}

bool store_annotations_set(struct store *s, const struct store_annotated *of,
                           const struct store_annotation_change *change, int64_t deadline_ms,
                           struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    size_t n = change->n;
    const char *role = change->role ? store_role_name(*change->role) : NULL;
    arena_init(&a);
    str *names = ARENA_ARRAY(&a, str, n);
    str *values = ARENA_ARRAY(&a, str, n);
    int64_t *removed = ARENA_ARRAY(&a, int64_t, n);
    for (size_t i = 0; i < n; i++) {
        names[i] = change->list[i].name;
        values[i] = change->list[i].value;
        removed[i] = change->list[i].is_removed;
    }
    const struct db_param params[] = {
        DB_INT8(of->viewer_id),        DB_INT8(of->account_id),
        DB_INT4(of->mailbox_id),       DB_TEXTS(names, n),
        DB_BYTEAS(values, n),          DB_INT8S(removed, n),
        DB_BOOL(change->role != NULL), role ? DB_TEXT(str_from_cstr(role)) : DB_NULL
    };
    const struct write_call call = { &set_some, params, COUNT_OF(params), deadline_ms };
    bool ok = store_write(s, &call, &a, &rows, e);
    if (ok && of->account_id)
        store_publish(s, of->account_id, db_int(rows, 0, 0));
    arena_fini(&a);
    return ok;
}
