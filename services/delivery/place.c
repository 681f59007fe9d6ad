/* SPDX-License-Identifier: Apache-2.0 */
/* Places at servers. A place that gets free is handed over to the first of the line, so that nobody
 * who comes just then goes before. A server is known while somebody is connected to it or waits. */
#include "services/delivery/place.h"

#include "config/config.h"
#include "crypto/random.h"
#include "services/delivery/delivery.h"

/* One that found the line full, or waited in vain. */
struct rank {
    uint64_t destination;
    int64_t since_ms; /* 0: none */
};

struct delivery_server {
    struct list link; /* in d->servers */
    const struct delivery *d;
    struct net_address address;
    unsigned n;        /* connections */
    unsigned n_anyway; /* others, which are limited in another way */
    struct list line;
    unsigned n_line;
    struct rank *ranks; /* DELIVERY_RANKS_MAX; NULL: nobody was sent away yet */
    unsigned next_rank; /* which is overwritten next */
    unsigned n_away;    /* sent away lately, and nobody served instead since */
};

static struct delivery_server *find_server(struct delivery *d, const struct net_address *address)
{
    LIST_FOR_EACH (item, &d->servers) {
        struct delivery_server *server = CONTAINER_OF(item, struct delivery_server, link);
        if (net_address_is_same_ip(&server->address, address))
            return server;
    }
    struct delivery_server *server = HEAP_NEW(struct delivery_server);
    server->d = d;
    server->address = *address;
    list_init(&server->line);
    list_add_tail(&d->servers, &server->link);
    return server;
}

/* How many there may be; a reload may change that while more are there. */
static unsigned most_of(const struct delivery_server *server)
{
    return (unsigned)config_int(server->d->app->config, CONFIG_DELIVERY_CONNECTIONS_PER_SERVER);
}

static void drop_unused(struct delivery_server *server)
{
    if (server->n > 0 || server->n_anyway > 0 || server->n_line > 0)
        return;
    list_remove(&server->link);
    free(server->ranks);
    free(server);
}

/* ---- ranks ---- */

/* The more were sent away, the later each comes again: so about as many come in vain as are served,
 * however many there are. */
static void remember(struct delivery_server *server, struct delivery_place *p)
{
    server->n_away += server->n_away < DELIVERY_AWAY_MAX;
    p->again_ms =
        DELIVERY_AGAIN_MS + (int64_t)crypto_random_below(server->n_away * DELIVERY_AGAIN_MS + 1);
    if (!server->ranks)
        server->ranks = heap_zalloc(DELIVERY_RANKS_MAX * sizeof(*server->ranks));
    server->ranks[server->next_rank] = (struct rank){ p->destination, p->since_ms };
    server->next_rank = (server->next_rank + 1) % DELIVERY_RANKS_MAX;
}

/* The rank that the destination has from before, which is forgotten, or a new one. */
static int64_t take_rank(struct delivery_server *server, uint64_t destination)
{
    int64_t since_ms = clock_monotonic_ms();
    for (size_t i = 0; server->ranks && i < DELIVERY_RANKS_MAX; i++) {
        struct rank *rank = &server->ranks[i];
        if (rank->since_ms == 0 || rank->destination != destination)
            continue;
        since_ms = rank->since_ms < since_ms ? rank->since_ms : since_ms;
        rank->since_ms = 0;
    }
    return since_ms;
}

/* ---- the line ---- */

static void leave_line(struct delivery_place *p)
{
    list_remove(&p->link);
    p->server->n_line--;
    p->is_waiting = false;
    signal_point_all(&p->turn);
}

static void send_away(struct delivery_place *p)
{
    remember(p->server, p);
    leave_line(p);
    p->server = NULL;
}

/* Behind all that came before. */
static void join_line(struct delivery_server *server, struct delivery_place *p)
{
    struct list *at = server->line.prev;
    while (at != &server->line &&
           CONTAINER_OF(at, struct delivery_place, link)->since_ms > p->since_ms)
        at = at->prev;
    list_add_head(at, &p->link);
    server->n_line++;
    p->server = server;
    p->is_waiting = true;
}

