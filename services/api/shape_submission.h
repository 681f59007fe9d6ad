/* SPDX-License-Identifier: Apache-2.0 */
/* Submissions in the shape of the contract (compose.yaml). */
#ifndef API_SHAPE_SUBMISSION_H
#define API_SHAPE_SUBMISSION_H

#include "compose/submission.h"
#include "queue/queue.h"
#include "services/api/json.h"

/* `rows` are what the queue still has of it; may be empty. `thread_id` 0: not known. Gives. */
json_t *shape_submission(const struct compose_submission *s, const struct queue_rows *rows,
                         int64_t thread_id);

#endif
