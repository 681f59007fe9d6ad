/* SPDX-License-Identifier: Apache-2.0 */
/* Rules by which mail is held: their written form, and keeping them. Where they are asked is the
 * statement that puts recipients into the queue (queue.c). */
#include "queue/hold_rule.h"

#include "audit/audit.h"
#include "base/address.h"
#include "base/idn.h"
#include "queue/private.h"
#include "wire/smtp_path.h"

/* ---- names ---- */

/* With the local part in small letters. */
static str join(struct arena *a, str address, str domain)
{
    str local;
    str behind;
    if (!address_split(address, &local, &behind))
        local = STR_EMPTY;
    (void)idn_local_fold(a, local, &local);
    return arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
}

bool queue_hold_rule_key(struct arena *a, str text, str *out, struct err *e)
{
    str domain;
    *out = text;
    if (text.n == 0 || str_eq(text, STR(QUEUE_NULL_SENDER)))
        return true;
    if (text.n > QUEUE_RULE_NAME_MAX ||
        !idn_domain_to_ascii(a, address_domain_or_all(text), &domain, NULL) ||
        !smtp_is_domain(domain) || str_find_byte(domain, '.') <= 0)
        return ERR(e, ERR_SYNTAX, "neither an address nor a domain");
    *out = join(a, text, domain);
    return true;
}

str queue_rule_sender(struct arena *a, str sender)
{
    str domain;
    if (sender.n == 0)
        return STR(QUEUE_NULL_SENDER);
    if (!idn_domain_to_ascii(a, address_domain_or_all(sender), &domain, NULL))
        domain = address_domain_or_all(sender);
    return join(a, sender, domain);
}

str queue_rule_recipient(struct arena *a, str address, str domain)
{
    return join(a, address, domain);
}

/* ---- keeping them ---- */

static const struct db_stmt add_rule = { "SELECT queue_hold_rule_add($1, $2, $3, $4)" };
static const struct db_stmt remove_rule = {
    "DELETE FROM q_hold_rule WHERE rule_id = $1 RETURNING sender, recipient"
};
static const struct db_stmt list_rules = {
    "SELECT rule_id, sender, recipient, note, created_by, created_at FROM q_hold_rule"
    " ORDER BY rule_id LIMIT $1"
};

static void send_audit(struct db_tx *tx, const struct queue_actor *actor, const char *action,
                       int64_t rule_id, str sender, str recipient, struct arena *a)
{
    audit_send(tx, &(struct audit_entry){
                       .actor_id = actor->account_id,
                       .actor = actor->name,
                       .ip = actor->ip,
                       .action = str_from_cstr(action),
                       .object = arena_printf(a, "%lld", (long long)rule_id),
                       .detail = arena_printf(a, "from %.*s to %.*s",
                                              STR_FMT(sender.n ? sender : STR("anybody")),
                                              STR_FMT(recipient.n ? recipient : STR("anybody"))),
                   });
}

/* NOLINTNEXTLINE(readability-function-size): who, what, and where the id goes. */
bool queue_hold_rule_add(struct queue *q, const struct queue_actor *actor,
                         const struct queue_hold_rule *rule, struct arena *a, int64_t deadline_ms,
                         int64_t *rule_id, struct err *e)
{
    struct db_tx *tx = NULL;
    struct db_rows *r = NULL;
    str sender;
    str recipient;
    if (!queue_hold_rule_key(a, rule->sender, &sender, e) ||
        !queue_hold_rule_key(a, rule->recipient, &recipient, e))
        return false;
    if (str_eq(recipient, STR(QUEUE_NULL_SENDER)) || sender.n + recipient.n == 0)
        return ERR(e, ERR_SYNTAX, "a rule is about a sender, a recipient, or both");
    const struct db_param params[] = { DB_TEXT(sender), DB_TEXT(recipient), DB_TEXT(rule->note),
                                       DB_TEXT(actor->name) };
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e);
    if (ok) {
        db_tx_send(tx, &add_rule, params, COUNT_OF(params));
        ok = db_tx_flush(tx, a, &r, 1, NULL, e);
    }
    if (ok) {
        *rule_id = db_int(r, 0, 0);
        send_audit(tx, actor, "queue.hold_rule.add", *rule_id, sender, recipient, a);
        ok = db_commit(&tx, a, NULL, 0, NULL, e);
    }
    db_rollback(&tx);
    return ok;
}

bool queue_hold_rule_remove(struct queue *q, const struct queue_actor *actor, int64_t rule_id,
                            int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_tx *tx = NULL;
    struct db_rows *r = NULL;
    arena_init(&a);
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e);
    if (ok) {
        db_tx_send(tx, &remove_rule, &DB_INT8(rule_id), 1);
        ok = db_tx_flush(tx, &a, &r, 1, NULL, e);
    }
    if (ok && db_row_count(r) == 0)
        ok = ERR(e, ERR_NOT_FOUND, "no such rule");
    if (ok) {
        send_audit(tx, actor, "queue.hold_rule.remove", rule_id, db_str(r, 0, 0), db_str(r, 0, 1),
                   &a);
        ok = db_commit(&tx, &a, NULL, 0, NULL, e);
    }
    db_rollback(&tx);
    arena_fini(&a);
    return ok;
}

bool queue_hold_rule_list(struct queue *q, struct arena *a, int64_t deadline_ms,
                          struct queue_hold_rules *out, struct err *e)
{
    struct db_rows *r = NULL;
    if (!db_query(q->db, DB_READ, &list_rules, &DB_INT8(QUEUE_HOLD_RULES_MAX), 1, a, deadline_ms,
                  &r, e))
        return false;
    out->n = db_row_count(r);
    out->list = ARENA_ARRAY(a, struct queue_hold_rule, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct queue_hold_rule){
            .rule_id = db_int(r, i, 0),
            .sender = db_str(r, i, 1),
            .recipient = db_str(r, i, 2),
            .note = db_str(r, i, 3),
            .created_by = db_str(r, i, 4),
            .created_at_us = db_time_us(r, i, 5),
        };
    }
    return true;
}
