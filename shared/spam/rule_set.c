/* SPDX-License-Identifier: Apache-2.0 */
/* Looking rules up. */
#include "spam/rule_set.h"

#include "base/address.h"

#include <stdlib.h>

struct spam_networked {
    struct net_network network;
    struct spam_rule rule;
};

static str name_key(struct arena *a, str for_domain, str subject)
{
    return arena_printf(a, "%.*s|%.*s", STR_FMT(for_domain), STR_FMT(subject));
}

static void add_names(struct spam_rule_set *set, const struct spam_rule_list *list)
{
    map_init(&set->domains, list->n_names);
    for (size_t i = 0; i < list->n_names; i++) {
        str *of = ARENA_NEW(&set->arena, str);
        *of = arena_str(&set->arena, list->names[i].of);
        INVARIANT(map_put(&set->domains, arena_str(&set->arena, list->names[i].name), of, NULL));
    }
}

struct spam_rule_set *spam_rule_set_new(const struct spam_rule_list *list)
{
    struct spam_rule_set *set = HEAP_NEW(struct spam_rule_set);
    const struct spam_rule *rules = list->rules;
    arena_init(&set->arena);
    struct err unreadable = ERR_CLEAR;
    add_names(set, list);
    map_init(&set->names, list->n);
    set->networks = ARENA_ARRAY(&set->arena, struct spam_networked, list->n);
    for (size_t i = 0; i < list->n; i++) {
        struct spam_rule *rule = ARENA_NEW(&set->arena, struct spam_rule);
        struct net_network network;
        *rule = rules[i];
        rule->subject = arena_str(&set->arena, rules[i].subject);
        rule->domain = arena_str(&set->arena, rules[i].domain);
        rule->note = STR_EMPTY;
        if (rule->kind != SPAM_NETWORK) {
            str key = name_key(&set->arena, rule->domain, rule->subject);
            INVARIANT(map_put(&set->names, key, rule, NULL));
        } else if (net_network_parse(rule->subject, &network, &unreadable)) {
            set->networks[set->n_networks++] = (struct spam_networked){ network, *rule };
        }
    }
    return set;
}

void spam_rule_set_free(struct spam_rule_set **set_ptr)
{
    struct spam_rule_set *set = *set_ptr;
    *set_ptr = NULL;
    if (!set)
        return;
    map_fini(&set->names);
    map_fini(&set->domains);
    arena_fini(&set->arena);
    free(set);
}

/* A visit with its names in lower case. */
struct visit {
    const struct spam_visit *as_told;
    str sender;
    str sender_domain;
};

static bool counts(const struct visit *v, const struct spam_rule *rule)
{
    return rule &&
           (rule->list == SPAM_BLACKLIST || rule->kind == SPAM_NETWORK || !v->as_told->is_forged);
}

static const struct spam_rule *find_name(const struct spam_rule_set *set, const struct visit *v,
                                         str for_domain, struct arena *a)
{
    if (v->sender.n == 0)
        return NULL;
    const struct spam_rule *rule = map_find(&set->names, name_key(a, for_domain, v->sender));
    for (str rest = v->sender_domain; !counts(v, rule) && rest.n > 0;) {
        str label;
        rule = map_find(&set->names, name_key(a, for_domain, rest));
        if (!str_cut(rest, '.', &label, &rest))
            rest = STR_EMPTY;
    }
    return counts(v, rule) ? rule : NULL;
}

static const struct spam_rule *find_network(const struct spam_rule_set *set, const struct visit *v,
                                            str for_domain)
{
    const struct spam_rule *best = NULL;
    unsigned bits = 0;
    for (size_t i = 0; v->as_told->client && i < set->n_networks; i++) {
        struct spam_networked *one = &set->networks[i];
        const struct net_networks only = { &one->network, 1 };
        bool is_better = !best || one->network.bits > bits;
        if (is_better && str_eq(one->rule.domain, for_domain) &&
            net_networks_contain(&only, v->as_told->client)) {
            best = &one->rule;
            bits = one->network.bits;
        }
    }
    return best;
}

/* The sender as subjects are written; one that no subject can be like (a quoted local part, an
 * address literal) in lower case. */
static str normal_sender(struct arena *a, str sender)
{
    struct err ignored = ERR_CLEAR;
    str local, domain;
    if (!account_address_normalize(a, sender, &local, &domain, &ignored))
        return arena_lower(a, sender);
    return arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
}

const struct spam_rule *spam_rule_set_find(const struct spam_rule_set *set,
                                           const struct spam_visit *visit, struct arena *a)
{
    struct visit v = { .as_told = visit, .sender = normal_sender(a, visit->sender) };
    v.sender_domain = address_domain(v.sender);
    const str told = arena_lower(a, visit->domain);
    const str *own = map_find(&set->domains, told);
    const str scopes[] = { told, own ? *own : told, STR_EMPTY };
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        const struct spam_rule *rule = find_name(set, &v, scopes[i], a);
        if (!rule)
            rule = find_network(set, &v, scopes[i]);
        if (rule)
            return rule;
    }
    return NULL;
}
