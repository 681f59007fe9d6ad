/* SPDX-License-Identifier: Apache-2.0 */
/* One text a pool. */
#include "services/app/pools.h"

bool app_pool_parse(str text, struct arena *a, struct app_pool *out, struct err *e)
{
    struct net_address *list = ARENA_ARRAY(a, struct net_address, text.n + 1);
    str words;
    str rest;
    str turn = STR_EMPTY;
    *out = (struct app_pool){ .list = list };
    if (!str_cut(text, ':', &words, &rest)) {
        return ERR(e, ERR_SYNTAX, "delivery.pools: \"%.*s\" is not \"NAME: ADDRESS ...\"",
                   STR_FMT(text));
    }
    (void)str_cut(str_trim(words), ' ', &out->name, &turn);
    out->is_turned = str_eq(str_trim(turn), STR("turn"));
    if (out->name.n == 0 || (turn.n > 0 && !out->is_turned)) {
        return ERR(e, ERR_SYNTAX, "delivery.pools: \"%.*s\" is neither NAME nor \"NAME turn\"",
                   STR_FMT(words));
    }
    for (rest = str_trim(rest); rest.n > 0; rest = str_trim(rest)) {
        str word;
        (void)str_cut(rest, ' ', &word, &rest);
        if (!net_address_parse_ip(word, &list[out->n++], e))
            return err_wrap(e, "delivery.pools: \"%.*s\" is no address", STR_FMT(word));
    }
    return out->n > 0 ||
           ERR(e, ERR_SYNTAX, "delivery.pools: \"%.*s\" has no address", STR_FMT(out->name));
}
