/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at database, schema, Redis, queue, disk and certificates. */
#include "services/api/health.h"

#include "net/tls.h"
#include "schema/schema.h"
#include "services/api/api.h"
#include "store/store.h"

enum {
    LOOK_MS = 2000, /* what takes longer is down */
    DAY_S = 24 * 60 * 60,
    EXPIRY_DAYS = 14,         /* automatic renewals have failed for a while then */
    QUEUE_LATE_US = 900000000 /* recipients that are due for so long: nobody delivers */
};

const char *health_word(enum health_status status)
{
    static const char *const words[] = { "ok", "degraded", "down" };
    return words[status];
}

static struct health_check *begin(struct health *h, const char *name)
{
    struct health_check *c = &h->checks[h->n++];
    *c = (struct health_check){ .name = name, .us = clock_utc_us() };
    return c;
}

static void end(struct health *h, struct health_check *c, enum health_status status, str detail)
{
    int64_t us = clock_utc_us() - c->us;
    c->us = us > 0 ? us : 0;
    c->status = status;
    c->detail = detail;
    if (status > h->status)
        h->status = status;
}

YIELDS static void look_at_database(struct api_call *call, struct health *h)
{
    int64_t ignored = 0;
    struct err e = ERR_CLEAR;
    struct health_check *c = begin(h, "database");
    /* Account 0 is nobody's; that it is not found is an answer. */
    bool answers =
        store_get_modseq(call->app->store, 0, clock_deadline_in(LOOK_MS), &ignored, &e) ||
        e.kind == ERR_NOT_FOUND;
    end(h, c, answers ? HEALTH_OK : HEALTH_DOWN,
        answers ? STR_EMPTY : arena_str(call->arena, str_from_cstr(e.msg)));
}

YIELDS static void look_at_schema(struct api_call *call, struct health *h)
{
    size_t n;
    struct schema_states states = { 0 };
    struct err e = ERR_CLEAR;
    struct health_check *c = begin(h, "schema");
    const struct schema_migration *list = schema_migrations(&n);
    if (!schema_compare(call->app->db, list, n, call->arena, clock_deadline_in(LOOK_MS), &states,
                        &e)) {
        end(h, c, HEALTH_DEGRADED, arena_str(call->arena, str_from_cstr(e.msg)));
        return;
    }
    size_t missing = 0;
    size_t changed = 0;
    for (size_t i = 0; i < states.n; i++) {
        missing += states.list[i].is_known && !states.list[i].is_applied;
        changed += states.list[i].is_changed;
    }
    str detail = STR_EMPTY;
    if (missing + changed > 0) {
        detail = arena_printf(call->arena, "%zu migrations are missing, %zu were changed", missing,
                              changed);
    }
    end(h, c, missing + changed ? HEALTH_DEGRADED : HEALTH_OK, detail);
}

static void look_at_redis(struct api_call *call, struct health *h)
{
    struct health_check *c = begin(h, "redis");
    bool is_up = !call->app->redis || notify_is_live(call->app->notify);
    end(h, c, is_up ? HEALTH_OK : HEALTH_DEGRADED,
        is_up ? STR_EMPTY : STR("hints do not arrive; the database is polled instead"));
}

YIELDS static void look_at_queue(struct api_call *call, struct health *h)
{
    struct queue_stats stats;
    struct err e = ERR_CLEAR;
    struct health_check *c = begin(h, "queue");
    if (!queue_get_stats(call->app->queue, clock_deadline_in(LOOK_MS), &stats, &e)) {
        end(h, c, HEALTH_DEGRADED, arena_str(call->arena, str_from_cstr(e.msg)));
        return;
    }
    bool is_late =
        stats.due > 0 && stats.leased == 0 && clock_utc_us() - stats.due_since_us > QUEUE_LATE_US;
    end(h, c, is_late ? HEALTH_DEGRADED : HEALTH_OK,
        is_late ? STR("mail is due and nobody delivers it") : STR_EMPTY);
}

static void look_at_disk(struct api_call *call, struct health *h)
{
    struct health_check *c = begin(h, "disk");
    bool is_full = call->app->health.is_disk_full;
    end(h, c, is_full ? HEALTH_DEGRADED : HEALTH_OK,
        is_full ? STR("nearly full: no mail is accepted") : STR_EMPTY);
}

static void look_at_certificate(struct api_call *call, struct health *h)
{
    if (!call->app->tls)
        return; /* something in front of us does TLS */
    struct health_check *c = begin(h, "certificate");
    int64_t left_s = tls_server_expires_at(call->app->tls) - clock_utc_us() / 1000000;
    if (left_s <= 0) {
        end(h, c, HEALTH_DEGRADED, STR("it has expired: put another in its place and reload"));
    } else if (left_s < (int64_t)EXPIRY_DAYS * DAY_S) {
        end(h, c, HEALTH_DEGRADED,
            arena_printf(call->arena, "it expires in %lld days", (long long)(left_s / DAY_S)));
    } else {
        end(h, c, HEALTH_OK, STR_EMPTY);
    }
}

void health_look(struct api_call *call, bool all, struct health *out)
{
    *out = (struct health){ .status = HEALTH_OK };
    look_at_database(call, out);
    if (!all)
        return;
    look_at_schema(call, out);
    look_at_redis(call, out);
    look_at_queue(call, out);
    look_at_disk(call, out);
    look_at_certificate(call, out);
}
