/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table dns_made. */
#include "account/made_record.h"

#include "account/directory.h"

static const struct db_stmt add = {
    "INSERT INTO dns_made (domain_id, name, type, value) SELECT domain_id, $2, $3, $4 FROM domain"
    " WHERE name = $1 ON CONFLICT DO NOTHING"
};
static const struct db_stmt remove_one = {
    "DELETE FROM dns_made m USING domain d WHERE m.domain_id = d.domain_id AND d.name = $1"
    " AND m.name = $2 AND m.type = $3 AND m.value = $4"
};
static const struct db_stmt find_one = {
    "SELECT 1 FROM dns_made m JOIN domain d USING (domain_id) WHERE d.name = $1"
    " AND m.name = $2 AND m.type = $3 AND m.value = $4"
};
static const struct db_stmt list_values = {
    "SELECT d.name, m.value, (extract(epoch FROM now() - m.used_at) * 1000)::bigint"
    "  FROM dns_made m JOIN domain d USING (domain_id) WHERE m.name = $1 AND m.type = $2"
    " ORDER BY m.made, d.name LIMIT 100"
};
static const struct db_stmt note_use = {
    "UPDATE dns_made SET used_at = now() WHERE name = $1 AND type = $2 AND value = $3 RETURNING 1"
};
/* Judged by the database at this moment, and of all domains: another frontend may have noted a use
 * since the list was read. */
static const struct db_stmt take_unused = {
    "DELETE FROM dns_made m USING domain d WHERE m.domain_id = d.domain_id AND d.name = $1"
    " AND m.name = $2 AND m.type = $3 AND m.value = $4 AND NOT EXISTS (SELECT 1 FROM dns_made o"
    "  WHERE o.name = m.name AND o.type = m.type AND o.value = m.value"
    "  AND o.used_at >= now() - interval '1 day') RETURNING 1"
};

#define PARAMS(r)                                                                         \
    {                                                                                     \
        DB_TEXT((r)->domain), DB_TEXT((r)->name), DB_TEXT((r)->type), DB_TEXT((r)->value) \
    }

static YIELDS bool note(struct account_directory *d, const struct account_actor *actor,
                        const struct db_stmt *stmt, const struct account_made_record *record,
                        struct arena *a, int64_t deadline_ms, struct err *e)
{
    const struct db_param params[] = PARAMS(record);
    const struct directory_act act = {
        .actor = actor,
        .stmt = stmt,
        .params = params,
        .n = COUNT_OF(params),
        .action = stmt == &add ? STR("dns.add") : STR("dns.remove"),
        .object = record->domain,
        .detail = arena_printf(a, "%.*s %.*s", STR_FMT(record->name), STR_FMT(record->type)),
    };
    return directory_change(d, &act, a, deadline_ms, NULL, e);
}

bool account_made_record_add(struct account_directory *d, const struct account_actor *actor,
                             const struct account_made_record *record, struct arena *a,
                             int64_t deadline_ms, struct err *e)
{
    return note(d, actor, &add, record, a, deadline_ms, e);
}

bool account_made_record_remove(struct account_directory *d, const struct account_actor *actor,
                                const struct account_made_record *record, struct arena *a,
                                int64_t deadline_ms, struct err *e)
{
    return note(d, actor, &remove_one, record, a, deadline_ms, e);
}

bool account_made_record_find(struct account_directory *d, const struct account_made_record *record,
                              struct arena *a, int64_t deadline_ms, bool *found, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = PARAMS(record);
    if (!db_query(d->db, DB_DELIVER, &find_one, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *found = db_row_count(rows) > 0;
    return true;
}

bool account_made_record_list(struct account_directory *d, str name, str type, struct arena *a,
                              int64_t deadline_ms, struct account_made_values *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(name), DB_TEXT(type) };
    if (!db_query(d->db, DB_DELIVER, &list_values, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_made_value, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct account_made_value){ .domain = arena_str(a, db_str(rows, i, 0)),
                                                    .value = arena_str(a, db_str(rows, i, 1)),
                                                    .idle_ms = db_int(rows, i, 2) };
    }
    return true;
}

bool account_made_record_use(struct account_directory *d, const struct account_made_record *record,
                             struct arena *a, int64_t deadline_ms, bool *found, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(record->name), DB_TEXT(record->type),
                                       DB_TEXT(record->value) };
    if (!db_query(d->db, DB_DELIVER, &note_use, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *found = db_row_count(rows) > 0;
    return true;
}

bool account_made_record_take_unused(struct account_directory *d,
                                     const struct account_made_record *record, struct arena *a,
                                     int64_t deadline_ms, bool *taken, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = PARAMS(record);
    if (!db_query(d->db, DB_DELIVER, &take_unused, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    *taken = db_row_count(rows) > 0;
    return true;
}

bool account_made_record_put_back(struct account_directory *d,
                                  const struct account_made_record *record, struct arena *a,
                                  int64_t deadline_ms, struct err *e)
{
    const struct db_param params[] = PARAMS(record);
    return db_query(d->db, DB_DELIVER, &add, params, COUNT_OF(params), a, deadline_ms, NULL, e);
}
