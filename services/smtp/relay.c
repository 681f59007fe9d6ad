/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies recipients of relay domains: by the domain's list, or by what its own servers say, which
 * the delivery service asks them. What is known already costs one look at the database. */
#include "services/smtp/relay.h"

#include "account/account.h"
#include "account/relay.h"
#include "account/relay_probe.h"
#include "base/failpoint.h"
#include "net/address.h"
#include "services/smtp/screen.h"

enum {
    WAIT_MS = 8 * 1000, /* for the domain's servers */
    LOOK_MS = 1000,     /* in between: a hint may be lost */
    CLIENT_NETWORK = 1  /* questions are counted by /24 and /48 (net_address_group) */
};

/* A session that waits for the answer of one question. */
struct waiting {
    struct notify_listener listener;
    struct signal_point answered;
    int64_t hint;
};

static void on_hint(enum notify_topic topic, int64_t id, void *arg)
{
    struct waiting *w = arg;
    (void)topic;
    if (id == w->hint || id == -1)
        signal_point_all(&w->answered);
}

/* Yields. */
YIELDS static bool ask(struct smtp_session *s, const struct account_probe_question *question,
                       struct account_probe_found *out, struct err *e)
{
    return account_probe_ask(s->state->app->accounts, question, &s->command,
                             clock_deadline_in(SMTP_LOOKUP_MS), out, e);
}

/* Asks, and waits for the answer when one is to come. Yields. */
YIELDS static bool verify(struct smtp_session *s, const struct account_probe_question *question,
                          struct account_probe_found *found, struct err *e)
{
    struct notify *notify = s->state->app->notify;
    struct waiting w = { .hint = account_probe_hint(question->local, question->domain) };
    int64_t end_ms = clock_deadline_in(FAILPOINT_PATIENCE("peer-is-awaited", WAIT_MS));
    signal_point_init(&w.answered);
    w.listener.fn = on_hint;
    w.listener.arg = &w;
    notify_listen(notify, NOTIFY_CALLOUT, &w.listener);
    bool ok = ask(s, question, found, e);
    if (ok && found->is_new)
        notify_tell(notify, NOTIFY_CALLOUT, 0);
    while (ok && found->verdict == ACCOUNT_PROBE_UNKNOWN && found->is_open &&
           clock_monotonic_ms() < end_ms && !runtime_is_draining(s->state->app->runtime)) {
        struct err ignored = ERR_CLEAR;
        if (!signal_point_wait(&w.answered, clock_deadline_in(LOOK_MS), &ignored) &&
            ignored.kind == ERR_CANCELLED)
            break;
        ok = ask(s, question, found, e);
    }
    notify_unlisten(&w.listener);
    return ok;
}

static bool say_unknown(struct smtp_session *s, str reply, enum net_next *next)
{
    *next =
        reply.n
            ? smtp_say_text(s, ANSWER_NO_SUCH_USER,
                            arena_printf(&s->command, "No such user there; its server said: %.*s",
                                         STR_FMT(reply)))
            : smtp_say(s, ANSWER_NO_SUCH_USER);
    return false;
}

/* Yields. */
YIELDS static bool judge_by_callout(struct smtp_session *s, const struct account_relay *relay,
                                    str local, enum net_next *next)
{
    struct err e = ERR_CLEAR;
    struct account_probe_found found;
    char text[NET_ADDRESS_TEXT];
    const struct account_probe_question question = {
        .local = local,
        .domain = relay->domain,
        .client = net_address_group(net_conn_peer(s->conn), CLIENT_NETWORK, text),
    };
    if (!verify(s, &question, &found, &e)) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    switch (found.verdict) {
    case ACCOUNT_PROBE_GOOD:
        return true;
    case ACCOUNT_PROBE_BAD:
        return say_unknown(s, found.reply, next);
    case ACCOUNT_PROBE_UNKNOWN:
        break;
    }
    if (found.is_refused) {
        *next = smtp_say(s, ANSWER_TOO_MANY_UNKNOWN);
        return false;
    }
    /* Servers that answer, if too late for this client, are not down; and no flood of questions
     * makes us accept what they would not. */
    bool is_late = found.is_full || (found.is_open && found.answers);
    if (!relay->defers_when_down && !is_late)
        return true;
    *next = smtp_say(s, ANSWER_NOT_VERIFIED);
    return false;
}

bool smtp_may_relay(struct smtp_session *s, const struct smtp_path *path, enum net_next *next)
{
    struct err e = ERR_CLEAR;
    struct account_relay_found found;
    if (!account_relay_find(s->state->app->accounts, path->local, path->domain, &s->command,
                            clock_deadline_in(SMTP_LOOKUP_MS), &found, &e)) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    if (!found.is_relayed) {
        *next = smtp_say(s, ANSWER_RELAY_DENIED);
        return false;
    }
    if (!smtp_screen_recipient(s, path, next))
        return false;
    switch (found.relay.verification) {
    case ACCOUNT_RELAY_ANY:
        return true;
    case ACCOUNT_RELAY_LIST:
        return found.is_listed || account_is_role(path->local) || say_unknown(s, STR_EMPTY, next);
    case ACCOUNT_RELAY_CALLOUT:
        break;
    }
    return judge_by_callout(s, &found.relay, path->local, next);
}
