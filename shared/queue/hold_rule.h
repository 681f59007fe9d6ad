/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of administrators: what they match is held when it is put into the queue, as by hand
 * (act.h), and goes when it is released. Mail to mailboxes of ours never is in the queue. */
#ifndef QUEUE_HOLD_RULE_H
#define QUEUE_HOLD_RULE_H

#include "queue/queue.h"

enum {
    QUEUE_HOLD_RULES_MAX = 1000
};

struct queue_hold_rule {
    int64_t rule_id;
    str sender; /* "mia@example.org", which stands for "mia+tag@example.org", too; "@example.org";
                   "<>", the null sender; or empty: anybody */
    str recipient; /* likewise, without "<>" */
    str note;      /* why it is there, for administrators and the sender; may be empty */
    str created_by;
    int64_t created_at_us;
};

struct queue_hold_rules {
    struct queue_hold_rule *list; /* the oldest first */
    size_t n;
};

/* Brings what a rule is about to its written form: an address, or a domain with or without "@". The
 * null sender is "<>". In arena. ERR_SYNTAX. Pure. */
bool queue_hold_rule_key(struct arena *a, str text, str *out, struct err *e);

/* Adds a rule of this sender, recipient and note, with its audit row; its id is given. ERR_SYNTAX
 * (no address, neither of both), ERR_EXISTS, ERR_LIMIT. Yields. */
YIELDS bool queue_hold_rule_add(struct queue *q, const struct queue_actor *actor,
                                const struct queue_hold_rule *rule, struct arena *a,
                                int64_t deadline_ms, int64_t *rule_id, struct err *e);
/* ERR_NOT_FOUND. What it held stays held. Yields. */
YIELDS bool queue_hold_rule_remove(struct queue *q, const struct queue_actor *actor,
                                   int64_t rule_id, int64_t deadline_ms, struct err *e);
/* All of them. In arena. Yields. */
YIELDS bool queue_hold_rule_list(struct queue *q, struct arena *a, int64_t deadline_ms,
                                 struct queue_hold_rules *out, struct err *e);

#endif
