/* SPDX-License-Identifier: Apache-2.0 */
/* Callouts: the recipients of one domain that somebody waits for are asked about over one
 * connection, and no domain over two. Only domains that the operator relays for are ever asked. */
#include "services/delivery/callout.h"

#include "base/utf8.h"
#include "obs/obs.h"
#include "services/delivery/session.h"
#include "wire/smtp_path.h"

enum {
    CALLOUTS_MAX = 8,       /* domains asked at a time by one process */
    POLL_MS = 5 * 1000,     /* when no hint comes */
    WHOLE_MS = 30 * 1000,   /* for all recipients of a callout */
    CLAIM_MS = 60 * 1000,   /* then others may ask: this process has died */
    COMMAND_MS = 20 * 1000, /* somebody waits */
    PAUSE_MS = 2000         /* after the database could not be asked */
};

struct callout {
    struct delivery *d;
    struct arena a;
    struct account_probes asked;
    struct account_probe_answer *answers;
    struct delivery_session session;
    struct delivery_route route;
    size_t n_answered; /* of them, from the first */
    str down;          /* why the domain's servers do not tell; empty: they do */
};

/* ---- one domain ---- */

enum account_probe_verdict delivery_callout_verdict(unsigned code, str status)
{
    static const char *const of_others[] = { "5.7.", "5.3.", "5.2.2", "5.2.3" };
    if (code / 100 == 2)
        return ACCOUNT_PROBE_GOOD;
    if (code / 100 != 5 || code == 552)
        return ACCOUNT_PROBE_UNKNOWN;
    for (size_t i = 0; i < COUNT_OF(of_others); i++) {
        if (str_has_prefix(status, str_from_cstr(of_others[i])))
            return ACCOUNT_PROBE_UNKNOWN;
    }
    return ACCOUNT_PROBE_BAD;
}

YIELDS static bool say(struct callout *c, str line, struct err *e)
{
    return delivery_write(&c->session, line, e) && delivery_read_reply(&c->session, COMMAND_MS, e);
}

/* Yields. */
YIELDS static bool ask_one(struct callout *c, size_t i, struct err *e)
{
    const struct smtp_reply *reply = &c->session.reply;
    const struct smtp_path path = { .local = c->asked.locals[i], .domain = c->asked.domain };
    if (!utf8_is_ascii(path.local) && !c->session.offers.smtputf8) {
        c->n_answered++;
        return true;
    }
    str line = arena_printf(&c->a, "RCPT TO:<%.*s>", STR_FMT(smtp_path_text(&path, &c->a)));
    if (!say(c, line, e))
        return false;
    if (reply->code == 421)
        return ERR(e, ERR_UNAVAILABLE, "the server closes");
    c->n_answered++;
    c->answers[i].verdict = delivery_callout_verdict(reply->code, str_from_cstr(reply->status));
    c->answers[i].reply =
        arena_printf(&c->a, "%u %.*s", reply->code,
                     STR_FMT(str_slice(buf_str(&reply->text), 0, ACCOUNT_PROBE_REPLY_MAX)));
    return true;
}

YIELDS static bool ask_all(struct callout *c, struct err *e)
{
    const struct delivery_session *s = &c->session;
    bool is_utf8 = false;
    for (size_t i = 0; i < c->asked.n; i++)
        is_utf8 = is_utf8 || !utf8_is_ascii(c->asked.locals[i]);
    if (!say(c, is_utf8 && s->offers.smtputf8 ? STR("MAIL FROM:<> SMTPUTF8") : STR("MAIL FROM:<>"),
             e))
        return false;
    if (s->reply.code / 100 != 2) {
        return ERR(e, ERR_UNSUPPORTED, "the null sender was refused: %u %.*s", s->reply.code,
                   STR_FMT(str_slice(buf_str(&s->reply.text), 0, 100)));
    }
    for (size_t i = 0; i < c->asked.n; i++) {
        if (!ask_one(c, i, e))
            return false;
    }
    return true;
}

/* The way of mail to the domain, whoever sends it. Yields. */
YIELDS static bool find_route(struct callout *c, int64_t deadline_ms, struct err *e)
{
    struct account_transports found;
    str domain = c->asked.domain;
    const struct account_transport_query query = { .domain = domain };
    if (!account_transport_find(c->d->app->accounts, &query, &c->a, deadline_ms, &found, e))
        return false;
    const struct account_way way = account_transport_choose(&found, domain, STR_EMPTY, &c->a);
    return delivery_find_route(c->d, domain, &way, &c->a, deadline_ms, &c->route, e);
}

