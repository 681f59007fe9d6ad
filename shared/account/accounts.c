/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: reading, adding, changing; each change with its audit row in one transaction. */
#include "account/directory.h"

#include "audit/audit.h"

#define ACCOUNT_COLUMNS                                                                            \
    "c.account_id, c.login, c.display_name, c.password_hash, c.quota_bytes, s.q_bytes, s.q_count," \
    " c.is_admin, c.disabled_at IS NOT NULL, c.created_at, c.password_serial,"                     \
    " c.pop3_keeps_deleted, c.saves_sent, c.uses_from_id"

static const struct db_stmt find_by_address = {
    "SELECT " ACCOUNT_COLUMNS " FROM address a JOIN account c USING (account_id)"
    "  JOIN account_state s USING (account_id) WHERE a.addr_lower = $1"
};

static const struct db_stmt find_by_id = { "SELECT " ACCOUNT_COLUMNS
                                           " FROM account c JOIN account_state s USING (account_id)"
                                           " WHERE c.account_id = $1" };

static const struct db_stmt list_accounts = {
    "SELECT " ACCOUNT_COLUMNS " FROM account c JOIN account_state s USING (account_id)"
    "  JOIN domain d USING (domain_id)"
    " WHERE ($1 = '' OR d.name = $1) AND c.login > $2 ORDER BY c.login LIMIT $3"
};

static const struct db_stmt create = { "SELECT account_create($1, $2, $3, $4, $5, $6)" };

static void read_account(const struct db_rows *rows, size_t row, struct arena *a,
                         struct account *out)
{
    *out = (struct account){
        .account_id = db_int(rows, row, 0),
        .login = arena_str(a, db_str(rows, row, 1)),
        .display_name = arena_str(a, db_str(rows, row, 2)),
        .password_hash = arena_str(a, db_str(rows, row, 3)),
        .quota_bytes = db_int(rows, row, 4),
        .used_bytes = db_int(rows, row, 5),
        .used_messages = db_int(rows, row, 6),
        .is_admin = db_int(rows, row, 7) != 0,
        .is_disabled = db_int(rows, row, 8) != 0,
        .created_at_us = db_time_us(rows, row, 9),
        .password_serial = db_int(rows, row, 10),
        .keeps_pop3_deleted = db_int(rows, row, 11) != 0,
        .saves_sent = db_int(rows, row, 12) != 0,
        .uses_from_id = db_int(rows, row, 13) != 0,
    };
}

