/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to a destination. The first one opens alone. What is left, and how long a message
 * takes there, tells whether one more is worth it; that is asked at the end of each message, and
 * during those that take long. So a fast server is served over few connections, each used many
 * times, and a slow one over as many as are allowed: each of them calls, so they double. A server
 * that refuses a further connection keeps those that it has. */
#include "services/delivery/carrier.h"

#include "base/failpoint.h"
#include "obs/obs.h"
#include "services/delivery/onward.h"
#include "services/delivery/share.h"
#include "services/delivery/tally.h"
#include "services/delivery/way.h"

enum {
    /* Of work left: a connection with TLS costs about as much where servers are far. */
    HELP_MS = 200
};

void carrier_abort(struct carrier *carrier)
{
    delivery_session_abort(&carrier->session);
}

static void set_connected(struct carrier *c, bool connected)
{
    if (c->has_worked == connected)
        return;
    c->has_worked = connected;
    if (connected) {
        c->shift->n_connected++;
    } else {
        c->shift->n_connected--;
    }
}

/* ---- the octets of a message ---- */

struct reading {
    struct delivery *d;
    int64_t queue_id;
    str first; /* the first part, read before the server hears of the message */
};

YIELDS static bool read_part(void *arg, size_t from, struct arena *a, str *out, struct err *e)
{
    const struct reading *r = arg;
    if (from == 0 || from % QUEUE_PART_BYTES != 0) {
        *out = from == 0 ? r->first : STR_EMPTY; /* the end is where a part was not whole */
        return true;
    }
    return queue_load_part(r->d->app->queue, r->queue_id, from, a,
                           clock_deadline_in(DELIVERY_DATABASE_MS), out, e);
}

/* ---- one message ---- */

YIELDS static void work_alone(void *arg);

bool carrier_is_help_worth(const struct carrier_load *load)
{
    int64_t patience_ms = FAILPOINT_PATIENCE("delivery-is-patient", HELP_MS);
    return load->left > load->n_opening &&
           (int64_t)load->left * load->message_ms > patience_ms * load->n;
}

/* `now_ms`: how long a message takes at this moment. */
static bool is_help_worth(const struct shift *shift, int64_t now_ms)
{
    int64_t mean_ms = shift->n_sent > 0 ? shift->sent_ms / (int64_t)shift->n_sent : 0;
    return carrier_is_help_worth(
        &(struct carrier_load){ .left = shift_left(shift),
                                .n = shift->n_carriers,
                                .n_opening = shift->n_carriers - shift->n_connected,
                                .message_ms = mean_ms > now_ms ? mean_ms : now_ms });
}

/* One more connection, when there is work for it. A probe of the breaker goes alone, and a short
 * turn: the other destinations are what is done beside it. */
static void call_for_help(struct shift *shift, int64_t now_ms)
{
    if (shift->n_carriers >= shift->carriers_max || shift->lease->is_probe ||
        shift->lease->is_short || !shift_may_go_on(shift) || !is_help_worth(shift, now_ms) ||
        !delivery_take_place(shift))
        return;
    shift->holders++;
    shift->n_carriers++; /* from now on, so that two do not call for the same */
    if (!fiber_spawn(shift->d->app->runtime, "delivery carrier", work_alone, shift, NULL, NULL)) {
        shift->n_carriers--;
        delivery_leave_place(shift);
        shift_drop(shift);
    }
}

/* A message takes long; it is asked again until that ends. A server that is only being connected to
 * has not shown yet that more connections are of use. */
static void note_slow(void *arg)
{
    struct carrier *c = arg;
    int64_t now_ms = clock_monotonic_ms();
    if (c->session.conn)
        call_for_help(c->shift, now_ms - c->sending_ms);
    timer_start(c->shift->d->app->runtime, &c->slow, now_ms + HELP_MS);
}

static void begin_sending(struct carrier *c)
{
    c->sending_ms = clock_monotonic_ms();
    timer_start(c->shift->d->app->runtime, &c->slow, c->sending_ms + HELP_MS);
}

