/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table sending, for the files of account that list them. Private to the module. */
#ifndef ACCOUNT_SENDING_ROWS_H
#define ACCOUNT_SENDING_ROWS_H

#include "account/sending.h"
#include "db/db.h"

/* How many recipients a message may have: by the nearest of an account, a domain and a tenant that
 * says so; NULL where there is none of them. */
#define SENDING_PER_MESSAGE(account, domain, tenant)                                   \
    " (SELECT n.per_message FROM sending n WHERE (n.account_id = " account             \
    " OR n.domain_id = " domain " OR n.tenant_id = " tenant ") AND n.per_message >= 0" \
    " ORDER BY n.account_id, n.domain_id LIMIT 1) " /* NULL is last */
#define SENDING_TENANT_OF(domain) \
    "(SELECT x.tenant_id FROM domain x WHERE x.domain_id = " domain ")"

/* The columns behind the subject; s is the row, which may not be there. */
#define SENDING_COLUMNS(account, domain, tenant)                                                                        \
    " coalesce(s.most, '{-1,-1,-1,-1}') || coalesce(s.per_message, -1), CASE WHEN s IS NULL THEN '{0,0,0,0}'::bigint[]" \
    " ELSE sending_used(s) END, coalesce((sending_turn(s)).refused, 0), s.held_at,"                                     \
    " coalesce(s.held_why, ''), coalesce(" SENDING_PER_MESSAGE(account, domain, tenant) ", 0) "

/* The subject and these columns, which are the first of the row; in arena. */
struct account_sending sending_read_row(const struct db_rows *rows, size_t row, struct arena *a);

#endif
