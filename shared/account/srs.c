/* SPDX-License-Identifier: Apache-2.0 */
/* Senders of forwarded mail, made and found again with the key of the cluster. */
#include "account/directory.h"
#include "base/clock.h"
#include "wire/smtp_envelope.h"
#include "wire/smtp_path.h"
#include "wire/smtp_srs.h"

static const struct db_stmt read_key = { "SELECT secret FROM cluster_secret WHERE name = 'srs'" };

bool directory_sender_key(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                          str *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (d->srs_key.n == 0) {
        if (!db_query(d->db, DB_READ, &read_key, NULL, 0, a, deadline_ms, &rows, e))
            return false;
        if (db_row_count(rows) != 1 || db_str(rows, 0, 0).n != sizeof(d->srs_key_octets))
            return ERR(e, ERR_INTERNAL, "the key for senders of forwarded mail is missing");
        memcpy(d->srs_key_octets, db_str(rows, 0, 0).p, sizeof(d->srs_key_octets));
        d->srs_key = str_of((const char *)d->srs_key_octets, sizeof(d->srs_key_octets));
    }
    *out = d->srs_key;
    return true;
}

/* Yields. */
YIELDS static bool open_srs(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                            struct smtp_srs *out, struct err *e)
{
    out->now_s = clock_utc_us() / 1000000;
    return directory_sender_key(d, a, deadline_ms, &out->key, e);
}

bool account_forward_sender(struct account_directory *d, str sender, str domain, struct arena *a,
                            int64_t deadline_ms, str *out, struct err *e)
{
    struct smtp_path path;
    struct smtp_srs srs;
    struct account_route route;
    *out = sender;
    if (sender.n == 0 || smtp_mailbox_parse(sender, a, &path) != SMTP_GOOD)
        return true;
    if (!path.is_literal) {
        if (!account_route(d, path.local, path.domain, a, deadline_ms, &route, e))
            return false;
        if (route.kind != ACCOUNT_ROUTE_REMOTE)
            return true;
    }
    struct smtp_path rewritten = { .local = STR("postmaster"), .domain = domain };
    if (!open_srs(d, a, deadline_ms, &srs, e))
        return false;
    /* One that is too long for the way back has its reports go to who answers for the domain. */
    if (!path.is_literal && !smtp_srs_rewrite(&srs, path.local, path.domain, a, &rewritten.local))
        rewritten.local = STR("postmaster");
    *out = smtp_path_text(&rewritten, a);
    return true;
}

bool directory_find_way_back(struct account_directory *d, str local, str domain, struct arena *a,
                             int64_t deadline_ms, struct account_route *out, struct err *e)
{
    struct err ignored = ERR_CLEAR;
    struct smtp_srs srs;
    struct smtp_path sender = { 0 };
    if (!open_srs(d, a, deadline_ms, &srs, e))
        return false;
    if (!smtp_srs_restore(&srs, local, a, &sender.local, &sender.domain, &ignored))
        return true;
    struct smtp_target *target = ARENA_NEW(a, struct smtp_target);
    *target =
        (struct smtp_target){ .address = smtp_path_text(&sender, a), .domain = sender.domain };
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_LEADS,
                                   .targets = target,
                                   .n_targets = 1,
                                   .domain = domain,
                                   .is_way_back = true };
    return true;
}
