/* SPDX-License-Identifier: Apache-2.0 */
/* Counts connections by address and by network, each under its own name in the tally. */
#include "net/limits.h"

enum {
    OWN_NAMES = 10000, /* of a tally that only one listener counts in */
    NAME_SIZE = NET_ADDRESS_TEXT + 64
};

void limits_init(struct limits *l, struct net_tally *tally, const char *scope, unsigned max_open,
                 unsigned max_per_minute)
{
    struct err e = ERR_CLEAR;
    *l = (struct limits){ .scope = scope, .max_open = max_open, .max_per_minute = max_per_minute };
    if (max_open == 0 && max_per_minute == 0)
        return;
    l->is_own = !tally;
    l->tally = tally ? tally : net_tally_new(1, OWN_NAMES, &e);
    INVARIANT(l->tally);
}

void limits_fini(struct limits *l)
{
    if (l->is_own)
        net_tally_free(&l->tally);
    l->tally = NULL;
}

static struct net_count *enter(const struct limits *l, const struct net_address *peer,
                               unsigned level, int64_t now_ms)
{
    char group[NET_ADDRESS_TEXT];
    char name[NAME_SIZE];
    unsigned factor = level == 0 ? 1 : LIMITS_NET_FACTOR;
    const struct net_tally_limit limit = { .max_open = l->max_open * factor,
                                           .max_per_minute = l->max_per_minute * factor,
                                           .is_shared = l->is_shared };
    str from = net_address_group(peer, level, group);
    int n = snprintf(name, sizeof(name), "%s %.*s", l->scope, STR_FMT(from));
    INVARIANT(n > 0 && (size_t)n < sizeof(name));
    return net_tally_enter(l->tally, str_of(name, (size_t)n), &limit, now_ms);
}

bool limits_enter(const struct limits *l, const struct net_address *peer, int64_t now_ms,
                  struct limits_held *held, const char **why)
{
    static const char *const reasons[LIMITS_LEVELS] = {
        "too many connections of this address",
        "too many connections of this network",
    };
    *held = (struct limits_held){ 0 };
    for (unsigned level = 0; l->tally && level < LIMITS_LEVELS; level++) {
        held->levels[level] = enter(l, peer, level, now_ms);
        if (held->levels[level])
            continue;
        limits_leave(held);
        *why = reasons[level];
        return false;
    }
    return true;
}

void limits_leave(struct limits_held *held)
{
    for (unsigned level = 0; level < LIMITS_LEVELS; level++)
        net_tally_leave(&held->levels[level]);
}
