/* SPDX-License-Identifier: Apache-2.0 */
/* A kept connection is a session without a place, with copies of all that it was opened for. When
 * its time is over a fiber of its own says good-bye; until the server has answered, it still counts
 * as one of that server's. */
#include "services/delivery/share.h"

#include "services/delivery/egress.h"

enum {
    RESET_MS = 20 * 1000,  /* then another connection is faster */
    GOODBYE_MS = 5 * 1000, /* nobody waits for longer */
    ISSUER = 2             /* usage of a TLSA record: a name in the certificate counts, too */
};

struct delivery_kept {
    struct list link; /* in shared.kept */
    struct arena a;
    struct delivery_session session;
    int64_t until_ms; /* monotonic */
    bool is_leaving;
};

/* ---- who may ---- */

static bool is_same_relay(const struct account_transport *a, const struct account_transport *b)
{
    if (a->port != b->port || a->port == 0)
        return a->port == b->port;
    return str_eq(a->domain, b->domain) && str_ieq(a->host, b->host) &&
           a->protocol == b->protocol && a->tls == b->tls && str_eq(a->login, b->login) &&
           a->auth == b->auth && str_eq(a->sealed, b->sealed);
}

static bool has_record(const struct dane *dane, const struct tls_dane_record *record)
{
    bool found = false;
    for (size_t i = 0; i < dane->n && !found; i++) {
        const struct tls_dane_record *one = &dane->records[i];
        found = one->usage == record->usage && one->selector == record->selector &&
                one->matching == record->matching && str_eq(one->data, record->data);
    }
    return found;
}

/* Whether records that one handshake was judged by say the same of the other. */
static bool is_same_dane(const struct dane *a, const struct dane *b, bool is_same_domain)
{
    bool same = a->n == b->n && str_ieq(a->base, b->base);
    for (size_t i = 0; i < a->n && same; i++) {
        same = (is_same_domain || a->records[i].usage != ISSUER) && has_record(b, &a->records[i]) &&
               has_record(a, &b->records[i]);
    }
    return same;
}

/* Whether the certificate was held against what a handshake for this destination would hold it
 * against. One that was judged by TLSA records says nothing of trust anchors, nor the reverse. */
static bool is_same_proof(const struct delivery_session *open,
                          const struct delivery_session *wanted)
{
    const struct dane *dane = open->demand.dane;
    if (!str_ieq(open->host->name, wanted->host->name))
        return false;
    if (!dane || !wanted->demand.dane)
        return !dane && !wanted->demand.dane;
    return open->demand.published == TLS_PUBLISHED_VERIFY && /* else no record was of use */
           is_same_dane(dane, wanted->demand.dane,
                        str_ieq(open->route->domain, wanted->route->domain));
}

static bool is_same_address(const struct net_address *a, const struct net_address *b)
{
    return net_address_is_same_ip(a, b) && net_address_port(a) == net_address_port(b);
}

bool delivery_may_share(const struct delivery_session *open, const struct delivery_session *wanted)
{
    if (wanted->is_barred || open->presented != TLS_PRESENTED_VERIFIED ||
        !is_same_address(&open->host->address, &wanted->host->address) ||
        open->route->pool != wanted->route->pool ||
        !str_eq(delivery_session_ehlo_name(open), delivery_session_ehlo_name(wanted)) ||
        !is_same_relay(&open->route->relay, &wanted->route->relay) || !is_same_proof(open, wanted))
        return false;
    struct delivery_session then = *wanted;
    then.source = open->source;
    then.offers = open->offers;
    then.presented = open->presented;
    return delivery_session_suits(&then, &wanted->terms);
}

/* ---- the kept ones ---- */

static void free_kept(struct delivery_kept *kept)
{
    struct delivery_shared *shared = &kept->session.d->shared;
    list_remove(&kept->link);
    delivery_session_fini(&kept->session);
    arena_fini(&kept->a);
    free(kept);
    signal_point_all(&shared->left);
}

YIELDS static void say_goodbye(void *arg)
{
    struct delivery_kept *kept = arg;
    struct runtime *rt = kept->session.d->app->runtime;
    runtime_hold(rt);
    (void)delivery_limit(GOODBYE_MS);
    delivery_session_quit(&kept->session);
    free_kept(kept);
    runtime_release(rt);
}

static void end_one(struct delivery_kept *kept)
{
    kept->is_leaving = true;
    if (!fiber_spawn(kept->session.d->app->runtime, "delivery good-bye", say_goodbye, kept, NULL,
                     NULL))
        free_kept(kept);
}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): free_kept takes one out of the list before it frees it,
 * which the analyser does not follow. */

