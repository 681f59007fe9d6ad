/* SPDX-License-Identifier: Apache-2.0 */
/* Names in the tree of an account to mailboxes and rights; entries of mailboxes. */
#include "store/share.h"

#include "store/internal.h"
#include "store/write.h"

#include <assert.h>

/* ---- rights as letters ---- */

static const struct {
    char letter;
    unsigned rights;
} letters[] = {
    { 'l', STORE_MAY_LOOKUP },
    { 'r', STORE_MAY_READ },
    { 's', STORE_MAY_SEEN },
    { 'w', STORE_MAY_WRITE },
    { 'i', STORE_MAY_INSERT },
    { 'p', STORE_MAY_POST },
    { 'k', STORE_MAY_CREATE },
    { 'x', STORE_MAY_DELETE },
    { 't', STORE_MAY_MARK },
    { 'e', STORE_MAY_EXPUNGE },
    { 'a', STORE_MAY_ADMIN },
    { 'c', STORE_MAY_CREATE | STORE_MAY_DELETE },
    { 'd', STORE_MAY_MARK | STORE_MAY_EXPUNGE },
};

bool store_rights_parse(str text, unsigned *rights)
{
    *rights = 0;
    for (size_t i = 0; i < text.n; i++) {
        size_t at = 0;
        while (at < COUNT_OF(letters) && letters[at].letter != text.p[i])
            at++;
        if (at == COUNT_OF(letters))
            return false;
        *rights |= letters[at].rights;
    }
    return true;
}

const char *store_rights_format(unsigned rights, char out[STORE_RIGHTS_TEXT])
{
    size_t n = 0;
    static_assert(COUNT_OF(letters) < STORE_RIGHTS_TEXT, "each letter once, and the NUL");
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        if (rights & letters[i].rights)
            out[n++] = letters[i].letter;
    }
    out[n] = '\0';
    return out;
}

/* ---- names ---- */

/* A full name taken apart. */
struct way {
    enum store_space space;
    str owner;    /* STORE_SPACE_OTHERS: login in lower case */
    size_t skip;  /* levels in front of the owner's own name */
    str own_name; /* may be empty: a namespace itself */
};

static struct way find_way(struct arena *a, str name)
{
    str top;
    str rest;
    str owner = STR_EMPTY;
    bool has_rest = str_cut(name, '/', &top, &rest);
    if (str_eq(top, STR(STORE_SHARED_FOLDERS)))
        return (struct way){ STORE_SPACE_SHARED, STR_EMPTY, 1, has_rest ? rest : STR_EMPTY };
    if (!str_eq(top, STR(STORE_OTHER_USERS)))
        return (struct way){ STORE_SPACE_OWN, STR_EMPTY, 0, name };
    bool has_own = has_rest && str_cut(rest, '/', &owner, &rest);
    return (struct way){ STORE_SPACE_OTHERS, arena_lower(a, owner), 2, has_own ? rest : STR_EMPTY };
}

str store_place_own_name(struct arena *a, str name)
{
    return find_way(a, name).own_name;
}

/* ---- finding ---- */

static const struct db_stmt reach = { "SELECT * FROM mailbox_reach($1, $2, $3, $4, $5)" };
static const struct db_stmt reach_above = { "SELECT * FROM mailbox_reach_above($1, $2, $3, $4)" };
static const struct db_stmt reach_again = {
    "SELECT acl_rights($1, $2, $3), mailbox_path($2, $3), o.login, o.is_shared::int"
    " FROM account o WHERE o.account_id = $2"
};
static const struct db_stmt subscribe_one = { "SELECT subscription_set($1, $2, $3)" };

enum {
    REACH_ACCOUNT = 13, /* the columns before it are those of mailbox_get */
    REACH_RIGHTS
};

