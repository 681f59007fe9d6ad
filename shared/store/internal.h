/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of store share. Private to the module. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "base/list.h"
#include "blob/blob.h"
#include "db/db.h"
#include "store/store.h"

struct batcher;

enum {
    STORE_DAMAGED_KEPT = 64,                /* damaged messages that a process remembers */
    STORE_DAMAGED_KEPT_MS = 15 * 60 * 1000, /* it may be mended */
};

/* A message whose bytes were found damaged. */
struct store_damage {
    int64_t account_id;
    int64_t msg_id;
    int64_t until_ms; /* monotonic */
};

struct store {
    struct store_options options;
    int64_t last_id_ms;     /* of the last message id */
    unsigned last_id_count; /* ids given out in that millisecond */
    struct batcher *batcher;
    struct store_damage damaged[STORE_DAMAGED_KEPT]; /* the oldest is overwritten */
    size_t n_damaged;                                /* ever noted */
    int64_t log_after;  /* account whose change log was looked at last */
    int64_t keep_after; /* account, and its mailbox, that was rid of old messages last */
    int keep_mailbox_after;
};

/* Derived data as it goes into table message. An empty text is NULL there. */
struct store_derived {
    struct blob_packed packed;
    uint8_t hash[32]; /* SHA-256 of the raw message */
    str envelope;
    str bodystructure;
    str from_addr;
    str from_name;
    str to_text;
    str subject;
    str message_id;
    str preview;
    int64_t message_id_key; /* with message_id */
    const int64_t *refs;
    size_t n_refs;
    int64_t sent_at_us;
    bool has_sent_at;
    bool has_attachment;
};

/* The next message id of this process. */
int64_t store_new_id(struct store *s);

/* Tells everybody that the account is at `modseq`; nothing for 0. */
void store_publish(struct store *s, int64_t account_id, int64_t modseq);

/* A checked name in its levels. In arena. */
struct store_path {
    const str *levels;
    size_t n;
    str name; /* normal form */
};
/* store_mailbox_name_check with its levels apart. Pure. */
bool store_path_parse(struct arena *a, str name, struct store_path *out, struct err *e);

/* "inbox", "drafts" ..., NULL for none; and back, NONE for what is no role. */
const char *store_role_name(enum store_role role);
enum store_role store_role_find(str name);

/* Array columns that may be NULL, which reads as empty. In arena. */
size_t store_ints(const struct db_rows *r, size_t row, size_t column, struct arena *a,
                  int64_t **out);
size_t store_strs(const struct db_rows *r, size_t row, size_t column, struct arena *a, str **out);
/* Sorts ids, the lowest first. */
void store_sort_ids(int64_t *ids, size_t n);
/* Two arrays of first and last UIDs as ranges. In arena. */
struct store_ranges store_read_ranges(const struct db_rows *r, size_t row, size_t first_column,
                                      struct arena *a);
/* The overflow keywords of two columns: UIDs, and names joined by spaces. In arena. */
size_t store_read_overflows(const struct db_rows *r, size_t row, size_t first_column,
                            struct arena *a, const struct store_overflow **out);
/* Marks the rows (by uid) that have overflows (by uid). */
void store_mark_overflows(struct store_row *rows, size_t n, const struct store_overflow *overflows,
                          size_t n_overflows);

/* Keywords from row 0: used bits, used names without a bit, all names that have one, their bits, in
 * four columns from `column` on. In arena. */
void store_read_keywords(const struct db_rows *r, size_t column, struct arena *a,
                         struct store_keywords *out);

/* Ranges as two parameters. In arena. */
void store_range_params(struct arena *a, const struct store_ranges *set, struct db_param out[2]);

/* Keywords are atoms of 1 to STORE_MAX_KEYWORD printable ASCII octets. ERR_SYNTAX, ERR_LIMIT. */
bool store_keywords_check(const str *names, size_t n, struct err *e);

/* The state columns uidvalidity, uidnext, modseq, msgs, unseen, deleted, bytes from `column` on. */
void store_read_state(const struct db_rows *r, size_t row, size_t column, struct store_state *out);

/* The one row of mailbox_get, in its first 13 columns. In arena. ERR_NOT_FOUND. */
bool store_read_mailbox(const struct db_rows *rows, struct arena *a, struct store_mailbox *out,
                        struct err *e);

#endif