/* The oldest one, to this server's address or, with NULL, to any; or NULL. */
static struct delivery_kept *find_oldest(struct delivery *d, const struct net_address *server)
{
    struct delivery_kept *oldest = NULL;
    LIST_FOR_EACH (item, &d->shared.kept) {
        struct delivery_kept *one = CONTAINER_OF(item, struct delivery_kept, link);
        if (!one->is_leaving &&
            (!server || net_address_is_same_ip(&one->session.host->address, server)))
            oldest = one;
    }
    return oldest;
}

/* Those to the server; with `all` also those that end. */
static unsigned count_kept(const struct delivery *d, const struct net_address *server, bool all)
{
    unsigned n = 0;
    LIST_FOR_EACH (item, &d->shared.kept) {
        const struct delivery_kept *one = CONTAINER_OF(item, struct delivery_kept, link);
        n += (all || !one->is_leaving) &&
             (!server || net_address_is_same_ip(&one->session.host->address, server));
    }
    return n;
}

static void end_expired(void *arg)
{
    struct delivery *d = arg;
    struct delivery_kept *oldest;
    int64_t now_ms = clock_monotonic_ms();
    while ((oldest = find_oldest(d, NULL)) && oldest->until_ms <= now_ms)
        end_one(oldest);
    if (oldest)
        timer_start(d->app->runtime, &d->shared.expiry, oldest->until_ms);
}

void delivery_share_init(struct delivery *d)
{
    list_init(&d->shared.kept);
    timer_init(&d->shared.expiry, end_expired, d);
    signal_point_init(&d->shared.left);
}

void delivery_share_fini(struct delivery *d)
{
    timer_stop(d->app->runtime, &d->shared.expiry);
    LIST_FOR_EACH (item, &d->shared.kept)
        free_kept(CONTAINER_OF(item, struct delivery_kept, link));
}

void delivery_share_end_all(struct delivery *d)
{
    struct delivery_kept *oldest;
    while ((oldest = find_oldest(d, NULL)))
        end_one(oldest);
    timer_stop(d->app->runtime, &d->shared.expiry);
}

/* ---- leaving one ---- */

static const struct dane *copy_dane(struct arena *a, const struct dane *from)
{
    struct dane *to = ARENA_NEW(a, struct dane);
    struct tls_dane_record *records = ARENA_ARRAY(a, struct tls_dane_record, from->n);
    *to = *from;
    to->base = arena_str(a, from->base);
    to->records = records;
    for (size_t i = 0; i < from->n; i++) {
        records[i] = from->records[i];
        records[i].data = arena_str(a, from->records[i].data);
    }
    return to;
}

static const struct delivery_route *copy_route(struct arena *a, const struct delivery_session *s)
{
    struct delivery_route *route = ARENA_NEW(a, struct delivery_route);
    const struct account_transport *relay = &s->route->relay;
    *route = (struct delivery_route){ .domain = arena_str(a, s->route->domain),
                                      .pool = s->route->pool,
                                      .ehlo_name = arena_str(a, s->said_name) };
    route->relay = *relay;
    route->relay.domain = arena_str(a, relay->domain);
    route->relay.host = arena_str(a, relay->host);
    route->relay.login = arena_str(a, relay->login);
    route->relay.sealed = arena_str(a, relay->sealed);
    return route;
}

/* All that delivery_may_share looks at. */
static void copy_facts(struct delivery_kept *kept, const struct delivery_session *s)
{
    struct arena *a = &kept->a;
    struct delivery_session *to = &kept->session;
    struct delivery_host *host = ARENA_NEW(a, struct delivery_host);
    host->name = arena_str(a, s->host->name);
    host->address = s->host->address;
    to->route = copy_route(a, s);
    to->host = host;
    to->source = s->source;
    to->demand = s->demand;
    if (s->demand.dane)
        to->demand.dane = copy_dane(a, s->demand.dane);
    to->presented = s->presented;
    to->offers = s->offers;
    to->n_messages = s->n_messages;
    to->patience = s->patience;
}

/* Whether somebody may come who has a use for it. */
static bool is_awaited(const struct delivery_session *s)
{
    const struct delivery_shared *shared = &s->d->shared;
    return !runtime_is_draining(s->d->app->runtime) &&
           (!shared->is_dry || shared->n_coming > 0 || delivery_place_is_wanted(&s->place));
}

