/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators see, in the shapes of the contract (admin.yaml). Pure; all give. */
#ifndef API_SHAPE_ADMIN_H
#define API_SHAPE_ADMIN_H

#include "queue/queue.h"
#include "services/api/json.h"

json_t *shape_queue_entry(const struct queue_row *row);
json_t *shape_queue_entries(const struct queue_rows *rows);
json_t *shape_queue_stats(const struct queue_stats *stats);

#endif
