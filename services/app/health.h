/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what a worker knows of its own state: whether its loop lags behind, and whether the disk of
 * the embedded database is nearly full. PostgreSQL answers a full disk with a panic, so mail must
 * stop before (PROMISES R13). */
#ifndef APP_HEALTH_H
#define APP_HEALTH_H

#include "services/app/app.h"

struct app_watch;

/* Begins to keep app->health: is_behind when each of the last rounds of half a second was held for
 * more than 200 ms at least once (PROMISES "stress mode"); is_disk_full never with an outside
 * database. Gives. */
struct app_watch *app_watch_new(struct app *app);
/* Stops. Harmless for NULL. */
void app_watch_free(struct app_watch **w);

/* ---- the rules, pure ---- */

struct app_lag {
    unsigned bad;  /* rounds in a row */
    unsigned calm; /* likewise */
    bool is_behind;
};

/* Another round ended, in which the loop was held for `worst_ms` at most. One round is an accident:
 * two in a row are load, four calm ones are its end. */
void app_lag_note(struct app_lag *lag, int64_t worst_ms);

struct app_disk {
    uint64_t free_bytes; /* for ordinary users */
    uint64_t total_bytes;
};

/* Whether the room is below `least_bytes` or `least_percent` of the disk; what was found low is so
 * until there are two percent more. */
bool app_disk_is_low(const struct app_disk *disk, uint64_t least_bytes, unsigned least_percent,
                     bool was_low);

#endif
