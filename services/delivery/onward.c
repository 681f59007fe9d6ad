/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt over as many servers as it takes. */
#include "services/delivery/onward.h"

/* What is left of a message for the next server. */
struct rest {
    struct queue_message m; /* with only those recipients */
    size_t *which;          /* of the message's recipients each of them is */
    struct delivery_sent sent;
    const struct queue_result **before; /* of each recipient of the whole message */
};

static const struct queue_result *keep(struct arena *a, const struct queue_result *result,
                                       const struct queue_result *before)
{
    struct queue_result *kept = ARENA_NEW(a, struct queue_result);
    *kept = *result;
    kept->before = before;
    return kept;
}

/* The servers that could not be opened belong to the story of all who are left; the first one was
 * tried first. */
static const struct queue_result *add_failures(struct arena *a, const struct queue_result *failures,
                                               const struct queue_result *before)
{
    if (!failures)
        return before;
    return keep(a, failures, add_failures(a, failures->before, before));
}

static void begin(struct rest *rest, struct delivery_session *s, const struct queue_message *m)
{
    rest->m = *m;
    rest->m.recipients = ARENA_ARRAY(s->a, struct queue_recipient, m->n);
    rest->which = ARENA_ARRAY(s->a, size_t, m->n);
    rest->before = ARENA_ARRAY(s->a, const struct queue_result *, m->n);
    rest->sent.results = ARENA_ARRAY(s->a, struct queue_result, m->n);
    rest->sent.elsewhere = ARENA_ARRAY(s->a, bool, m->n);
    for (size_t i = 0; i < m->n; i++) {
        rest->m.recipients[i] = m->recipients[i];
        rest->which[i] = i;
        rest->before[i] = add_failures(s->a, s->failures, NULL);
    }
    s->failures = NULL;
}

/* After the search for another server: the story of those who are left goes on, or ends with what
 * the last server said, beside those that could not be opened. */
static void tell_on(struct rest *rest, struct delivery_session *s, bool found,
                    struct delivery_sent *out)
{
    for (size_t i = 0; i < rest->m.n; i++) {
        size_t at = rest->which[i];
        struct queue_result *last = &out->results[at];
        if (found) {
            rest->before[at] = add_failures(s->a, s->failures, keep(s->a, last, last->before));
        } else {
            last->before = add_failures(s->a, s->failures, last->before);
        }
    }
    s->failures = NULL;
}

/* Writes down what became of them, and leaves those who may be tried elsewhere. */
static void take_results(struct rest *rest, int64_t took_ms, struct delivery_sent *out)
{
    size_t n = 0;
    for (size_t i = 0; i < rest->m.n; i++) {
        size_t at = rest->which[i];
        out->results[at] = rest->sent.results[i];
        out->results[at].took_ms = took_ms;
        out->results[at].before = rest->before[at];
        out->elsewhere[at] = rest->sent.elsewhere[i];
        if (!rest->sent.elsewhere[i])
            continue;
        rest->m.recipients[n] = rest->m.recipients[i];
        rest->which[n++] = at;
    }
    rest->m.n = n;
    out->answered = out->answered || rest->sent.answered;
    out->is_working = out->is_working || rest->sent.is_working;
}

static bool may_go_on(const struct delivery_session *s, const struct queue_lease *lease)
{
    return !s->is_lost && !fiber_is_cancelled() && !runtime_is_draining(s->d->app->runtime) &&
           queue_lease_is_valid(lease, 0);
}

/* What became of those who are done with is written down at the end only, and who has it would get
 * it twice if this process died before: the others stand in no line then. Yields. */
YIELDS static bool open_another(const struct rest *rest, struct delivery_session *s, size_t all,
                                struct queue_result *failure)
{
    enum delivery_place_mode mode = s->place.mode;
    if (mode == DELIVERY_PLACE_IN_LINE && rest->m.n < all)
        s->place.mode = DELIVERY_PLACE_IF_FREE;
    bool found = delivery_session_open_another(s, failure);
    s->place.mode = mode;
    return found;
}

void delivery_send_onward(struct delivery_session *s, const struct queue_lease *lease,
                          const struct queue_message *m, const struct delivery_source *source,
                          bool is_kept, struct delivery_sent *out, bool *is_stale)
{
    struct rest rest;
    bool found = true;
    begin(&rest, s, m);
    if (is_kept)
        delivery_session_doubt(s);
    *is_stale = false;
    out->answered = false;
    out->is_working = false;
    while (found) {
        int64_t began_ms = clock_monotonic_ms();
        struct queue_result failure;
        delivery_send(s, lease, &rest.m, source, &rest.sent);
        *is_stale = is_kept && !out->answered && !rest.sent.answered && !s->is_lost;
        is_kept = false;
        take_results(&rest, clock_monotonic_ms() - began_ms, out);
        if (*is_stale || rest.m.n == 0 || !may_go_on(s, lease))
            return;
        delivery_session_pass(s);
        found = open_another(&rest, s, m->n, &failure);
        tell_on(&rest, s, found, out);
    }
}
