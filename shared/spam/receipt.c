/* SPDX-License-Identifier: Apache-2.0 */
/* Changing and listing the rules. */
#include "spam/receipt.h"

#include "audit/audit.h"
#include "dns/dns.h"
#include "spam/private.h"

static const char *const list_names[] = {
    [SPAM_WHITELIST] = "whitelist", [SPAM_BLACKLIST] = "blacklist"
};
static const char *const kind_names[] = {
    [SPAM_ADDRESS] = "address", [SPAM_DOMAIN] = "domain", [SPAM_NETWORK] = "network"
};

static const struct db_stmt add = { "SELECT receipt_rule_add($1, $2, $3, $4, $5, $6)" };
static const struct db_stmt remove_one = { "SELECT receipt_rule_remove($1)" };
/* $1 id or 0, $2 list, $3 subject, $4 domain (each empty for all), $5 after, $6 limit. */
static const struct db_stmt page = {
    "SELECT r.receipt_rule_id, r.list, r.kind, r.subject, coalesce(d.name, ''), r.note, r.created_at"
    "  FROM receipt_rule r LEFT JOIN domain d USING (domain_id)"
    " WHERE ($1 = 0 OR r.receipt_rule_id = $1) AND ($2 = '' OR r.list = $2)"
    "   AND ($3 = '' OR r.subject = $3) AND ($4 = '' OR d.name = $4) AND r.receipt_rule_id > $5"
    " ORDER BY r.receipt_rule_id LIMIT $6"
};

const char *spam_list_name(enum spam_list list)
{
    return list_names[list];
}

const char *spam_kind_name(enum spam_kind kind)
{
    return kind_names[kind];
}

/* ---- subjects ---- */

/* As little as there is to write: an address without "/32". */
static str network_text(struct arena *a, str text, const struct net_network *network)
{
    char ip[NET_ADDRESS_TEXT];
    struct err e = ERR_CLEAR;
    struct net_address address;
    str ip_text;
    str bits;
    (void)str_cut(text, '/', &ip_text, &bits);
    INVARIANT(net_address_parse_ip(ip_text, &address, &e));
    ip_text = net_address_ip(&address, ip);
    if (network->bits == 128)
        return arena_str(a, ip_text);
    bool is_v4 = net_address_is_ipv4(&address);
    return arena_printf(a, "%.*s/%u", STR_FMT(ip_text), network->bits - (is_v4 ? 96 : 0));
}

static bool parse_address(struct arena *a, str text, str *normal, struct err *e)
{
    str local;
    str domain;
    if (!account_address_normalize(a, text, &local, &domain, e))
        return false;
    *normal = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
    return true;
}

/* A host name has a letter in its last label; what has none was meant as an address of a host. */
static bool is_number(str domain)
{
    ptrdiff_t dot = str_rfind_byte(domain, '.');
    str last = str_skip(domain, (size_t)(dot + 1));
    return last.n > 0 && ascii_is_digit(last.p[0]);
}

bool spam_subject_parse(struct arena *a, str text, enum spam_kind *kind, str *normal, struct err *e)
{
    struct net_network network;
    struct err ignored = ERR_CLEAR;
    str ascii;
    if (text.n > 0 && text.p[0] == '@')
        text = str_skip(text, 1);
    if (str_find_byte(text, '@') >= 0) {
        *kind = SPAM_ADDRESS;
        return parse_address(a, text, normal, e);
    }
    if (net_network_parse(text, &network, &ignored)) {
        *kind = SPAM_NETWORK;
        *normal = network_text(a, text, &network);
        return true;
    }
    *kind = SPAM_DOMAIN;
    bool is_network = str_find_byte(text, '/') >= 0 || str_find_byte(text, ':') >= 0;
    if (!is_network && dns_domain_to_ascii(a, text, &ascii, &ignored) && !is_number(ascii) &&
        account_domain_normalize(a, ascii, normal, &ignored))
        return true;
    return ERR(e, ERR_SYNTAX,
               "write a domain, an address like a@example.net, or a network like 192.0.2.0/24 "
               "with no bits set behind its mask");
}

/* ---- changing ---- */

/* A change with what the audit log says of it. */
struct act {
    const struct db_stmt *stmt;
    const struct db_param *params;
    size_t n;
    struct audit_entry entry;
};

/* Both in one transaction; *rows are the statement's. Yields. */
static YIELDS bool change(struct spam *s, const struct act *act, struct arena *a,
                          int64_t deadline_ms, struct db_rows **rows, struct err *e)
{
    struct db_tx *tx = NULL;
    struct db_rows *results[2] = { NULL, NULL };
    size_t failed = 0;
    if (!db_begin(s->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e))
        return false;
    db_tx_send(tx, act->stmt, act->params, act->n);
    audit_send(tx, &act->entry);
    if (!db_commit(&tx, a, results, COUNT_OF(results), &failed, e))
        return false;
    *rows = results[0];
    spam_forget_rules(s);
    if (s->notify)
        notify_tell(s->notify, NOTIFY_DIRECTORY, 0);
    return true;
}

