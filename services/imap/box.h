/* SPDX-License-Identifier: Apache-2.0 */
/* What the sessions of one process know together of a mailbox: its newest picture (rows.h), its
 * counters and the names of its keywords. What one client was told already is in view.h.
 *
 * A box is found by account and mailbox. It is read whole once and then kept up by what changed
 * since: by one statement for all sessions that ask at the same time, and without a statement for
 * what a session of this process changed itself. After its last session it stays for a while
 * (IMAP_BOX_KEEP_MS, IMAP_BOX_KEEP_BYTES for all), so that the next SELECT reads only what is new.
 */
#ifndef IMAP_BOX_H
#define IMAP_BOX_H

#include "base/list.h"
#include "base/map.h"
#include "runtime/runtime.h"
#include "services/imap/columns.h"
#include "services/imap/rows.h"

enum {
    IMAP_BOX_KEEP_MS = 10 * 60 * 1000,      /* without a session */
    IMAP_BOX_KEEP_BYTES = 64 * 1024 * 1024, /* of all boxes without a session */
};

/* Why a box is not the mailbox any more. */
enum imap_box_end {
    IMAP_BOX_LIVES,
    IMAP_BOX_DELETED,  /* the mailbox is gone, or another one has its place */
    IMAP_BOX_WENT_BACK /* the database knows less than we do: it was restored, or a copy that had
                          not everything took over (STORAGE 9). UIDs may mean other messages now */
};

struct imap_boxes;

struct imap_box_key {
    int64_t account_id;
    int64_t mailbox_id;
    int64_t viewer_id; /* whose \Seen the rows have: mostly the owner */
};

struct imap_box {
    struct imap_box_key key;
    enum imap_box_end end;
    uint32_t uidvalidity;
    uint32_t uidnext;
    int64_t modseq;         /* of `rows`: HIGHESTMODSEQ */
    struct imap_rows *rows; /* the newest picture; NULL until it was read */
    char **keywords;        /* names by bit, NULL for a bit without; they never change */
    size_t n_keywords;
    uint64_t used_keywords;      /* bits ever used in the mailbox: its FLAGS */
    char *more_keywords;         /* the same without a bit, with spaces between; or NULL */
    struct imap_columns columns; /* what its messages are ordered by */
    /* Private. */
    struct imap_boxes *boxes;
    unsigned holders;
    struct list link; /* among those without holders, the one left longest ago first */
    int64_t left_ms;  /* when the last holder left */
    size_t bytes;     /* of its pictures */
    uint64_t asked;   /* a number for each who wants to know what is new */
    uint64_t covered; /* up to which number the answers are in */
    bool is_reading;
    struct signal_point read;
};

/* All boxes of a process. */
struct imap_boxes {
    struct store *store;
    struct map map;
    struct list unused; /* boxes without holders */
    size_t unused_bytes;
    struct imap_columns_all columns;
};

/* Boxes that read from the store (keeps; NULL in tests that fill them). */
void imap_boxes_init(struct imap_boxes *boxes, struct store *store);
/* Ends all boxes; nobody may hold one. */
void imap_boxes_fini(struct imap_boxes *boxes);
/* Ends boxes that nobody held for long, and the oldest ones above the limit of memory. */
void imap_boxes_expire(struct imap_boxes *boxes, int64_t now_ms);

/* The box of a mailbox in the eyes of an account, which may not have been read yet. Held until
 * imap_box_leave. */
struct imap_box *imap_box_enter(struct imap_boxes *boxes, int64_t viewer_id, int64_t account_id,
                                int mailbox_id);
/* Harmless for NULL. Nulls. */
void imap_box_leave(struct imap_box **held);

/* Brings the box up to what the database holds at some moment after this call began. Those who ask
 * while another reads wait, and one statement then serves them all. When the mailbox is not there
 * any more, `end` tells, and the rows stay as they were: that is success. Scratch in `a`. Errors:
 * those of store_delta_load. Yields. */
YIELDS bool imap_box_refresh(struct imap_box *box, struct arena *a, int64_t deadline_ms,
                             struct err *e);
/* The same when `state`, which was read from the database just now, tells that something is new;
 * else nothing is asked. */
YIELDS bool imap_box_refresh_to(struct imap_box *box, const struct store_state *state,
                                struct arena *a, int64_t deadline_ms, struct err *e);

/* Takes what a session of this process changed: `change` happened at `modseq`, and was the first in
 * the mailbox after `former`. New messages raise uidnext. When the box does not stand at `former`,
 * the change is left to the next refresh. */
void imap_box_take_change(struct imap_box *box, const struct imap_rows_change *change,
                          int64_t former, int64_t modseq);
/* Takes a whole picture, or names of keywords, as the store gave them. */
void imap_box_take_snapshot(struct imap_box *box, const struct store_snapshot *snapshot);
void imap_box_take_keywords(struct imap_box *box, const struct store_keywords *keywords);

#endif