/* The server has answered, or it was a stale connection, of which nothing is counted. What comes
 * then, as the noting, is not the server's time. */
static void end_sending(struct carrier *c, bool is_stale)
{
    timer_stop(c->shift->d->app->runtime, &c->slow);
    if (is_stale)
        return;
    c->shift->sent_ms += clock_monotonic_ms() - c->sending_ms;
    c->shift->n_sent++;
}

/* No server takes us, for this message at least. While others have a connection that works, that is
 * said of the number of connections, not of the destination. False: this carrier ends. Yields. */
YIELDS static bool give_up(struct carrier *c, const struct queue_message *m,
                           const struct queue_result *failure)
{
    struct shift *shift = c->shift;
    if (c->session.is_refused && !shift->is_lost && !fiber_is_cancelled()) {
        shift->has_refused = true;
        shift->refused_terms = c->session.terms;
        shift->refused = *failure;
        shift->refused.before = NULL;
        return shift_finish_all(shift, m, failure);
    }
    if (shift->n_connected > 0) {
        shift_return(shift, m);
        shift->carriers_max = shift->n_carriers > 1 ? shift->n_carriers - 1 : 1;
        return false;
    }
    if (fiber_is_cancelled() || shift->is_lost)
        return false;
    if (c->session.is_put_off) {
        if (!runtime_is_draining(shift->d->app->runtime)) /* then they stay due, for others */
            shift_put_off(shift, m, c->session.again_ms);
        return false;
    }
    /* What no server takes today, the rest of the batch need not try. */
    (void)shift_note_destination(shift, false, failure->reply);
    struct queue_result untried = *failure;
    untried.before = NULL; /* they have no story of their own */
    if (shift_finish_all(shift, m, failure))
        shift_finish_rest(shift, &untried);
    shift->no_more = true;
    return false;
}

/* Others may go on over it, else it ends. Yields. */
YIELDS static void leave_connection(struct carrier *c)
{
    if (!delivery_share_keep(&c->session))
        delivery_session_quit(&c->session);
}

/* A connection with which a message of these terms may go now, if it is the same. Yields. */
YIELDS static void check_connection(struct carrier *c, const struct delivery_terms *terms)
{
    struct delivery_session *s = &c->session;
    bool is_turn_over =
        delivery_place_is_wanted(&s->place) &&
        (s->n_messages - s->n_former >= DELIVERY_TURN_MAX || c->shift->n_connected > 1);
    if (delivery_session_is_used_up(s) || is_turn_over ||
        (s->conn && !delivery_session_suits(s, terms)))
        leave_connection(c);
    delivery_session_forget(s);
}

/* A further connection is for places that nobody else wants. */
static enum delivery_place_mode mode_of(const struct shift *shift)
{
    if (shift->has_own_limit)
        return DELIVERY_PLACE_ANYWAY;
    return shift->n_connected > 0 ? DELIVERY_PLACE_IF_FREE : DELIVERY_PLACE_IN_LINE;
}

/* A new connection, or one that another destination has left. False: no server takes us, which is
 * noted; *goes_on tells whether the next message is to be tried. Yields. */
YIELDS static bool connect_for(struct carrier *c, const struct queue_message *m,
                               const struct delivery_terms *terms, bool *goes_on)
{
    struct queue_result failure;
    int64_t began_ms = clock_monotonic_ms();
    set_connected(c, false);
    c->session.place.mode = mode_of(c->shift);
    if (delivery_session_open(&c->session, &c->shift->route, terms, &failure))
        return true;
    failure.took_ms = clock_monotonic_ms() - began_ms;
    *goes_on = give_up(c, m, &failure);
    return false;
}

/* Sends over the open connection, or a new one. One that was kept, from an earlier message or by
 * another destination, may have been closed by the server meanwhile: that is tried once more. False
 * and *goes_on: as above. Yields. */
