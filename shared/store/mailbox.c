/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, making, renaming, deleting and subscribing mailboxes. */
#include "store/internal.h"
#include "store/share.h"
#include "store/write.h"

static const struct db_stmt get_by_path = { "SELECT * FROM mailbox_get($1, mailbox_find($1, $2))" };
static const struct db_stmt get_by_role = {
    "SELECT * FROM mailbox_get($1, (SELECT mailbox_id FROM mailbox WHERE account_id = $1"
    " AND role = $2 ORDER BY mailbox_id LIMIT 1))"
};
static const struct db_stmt create = {
    "SELECT mailbox_id, modseq FROM mailbox_create($1, $2, $3)"
};
static const struct db_stmt rename_one = { "SELECT mailbox_rename($1, $2, $3)" };
static const struct db_stmt delete_one = { "SELECT mailbox_delete($1, $2)" };
static const struct db_stmt subscribe_one = { "SELECT mailbox_subscribe($1, $2, $3, $4)" };

bool store_read_mailbox(const struct db_rows *rows, struct arena *a, struct store_mailbox *out,
                        struct err *e)
{
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    *out = (struct store_mailbox){ .mailbox_id = (int)db_int(rows, 0, 0),
                                   .parent_id = (int)db_int(rows, 0, 1),
                                   .name = arena_str(a, db_str(rows, 0, 2)),
                                   .role = store_role_find(db_str(rows, 0, 3)),
                                   .is_subscribed = db_int(rows, 0, 4) != 0,
                                   .has_children = db_int(rows, 0, 5) != 0 };
    out->state.mailbox_id = out->mailbox_id;
    store_read_state(rows, 0, 6, &out->state);
    return true;
}

bool store_mailbox_get(struct store *s, int64_t account_id, str name, struct arena *a,
                       int64_t deadline_ms, struct store_mailbox *out, struct err *e)
{
    struct store_path path;
    struct db_rows *rows = NULL;
    struct err ignored = ERR_CLEAR;
    /* What cannot be a name is the name of nothing. */
    if (!store_path_parse(a, name, &path, &ignored))
        return ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXTS(path.levels, path.n) };
    return db_query(s->options.db, DB_READ, &get_by_path, params, COUNT_OF(params), a, deadline_ms,
                    &rows, e) &&
           store_read_mailbox(rows, a, out, e);
}

bool store_mailbox_get_role(struct store *s, int64_t account_id, enum store_role role,
                            struct arena *a, int64_t deadline_ms, struct store_mailbox *out,
                            struct err *e)
{
    struct db_rows *rows = NULL;
    INVARIANT(role != STORE_ROLE_NONE);
    const struct db_param params[] = { DB_INT8(account_id),
                                       DB_TEXT(str_from_cstr(store_role_name(role))) };
    return db_query(s->options.db, DB_READ, &get_by_role, params, COUNT_OF(params), a, deadline_ms,
                    &rows, e) &&
           store_read_mailbox(rows, a, out, e);
}

/* ---- changes ---- */

/* Runs one of the functions above; the column `modseq_column` of its row is published. */
static YIELDS bool change(struct store *s, int64_t account_id, const struct write_call *call,
                          size_t modseq_column, struct arena *a, struct db_rows **rows,
                          struct err *e)
{
    if (!store_write(s, call, a, rows, e))
        return false;
    store_publish(s, account_id, db_int(*rows, 0, modseq_column));
    return true;
}

/* The namespaces of others' mailboxes hide own ones of their names. */
static bool is_free_name(const struct store_path *path, struct err *e)
{
    if (str_eq(path->levels[0], STR(STORE_OTHER_USERS)) ||
        str_eq(path->levels[0], STR(STORE_SHARED_FOLDERS)))
        return ERR(e, ERR_DENIED, "the name is kept for the mailboxes of others");
    return true;
}

bool store_mailbox_create(struct store *s, int64_t account_id, str name, enum store_role role,
                          int64_t deadline_ms, int *mailbox_id, struct err *e)
{
    struct arena a;
    struct store_path path;
    struct db_rows *rows = NULL;
    arena_init(&a);
    bool ok = store_path_parse(&a, name, &path, e) && is_free_name(&path, e);
    if (ok) {
        const char *role_name = store_role_name(role);
        const struct db_param params[] = { DB_INT8(account_id), DB_TEXTS(path.levels, path.n),
                                           role_name ? DB_TEXT(str_from_cstr(role_name))
                                                     : DB_NULL };
        const struct write_call call = { &create, params, COUNT_OF(params), deadline_ms };
        ok = change(s, account_id, &call, 1, &a, &rows, e);
    }
    if (ok && mailbox_id)
        *mailbox_id = (int)db_int(rows, 0, 0);
    arena_fini(&a);
    return ok;
}

bool store_mailbox_rename(struct store *s, int64_t account_id, str from, str to,
                          int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct store_path old;
    struct store_path new;
    struct db_rows *rows = NULL;
    arena_init(&a);
    bool ok = store_path_parse(&a, from, &old, e) && store_path_parse(&a, to, &new, e) &&
              is_free_name(&new, e);
    if (ok) {
        const struct db_param params[] = { DB_INT8(account_id), DB_TEXTS(old.levels, old.n),
                                           DB_TEXTS(new.levels, new.n) };
        const struct write_call call = { &rename_one, params, COUNT_OF(params), deadline_ms };
        ok = change(s, account_id, &call, 0, &a, &rows, e);
    }
    arena_fini(&a);
    return ok;
}

bool store_mailbox_delete(struct store *s, int64_t account_id, str name, int64_t deadline_ms,
                          struct err *e)
{
    struct arena a;
    struct store_path path;
    struct db_rows *rows = NULL;
    arena_init(&a);
    bool ok = store_path_parse(&a, name, &path, e);
    if (ok) {
        const struct db_param params[] = { DB_INT8(account_id), DB_TEXTS(path.levels, path.n) };
        const struct write_call call = { &delete_one, params, COUNT_OF(params), deadline_ms };
        ok = change(s, account_id, &call, 0, &a, &rows, e);
    }
    arena_fini(&a);
    return ok;
}

bool store_mailbox_subscribe(struct store *s, int64_t account_id, str name, bool subscribe,
                             int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct store_path path;
    struct db_rows *rows = NULL;
    arena_init(&a);
    bool ok = store_path_parse(&a, name, &path, e);
    if (ok) {
        const struct db_param params[] = { DB_INT8(account_id), DB_TEXTS(path.levels, path.n),
                                           DB_TEXT(path.name), DB_BOOL(subscribe) };
        const struct write_call call = { &subscribe_one, params, COUNT_OF(params), deadline_ms };
        ok = change(s, account_id, &call, 0, &a, &rows, e);
    }
    arena_fini(&a);
    return ok;
}
