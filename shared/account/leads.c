/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases, groups and grants to send: names are brought to their written form here, the rest is
 * done by functions of the database (migrations/0045_routing.sql). */
#include "account/leads.h"

#include "account/directory.h"
#include "wire/smtp_path.h"

static const struct db_stmt add_lead = { "SELECT address_lead($1, $2, $3, $4, $5)" };
static const struct db_stmt update_address = { "SELECT address_update($1, $2, $3, $4, $5)" };

enum {
    KIND_FORWARD = 2,
    KIND_GROUP = 3,
    DETAIL_MAX = 400 /* octets of a list in the audit log; longer ones are cut */
};

/* The targets as they go into RCPT TO, with their domains in the form of the directory. */
static bool read_targets(struct arena *a, const str *targets, size_t n, str **out, struct err *e)
{
    str *list = ARENA_ARRAY(a, str, n + 1);
    *out = list;
    if (n == 0 || n > ACCOUNT_TARGETS_MAX)
        return ERR(e, ERR_LIMIT, "an address leads to 1 to %d others", ACCOUNT_TARGETS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct smtp_path path;
        if (smtp_mailbox_parse(targets[i], a, &path) != SMTP_GOOD || path.is_literal)
            return ERR(e, ERR_SYNTAX, "\"%.*s\" is no address", STR_FMT(targets[i]));
        if (!account_domain_normalize(a, path.domain, &path.domain, e))
            return false;
        list[i] = smtp_path_text(&path, a);
    }
    return true;
}

/* "a@example.org, b@example.org": for the audit log. */
static str join(struct arena *a, const str *list, size_t n)
{
    str all = n > 0 ? list[0] : STR_EMPTY;
    for (size_t i = 1; i < n && all.n < DETAIL_MAX; i++)
        all = arena_printf(a, "%.*s, %.*s", STR_FMT(all), STR_FMT(list[i]));
    return all.n < DETAIL_MAX ? all : arena_printf(a, "%.*s ... (%zu)", STR_FMT(all), n);
}

/* A sentence for what the functions of the database refuse alike. */
static bool refused(str address, struct err *e)
{
    if (e->kind == ERR_CONFLICT)
        return ERR(e, ERR_CONFLICT, "%.*s would lead nowhere", STR_FMT(address));
    if (e->kind == ERR_LIMIT) {
        return ERR(e, ERR_LIMIT,
                   "%.*s would lead to more than %d addresses, or over more than %d others",
                   STR_FMT(address), ACCOUNT_TARGETS_MAX, ACCOUNT_LEADS_MAX);
    }
    return false;
}

bool account_lead_add(struct account_directory *d, const struct account_actor *actor,
                      const struct account_lead_new *lead, struct arena *a, int64_t deadline_ms,
                      struct err *e)
{
    str normal;
    str domain;
    str *targets;
    if (!directory_normal_address(a, lead->address, &normal, &domain, e) ||
        !read_targets(a, lead->targets, lead->n, &targets, e))
        return false;
    const struct db_param params[] = { DB_TEXT(normal), DB_TEXT(domain),
                                       DB_INT4(lead->is_group ? KIND_GROUP : KIND_FORWARD),
                                       DB_INT4(lead->posting), DB_TEXTS(targets, lead->n) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &add_lead,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("address.add"),
                                       .object = normal,
                                       .detail = join(a, targets, lead->n) };
    if (directory_change(d, &act, a, deadline_ms, NULL, e)) {
        directory_changed(d, 0);
        return true;
    }
    if (e->kind == ERR_EXISTS)
        return ERR(e, ERR_EXISTS, "the address %.*s is taken", STR_FMT(normal));
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours", STR_FMT(domain));
    return refused(normal, e);
}

/* Addresses of senders in the form of the directory. */
static bool read_senders(struct arena *a, const str *senders, size_t n, str **out, struct err *e)
{
    str domain;
    str *list = ARENA_ARRAY(a, str, n + 1);
    *out = list;
    if (n > ACCOUNT_SENDERS_MAX)
        return ERR(e, ERR_LIMIT, "more than %d accounts", ACCOUNT_SENDERS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!directory_normal_address(a, senders[i], &list[i], &domain, e))
            return false;
    }
    return true;
}

static str describe(struct arena *a, const struct account_address_update *u, const str *targets,
                    const str *senders, const str *on_behalf)
{
    static const char *const posting[] = {
        [ACCOUNT_POSTING_ANYONE] = "posting anyone ",
        [ACCOUNT_POSTING_DOMAIN] = "posting domain ",
        [ACCOUNT_POSTING_MEMBERS] = "posting members ",
    };
    str to = u->has_targets ? join(a, targets, u->n_targets) : STR_EMPTY;
    str by = u->has_senders ? join(a, senders, u->n_senders) : STR_EMPTY;
    str behalf = u->has_on_behalf ? join(a, on_behalf, u->n_on_behalf) : STR_EMPTY;
    return arena_printf(a, "%s%s%.*s%s%.*s%s%.*s", u->has_posting ? posting[u->posting] : "",
                        u->has_targets ? "to " : "", STR_FMT(to), u->has_senders ? " senders " : "",
                        STR_FMT(by), u->has_on_behalf ? " on behalf " : "", STR_FMT(behalf));
}

bool account_address_update(struct account_directory *d, const struct account_actor *actor,
                            str address, const struct account_address_update *update,
                            struct arena *a, int64_t deadline_ms, struct err *e)
{
    const struct account_address_update *u = update;
    struct db_rows *rows = NULL;
    str normal;
    str domain;
    str *targets = NULL;
    str *senders = NULL;
    str *on_behalf = NULL;
    if (!directory_normal_address(a, address, &normal, &domain, e) ||
        (u->has_targets && !read_targets(a, u->targets, u->n_targets, &targets, e)) ||
        (u->has_senders && !read_senders(a, u->senders, u->n_senders, &senders, e)) ||
        (u->has_on_behalf && !read_senders(a, u->on_behalf, u->n_on_behalf, &on_behalf, e)))
        return false;
    const struct db_param params[] = { DB_TEXT(normal),
                                       u->has_posting ? DB_INT4(u->posting) : DB_NULL,
                                       u->has_targets ? DB_TEXTS(targets, u->n_targets) : DB_NULL,
                                       u->has_senders ? DB_TEXTS(senders, u->n_senders) : DB_NULL,
                                       u->has_on_behalf ? DB_TEXTS(on_behalf, u->n_on_behalf)
                                                        : DB_NULL };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &update_address,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("address.change"),
                                       .object = normal,
                                       .detail = describe(a, u, targets, senders, on_behalf) };
    if (directory_change(d, &act, a, deadline_ms, &rows, e)) {
        directory_changed(d, db_int(rows, 0, 0));
        return true;
    }
    if (e->kind == ERR_NOT_FOUND) {
        return ERR(e, ERR_NOT_FOUND,
                   "there is no address %.*s, or one of the senders is no account",
                   STR_FMT(normal));
    }
    if (e->kind == ERR_DENIED)
        return ERR(e, ERR_DENIED, "%.*s belongs to an account", STR_FMT(normal));
    return refused(normal, e);
}
