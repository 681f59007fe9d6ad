/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of our domains in the database. */
#include "account/mta_sts.h"

#include "account/directory.h"

static const struct db_stmt find_one = {
    "SELECT o.mode, o.max_age, o.mx, o.id, o.changed FROM domain d"
    " JOIN mta_sts_own o USING (domain_id) WHERE d.name = $1"
};
static const struct db_stmt set_one = { "SELECT mta_sts_own_set($1, $2, $3, $4)" };
static const struct db_stmt remove_one = { "SELECT mta_sts_own_remove($1)" };

bool account_mta_sts_find(struct account_directory *d, str domain, struct arena *a,
                          int64_t deadline_ms, bool *found, struct account_mta_sts *out,
                          struct err *e)
{
    struct db_rows *r = NULL;
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain) };
    if (!db_query(d->db, DB_READ, &find_one, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    *found = db_row_count(r) > 0;
    if (!*found)
        return true;
    *out = (struct account_mta_sts){ .mode = db_str(r, 0, 0),
                                     .max_age_s = db_int(r, 0, 1),
                                     .id = db_str(r, 0, 3),
                                     .changed_at_us = db_time_us(r, 0, 4) };
    out->n_mx = db_strs(r, 0, 2, a, &out->mx);
    return true;
}

bool account_mta_sts_set(struct account_directory *d, const struct account_actor *actor, str domain,
                         const struct account_mta_sts *policy, struct arena *a, int64_t deadline_ms,
                         struct err *e)
{
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain), DB_TEXT(policy->mode),
                                       DB_INT8(policy->max_age_s),
                                       DB_TEXTS(policy->mx, policy->n_mx) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &set_one,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("mta-sts.set"),
                                       .object = domain,
                                       .detail = policy->mode };
    return directory_change(d, &act, a, deadline_ms, NULL, e);
}

bool account_mta_sts_remove(struct account_directory *d, const struct account_actor *actor,
                            str domain, struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    const struct directory_act act = {
        .actor = actor, .stmt = &remove_one, .action = STR("mta-sts.remove"), .object = domain
    };
    return directory_change(d, &act, a, deadline_ms, NULL, e);
}
