/* SPDX-License-Identifier: Apache-2.0 */
/* Writes audit rows. */
#include "audit/audit.h"

#include "base/utf8.h"
#include "db/db.h"

enum {
    TEXT_MAX = 256,
    AUDIT_PARAMS = 7
};

static const struct db_stmt insert = {
    "INSERT INTO audit_log (actor_id, actor, ip, action, object, detail, result)"
    " VALUES (nullif($1, 0), $2, $3, $4, $5, $6, $7)"
};

/* The same for a row that stands alone: its loss in a crash is bearable, a wait for the disk is
 * not (a login). set_config is transaction-local. */
static const struct db_stmt insert_relaxed = {
    "WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
    " INSERT INTO audit_log (actor_id, actor, ip, action, object, detail, result)"
    " SELECT nullif($1, 0), $2, $3, $4, $5, $6, $7 FROM relaxed"
};

/* A login that somebody tried can be any bytes; the row must be written all the same. */
static struct db_param text(str s)
{
    if (!utf8_is_valid(s) || str_find_byte(s, '\0') >= 0)
        return DB_TEXT(STR("(not text)"));
    return DB_TEXT(utf8_cut(s, TEXT_MAX));
}

static void fill(const struct audit_entry *entry, struct db_param params[AUDIT_PARAMS])
{
    params[0] = DB_INT8(entry->actor_id);
    params[1] = text(entry->actor);
    params[2] = text(entry->ip);
    params[3] = text(entry->action);
    params[4] = text(entry->object);
    params[5] = text(entry->detail);
    params[6] = text(entry->result.n ? entry->result : STR("ok"));
}

void audit_send(struct db_tx *tx, const struct audit_entry *entry)
{
    struct db_param params[AUDIT_PARAMS];
    fill(entry, params);
    db_tx_send(tx, &insert, params, AUDIT_PARAMS);
}

bool audit_write(struct db *db, const struct audit_entry *entry, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_param params[AUDIT_PARAMS];
    arena_init(&a);
    fill(entry, params);
    bool ok =
        db_query(db, DB_AUTH, &insert_relaxed, params, AUDIT_PARAMS, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
