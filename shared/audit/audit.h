/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of audit: who did what to which object and when, as rows that only ever grow. The row
 * is part of the transaction of the act it tells of. It does not know what the objects are. */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "base/base.h"

struct db;
struct db_tx;

/* Texts are borrowed, valid UTF-8, cut at 256 octets; never a password, token or message text. */
struct audit_entry {
    int64_t actor_id; /* account, 0 for the operator or the system */
    str actor;        /* "cli", "system", or a login */
    str ip;           /* empty when none */
    str action;       /* "account.add", "queue.delete"; from a table, not from a peer */
    str object;       /* an address, a domain, a queue id */
    str detail;       /* what changed, "quota 0 -> 1000000"; may be empty */
    str result;       /* "ok", "denied", "failed"; empty means ok */
};

/* Appends the row to the pipeline of an open transaction; its answer comes with db_tx_flush or
 * db_commit as one more statement. */
void audit_send(struct db_tx *tx, const struct audit_entry *entry);
/* Writes the row in a transaction of its own, for acts that change nothing else (a login). With
 * synchronous_commit off. Yields. */
YIELDS bool audit_write(struct db *db, const struct audit_entry *entry, int64_t deadline_ms,
                        struct err *e);

#endif
