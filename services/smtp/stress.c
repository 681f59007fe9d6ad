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

static void hurry_all(const struct smtp_front *front)
{
    int64_t until_ms = clock_deadline_in(SMTP_STRESS_COMMAND_MS);
    LIST_FOR_EACH (item, &front->state->sessions) {
        struct smtp_session *s = CONTAINER_OF(item, struct smtp_session, link);
        if (s->front != front || s->command_until_ms <= until_ms)
            continue;
        s->command_until_ms = until_ms;
        net_conn_set_idle(s->conn, until_ms);
    }
}

/* The metric counts workers, not listeners. */
static void count_crowd(struct smtp_state *state, bool begins)
{
    bool had_any = state->n_crowds > 0;
    state->n_crowds += begins ? 1 : (size_t)-1;
    if (had_any != (state->n_crowds > 0))
        obs_gauge_add(METRIC_SMTP_STRESS, "crowded", begins ? 1 : -1);
}

void smtp_note_crowd(struct smtp_front *front)
{
    bool was_crowd = front->is_crowd;
    size_t max = (size_t)config_int(front->state->app->config, CONFIG_LIMITS_CONNECTIONS);
    front->is_crowd = smtp_is_crowd(front->connections, max, was_crowd);
    if (front->is_crowd == was_crowd)
        return;
    count_crowd(front->state, !was_crowd);
    obs_log(was_crowd ? EV_SMTP_ROOMY : EV_SMTP_CROWDED, STR_EMPTY,
            OBS_CSTR("listener", front->name), OBS_INT("open", front->connections),
            OBS_INT("limit", max));
    if (!was_crowd)
        hurry_all(front);
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
    bool is_enough = smtp_is_stressed(s) && s->errors > SMTP_STRESS_ERRORS;
    if (is_enough || s->errors >= config_int(c, CONFIG_LIMITS_SMTP_ERRORS_HARD)) {
        *answer = ANSWER_TOO_MANY_ERRORS;
        return true;
    }
    return s->errors <= soft || tarpit(s, s->errors - soft, answer);
}