YIELDS static bool send_message(struct carrier *c, const struct queue_message *m,
                                const struct delivery_source *source, struct delivery_sent *sent,
                                bool *goes_on)
{
    struct delivery_session *s = &c->session;
    const struct delivery_terms terms = delivery_terms_of(m);
    bool is_stale = true;
    check_connection(c, &terms);
    if (!s->conn && c->shift->has_refused &&
        delivery_terms_equal(&c->shift->refused_terms, &terms)) {
        *goes_on = shift_finish_all(c->shift, m, &c->shift->refused);
        return false;
    }
    while (is_stale) {
        bool was_open = s->conn != NULL;
        if (!was_open && !connect_for(c, m, &terms, goes_on))
            return false;
        set_connected(c, true);
        shift_arrive(c->shift);
        begin_sending(c);
        delivery_send_onward(s, c->shift->lease, m, source, was_open || s->n_former > 0, sent,
                             &is_stale);
        end_sending(c, is_stale);
    }
    if (shift_note_destination(c->shift, sent->is_working, sent->results[0].reply))
        c->shift->no_more = true; /* it failed too often: the rest waits for the breaker */
    return true;
}

/* False: this carrier ends. Yields. */
YIELDS static bool work_on_message(struct carrier *c, const struct queue_message *m)
{
    struct shift *shift = c->shift;
    struct err e = ERR_CLEAR;
    struct arena a;
    bool goes_on = true;
    arena_init(&a);
    struct reading reading = { .d = shift->d, .queue_id = m->queue_id };
    const struct delivery_source source = { .read = read_part, .arg = &reading };
    struct delivery_sent sent = { .results = ARENA_ARRAY(&shift->a, struct queue_result, m->n),
                                  .elsewhere = ARENA_ARRAY(&shift->a, bool, m->n) };
    if (queue_load_first(shift->d->app->queue, shift->lease, m, &a,
                         clock_deadline_in(DELIVERY_DATABASE_MS), &reading.first, &e)) {
        if (send_message(c, m, &source, &sent, &goes_on)) {
            const struct tls_facts *tls = c->session.conn ? net_conn_tls(c->session.conn) : NULL;
            goes_on = shift_finish(shift, m, sent.results, tls);
            call_for_help(shift, 0);
        }
    } else if (e.kind == ERR_INTERNAL || e.kind == ERR_DAMAGED) {
        /* It must not stand in the way of those behind it; somebody may mend it meanwhile. */
        struct queue_result damaged =
            delivery_deferred(&c->session, "4.3.0", "the message cannot be read: %s", e.msg);
        damaged.stage = "queue";
        goes_on = shift_finish_all(shift, m, &damaged);
    } else {
        goes_on = e.kind == ERR_NOT_FOUND; /* deleted or held meanwhile */
        shift->no_more = shift->no_more || !goes_on;
    }
    arena_fini(&a);
    return goes_on;
}

/* ---- all of them ---- */

/* `n_carriers` counts it already. Yields. */
YIELDS static void carry(struct shift *shift)
{
    struct carrier c = { .shift = shift };
    const struct queue_message *m;
    delivery_session_init(&c.session, shift->d, &shift->a);
    c.session.is_uncounted = delivery_is_uncounted(shift->lease);
    c.session.place.waits = &shift->end;
    timer_init(&c.slow, note_slow, &c);
    list_add_tail(&shift->carriers, &c.link);
    while ((m = shift_take(shift)) && work_on_message(&c, m))
        continue;
    set_connected(&c, false);
    if (!shift->is_lost)
        leave_connection(&c);
    list_remove(&c.link);
    delivery_session_fini(&c.session);
    shift->n_carriers--;
    signal_point_all(&shift->end);
}

static void work_alone(void *arg)
{
    struct shift *shift = arg;
    carry(shift);
    delivery_leave_place(shift);
    shift_drop(shift);
}

void carrier_work(struct shift *shift)
{
    shift->n_carriers++;
    carry(shift);
    while (shift->n_carriers > 0) {
        struct err e = ERR_CLEAR;
        /* The others see a cancellation by themselves; what they note is still ours to wait for. */
        if (!signal_point_wait(&shift->end, DEADLINE_NONE, &e))
            return;
    }
}
