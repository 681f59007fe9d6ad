/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, identities, display name. */
#include "account/profile.h"

#include "account/directory.h"

static const struct db_stmt settings_get = {
    "SELECT settings FROM account_setting WHERE account_id = $1"
};
/* Nothing is written when another request was faster. */
static const struct db_stmt settings_set = {
    "INSERT INTO account_setting AS s (account_id, settings) SELECT $1, $3"
    "  WHERE $2 = '' OR EXISTS (SELECT 1 FROM account_setting WHERE account_id = $1)"
    " ON CONFLICT (account_id) DO UPDATE SET settings = $3 WHERE s.settings = $2"
    " RETURNING account_id"
};
/* No JSON is parsed here, so that nothing that stands there can fail a mail. A quote inside of a
 * text has a backslash before it. */
static const struct db_stmt language_get = {
    "SELECT coalesce(substring(settings FROM '\"language\":\"([a-zA-Z-]{1,35})\"'), '')"
    "  FROM account_setting WHERE account_id = $1"
};
static const struct db_stmt set_name = {
    "UPDATE account SET display_name = $2 WHERE account_id = $1 RETURNING login"
};
static const struct db_stmt addresses = {
    "SELECT ARRAY (SELECT addr_lower FROM address d WHERE d.account_id = i.id"
    "               ORDER BY kind, addr_lower LIMIT $2)"
    "  FROM unnest($1::int8[]) WITH ORDINALITY AS i (id, at) ORDER BY i.at"
};
static const struct db_stmt identity_list = {
    "SELECT identity_id, name, address, reply_to, signature_html, signature_text, is_default"
    "  FROM identity WHERE account_id = $1 ORDER BY is_default DESC, identity_id"
};
static const struct db_stmt identity_ensure = { "SELECT identity_ensure($1)::text" };
static const struct db_stmt identity_put = {
    "SELECT identity_put($1, $2, $3, $4, $5, $6, $7, $8)"
};
static const struct db_stmt identity_remove = { "SELECT identity_remove($1, $2)" };

bool account_settings_get(struct account_directory *d, int64_t account_id, struct arena *a,
                          int64_t deadline_ms, str *json, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(d->db, DB_READ, &settings_get, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    *json = db_row_count(rows) ? db_str(rows, 0, 0) : STR_EMPTY;
    return true;
}

bool account_settings_set(struct account_directory *d, int64_t account_id, str former, str json,
                          struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(former), DB_TEXT(json) };
    if (json.n > ACCOUNT_SETTINGS_MAX)
        return ERR(e, ERR_LIMIT, "settings of more than %d octets", ACCOUNT_SETTINGS_MAX);
    if (!db_query(d->db, DB_AUTH, &settings_set, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    return db_row_count(rows) == 1 || ERR(e, ERR_CONFLICT, "the settings were changed meanwhile");
}

bool account_language(struct account_directory *d, int64_t account_id, struct arena *a,
                      int64_t deadline_ms, enum language *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!db_query(d->db, DB_READ, &language_get, &DB_INT8(account_id), 1, a, deadline_ms, &rows, e))
        return false;
    *out = language_parse(db_row_count(rows) ? db_str(rows, 0, 0) : STR_EMPTY);
    return true;
}

bool account_set_display_name(struct account_directory *d, const struct account_actor *actor,
                              int64_t account_id, str name, struct arena *a, int64_t deadline_ms,
                              struct err *e)
{
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(name) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &set_name,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("account.name"),
                                       .object = actor->name };
    if (!directory_change(d, &act, a, deadline_ms, NULL, e))
        return false;
    directory_changed(d, account_id);
    return true;
}

bool account_addresses(struct account_directory *d, int64_t account_id, struct arena *a,
                       int64_t deadline_ms, str **out, size_t *n, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8S(&account_id, 1), DB_INT8(ACCOUNT_ADDRESSES_MAX) };
    if (!db_query(d->db, DB_READ, &addresses, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *n = db_strs(rows, 0, 0, a, out);
    return true;
}

bool account_addresses_of(struct account_directory *d, const struct account *accounts, size_t n,
                          struct arena *a, int64_t deadline_ms, struct account_addresses *out,
                          struct err *e)
{
    struct db_rows *rows = NULL;
    int64_t *ids = ARENA_ARRAY(a, int64_t, n + 1);
    const struct db_param params[] = { DB_INT8S(ids, n), DB_INT8(ACCOUNT_ADDRESSES_SHOWN) };
    for (size_t i = 0; i < n; i++)
        ids[i] = accounts[i].account_id;
    if (!db_query(d->db, DB_READ, &addresses, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        str *list = NULL;
        size_t found = db_strs(rows, i, 0, a, &list);
        out[i] = (struct account_addresses){ list, found };
    }
    return true;
}

/* ---- identities ---- */

YIELDS static bool query_identities(struct account_directory *d, int64_t account_id,
                                    struct arena *a, int64_t deadline_ms,
                                    struct account_identities *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(d->db, DB_READ, &identity_list, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_identity, out->n + 1);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct account_identity){ .identity_id = (int)db_int(rows, i, 0),
                                                  .name = db_str(rows, i, 1),
                                                  .address = db_str(rows, i, 2),
                                                  .reply_to = db_str(rows, i, 3),
                                                  .signature_html = db_str(rows, i, 4),
                                                  .signature_text = db_str(rows, i, 5),
                                                  .is_default = db_int(rows, i, 6) != 0 };
    }
    return true;
}

bool account_identity_list(struct account_directory *d, int64_t account_id, struct arena *a,
                           int64_t deadline_ms, struct account_identities *out, struct err *e)
{
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!query_identities(d, account_id, a, deadline_ms, out, e))
        return false;
    if (out->n > 0)
        return true;
    if (!db_query(d->db, DB_AUTH, &identity_ensure, params, COUNT_OF(params), a, deadline_ms, NULL,
                  e) ||
        !query_identities(d, account_id, a, deadline_ms, out, e))
        return false;
    return out->n > 0 || ERR(e, ERR_NOT_FOUND, "there is no such account");
}

bool account_identity_put(struct account_directory *d, int64_t account_id,
                          struct account_identity *identity, struct arena *a, int64_t deadline_ms,
                          struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id),
                                       DB_INT4(identity->identity_id),
                                       DB_TEXT(identity->name),
                                       DB_TEXT(identity->address),
                                       DB_TEXT(identity->reply_to),
                                       DB_TEXT(identity->signature_html),
                                       DB_TEXT(identity->signature_text),
                                       DB_BOOL(identity->is_default) };
    if (!db_query(d->db, DB_AUTH, &identity_put, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    identity->identity_id = (int)db_int(rows, 0, 0);
    return true;
}

bool account_identity_remove(struct account_directory *d, int64_t account_id, int identity_id,
                             struct arena *a, int64_t deadline_ms, struct err *e)
{
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(identity_id) };
    return db_query(d->db, DB_AUTH, &identity_remove, params, COUNT_OF(params), a, deadline_ms,
                    NULL, e);
}