bool account_find_for_login(struct account_directory *d, str login, struct arena *a,
                            int64_t deadline_ms, bool *found, struct account *out, struct err *e)
{
    str address;
    str domain;
    struct db_rows *rows = NULL;
    struct err ignored = ERR_CLEAR;
    *found = false;
    if (!directory_normal_address(a, login, &address, &domain, &ignored))
        return true; /* what is no address is nobody's login */
    const struct db_param params[] = { DB_TEXT(address) };
    if (!db_query(d->db, DB_AUTH, &find_by_address, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    *found = db_row_count(rows) == 1;
    if (*found)
        read_account(rows, 0, a, out);
    return true;
}

bool account_get(struct account_directory *d, int64_t account_id, struct arena *a,
                 int64_t deadline_ms, struct account *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(d->db, DB_READ, &find_by_id, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no account %lld", (long long)account_id);
    read_account(rows, 0, a, out);
    out->password_hash = STR_EMPTY;
    return true;
}

static const struct db_stmt get_saves_sent = {
    "SELECT saves_sent FROM account WHERE account_id = $1"
};
static const struct db_stmt get_uses_from_id = {
    "SELECT uses_from_id FROM account WHERE account_id = $1"
};

/* One setting of the account; false for one that is not there. Yields. */
static YIELDS bool get_switch(struct account_directory *d, const struct db_stmt *stmt,
                              int64_t account_id, struct arena *a, int64_t deadline_ms, bool *out,
                              struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(d->db, DB_READ, stmt, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *out = db_row_count(rows) > 0 && db_int(rows, 0, 0) != 0;
    return true;
}

bool account_saves_sent(struct account_directory *d, int64_t account_id, struct arena *a,
                        int64_t deadline_ms, bool *out, struct err *e)
{
    return get_switch(d, &get_saves_sent, account_id, a, deadline_ms, out, e);
}

bool account_uses_from_id(struct account_directory *d, int64_t account_id, struct arena *a,
                          int64_t deadline_ms, bool *out, struct err *e)
{
    return get_switch(d, &get_uses_from_id, account_id, a, deadline_ms, out, e);
}

bool account_list(struct account_directory *d, str domain, str after, struct arena *a,
                  int64_t deadline_ms, struct account_list *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (domain.n && !account_domain_normalize(a, domain, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain), DB_TEXT(after), DB_INT4(ACCOUNT_LIST_MAX) };
    if (!db_query(d->db, DB_READ, &list_accounts, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account, out->n);
    for (size_t i = 0; i < out->n; i++) {
        read_account(rows, i, a, &out->list[i]);
        out->list[i].password_hash = STR_EMPTY;
    }
    return true;
}

/* ---- changes ---- */

bool directory_change(struct account_directory *d, const struct directory_act *act, struct arena *a,
                      int64_t deadline_ms, struct db_rows **rows, struct err *e)
{
    struct db_tx *tx = NULL;
    struct db_rows *found = NULL;
    const struct db_param object = DB_TEXT(act->object);
    const struct audit_entry entry = { .actor_id = act->actor->account_id,
                                       .actor = act->actor->name,
                                       .ip = act->actor->ip,
                                       .action = act->action,
                                       .object = act->object,
                                       .detail = act->detail };
    if (!db_begin(d->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e))
        return false;
    db_tx_send(tx, act->stmt, act->params ? act->params : &object, act->params ? act->n : 1);
    if (act->has_changed && !db_tx_flush(tx, a, &found, 1, NULL, e)) {
        db_rollback(&tx);
        return false;
    }
    if (!act->has_changed || act->has_changed(found))
        audit_send(tx, &entry);
    /* Where nothing was asked before, the statement's rows are the first that come now. */
    if (!db_commit(&tx, a, act->has_changed ? NULL : &found, act->has_changed ? 0 : 1, NULL, e))
        return false;
    if (rows)
        *rows = found;
    return true;
}

/* An account that is being made. */
struct birth {
    const struct account_actor *actor;
    const struct account_new *what;
    struct db_tx *tx;
    struct arena *arena;
    str login;
    str domain; /* of it */
    int64_t account_id;
};

static void note_birth(const struct birth *b, str action, str object, str detail)
{
    const struct audit_entry entry = { .actor_id = b->actor->account_id,
                                       .actor = b->actor->name,
                                       .ip = b->actor->ip,
                                       .action = action,
                                       .object = object,
                                       .detail = detail };
    audit_send(b->tx, &entry);
}

/* What the database said of the address, in words; `taken` when it is somebody's. */
static bool say_refused(struct err *e, enum err_kind taken, str address, str domain)
{
    if (e->kind == ERR_EXISTS)
        return ERR(e, taken, "the address %.*s is taken", STR_FMT(address));
    if (e->kind == ERR_NOT_FOUND) {
        return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours; add it first", STR_FMT(domain));
    }
    return false;
}

/* Yields. */
static YIELDS bool add_login(struct birth *b, struct err *e)
{
    const struct account_new *what = b->what;
    struct db_rows *rows = NULL;
    const struct db_param params[] = {
        DB_TEXT(b->login),           DB_TEXT(b->domain),
        DB_TEXT(what->display_name), what->password_hash.n ? DB_TEXT(what->password_hash) : DB_NULL,
        DB_INT8(what->quota_bytes),  DB_BOOL(what->is_admin)
    };
    if (!db_tx_query(b->tx, &create, params, COUNT_OF(params), b->arena, &rows, e))
        return say_refused(e, ERR_EXISTS, b->login, b->domain);
    b->account_id = db_int(rows, 0, 0);
    note_birth(b, STR("account.add"), b->login, what->is_admin ? STR("administrator") : STR_EMPTY);
    return true;
}

/* The i-th further address, unless the account has it by now. Yields. */
static YIELDS bool add_further(struct birth *b, size_t i, struct err *e)
{
    static const struct db_stmt has = {
        "SELECT 1 FROM address WHERE addr_lower = $1 AND account_id = $2"
    };
    static const struct db_stmt add = { "SELECT address_add($1, $2, $3)" };
    str address;
    str domain;
    struct db_rows *rows = NULL;
    if (!directory_normal_address(b->arena, b->what->addresses[i], &address, &domain, e))
        return false;
    const struct db_param mine[] = { DB_TEXT(address), DB_INT8(b->account_id) };
    if (!db_tx_query(b->tx, &has, mine, COUNT_OF(mine), b->arena, &rows, e))
        return false;
    if (db_row_count(rows) > 0)
        return true;
    const struct db_param params[] = { DB_TEXT(address), DB_TEXT(domain), DB_INT8(b->account_id) };
    if (!db_tx_query(b->tx, &add, params, COUNT_OF(params), b->arena, &rows, e))
        return say_refused(e, ERR_CONFLICT, address, domain);
    note_birth(b, STR("address.add"), address,
               arena_printf(b->arena, "account %lld", (long long)b->account_id));
    return true;
}

bool account_add(struct account_directory *d, const struct account_actor *actor,
                 const struct account_new *new_account, struct arena *a, int64_t deadline_ms,
                 int64_t *account_id, struct err *e)
{
    struct birth b = { .actor = actor, .what = new_account, .arena = a };
    if (!directory_new_login(a, new_account->address, &b.login, &b.domain, e) ||
        !db_begin(d->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &b.tx, e))
        return false;
    bool ok = add_login(&b, e);
    for (size_t i = 0; ok && i < new_account->n_addresses; i++)
        ok = add_further(&b, i, e);
    if (!ok) {
        db_rollback(&b.tx);
        return false;
    }
    if (!db_commit(&b.tx, a, NULL, 0, NULL, e))
        return false;
    *account_id = b.account_id;
    directory_changed(d, *account_id);
    return true;
}

/* The functions raise HR404 when the address is nobody's, and HR403 when the last administrator
 * would be gone. */
struct change_row {
    struct db_stmt stmt; /* $1 address, $2 value; gives the account id */
    const char *action;
    bool is_text; /* the value is change->text, which the audit log must not tell */
};

static const struct change_row changes[] = {
    [ACCOUNT_SET_QUOTA] = { { "SELECT account_change($1, p_quota => $2)" },
                            "account.quota",
                            false },
    [ACCOUNT_SET_DISABLED] = { { "SELECT account_change($1, p_disabled => $2 <> 0)" },
                               "account.disabled",
                               false },
    [ACCOUNT_SET_PASSWORD_HASH] = { { "SELECT account_change($1, p_password_hash => $2)" },
                                    "account.password",
                                    true },
    [ACCOUNT_SET_ADMIN] = { { "SELECT account_change($1, p_admin => $2 <> 0)" },
                            "account.admin",
                            false },
};

bool account_change(struct account_directory *d, const struct account_actor *actor, str address,
                    const struct account_change *change, struct arena *a, int64_t deadline_ms,
                    struct err *e)
{
    str domain;
    struct db_rows *rows = NULL;
    const struct change_row *row = &changes[change->kind];
    if (!directory_normal_address(a, address, &address, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(address), row->is_text ? DB_TEXT(change->text)
                                                                      : DB_INT8(change->number) };
    const struct directory_act act = {
        .actor = actor,
        .stmt = &row->stmt,
        .params = params,
        .n = COUNT_OF(params),
        .action = str_from_cstr(row->action),
        .object = address,
        .detail = row->is_text ? STR_EMPTY : arena_printf(a, "%lld", (long long)change->number)
    };
    if (!directory_change(d, &act, a, deadline_ms, &rows, e)) {
        if (e->kind == ERR_NOT_FOUND)
            return ERR(e, ERR_NOT_FOUND, "there is no account %.*s", STR_FMT(address));
        if (e->kind == ERR_DENIED)
            return ERR(e, ERR_DENIED, "%.*s is the last administrator", STR_FMT(address));
        return false;
    }
    directory_changed(d, db_int(rows, 0, 0));
    return true;
}

bool account_set_limits(struct account_directory *d, const struct account_actor *actor, str address,
                        const struct account_limits *limits, struct arena *a, int64_t deadline_ms,
                        struct err *e)
{
    static const struct db_stmt set_limits = { "SELECT account_set_limits($1, $2, $3, $4)" };
    str domain;
    struct db_rows *rows = NULL;
    if (!directory_normal_address(a, address, &address, &domain, e))
        return false;
    const struct db_param params[] = {
        DB_TEXT(address), DB_INT8(limits->bytes), DB_INT8(limits->messages),
        DB_INT4(limits->mailboxes > INT32_MAX ? INT32_MAX : limits->mailboxes)
    };
    const struct directory_act act = {
        .actor = actor,
        .stmt = &set_limits,
        .params = params,
        .n = COUNT_OF(params),
        .action = STR("account.limits"),
        .object = address,
        .detail =
            arena_printf(a, "bytes %lld, messages %lld, mailboxes %lld", (long long)limits->bytes,
                         (long long)limits->messages, (long long)limits->mailboxes),
    };
    if (!directory_change(d, &act, a, deadline_ms, &rows, e))
        return false;
    directory_changed(d, db_int(rows, 0, 0));
    return true;
}

bool account_rehash(struct account_directory *d, const struct account *account, str new_hash,
                    struct arena *a, int64_t deadline_ms, struct err *e)
{
    static const struct db_stmt rehash = { "SELECT account_rehash($1, $2, $3)" };
    const struct account_actor actor = { .name = STR("system") };
    const struct db_param params[] = { DB_INT8(account->account_id),
                                       DB_TEXT(account->password_hash), DB_TEXT(new_hash) };
    const struct directory_act act = { .actor = &actor,
                                       .stmt = &rehash,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("account.rehash"),
                                       .object = account->login };
    return directory_change(d, &act, a, deadline_ms, NULL, e);
}
