/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts on their way out. A submission waits until it cannot be taken back any more; then one
 * process claims it, hands the message over (once, however often that is tried) and files it. */
#ifndef COMPOSE_SUBMISSION_H
#define COMPOSE_SUBMISSION_H

#include "base/base.h"
#include "submit/submit.h"

struct db;
struct notify;

enum compose_status {
    COMPOSE_PENDING,
    COMPOSE_SENT,
    COMPOSE_CANCELED
};

struct compose_submission {
    int64_t submission_id;
    int64_t draft_id;
    int64_t msg_id;
    enum compose_status status;
    int64_t due_us;   /* when it goes */
    int64_t queue_id; /* of its remote recipients; 0: none */
    str from;
    const str *recipients; /* addresses */
    size_t n_recipients;
    str subject;
    str failure; /* why it came back, or empty */
    int64_t created_us;
    int64_t updated_us;
};

struct compose_submissions {
    const struct compose_submission *list;
    size_t n;
};

struct compose_submit {
    int64_t account_id;
    int64_t draft_id;
    int64_t version; /* that the draft must have */
    int64_t undo_ms; /* how long it can be taken back */
    str from;
    const str *recipients;
    size_t n_recipients;
    str subject;
    int64_t answers; /* message that it answers or forwards, or 0: gets its flag when it goes */
    bool is_forward;
};

/* Begins one: the draft is locked. ERR_CONFLICT: another version, or it is being sent already.
 * Yields. */
YIELDS bool compose_submission_begin(struct db *db, const struct compose_submit *submit,
                                     struct arena *a, int64_t deadline_ms,
                                     struct compose_submission *out, struct err *e);
/* ERR_NOT_FOUND. In arena. Yields. */
YIELDS bool compose_submission_get(struct db *db, int64_t account_id, int64_t id, struct arena *a,
                                   int64_t deadline_ms, struct compose_submission *out,
                                   struct err *e);

struct compose_submissions_wanted {
    int64_t account_id;
    int64_t before_id; /* only lower ones */
    int64_t draft_id;  /* only its own; 0: of all */
    size_t limit;
};

/* Those of the last 7 days, and all that still wait, the newest first. In arena. Yields. */
YIELDS bool compose_submission_list(struct db *db, const struct compose_submissions_wanted *wanted,
                                    struct arena *a, int64_t deadline_ms,
                                    struct compose_submissions *out, struct err *e);
/* Those that changed after `after_us`, at most 20, the oldest change first. Yields. */
YIELDS bool compose_submission_changed(struct db *db, int64_t account_id, int64_t after_us,
                                       struct arena *a, int64_t deadline_ms,
                                       struct compose_submissions *out, struct err *e);
/* Takes it back: the draft is free again. Done once, it is success again. ERR_NOT_FOUND;
 * ERR_CONFLICT: it went already. Yields. */
YIELDS bool compose_submission_cancel(struct db *db, int64_t account_id, int64_t id,
                                      struct arena *a, int64_t deadline_ms,
                                      struct compose_submission *out, struct err *e);

struct compose_sender_options {
    struct db *db;
    struct notify *notify; /* told when a submission ends; NULL: nobody is */
    struct submit submit;  /* how messages are handed over */
    size_t max_hops;
};

/* Sends what is due, at most `max` of them; *sent is how many were tried. Yields. */
YIELDS bool compose_send_due(const struct compose_sender_options *o, unsigned max,
                             int64_t deadline_ms, size_t *sent, struct err *e);
/* Removes submissions that ended more than 7 days ago. Yields. */
YIELDS bool compose_submission_sweep(struct db *db, int64_t deadline_ms, struct err *e);

#endif