/* Yields. */
YIELDS static void call(struct callout *c)
{
    static const struct delivery_terms terms = { .account_id = 0 };
    struct err e = ERR_CLEAR;
    struct queue_result failure;
    int64_t deadline_ms = clock_deadline_in(WHOLE_MS);
    if (!find_route(c, deadline_ms, &e)) {
        c->down = arena_printf(&c->a, "%s", e.msg);
    } else if (c->route.n == 0) {
        c->down = c->route.failure.reply;
    } else if (!delivery_session_open(&c->session, &c->route, &terms, &failure)) {
        c->down = failure.reply;
    } else {
        if (!ask_all(c, &e) && c->n_answered == 0)
            c->down = arena_printf(&c->a, "%s", e.msg);
        delivery_session_quit(&c->session);
    }
}

/* A server that answered and then was too slow, or closed after so many unknown names, is not down:
 * who tries names must not bring it about that all of them are accepted. The next callout goes on
 * with the first that it did not answer, so that each has at least one answer. */
static void leave_open(struct callout *c)
{
    if (c->n_answered == 0)
        return;
    for (size_t i = c->n_answered; i < c->asked.n; i++)
        c->answers[i].is_open = true;
}

static void log_callout(const struct callout *c)
{
    static const char *const words[] = { [ACCOUNT_PROBE_BAD] = "unknown",
                                         [ACCOUNT_PROBE_GOOD] = "good",
                                         [ACCOUNT_PROBE_UNKNOWN] = "not told" };
    obs_log(EV_DELIVERY_CALLOUT, STR_EMPTY, OBS_STR("domain", c->asked.domain),
            OBS_STR("remote", c->session.remote), OBS_INT("recipients", c->asked.n),
            OBS_STR("first", c->asked.locals[0]), OBS_CSTR("verdict", words[c->answers[0].verdict]),
            OBS_STR("reply", c->answers[0].reply), OBS_STR("reason", c->down));
}

/* Has the answers written, and tells who waits for them. Yields. */
YIELDS static void answer(struct callout *c)
{
    struct err e = ERR_CLEAR;
    log_callout(c);
    if (!account_probe_answer(c->d->app->accounts, &c->asked, c->answers, c->down, &c->a,
                              clock_deadline_in(DELIVERY_DATABASE_MS), &e)) {
        obs_log(EV_DELIVERY_CALLOUT_FAILED, STR_EMPTY, OBS_ERR(&e));
        return;
    }
    for (size_t i = 0; i < c->asked.n; i++) {
        notify_tell(c->d->app->notify, NOTIFY_CALLOUT,
                    account_probe_hint(c->asked.locals[i], c->asked.domain));
    }
}

static void free_callout(struct callout *c)
{
    arena_fini(&c->a);
    free(c);
}

static void work(void *arg)
{
    struct callout *c = arg;
    c->answers = ARENA_ARRAY(&c->a, struct account_probe_answer, c->asked.n);
    for (size_t i = 0; i < c->asked.n; i++)
        c->answers[i].verdict = ACCOUNT_PROBE_UNKNOWN;
    delivery_session_init(&c->session, c->d, &c->a);
    c->session.is_uncounted = true; /* no mail goes over it */
    int64_t former_ms = delivery_limit(WHOLE_MS);
    call(c);
    leave_open(c);
    (void)fiber_set_deadline(former_ms);
    delivery_session_fini(&c->session);
    answer(c);
    c->d->n_callouts--;
    signal_point_all(&c->d->callouts);
    free_callout(c);
}

/* ---- all of them ---- */

/* Has what waits asked about in a fiber of its own. False: nothing waits, or too many are under
 * way. Yields. */
YIELDS static bool begin_one(struct delivery *d)
{
    struct err e = ERR_CLEAR;
    if (d->n_callouts >= CALLOUTS_MAX)
        return false;
    struct callout *c = HEAP_NEW(struct callout);
    c->d = d;
    arena_init(&c->a);
    if (!account_probe_claim(d->app->accounts, CLAIM_MS, &c->a,
                             clock_deadline_in(DELIVERY_DATABASE_MS), &c->asked, &e)) {
        if (e.kind != ERR_CANCELLED)
            obs_log(EV_DELIVERY_CALLOUT_FAILED, STR_EMPTY, OBS_ERR(&e));
        free_callout(c);
        struct err ignored = ERR_CLEAR;
        (void)fiber_sleep_until(clock_deadline_in(PAUSE_MS), &ignored);
        return false;
    }
    if (c->asked.n == 0 || !fiber_spawn(d->app->runtime, "delivery callout", work, c, NULL, NULL)) {
        free_callout(c);
        return false;
    }
    d->n_callouts++;
    return true;
}

void delivery_call_out(void *arg)
{
    struct delivery *d = arg;
    while (!runtime_is_draining(d->app->runtime) && !fiber_is_cancelled()) {
        struct err e = ERR_CLEAR;
        if (!begin_one(d))
            (void)signal_point_wait(&d->callouts, clock_deadline_in(POLL_MS), &e);
    }
}