/* Whether its place is one of those that are counted by the server. */
static bool has_common_place(const struct delivery_session *s)
{
    return s->place.mode == DELIVERY_PLACE_IN_LINE || s->place.mode == DELIVERY_PLACE_IF_FREE;
}

bool delivery_share_keep(struct delivery_session *s)
{
    struct delivery *d = s->d;
    if (!s->conn || s->is_lost || s->is_hurried || s->is_barred || s->n_awaited > 0 ||
        net_buffered(s->conn) > 0 || net_conn_is_gone(s->conn) || s->n_messages == 0 ||
        s->needs_reset || s->offers.domain_max > 0 || delivery_session_is_used_up(s) ||
        s->presented != TLS_PRESENTED_VERIFIED || !has_common_place(s) || !is_awaited(s) ||
        !delivery_place_has_room(&s->place, 0)) /* a reload has made the limit lower */
        return false;
    if (count_kept(d, NULL, false) >= DELIVERY_KEPT_MAX)
        end_one(find_oldest(d, NULL));
    struct delivery_kept *kept = HEAP_NEW(struct delivery_kept);
    arena_init(&kept->a);
    delivery_session_init(&kept->session, d, &kept->a);
    copy_facts(kept, s);
    kept->session.conn = s->conn;
    s->conn = NULL;
    kept->until_ms = clock_deadline_in(DELIVERY_KEPT_MS);
    list_add_head(&d->shared.kept, &kept->link);
    if (!timer_is_armed(&d->shared.expiry))
        timer_start(d->app->runtime, &d->shared.expiry, kept->until_ms);
    delivery_session_drop(s);
    return true;
}

/* ---- taking one ---- */

static struct delivery_kept *find_for(const struct delivery_session *s)
{
    LIST_FOR_EACH (item, &s->d->shared.kept) {
        struct delivery_kept *one = CONTAINER_OF(item, struct delivery_kept, link);
        if (!one->is_leaving && delivery_may_share(&one->session, s))
            return one;
    }
    return NULL;
}

/* RSET ends what is left of a transaction, and shows that the server is still there. Yields. */
YIELDS static bool is_there(struct delivery_session *s)
{
    struct err e = ERR_CLEAR;
    delivery_session_doubt(s);
    return delivery_write(s, STR("RSET"), &e) && delivery_read_reply(s, RESET_MS, &e) &&
           s->reply.code / 100 == 2;
}

bool delivery_share_take(struct delivery_session *s)
{
    struct delivery_kept *kept;
    bool found = false;
    while (has_common_place(s) && !s->is_lost && !found && (kept = find_for(s))) {
        struct delivery_session *from = &kept->session;
        list_remove(&kept->link); /* it is counted by the place that the session has */
        from->route = s->route;   /* and by the destination (crowd.h) */
        s->asked = from->conn;
        found = is_there(from) && !s->is_lost;
        s->asked = NULL;
        if (found) {
            s->conn = from->conn;
            from->conn = NULL;
            s->offers = from->offers;
            s->source = from->source;
            s->said_name = delivery_session_ehlo_name(s); /* the same, or it could not be shared */
            s->n_messages = from->n_messages;
            s->n_former = from->n_messages;
        }
        free_kept(kept);
    }
    return found;
}

void delivery_share_make_room(struct delivery_session *s)
{
    const struct net_address *server = &s->host->address;
    int64_t deadline_ms = clock_deadline_in(GOODBYE_MS);
    struct err e = ERR_CLEAR;
    bool goes_on = has_common_place(s);
    unsigned n;
    while (goes_on && !s->is_lost && (n = count_kept(s->d, server, true)) > 0 &&
           !delivery_place_has_room(&s->place, n)) {
        struct delivery_kept *oldest = find_oldest(s->d, server);
        if (oldest && !delivery_place_has_room(&s->place, count_kept(s->d, server, false))) {
            end_one(oldest);
        } else {
            goes_on = signal_point_wait(&s->d->shared.left, deadline_ms, &e);
        }
    }
}

/* ---- who is to come ---- */

static void end_unawaited(struct delivery *d)
{
    if (d->shared.is_dry && d->shared.n_coming == 0)
        delivery_share_end_all(d);
}

void delivery_share_claimed(struct delivery *d, bool is_coming)
{
    d->shared.is_dry = !is_coming;
    d->shared.n_coming += is_coming;
    end_unawaited(d);
}

void delivery_share_came(struct delivery *d)
{
    d->shared.n_coming--;
    end_unawaited(d);
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */
