/* SPDX-License-Identifier: Apache-2.0 */
/* Leases and extends the node id. */
#include "services/app/node_id.h"

#include "cluster/cluster.h"
#include "crypto/random.h"
#include "obs/obs.h"

enum {
    CLAIM_MS = 2000,
    LEASE_MS = 120000,
    EXTEND_MS = 30000
};

YIELDS static void claim(void *arg)
{
    struct app_node *node = arg;
    struct app *app = node->app;
    struct err e = ERR_CLEAR;
    if (!cluster_node_claim(app->db, str_from_cstr(app->owner), LEASE_MS,
                            clock_deadline_in(CLAIM_MS), &app->node_id, &e)) {
        app->node_id = (unsigned)(crypto_random_u64() % CLUSTER_NODES);
        node->app = NULL;
        obs_log(EV_NODE_ID_RANDOM, STR_EMPTY, OBS_INT("node", app->node_id), OBS_ERR(&e));
    }
    runtime_stop(app->runtime);
}

/* A process that was stopped for longer than its lease may have lost the id to another one. It must
 * not make ids with it any more, so it ends in good order and the supervisor starts a new one. */
YIELDS static void extend(void *arg)
{
    struct app_node *node = arg;
    struct app *app = node->app;
    struct err e = ERR_CLEAR;
    bool ok = cluster_node_extend(app->db, app->node_id, str_from_cstr(app->owner), LEASE_MS,
                                  clock_deadline_in(EXTEND_MS), &e);
    if (ok || e.kind != ERR_CONFLICT) {
        timer_start(app->runtime, &node->timer, clock_deadline_in(EXTEND_MS));
        return;
    }
    obs_log(EV_NODE_ID_LOST, STR_EMPTY, OBS_INT("node", app->node_id), OBS_ERR(&e));
    runtime_drain(app->runtime, clock_deadline_in(EXTEND_MS));
}

static void begin_extend(void *arg)
{
    struct app_node *node = arg;
    struct runtime *rt = node->app->runtime;
    struct err e = ERR_CLEAR;
    if (runtime_is_draining(rt))
        return;
    if (!fiber_spawn(rt, "node id", extend, node, NULL, &e))
        timer_start(rt, &node->timer, clock_deadline_in(EXTEND_MS / 10));
}

void app_node_claim(struct app_node *node, struct app *app)
{
    struct err e = ERR_CLEAR;
    node->app = app;
    if (!fiber_spawn(app->runtime, "node id", claim, node, NULL, &e)) {
        node->app = NULL;
        return;
    }
    runtime_run(app->runtime);
    timer_init(&node->timer, begin_extend, node);
    if (node->app)
        timer_start(app->runtime, &node->timer, clock_deadline_in(EXTEND_MS));
}

void app_node_stop(struct app_node *node)
{
    if (node->app)
        timer_stop(node->app->runtime, &node->timer);
    node->app = NULL;
}
