/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit: deliveries and appends of this process that come at the same time share one
 * transaction. Private to the module. README.md tells the rules. */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "store/internal.h"

struct batcher;

/* Gives. */
struct batcher *batcher_new(struct store *s);
/* Nothing may be in work. */
void batcher_free(struct batcher **b);

enum {
    PLACE_STRICT = 1, /* the mailbox must be there; else INBOX takes its place */
    PLACE_ATOMIC = 2  /* what cannot be placed fails all of the transaction */
};

/* Beside the public statuses: a strict placement found no mailbox. */
enum {
    PLACED_NO_MAILBOX = 5
};

/* What mailbox_place answers for one placement. */
struct placed {
    unsigned status; /* enum store_status, or PLACED_NO_MAILBOX */
    int mailbox_id;
    uint32_t uid;
    uint32_t uidvalidity;
    int64_t modseq;
};

/* One message into one mailbox. */
struct placement {
    int64_t account_id;
    int mailbox_id;
    unsigned flags;
    unsigned mode; /* PLACE_ */
    const struct store_message *message;
    size_t size; /* of the copy */
    int64_t idate_s;
    int64_t day;  /* of the delivery id, days since 1970 */
    str keywords; /* joined by spaces */
    uint8_t delivery_id[STORE_DELIVERY_ID];
};

/* A message with the accounts that need its bytes. */
struct put {
    const struct store_message *message;
    const int64_t *accounts; /* ascending, each once */
    size_t n_accounts;
    const str *prefixes; /* of each account's copy; NULL: none has one */
    int64_t received_us;
};

/* What is to be stored in one transaction or not at all. Placements are ordered by account, then
 * mailbox, then as they are to get their UIDs. */
struct batch_job {
    const struct put *puts;
    size_t n_puts;
    const struct placement *placements;
    size_t n_placements;
    store_extra_fn extra;
    void *extra_arg;
    bool is_extra_first; /* before the placements: the job then has a transaction of its own, for
                            its locks come in another order */
};

/* Stores the job, alone or with others, and gives placed[i] for placements[i]. Errors are those of
 * store_deliver. Yields. */
YIELDS bool batcher_run(struct batcher *b, const struct batch_job *job, struct placed *placed,
                        int64_t deadline_ms, struct err *e);

/* ---- statements of a job (place.c) ---- */

/* Appends the puts of a job, job->n_puts statements; without what is derived when `bare`. */
void place_send_puts(struct db_tx *tx, const struct batch_job *job, bool bare);
/* Appends the further statements of a job that come before its placements, if it has such, and
 * counts them. */
bool place_send_first(struct db_tx *tx, const struct batch_job *job, size_t *statements,
                      struct err *e);
/* Appends one statement for all placements of the jobs. */
void place_send(struct db_tx *tx, struct arena *a, const struct batch_job *const *jobs, size_t n);
/* Reads its answer into placed[job][placement]. ERR_INTERNAL when it is not of that shape. */
bool place_read(const struct db_rows *rows, struct arena *a, const struct batch_job *const *jobs,
                size_t n, struct placed *const *placed, struct err *e);
/* Publishes what was placed, once an account. */
void place_publish(struct store *s, const struct batch_job *job, const struct placed *placed);

#endif
