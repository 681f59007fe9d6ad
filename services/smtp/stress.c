/* SPDX-License-Identifier: Apache-2.0 */
/* When stress begins and ends, and how errors are slowed down. */
#include "services/smtp/stress.h"

#include "config/config.h"
#include "obs/obs.h"

enum {
    CROWD_PERCENT = 80,
    ROOM_PERCENT = 60,
    TARPIT_STEP = 4 /* errors that wait for the same time */
};

bool smtp_is_crowd(size_t open, size_t max, bool was_crowd)
{
    return open * 100 >= max * (was_crowd ? ROOM_PERCENT : CROWD_PERCENT);
}

static void hurry_all(const struct smtp_state *state)
{
    int64_t until_ms = clock_deadline_in(SMTP_STRESS_COMMAND_MS);
    LIST_FOR_EACH (item, &state->sessions) {
        struct smtp_session *s = CONTAINER_OF(item, struct smtp_session, link);
        if (s->command_until_ms <= until_ms)
            continue;
        s->command_until_ms = until_ms;
        net_conn_set_idle(s->conn, until_ms);
    }
}

void smtp_note_crowd(struct smtp_state *state)
{
    bool was_crowd = state->is_crowd;
    size_t max = (size_t)config_int(state->app->config, CONFIG_LIMITS_CONNECTIONS);
    state->is_crowd = smtp_is_crowd(state->connections, max, was_crowd);
    if (state->is_crowd == was_crowd)
        return;
    obs_gauge_add(METRIC_SMTP_STRESS, "crowded", was_crowd ? -1 : 1);
    obs_log(was_crowd ? EV_SMTP_ROOMY : EV_SMTP_CROWDED, STR_EMPTY,
            OBS_INT("open", state->connections), OBS_INT("limit", max));
    if (!was_crowd)
        hurry_all(state);
}

/* ---- errors ---- */

int64_t smtp_tarpit_ms(unsigned past)
{
    return past > 0 ? (int64_t)SMTP_TARPIT_MS * (1 + (past - 1) / TARPIT_STEP) : 0;
}

/* Waits before the answer to an error. False: the connection is to end; ANSWER_TOO_MANY_ERRORS when
 * there are enough who wait already. */
static YIELDS bool tarpit(struct smtp_session *s, unsigned past, enum smtp_answer *answer)
{
    struct err e = ERR_CLEAR;
    if (s->state->tarpitted >= SMTP_TARPIT_PLACES) {
        obs_count(METRIC_SMTP_TARPIT, "full", 1);
        *answer = ANSWER_TOO_MANY_ERRORS;
        return true;
    }
    obs_count(METRIC_SMTP_TARPIT, "waited", 1);
    s->state->tarpitted++;
    bool goes_on =
        net_flush(s->conn, &e) && fiber_sleep_until(clock_deadline_in(smtp_tarpit_ms(past)), &e);
    s->state->tarpitted--;
    return goes_on;
}

bool smtp_punish(struct smtp_session *s, enum smtp_answer *answer)
{
    const struct config *c = s->state->app->config;
    unsigned soft = (unsigned)config_int(c, CONFIG_LIMITS_SMTP_ERRORS_SOFT);
    s->errors++;
    if (smtp_is_stressed(s) || s->errors >= config_int(c, CONFIG_LIMITS_SMTP_ERRORS_HARD)) {
        *answer = ANSWER_TOO_MANY_ERRORS;
        return true;
    }
    return s->errors <= soft || tarpit(s, s->errors - soft, answer);
}
