/* SPDX-License-Identifier: Apache-2.0 */
/* Rules as they are looked up: by name in a table, by network one after the other. Private to spam;
 * no I/O. */
#ifndef SPAM_RULE_SET_H
#define SPAM_RULE_SET_H

#include "base/map.h"
#include "spam/receipt.h"

/* Another name of a domain of ours that rules are for. */
struct spam_other_name {
    str name;
    str of;
};

struct spam_rule_list {
    const struct spam_rule *rules;
    size_t n;
    const struct spam_other_name *names;
    size_t n_names;
};

struct spam_rule_set {
    struct arena arena; /* everything below, but the table of the map */
    struct map names;   /* "domain of ours|subject" -> struct spam_rule */
    struct spam_networked *networks;
    size_t n_networks;
    struct map domains; /* another name of a domain of ours -> str, its own */
};

/* A set of these rules (copies). A rule whose network cannot be read is left out. Gives. */
struct spam_rule_set *spam_rule_set_new(const struct spam_rule_list *list);
/* Harmless for NULL. */
void spam_rule_set_free(struct spam_rule_set **set);

/* The rule that counts (receipt.h says which), NULL for none; it lives as long as the set. The
 * arena is for scratch. */
const struct spam_rule *spam_rule_set_find(const struct spam_rule_set *set,
                                           const struct spam_visit *visit, struct arena *a);

#endif
