/* SPDX-License-Identifier: Apache-2.0 */
/* The directory as an object, and its cache of routes. */
#include "account/directory.h"

#include "base/clock.h"

#include <stdlib.h>

enum {
    ROUTES_MAX = 4096,
    SIGNERS_MAX = 1024,
    CACHE_MS = 10000
};

struct cached_route {
    int64_t until_ms;
    enum account_route_kind kind;
    int64_t account_id;
    str tag;
    str address;
    char bytes[]; /* of address, then tag */
};

struct account_directory *account_directory_new(struct db *db,
                                                const struct account_directory_options *options)
{
    struct account_directory *d = HEAP_NEW(struct account_directory);
    d->db = db;
    if (options)
        d->options = *options;
    if (d->options.cache_ms == 0)
        d->options.cache_ms = CACHE_MS;
    map_init(&d->routes, ROUTES_MAX);
    map_init(&d->signers, SIGNERS_MAX);
    return d;
}

void account_directory_forget(struct account_directory *d)
{
    MAP_FOR_EACH (entry, &d->routes)
        free(map_remove(&d->routes, entry->key));
    map_fini(&d->routes);
    directory_forget_signers(d);
    d->forgets++;
}

void account_directory_free(struct account_directory **d)
{
    if (!*d)
        return;
    account_directory_forget(*d);
    free(*d);
    *d = NULL;
}

bool directory_cache_find(struct account_directory *d, str address, struct arena *a,
                          struct account_route *out)
{
    const struct cached_route *hit = map_find(&d->routes, address);
    if (!hit || hit->until_ms < clock_monotonic_ms())
        return false;
    *out = (struct account_route){ .kind = hit->kind,
                                   .account_id = hit->account_id,
                                   .tag = arena_str(a, hit->tag) };
    return true;
}

void directory_cache_put(struct account_directory *d, uint64_t forgets, str address,
                         const struct account_route *route)
{
    if (d->forgets != forgets)
        return;
    struct cached_route *c = heap_zalloc(sizeof(*c) + address.n + route->tag.n);
    void *old = NULL;
    memcpy(c->bytes, address.p, address.n);
    if (route->tag.n)
        memcpy(c->bytes + address.n, route->tag.p, route->tag.n);
    c->until_ms = clock_deadline_in(d->options.cache_ms);
    c->kind = route->kind;
    c->account_id = route->account_id;
    c->address = str_of(c->bytes, address.n);
    c->tag = str_of(c->bytes + address.n, route->tag.n);
    if (!map_put(&d->routes, c->address, c, &old)) {
        /* Full: begin anew, which is rare and cheap, instead of keeping an order of use. */
        account_directory_forget(d);
        (void)map_put(&d->routes, c->address, c, &old);
    }
    free(old);
}

void directory_changed(struct account_directory *d, int64_t account_id)
{
    account_directory_forget(d);
    if (d->options.changed)
        d->options.changed(account_id, d->options.arg);
}

bool directory_normal_address(struct arena *a, str address, str *out, str *domain, struct err *e)
{
    str local;
    if (!account_address_normalize(a, address, &local, domain, e))
        return false;
    *out = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(*domain));
    return true;
}

bool directory_new_login(struct arena *a, str address, str *out, str *domain, struct err *e)
{
    if (str_has_prefix(address, STR("*@"))) {
        return ERR(e, ERR_SYNTAX,
                   "A catch-all is no login: make it a further address of the account");
    }
    return directory_normal_address(a, address, out, domain, e);
}
