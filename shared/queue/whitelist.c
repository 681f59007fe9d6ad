/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations that an administrator lets everybody's mail go to with less TLS. */
#include "audit/audit.h"
#include "queue/hold.h"
#include "queue/private.h"
#include "transport_policy/tls_exception.h"

static const struct db_stmt select_pins = {
    "SELECT DISTINCT h.pin FROM q_hold h WHERE h.domain = $1 AND h.pin <> '' AND EXISTS (SELECT 1"
    " FROM q_rcpt r WHERE r.queue_id = h.queue_id AND r.domain = h.domain AND r.status = -1"
    " AND NOT r.kept)"
};
static const struct db_stmt wake_domain = {
    "UPDATE q_domain SET next_due = now(), breaker_open = false, failures = 0, successes = 0,"
    " breaker_until = '-infinity' WHERE domain = $1"
};
static const struct db_stmt release_domain = {
    "UPDATE q_rcpt SET status = 0, due = now(), planned = now() WHERE domain = $1 AND status = -1 AND NOT kept"
};

/* The keys that held mail for the domain has met. Yields. */
YIELDS static bool find_pins(struct db_tx *tx, str domain, struct arena *a, str **pins, size_t *n,
                             struct err *e)
{
    struct db_rows *r = NULL;
    db_tx_send(tx, &select_pins, &DB_TEXT(domain), 1);
    if (!db_tx_flush(tx, a, &r, 1, NULL, e))
        return false;
    *n = db_row_count(r);
    *pins = ARENA_ARRAY(a, str, *n);
    for (size_t i = 0; i < *n; i++)
        (*pins)[i] = db_str(r, i, 0);
    return *n > 0 || ERR(e, ERR_CONFLICT, "no mail is held for a server of %.*s with a certificate",
                         STR_FMT(domain));
}

static void send_audit(struct db_tx *tx, const struct queue_actor *actor, const char *action,
                       str domain, str detail)
{
    audit_send(tx, &(struct audit_entry){ .actor_id = actor->account_id,
                                          .actor = actor->name,
                                          .ip = actor->ip,
                                          .action = str_from_cstr(action),
                                          .object = domain,
                                          .detail = detail });
}

YIELDS static bool whitelist(struct db_tx *tx, const struct queue_actor *actor,
                             const struct queue_whitelisting *w, struct arena *a, int64_t *count,
                             struct err *e)
{
    str given = w->pin;
    str *pins = &given;
    size_t n = 1;
    if (!w->any && given.n == 0 && !find_pins(tx, w->domain, a, &pins, &n, e))
        return false;
    db_tx_send(tx, &wake_domain, &DB_TEXT(w->domain), 1);
    for (size_t i = 0; i < n; i++) {
        const struct tls_exception exception = { .domain = w->domain,
                                                 .pin = w->any ? STR_EMPTY : pins[i],
                                                 .expires_us = w->expires_us,
                                                 .created_by = actor->name };
        tls_exception_send(tx, &exception);
    }
    db_tx_send(tx, &release_domain, &DB_TEXT(w->domain), 1);
    struct db_rows **rows = ARENA_ARRAY(a, struct db_rows *, n + 2);
    if (!db_tx_flush(tx, a, rows, n + 2, NULL, e))
        return false;
    *count = db_affected(rows[n + 1]);
    send_audit(tx, actor, "tls.whitelist", w->domain,
               w->any ? STR("any server") : arena_printf(a, "%zu keys", n));
    return true;
}

bool queue_whitelist(struct queue *q, const struct queue_actor *actor,
                     const struct queue_whitelisting *w, int64_t deadline_ms, int64_t *count,
                     struct err *e)
{
    struct arena a;
    struct db_tx *tx = NULL;
    arena_init(&a);
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e) &&
              whitelist(tx, actor, w, &a, count, e) && db_commit(&tx, &a, NULL, 0, NULL, e);
    db_rollback(&tx);
    arena_fini(&a);
    if (ok && *count > 0 && q->notify)
        notify_tell(q->notify, NOTIFY_QUEUE, 0);
    return ok;
}

/* Yields. */
YIELDS static bool unwhitelist(struct db_tx *tx, const struct queue_actor *actor,
                               const struct tls_exception_choice *choice, struct arena *a,
                               struct tls_exceptions *out, struct err *e)
{
    if (!tls_exception_remove(tx, choice, a, out, e))
        return false;
    if (out->n == 0)
        return ERR(e, ERR_NOT_FOUND, "%.*s is not whitelisted", STR_FMT(choice->domain));
    send_audit(tx, actor, "tls.unwhitelist", choice->domain,
               choice->account_id == 0 ? arena_printf(a, "%zu exceptions", out->n)
                                       : arena_printf(a, "%zu exceptions of the account %lld",
                                                      out->n, (long long)choice->account_id));
    return true;
}

bool queue_unwhitelist(struct queue *q, const struct queue_actor *actor,
                       const struct tls_exception_choice *choice, struct arena *a,
                       int64_t deadline_ms, struct tls_exceptions *out, struct err *e)
{
    struct db_tx *tx = NULL;
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e) &&
              unwhitelist(tx, actor, choice, a, out, e) && db_commit(&tx, a, NULL, 0, NULL, e);
    db_rollback(&tx);
    return ok;
}

bool queue_list_whitelist(struct queue *q, const struct tls_exception_choice *choice,
                          struct arena *a, int64_t deadline_ms, struct tls_exceptions *out,
                          struct err *e)
{
    return tls_exception_list(q->db, choice, a, deadline_ms, out, e);
}
