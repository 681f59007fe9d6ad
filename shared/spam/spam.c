/* SPDX-License-Identifier: Apache-2.0 */
/* What the process keeps of the lists, and asking them. */
#include "spam/private.h"

#include "base/clock.h"

#include <stdlib.h>

enum {
    RULES_KEPT_MS = 60 * 1000, /* hints of a change can be lost */
    RULES_RETRY_MS = 5 * 1000  /* after the database did not answer */
};

static const struct db_stmt read_all = {
    "SELECT r.receipt_rule_id, r.list, r.kind, r.subject, coalesce(d.name, ''), r.note, r.created_at"
    "  FROM receipt_rule r LEFT JOIN domain d USING (domain_id)"
};

/* Of the domains that a rule is for. */
static const struct db_stmt read_other_names = {
    "SELECT n.name, d.name FROM domain n JOIN domain d ON d.domain_id = n.alias_of"
    " WHERE EXISTS (SELECT FROM receipt_rule r WHERE r.domain_id = d.domain_id)"
};

void spam_forget_rules(struct spam *s)
{
    s->rules_until_ms = 0;
}

static void hear_change(enum notify_topic topic, int64_t id, void *arg)
{
    (void)topic;
    (void)id;
    spam_forget_rules(arg);
}

struct spam *spam_new(struct db *db, struct notify *notify)
{
    struct spam *s = HEAP_NEW(struct spam);
    s->db = db;
    s->notify = notify;
    s->changed = (struct notify_listener){ .fn = hear_change, .arg = s };
    if (notify)
        notify_listen(notify, NOTIFY_DIRECTORY, &s->changed);
    return s;
}

void spam_free(struct spam **spam)
{
    struct spam *s = *spam;
    *spam = NULL;
    if (!s)
        return;
    notify_unlisten(&s->changed);
    spam_rule_set_free(&s->rules);
    free(s);
}

/* ---- asking ---- */

/* Of several readings that overlap, the one that was begun last is kept: an earlier one may not
 * know what changed since. */
static void keep_rules(struct spam *s, uint64_t reading, struct spam_rule_set *rules)
{
    if (reading > s->kept_reading) {
        struct spam_rule_set *former = s->rules;
        s->rules = rules;
        s->kept_reading = reading;
        rules = former;
    }
    spam_rule_set_free(&rules);
}

/* All that there is now. Gives; NULL: failed. Yields. */
YIELDS static struct spam_rule_set *read_rules(const struct spam *s, struct arena *a,
                                               int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    struct db_rows *names = NULL;
    if (!db_query(s->db, DB_DELIVER, &read_all, NULL, 0, a, deadline_ms, &rows, e) ||
        !db_query(s->db, DB_DELIVER, &read_other_names, NULL, 0, a, deadline_ms, &names, e))
        return NULL;
    struct spam_rule_list list = { .n = db_row_count(rows), .n_names = db_row_count(names) };
    struct spam_rule *rules = ARENA_ARRAY(a, struct spam_rule, list.n);
    struct spam_other_name *other_names = ARENA_ARRAY(a, struct spam_other_name, list.n_names);
    for (size_t i = 0; i < list.n; i++)
        rules[i] = spam_rule_read(rows, i, a);
    for (size_t i = 0; i < list.n_names; i++)
        other_names[i] = (struct spam_other_name){ db_str(names, i, 0), db_str(names, i, 1) };
    list.rules = rules;
    list.names = other_names;
    return spam_rule_set_new(&list);
}

/* Reads the rules when it is time to. Those who ask meanwhile are answered by the former ones; when
 * there are none, they read them, too. Yields. */
static YIELDS bool refresh(struct spam *s, struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (s->rules && s->rules_until_ms > clock_monotonic_ms())
        return true;
    uint64_t reading = ++s->last_reading;
    /* Before the question: a change that is told while the answer is on its way counts again. */
    s->rules_until_ms = clock_deadline_in(RULES_KEPT_MS);
    struct spam_rule_set *rules = read_rules(s, a, deadline_ms, e);
    if (!rules) {
        if (reading == s->last_reading)
            s->rules_until_ms = s->rules ? clock_deadline_in(RULES_RETRY_MS) : 0;
        return s->rules != NULL;
    }
    keep_rules(s, reading, rules);
    return true;
}

bool spam_ask_lists(struct spam *s, const struct spam_visit *visit, struct arena *a,
                    int64_t deadline_ms, struct spam_opinion *out, struct err *e)
{
    struct arena scratch;
    *out = (struct spam_opinion){ .is_listed = false };
    arena_init(&scratch);
    bool is_known = refresh(s, &scratch, deadline_ms, e);
    const struct spam_rule *rule = is_known ? spam_rule_set_find(s->rules, visit, &scratch) : NULL;
    if (rule) {
        *out = (struct spam_opinion){ .is_listed = true,
                                      .list = rule->list,
                                      .kind = rule->kind,
                                      .subject = arena_str(a, rule->subject) };
    }
    arena_fini(&scratch);
    return is_known;
}
