/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of spam share. Private to the module. */
#ifndef SPAM_PRIVATE_H
#define SPAM_PRIVATE_H

#include "db/db.h"
#include "notify/notify.h"
#include "spam/rule_set.h"

struct spam {
    struct db *db;
    struct notify *notify; /* NULL: nobody is told */
    struct notify_listener changed;
    struct spam_rule_set *rules; /* NULL: never read */
    int64_t rules_until_ms;      /* monotonic: then they are read anew */
    uint64_t last_reading;       /* number of the reading that was begun last */
    uint64_t kept_reading;       /* that the rules are from */
};

/* The rules are read anew at the next question. */
void spam_forget_rules(struct spam *s);
/* A row with the columns of struct spam_rule, in its order. In arena. */
struct spam_rule spam_rule_read(const struct db_rows *rows, size_t i, struct arena *a);

#endif