/* NOLINTNEXTLINE(readability-function-size): who, what and how, as everywhere here. */
static bool reach_place(struct store *s, int64_t viewer_id, const struct way *way, str name,
                        struct arena *a, int64_t deadline_ms, struct store_place *out,
                        struct err *e)
{
    struct store_path path;
    struct db_rows *rows = NULL;
    struct err ignored = ERR_CLEAR;
    /* What cannot be a name is the name of nothing. */
    if (!store_path_parse(a, name, &path, &ignored))
        return ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    const struct db_param params[] = { DB_INT8(viewer_id), DB_INT4(way->space), DB_TEXT(way->owner),
                                       DB_TEXTS(path.levels + way->skip, path.n - way->skip),
                                       DB_TEXT(path.name) };
    if (!db_query(s->options.db, DB_READ, &reach, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e) ||
        !store_read_mailbox(rows, a, &out->mailbox, e))
        return false;
    out->account_id = db_int(rows, 0, REACH_ACCOUNT);
    out->rights = (unsigned)db_int(rows, 0, REACH_RIGHTS);
    size_t prefix = name.n - way->own_name.n;
    out->mailbox.name =
        arena_printf(a, "%.*s%.*s", (int)prefix, name.p, STR_FMT(out->mailbox.name));
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): who, what and how, as everywhere here. */
bool store_place_get(struct store *s, int64_t viewer_id, str name, unsigned needed, struct arena *a,
                     int64_t deadline_ms, struct store_place *out, struct err *e)
{
    struct way way = find_way(a, name);
    *out = (struct store_place){ .account_id = viewer_id,
                                 .space = way.space,
                                 .rights = STORE_RIGHTS_ALL };
    if (way.space == STORE_SPACE_OWN)
        return store_mailbox_get(s, viewer_id, name, a, deadline_ms, &out->mailbox, e);
    if (way.own_name.n == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    if (!reach_place(s, viewer_id, &way, name, a, deadline_ms, out, e))
        return false;
    if (out->rights && (out->rights & needed) == needed)
        return true;
    if (out->rights & STORE_MAY_LOOKUP)
        return ERR(e, ERR_DENIED, "the rights on the mailbox are not enough");
    return ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
}

bool store_place_again(struct store *s, const struct store_viewed *of, struct arena *a,
                       int64_t deadline_ms, struct store_standing *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(of->viewer_id), DB_INT8(of->account_id),
                                       DB_INT4(of->mailbox_id) };
    if (!db_query(s->options.db, DB_READ, &reach_again, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    if (db_row_count(rows) == 0 || db_is_null(rows, 0, 1))
        return ERR(e, ERR_NOT_FOUND, "the mailbox is gone");
    str path = db_str(rows, 0, 1);
    out->rights = (unsigned)db_int(rows, 0, 0);
    if (of->viewer_id == of->account_id) {
        out->name = arena_str(a, path);
    } else if (db_int(rows, 0, 3)) {
        out->name = arena_printf(a, "%s/%.*s", STORE_SHARED_FOLDERS, STR_FMT(path));
    } else {
        out->name = arena_printf(a, "%s/%.*s/%.*s", STORE_OTHER_USERS, STR_FMT(db_str(rows, 0, 2)),
                                 STR_FMT(path));
    }
    return true;
}

bool store_place_home(struct store *s, int64_t viewer_id, str name, struct arena *a,
                      int64_t deadline_ms, struct store_home *out, struct err *e)
{
    struct store_path path;
    struct db_rows *rows = NULL;
    if (!store_path_parse(a, name, &path, e))
        return false;
    struct way way = find_way(a, path.name);
    *out = (struct store_home){ viewer_id, way.space, way.own_name };
    if (way.space == STORE_SPACE_OWN)
        return true;
    if (way.own_name.n == 0)
        return ERR(e, ERR_DENIED, "the name belongs to a namespace");
    const struct db_param params[] = { DB_INT8(viewer_id), DB_INT4(way.space), DB_TEXT(way.owner),
                                       DB_TEXTS(path.levels + way.skip, path.n - way.skip) };
    if (!db_query(s->options.db, DB_READ, &reach_above, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    bool is_there = db_row_count(rows) == 1 && !db_is_null(rows, 0, 0);
    if (!is_there || !((unsigned)db_int(rows, 0, 1) & STORE_MAY_CREATE))
        return ERR(e, ERR_DENIED, "no mailboxes may be made there");
    out->account_id = db_int(rows, 0, 0);
    return true;
}

bool store_place_subscribe(struct store *s, int64_t viewer_id, str name, bool subscribe,
                           int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct store_place place;
    struct store_path path;
    struct db_rows *rows = NULL;
    arena_init(&a);
    bool ok = store_path_parse(&a, name, &path, e);
    if (ok && find_way(&a, path.name).space == STORE_SPACE_OWN) {
        ok = store_mailbox_subscribe(s, viewer_id, name, subscribe, deadline_ms, e);
    } else if (ok) {
        const struct db_param params[] = { DB_INT8(viewer_id), DB_TEXT(path.name),
                                           DB_BOOL(subscribe) };
        const struct write_call call = { &subscribe_one, params, COUNT_OF(params), deadline_ms };
        ok = (!subscribe || store_place_get(s, viewer_id, path.name, STORE_MAY_LOOKUP, &a,
                                            deadline_ms, &place, e)) &&
             store_write(s, &call, &a, &rows, e);
        if (ok)
            store_publish(s, viewer_id, db_int(rows, 0, 0));
    }
    arena_fini(&a);
    return ok;
}

/* ---- entries ---- */

static const struct db_stmt list_grants = { "SELECT * FROM acl_list($1, $2)" };
static const struct db_stmt change_grant = { "SELECT * FROM acl_change($1, $2, $3, $4, $5, $6)" };
static const struct db_stmt select_domain = {
    "SELECT domain_id FROM account WHERE account_id = $1"
};

bool store_grants_list(struct store *s, int64_t account_id, int mailbox_id, struct arena *a,
                       int64_t deadline_ms, struct store_grants *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id) };
    if (!db_query(s->options.db, DB_READ, &list_grants, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct store_grant, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct store_grant){ .login = arena_str(a, db_str(rows, i, 0)),
                                             .granted = (unsigned)db_int(rows, i, 1),
                                             .denied = (unsigned)db_int(rows, i, 2) };
    }
    return true;
}

bool store_grants_change(struct store *s, int64_t account_id, int mailbox_id,
                         const struct store_grant_change *change, int64_t deadline_ms,
                         struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id),    DB_INT4(mailbox_id),
                                       DB_TEXT(change->login), DB_BOOL(change->denied),
                                       DB_INT4(change->how),   DB_INT4(change->rights) };
    const struct write_call call = { &change_grant, params, COUNT_OF(params), deadline_ms };
    arena_init(&a);
    bool ok = store_write(s, &call, &a, &rows, e);
    if (ok) {
        store_publish(s, account_id, db_int(rows, 0, 0));
        store_publish(s, db_int(rows, 0, 1), db_int(rows, 0, 2));
    }
    arena_fini(&a);
    return ok;
}

bool store_grants_everybody(struct store *s, int64_t account_id, int64_t deadline_ms, int64_t *out,
                            struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    arena_init(&a);
    bool ok = db_query(s->options.db, DB_READ, &select_domain, &DB_INT8(account_id), 1, &a,
                       deadline_ms, &rows, e) &&
              (db_row_count(rows) == 1 || ERR(e, ERR_NOT_FOUND, "the account is gone"));
    if (ok)
        *out = -db_int(rows, 0, 0);
    arena_fini(&a);
    return ok;
}