/* Hands over what is free. */
static void serve_line(struct delivery_server *server)
{
    while (server->n < most_of(server) && server->n_line > 0) {
        leave_line(CONTAINER_OF(server->line.next, struct delivery_place, link));
        server->n++;
        server->n_away -= server->n_away > 0;
    }
}

/* Yields. */
YIELDS static bool wait_in_line(struct runtime *rt, struct delivery_server *server,
                                struct delivery_place *p)
{
    struct err e = ERR_CLEAR;
    int64_t deadline_ms = clock_deadline_in(DELIVERY_LINE_MS);
    if (runtime_is_draining(rt))
        return false;
    if (server->n_line == DELIVERY_LINE_MAX) {
        struct delivery_place *last = CONTAINER_OF(server->line.prev, struct delivery_place, link);
        if (last->since_ms <= p->since_ms) {
            remember(server, p);
            return false;
        }
        send_away(last);
    }
    join_line(server, p);
    serve_line(server); /* since a reload there may be more */
    if (p->is_waiting && p->waits)
        signal_point_all(p->waits);
    while (p->is_waiting && signal_point_wait(&p->turn, deadline_ms, &e))
        continue;
    if (p->is_waiting) {
        send_away(p);
        drop_unused(server);
    }
    return p->server != NULL;
}

/* ---- places ---- */

bool delivery_place_take(struct delivery *d, struct delivery_place *p,
                         const struct net_address *address, str destination)
{
    delivery_place_leave(p);
    p->again_ms = 0;
    if (p->mode == DELIVERY_PLACE_UNCOUNTED)
        return true;
    struct delivery_server *server = find_server(d, address);
    p->destination = str_hash(destination, 0);
    p->is_anyway = p->mode == DELIVERY_PLACE_ANYWAY;
    p->since_ms = p->mode == DELIVERY_PLACE_IN_LINE ? take_rank(server, p->destination) : 0;
    if (p->is_anyway || (server->n < most_of(server) && server->n_line == 0)) {
        *(p->is_anyway ? &server->n_anyway : &server->n) += 1;
        server->n_away -= !p->is_anyway && server->n_away > 0;
        p->server = server;
        return true;
    }
    if (p->mode != DELIVERY_PLACE_IN_LINE || !wait_in_line(d->app->runtime, server, p))
        return false;
    if (runtime_is_draining(d->app->runtime)) /* what begins now may be cut in the middle */
        delivery_place_leave(p);
    return p->server != NULL;
}

void delivery_place_leave(struct delivery_place *p)
{
    struct delivery_server *server = p->server;
    if (!server)
        return;
    unsigned *n = p->is_anyway ? &server->n_anyway : &server->n;
    INVARIANT(!p->is_waiting && *n > 0);
    p->server = NULL;
    *n -= 1;
    serve_line(server);
    drop_unused(server);
}

void delivery_place_give_up(struct delivery_place *p)
{
    struct delivery_server *server = p->server;
    if (!server || !p->is_waiting)
        return;
    send_away(p);
    drop_unused(server);
}

void delivery_place_give_up_all(struct delivery *d)
{
    LIST_FOR_EACH (item, &d->servers) {
        struct delivery_server *server = CONTAINER_OF(item, struct delivery_server, link);
        LIST_FOR_EACH (at, &server->line)
            send_away(CONTAINER_OF(at, struct delivery_place, link));
        drop_unused(server);
    }
}

bool delivery_place_is_wanted(const struct delivery_place *p)
{
    return p->server && !p->is_anyway && p->server->n_line > 0;
}

bool delivery_place_has_room(const struct delivery_place *p, unsigned n)
{
    return !p->server || p->is_anyway || p->server->n + n <= most_of(p->server);
}
