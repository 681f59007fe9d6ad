/* SPDX-License-Identifier: Apache-2.0 */
/* Which reports there are, what is in them, and what became of each. A report is made for each
 * domain and day by the first result that is counted; it is sent when it is due. */
#ifndef REPORTS_LEDGER_H
#define REPORTS_LEDGER_H

#include "reports/document.h"

struct db;
struct db_tx;

enum reports_state {
    REPORTS_DUE,     /* not sent yet; while its day lasts it grows */
    REPORTS_SENT,    /* handed to the queue and to all servers that want it by HTTPS */
    REPORTS_DROPPED, /* nobody wants it, or it could not be sent: `note` says why */
    REPORTS_STATES
};

/* "due", "sent", "dropped"; "tls", "dmarc". Static. */
const char *reports_state_name(enum reports_state state);
const char *reports_kind_name(enum reports_kind kind);

struct reports_entry {
    enum reports_kind kind;
    int64_t day; /* since 1970-01-01 UTC */
    str domain;
    enum reports_state state;
    int64_t due_us;     /* when it is (was) to be sent */
    int64_t changed_us; /* when `state` or `note` changed */
    int64_t attempts;   /* to send it */
    bool is_mailed;     /* to all who want it by mail */
    str *posted;        /* URLs that have it */
    size_t n_posted;
    str note;      /* a sentence for the operator; may be empty */
    int64_t count; /* sessions (TLS) or messages (DMARC) in it */
};

struct reports_entries {
    struct reports_entry *list; /* in the arena */
    size_t n;
};

struct reports_filter {
    enum reports_kind kind;   /* REPORTS_KINDS: both */
    enum reports_state state; /* REPORTS_STATES: any */
    str domain;               /* empty: all */
    int64_t after_day;        /* goes on behind this entry; INT64_MAX: from the first */
    enum reports_kind after_kind;
    str after_domain;
    unsigned limit;
};

/* The reports that fit the filter: the newest day first, then by kind and domain. Yields. */
YIELDS bool reports_list(struct db *db, const struct reports_filter *filter, struct arena *a,
                         int64_t deadline_ms, struct reports_entries *out, struct err *e);

/* What a report is known by. */
struct reports_name {
    enum reports_kind kind;
    int64_t day; /* since 1970-01-01 UTC */
    str domain;
};

/* "tls.2026-11-20.example.net", in arena; and read again, the domain lower-cased in arena.
 * ERR_SYNTAX. Pure. */
str reports_name_format(struct arena *a, const struct reports_name *name);
bool reports_name_parse(struct arena *a, str text, struct reports_name *out, struct err *e);

/* ERR_NOT_FOUND. Yields. */
YIELDS bool reports_get(struct db *db, const struct reports_name *name, struct arena *a,
                        int64_t deadline_ms, struct reports_entry *out, struct err *e);

/* Up to `max` reports that are due now, the longest due first. Yields. */
YIELDS bool reports_list_due(struct db *db, unsigned max, struct arena *a, int64_t deadline_ms,
                             struct reports_entries *out, struct err *e);

/* The report as it goes out now: the rows of its day, of a big one the most frequent
 * REPORTS_ROWS_MAX. ERR_NOT_FOUND: nothing was counted. Also ERR_LIMIT. In the arena. Yields. */
YIELDS bool reports_load(struct db *db, const struct reports_entry *entry,
                         const struct reports_sender *sender, struct arena *a, int64_t deadline_ms,
                         struct reports_document *out, struct err *e);

/* What became of an attempt. */
struct reports_outcome {
    enum reports_state state; /* REPORTS_DUE: again in `again_ms` */
    int64_t again_ms;
    bool is_mailed; /* now or before */
    const str *posted;
    size_t n_posted;
    str note;
};

/* Appends one statement to an open transaction that notes the outcome of an attempt at `entry`;
 * ERR_CONFLICT comes from it when another process was faster: the rest must not happen then. */
void reports_note_send(struct db_tx *tx, const struct reports_entry *entry,
                       const struct reports_outcome *outcome);
/* The same on its own. Yields. */
YIELDS bool reports_note(struct db *db, const struct reports_entry *entry,
                         const struct reports_outcome *outcome, int64_t deadline_ms, struct err *e);

/* Has a report sent at once whose day is over, also one that was dropped. ERR_NOT_FOUND;
 * ERR_CONFLICT: it was sent, or its day is not over. Yields. */
YIELDS bool reports_send_now(struct db *db, const struct reports_name *name, int64_t deadline_ms,
                             struct err *e);

/* Forgets reports and results of days before the last `keep_ms`. Yields. */
YIELDS bool reports_sweep(struct db *db, int64_t keep_ms, int64_t deadline_ms, struct err *e);

#endif
