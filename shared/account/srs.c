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

bool account_forward_sender(struct account_directory *d, const struct account_forwarding *f,
                            struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct smtp_path path;
    struct smtp_srs srs;
    struct account_route route;
    *out = f->sender;
    if (f->sender.n == 0 || smtp_mailbox_parse(f->sender, a, &path) != SMTP_GOOD)
        return true;
    if (f->is_proven && !path.is_literal) {
        if (!account_route(d, path.local, path.domain, a, deadline_ms, &route, e))
            return false;
        if (route.kind != ACCOUNT_ROUTE_REMOTE)
            return true;
    }
    struct smtp_path rewritten = { .local = STR("postmaster"), .domain = f->domain };
    if (!open_srs(d, a, deadline_ms, &srs, e))
        return false;
    /* One that is too long for the way back has its reports go to who answers for the domain. */
    if (!path.is_literal && !smtp_srs_rewrite(&srs, path.local, path.domain, a, &rewritten.local))
        rewritten.local = STR("postmaster");
    *out = smtp_path_text(&rewritten, a);
    return true;
}

/* Where the first sender is: elsewhere, or here. Yields. */
YIELDS static bool route_first(struct account_directory *d, const struct smtp_path *sender,
                               struct arena *a, int64_t deadline_ms, struct account_route *out,
                               struct err *e)
{
    struct err why = ERR_CLEAR;
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_REMOTE };
    if (account_route(d, sender->local, sender->domain, a, deadline_ms, out, &why) ||
        why.kind == ERR_SYNTAX || why.kind == ERR_LIMIT)
        return true;
    *e = why;
    return false;
}

bool directory_find_way_back(struct account_directory *d, str local, str domain, struct arena *a,
                             int64_t deadline_ms, struct account_route *out, struct err *e)
{
    struct err ignored = ERR_CLEAR;
    struct smtp_srs srs;
    struct smtp_path sender = { 0 };
    struct account_route first;
    if (!open_srs(d, a, deadline_ms, &srs, e))
        return false;
    if (!smtp_srs_restore(&srs, local, a, &sender.local, &sender.domain, &ignored))
        return true;
    /* One of ours who was not proven, or made before: it stands for a shorter one, so this ends. */
    if (!route_first(d, &sender, a, deadline_ms, &first, e))
        return false;
    if (first.kind == ACCOUNT_ROUTE_UNKNOWN) {
        *out = first; /* nor is it for a catch-all of the domain that forwarded */
        return true;
    }
    if (first.kind == ACCOUNT_ROUTE_LEADS) { /* a group lets in whom it lets in */
        *out = first;
        out->is_way_back = true;
        return true;
    }
    struct smtp_target *target = ARENA_NEW(a, struct smtp_target);
    *target = (struct smtp_target){ .account_id = first.account_id,
                                    .address = smtp_path_text(&sender, a),
                                    .domain = sender.domain };
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_LEADS,
                                   .targets = target,
                                   .n_targets = 1,
                                   .domain = domain,
                                   .is_way_back = true };
    return true;
}
