/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of fields to objects. */
#include "services/api/shape_admin.h"

/* ---- queue ---- */

json_t *shape_queue_entry(const struct queue_row *row)
{
    char id[QUEUE_ID_TEXT];
    json_t *o = json_object();
    api_set(o, "id", api_text(queue_id_format(row->queue_id, id)));
    api_set(o, "sender", api_text(row->envelope_from));
    api_set(o, "recipient", api_text(row->recipient));
    api_set(o, "domain", api_text(row->domain));
    api_set(o, "status", json_string(queue_status_name(row->status)));
    api_set(o, "attempts", json_integer(row->attempts));
    api_set(o, "nextAttemptAt", api_time(row->due_us));
    api_set(o, "lastAttemptAt", api_time_or_null(row->last_attempt_us));
    api_set(o, "code", api_text(row->code));
    api_set(o, "reply", api_text(row->reply));
    api_set(o, "createdAt", api_time(row->created_us));
    api_set(o, "expiresAt", api_time(row->expires_us));
    api_set(o, "size", json_integer(row->size));
    return o;
}

json_t *shape_queue_entries(const struct queue_rows *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rows->n; i++)
        api_add(list, shape_queue_entry(&rows->list[i]));
    return list;
}

json_t *shape_queue_stats(const struct queue_stats *stats)
{
    json_t *o = json_object();
    api_set(o, "messages", json_integer(stats->messages));
    api_set(o, "pending", json_integer(stats->pending));
    api_set(o, "deferred", json_integer(stats->deferred));
    api_set(o, "failed", json_integer(stats->failed));
    api_set(o, "due", json_integer(stats->due));
    api_set(o, "bytes", json_integer(stats->bytes));
    api_set(o, "oldestAt", api_time_or_null(stats->oldest_us));
    api_set(o, "openBreakers", json_integer(stats->open_breakers));
    api_set(o, "leased", json_integer(stats->leased));
    return o;
}
