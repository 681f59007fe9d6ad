/* SPDX-License-Identifier: Apache-2.0 */
/* From SQLSTATE to error kind: one table, the longest prefix first. */
#include "db/conn.h"

static const struct {
    const char *prefix;
    enum err_kind kind;
} kinds[] = {
    { "23505", ERR_EXISTS },   /* unique_violation */
    { "40001", ERR_CONFLICT }, /* serialization_failure */
    { "40P01", ERR_CONFLICT }, /* deadlock_detected */
    { "57014", ERR_LIMIT },    /* query_canceled: statement timeout */
    { "55P03", ERR_TIMEOUT },  /* lock_not_available: it passes, whereas a limit may be for good */
    { "25006", ERR_UNAVAILABLE }, /* read_only_sql_transaction: a standby */
    { "25P03", ERR_UNAVAILABLE }, /* idle_in_transaction_session_timeout */
    { "HR404", ERR_NOT_FOUND },
    { "HR409", ERR_EXISTS },
    { "HR403", ERR_DENIED },
    { "HR413", ERR_LIMIT },
    { "HR412", ERR_CONFLICT },
    { "57P", ERR_UNAVAILABLE }, /* shutdown, crash, cannot connect now */
    { "08", ERR_UNAVAILABLE },  /* connection exception */
    { "53", ERR_UNAVAILABLE },  /* insufficient resources: disk, memory, connections */
    { "54", ERR_LIMIT },        /* program limit exceeded: index row too big ... */
    { "22", ERR_SYNTAX },       /* data exception */
    { "23", ERR_SYNTAX },       /* other constraints */
};

enum err_kind db_sqlstate_kind(const char *sqlstate)
{
    if (!sqlstate || strlen(sqlstate) != 5)
        return ERR_INTERNAL;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strncmp(sqlstate, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return kinds[i].kind;
    }
    return ERR_INTERNAL;
}

/* Without DETAIL, which quotes values of rows. What our own functions raise may be told to users:
 * of its SQLSTATE only the kind stays. */
void db_error_from_result(const PGresult *result, struct err *e)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    bool is_ours = state && strncmp(state, "HR", 2) == 0;
    const char *code = is_ours ? "" : state ? state : "-----";
    ERR(e, db_sqlstate_kind(state), "%s%s%s%s%s", code, is_ours ? "" : " ", text ? text : "",
        constraint ? " by " : "", constraint ? constraint : "");
}

/* The SQLSTATE stands first in the sentence. */
static bool begins_with(const struct err *e, const char *sqlstate)
{
    return strncmp(e->msg, sqlstate, strlen(sqlstate)) == 0;
}

bool db_is_timeout(const struct err *e)
{
    return e->kind == ERR_LIMIT && begins_with(e, "57014");
}

bool db_is_deadlock(const struct err *e)
{
    return e->kind == ERR_CONFLICT && begins_with(e, "40");
}