static struct audit_entry entry_of(const struct account_actor *actor, str action, str object,
                                   str detail)
{
    return (struct audit_entry){ .actor_id = actor->account_id,
                                 .actor = actor->name,
                                 .ip = actor->ip,
                                 .action = action,
                                 .object = object,
                                 .detail = detail };
}

bool spam_rule_add(struct spam *s, const struct account_actor *actor,
                   const struct spam_rule_new *rule, struct arena *a, int64_t deadline_ms,
                   int64_t *rule_id, struct err *e)
{
    struct db_rows *rows = NULL;
    enum spam_kind kind;
    str subject = STR_EMPTY;
    str domain = STR_EMPTY;
    if (!spam_subject_parse(a, rule->subject, &kind, &subject, e))
        return false;
    if (rule->domain.n > 0 && !account_domain_normalize(a, rule->domain, &domain, e))
        return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours", STR_FMT(rule->domain));
    const char *list = list_names[rule->list];
    const struct db_param params[] = { DB_TEXT(str_from_cstr(list)),
                                       DB_TEXT(str_from_cstr(kind_names[kind])),
                                       DB_TEXT(subject),
                                       DB_TEXT(domain),
                                       DB_TEXT(str_slice(rule->note, 0, SPAM_NOTE_MAX)),
                                       DB_INT8(SPAM_RULES_MAX) };
    const struct act act = { &add, params, COUNT_OF(params),
                             entry_of(actor, STR("receipt.add"), subject,
                                      arena_printf(a, "%s for %.*s", list,
                                                   STR_FMT(domain.n ? domain : STR("all")))) };
    if (change(s, &act, a, deadline_ms, &rows, e)) {
        *rule_id = db_int(rows, 0, 0);
        return true;
    }
    if (e->kind == ERR_EXISTS) {
        return ERR(e, ERR_EXISTS,
                   "%.*s is on the whitelist or the blacklist already: remove it first",
                   STR_FMT(subject));
    }
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours", STR_FMT(domain));
    return false;
}

bool spam_rule_remove(struct spam *s, const struct account_actor *actor, int64_t rule_id,
                      struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    struct spam_rules found;
    const struct spam_rule_query query = { .rule_id = rule_id, .list = "", .limit = 1 };
    if (!spam_rule_page(s, &query, a, deadline_ms, &found, e))
        return false;
    if (found.n == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no such rule");
    const struct spam_rule *rule = &found.list[0];
    const struct db_param params[] = { DB_INT8(rule_id) };
    const struct act act = { &remove_one, params, COUNT_OF(params),
                             entry_of(actor, STR("receipt.remove"), rule->subject,
                                      arena_printf(
                                          a, "%s for %.*s", list_names[rule->list],
                                          STR_FMT(rule->domain.n ? rule->domain : STR("all")))) };
    return change(s, &act, a, deadline_ms, &rows, e);
}

/* ---- looking ---- */

static int index_of(const char *const *names, size_t n, str word)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(word, str_from_cstr(names[i])))
            return (int)i;
    }
    return 0;
}

struct spam_rule spam_rule_read(const struct db_rows *rows, size_t i, struct arena *a)
{
    return (struct spam_rule){
        .rule_id = db_int(rows, i, 0),
        .list = (enum spam_list)index_of(list_names, COUNT_OF(list_names), db_str(rows, i, 1)),
        .kind = (enum spam_kind)index_of(kind_names, COUNT_OF(kind_names), db_str(rows, i, 2)),
        .subject = arena_str(a, db_str(rows, i, 3)),
        .domain = arena_str(a, db_str(rows, i, 4)),
        .note = arena_str(a, db_str(rows, i, 5)),
        .created_at_us = db_time_us(rows, i, 6),
    };
}

bool spam_rule_page(struct spam *s, const struct spam_rule_query *query, struct arena *a,
                    int64_t deadline_ms, struct spam_rules *out, struct err *e)
{
    struct db_rows *rows = NULL;
    struct err ignored = ERR_CLEAR;
    enum spam_kind kind;
    str subject = query->subject;
    str domain = query->domain;
    *out = (struct spam_rules){ .n = 0 };
    if ((subject.n > 0 && !spam_subject_parse(a, subject, &kind, &subject, &ignored)) ||
        (domain.n > 0 && !account_domain_normalize(a, domain, &domain, &ignored)))
        return true; /* there is no rule for what is no subject */
    size_t limit = query->limit < SPAM_PAGE_MAX ? query->limit : SPAM_PAGE_MAX;
    const struct db_param params[] = { DB_INT8(query->rule_id), DB_TEXT(str_from_cstr(query->list)),
                                       DB_TEXT(subject),        DB_TEXT(domain),
                                       DB_INT8(query->after),   DB_INT8((int64_t)limit) };
    if (!db_query(s->db, DB_READ, &page, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct spam_rule, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = spam_rule_read(rows, i, a);
    return true;
}
