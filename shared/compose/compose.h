/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of compose: mail that is being written in an app. Uploads come in parts; a draft is a
 * document of the app and a message in the mailbox of drafts that shows it to every client; a
 * submission is a draft that goes out when it cannot be taken back any more. It knows no HTTP, and
 * what stands in a document only as far as a message is made of it (compose/message.h). */
#ifndef COMPOSE_COMPOSE_H
#define COMPOSE_COMPOSE_H

#include "base/base.h"
#include "compose/message.h"
#include "compose/upload.h"

struct db;
struct store;

/* ---- drafts ---- */

struct compose_draft {
    int64_t draft_id;
    int64_t version; /* grows with each change: its ETag */
    int64_t msg_id;  /* the message that shows it */
    str document;
    bool is_sending; /* a submission of it waits: nothing may change it */
    int64_t created_us;
    int64_t updated_us;
};

/* ERR_NOT_FOUND: there is none, or its message was deleted. In arena. Yields. */
YIELDS bool compose_draft_get(struct db *db, int64_t account_id, int64_t draft_id, struct arena *a,
                              int64_t deadline_ms, struct compose_draft *out, struct err *e);

struct compose_drafts {
    const struct compose_draft *list;
    size_t n;
};

/* The last changed first, from behind the one with these two values (INT64_MAX, 0: from the first).
 * In arena. Yields. */
YIELDS bool compose_draft_list(struct db *db, int64_t account_id, int64_t before_us,
                               int64_t before_id, size_t limit, struct arena *a,
                               int64_t deadline_ms, struct compose_drafts *out, struct err *e);

struct compose_save {
    int64_t account_id;
    int64_t draft_id; /* 0: a new one */
    int64_t version;  /* it must have, unless it is new */
    str document;
    const str *uploads; /* ids that it uses: they stay as long as it */
    size_t n_uploads;
    str message; /* the raw message that shows it */
};

/* Puts the message into the mailbox of drafts, in the place of the one before, and the document
 * with it. ERR_NOT_FOUND; ERR_CONFLICT: another version, or it is being sent; ERR_LIMIT: quota. In
 * arena. Yields. */
YIELDS bool compose_draft_save(struct store *s, struct db *db, const struct compose_save *save,
                               struct arena *a, int64_t deadline_ms, struct compose_draft *out,
                               struct err *e);
/* Deletes the draft with its message and uploads; `version` 0: any. ERR_NOT_FOUND, ERR_CONFLICT.
 * Yields. */
YIELDS bool compose_draft_delete(struct store *s, struct db *db, int64_t account_id,
                                 int64_t draft_id, int64_t version, struct arena *a,
                                 int64_t deadline_ms, struct err *e);

#endif
