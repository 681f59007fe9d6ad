/* SPDX-License-Identifier: Apache-2.0 */
/* The node id of a process: leased in the cluster, and extended as long as the process lives. */
#ifndef APP_NODE_ID_H
#define APP_NODE_ID_H

#include "services/app/app.h"

struct app_node {
    struct app *app; /* NULL: nothing is leased */
    struct timer timer;
};

/* Leases an id into app->node_id; runs the loop for that, at most 2 s. Without a database it takes
 * a random one: two processes that took the same one collide only on a message of the same account
 * in the same millisecond, which the primary key refuses. */
void app_node_claim(struct app_node *node, struct app *app);
/* Stops extending. */
void app_node_stop(struct app_node *node);

#endif
