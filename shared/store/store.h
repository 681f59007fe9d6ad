/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of store: mailboxes, messages, UIDs, modseqs, flags, expunge, quota. All SQL of mail
 * state is here, and so are the invariants of IMAP: UIDs are given in commit order and never again,
 * the modseq of an account only rises. It knows no IMAP syntax.
 *
 * Every change takes the row of account_state, raises the account's modseq by one, writes one row
 * into the change log, and is told to notify after its COMMIT. Names of mailboxes are UTF-8 with
 * '/' between levels; the first level "INBOX" is the same in any case (written in upper case).
 *
 * Errors common to all functions that yield are those of db_query; only others are named. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/base.h"
#include "blob/blob.h"

struct db;
struct db_tx;
struct notify;
struct runtime;
struct store;

struct store_options {
    unsigned node_id;      /* 0-1023, different in each process: part of new message ids */
    unsigned batch_max;    /* deliveries of one transaction; 0 = 32 */
    int64_t batch_wait_us; /* how long a delivery waits for company while others commit; 0 = 2000 */
};

/* `notify` may be NULL. Keeps rt, db, notify. Gives. */
struct store *store_new(struct runtime *rt, struct db *db, struct notify *notify,
                        const struct store_options *options);
void store_free(struct store **s);

/* A new message id: 48 bits of milliseconds, 16 bits of node and counter. Unique in the cluster. */
int64_t store_make_msg_id(struct store *s);

enum {
    STORE_INBOX = 1,            /* mailbox_id of INBOX in every account */
    STORE_NAME_MAX = 255,       /* octets of a mailbox name */
    STORE_DEPTH_MAX = 32,       /* levels of a mailbox name */
    STORE_MAILBOXES_MAX = 1000, /* of an account */
    STORE_KEYWORD_MAX = 50,     /* octets of a keyword */
    STORE_KEYWORDS_MAX = 62,    /* different keywords of an account */
};

/* System flags of a message as bits. */
enum {
    STORE_SEEN = 1,
    STORE_ANSWERED = 2,
    STORE_FLAGGED = 4,
    STORE_DELETED = 8,
    STORE_DRAFT = 16,
    STORE_FLAGS_ALL = 31
};

/* ---- bringing messages in ---- */

/* A message with all that is derived from it, ready to be stored for any number of recipients. */
struct store_message;

/* Derives envelope, structure, summary and thread references, and compresses. Never fails because
 * of what the bytes are (R22): what cannot be derived stays empty. Above 1 MB this runs in the
 * offload pool. `raw` must live as long as the arena. Errors: ERR_CANCELLED, ERR_TIMEOUT, ERR_LIMIT
 * (the pool is full). Yields. */
YIELDS bool store_prepare(struct store *s, str raw, struct arena *a, int64_t deadline_ms,
                          struct store_message **out, struct err *e);

enum store_outcome {
    STORE_PUT,        /* stored now */
    STORE_DUPLICATE,  /* this delivery id was stored before: a success */
    STORE_OVER_QUOTA, /* not stored: the account is full */
    STORE_NO_MAILBOX  /* not stored: no such mailbox or account */
};

/* One copy of a message for one mailbox. */
struct store_target {
    int64_t account_id;
    int32_t mailbox_id;      /* STORE_INBOX for ordinary mail */
    str prefix;              /* trace headers of this copy, at most BLOB_PREFIX_MAX; may be empty */
    unsigned flags;          /* STORE_SEEN ... */
    uint64_t keywords;       /* bits, from store_keywords_ensure */
    int64_t received_us;     /* INTERNALDATE, UTC; 0 = now */
    uint8_t delivery_id[16]; /* the same in a retry of the same transaction; all zero = none */
    bool or_inbox;           /* a missing mailbox means INBOX (deliveries), else it is an outcome */
    bool ignore_quota;
    enum store_outcome outcome; /* out */
    int64_t msg_id;             /* out */
    int64_t uid;                /* out */
    int64_t modseq;             /* out */
    int64_t uidvalidity;        /* out */
};

/* Statements that belong to the same transaction (queue rows of a submission): `send` appends them
 * with db_tx_send and gives their number, again for every try. */
struct store_extra {
    size_t (*send)(struct db_tx *tx, void *arg);
    void *arg;
};

/* Stores the message for all targets in one transaction, together with `extra` (may be NULL; n may
 * be 0 then), and returns when the COMMIT is known. Deliveries that come at the same time share a
 * transaction (group commit). Each target has its own outcome; a full account does not hinder the
 * others. An unknown COMMIT is resolved by repeating it under the same delivery ids (targets and
 * extra must therefore be idempotent: a unique key makes the repetition ERR_EXISTS, which counts as
 * committed). Success means durable. ERR_UNAVAILABLE: nothing is promised, and a retry with the
 * same delivery ids is safe. Yields. */
YIELDS bool store_deliver(struct store *s, const struct store_message *message,
                          struct store_target *targets, size_t n, const struct store_extra *extra,
                          int64_t deadline_ms, struct err *e);

/* Several messages into one mailbox, all or none (APPEND, MULTIAPPEND): ERR_LIMIT over quota,
 * ERR_NOT_FOUND without the mailbox. Outcomes are in the targets. Yields. */
YIELDS bool store_append(struct store *s, struct store_message *const *messages,
                         struct store_target *targets, size_t n, int64_t deadline_ms,
                         struct err *e);

/* ---- keywords ---- */

struct store_keywords {
    str names[64]; /* by bit; empty = unused; in the arena */
};

/* The keywords of an account. Yields. */
YIELDS bool store_keywords(struct store *s, int64_t account_id, struct arena *a,
                           int64_t deadline_ms, struct store_keywords *out, struct err *e);
/* The bits of the named keywords (case-insensitive), made where new. ERR_LIMIT: too many or too
 * long. Yields. */
YIELDS bool store_keywords_ensure(struct store *s, int64_t account_id, const str *names, size_t n,
                                  int64_t deadline_ms, uint64_t *bits, struct err *e);

/* ---- mailboxes ---- */

struct store_mailbox {
    int32_t mailbox_id;
    str name;         /* full name, UTF-8, '/' between levels */
    str role;         /* "inbox", "drafts", "sent", "archive", "junk", "trash" or empty */
    bool is_noselect; /* a level that holds no messages */
    bool is_subscribed;
    bool has_children;
    int64_t uidvalidity;
    int64_t uidnext;
    int64_t modseq; /* HIGHESTMODSEQ */
    int64_t messages;
    int64_t unseen;
    int64_t deleted;
    int64_t bytes;
};

struct store_mailbox_list {
    struct store_mailbox *list; /* INBOX first, then by name; in the arena */
    size_t n;
    int64_t modseq; /* of the account, when the list was read */
};

/* All mailboxes with their counters, in one statement. Yields. */
YIELDS bool store_mailboxes(struct store *s, int64_t account_id, struct arena *a,
                            int64_t deadline_ms, struct store_mailbox_list *out, struct err *e);
/* One mailbox by name. ERR_NOT_FOUND. Yields. */
YIELDS bool store_mailbox_get(struct store *s, int64_t account_id, str name, struct arena *a,
                              int64_t deadline_ms, struct store_mailbox *out, struct err *e);

/* What is done to a mailbox; `to` is the new name of a rename. */
enum store_mailbox_act {
    STORE_MAILBOX_CREATE, /* with its missing parents. ERR_EXISTS, ERR_LIMIT; role may be given */
    STORE_MAILBOX_DELETE, /* with its messages; one with children becomes \Noselect. ERR_NOT_FOUND,
                             ERR_DENIED (INBOX, or \Noselect with children) */
    STORE_MAILBOX_RENAME, /* with its children; of INBOX its messages move into the new one (RFC
                             3501 6.3.5). ERR_NOT_FOUND, ERR_EXISTS, ERR_LIMIT, ERR_DENIED (into
                             itself) */
    STORE_MAILBOX_SUBSCRIBE,  /* ERR_NOT_FOUND */
    STORE_MAILBOX_UNSUBSCRIBE /* ERR_NOT_FOUND */
};

struct store_mailbox_change {
    enum store_mailbox_act act;
    int64_t account_id;
    str name;
    str to;   /* rename */
    str role; /* create: special use, or empty */
};

/* Errors by act as above; ERR_SYNTAX for a name with control characters, an empty level, or one
 * that is too long or too deep. *mailbox_id is the mailbox's (may be NULL). Yields. */
YIELDS bool store_mailbox_change(struct store *s, const struct store_mailbox_change *change,
                                 int64_t deadline_ms, int32_t *mailbox_id, struct err *e);
/* Pure: checks a name and writes its normal form (INBOX in upper case) into the arena. ERR_SYNTAX.
 */
bool store_name_normalize(struct arena *a, str name, str *out, struct err *e);

/* ---- an open mailbox ---- */

/* One message of a mailbox: what SELECT loads. */
struct store_entry {
    int64_t msg_id;
    int64_t modseq;
    int64_t received_us; /* INTERNALDATE */
    uint64_t keywords;   /* bits */
    uint32_t uid;
    uint32_t size; /* RFC822.SIZE */
    uint8_t flags; /* STORE_SEEN ... */
};

struct store_view {
    int32_t mailbox_id;
    int64_t uidvalidity;
    int64_t uidnext;
    int64_t modseq;              /* HIGHESTMODSEQ of the mailbox */
    int64_t account_modseq;      /* of the account: what the view is complete up to */
    struct store_entry *entries; /* by uid; on the heap, owned by the view */
    size_t n;
    size_t capacity;
    struct store_keywords keywords; /* names in `arena` */
    struct arena arena;
};

/* Loads a mailbox as of one moment. The view is the caller's storage; end with store_view_fini.
 * ERR_NOT_FOUND. Yields. */
YIELDS bool store_view_open(struct store *s, int64_t account_id, int32_t mailbox_id,
                            int64_t deadline_ms, struct store_view *out, struct err *e);
/* Harmless for a zeroed view. */
void store_view_fini(struct store_view *v);

/* What changed since a view's account_modseq. Lists are by uid, in the arena. */
struct store_delta {
    bool is_gone; /* the mailbox was deleted or has a new uidvalidity: nothing else is set */
    const uint32_t *vanished; /* uids that were expunged and are in the view */
    size_t n_vanished;
    const struct store_entry *changed; /* flags of messages in the view that are new */
    size_t n_changed;
    const struct store_entry *added; /* new messages, uids above all of the view */
    size_t n_added;
    int64_t uidnext;
    int64_t modseq;
    int64_t account_modseq;
    bool has_keywords; /* new keywords were read into the view already */
};

/* Reads what changed; the view's entries stay as they are (see store_view_apply). Falls back to a
 * comparison with the whole mailbox when the change log does not reach back. Yields. */
YIELDS bool store_view_changes(struct store *s, int64_t account_id, struct store_view *v,
                               struct arena *a, int64_t deadline_ms, struct store_delta *out,
                               struct err *e);
/* Brings the view up to date: changed flags always, vanished and added messages by choice (IMAP may
 * not renumber during FETCH, STORE and SEARCH: give false then, and the next delta tells of them
 * again). Pure. */
void store_view_apply(struct store_view *v, const struct store_delta *delta, bool renumber);
/* Index of the uid in the view's entries, or -1. Pure. */
ptrdiff_t store_view_find(const struct store_view *v, uint32_t uid);

/* Uids expunged from the mailbox after `modseq`, as ranges [low, high]; *complete is false when the
 * log does not reach back (RFC 7162 3.2.10: then tell all uids that are not there). In arena.
 * Yields. */
struct store_uid_range {
    uint32_t low;
    uint32_t high;
};
YIELDS bool store_vanished_since(struct store *s, int64_t account_id, int32_t mailbox_id,
                                 int64_t modseq, struct arena *a, int64_t deadline_ms,
                                 struct store_uid_range **out, size_t *n, bool *complete,
                                 struct err *e);

/* ---- changing messages ---- */

/* Messages of one mailbox. */
struct store_set {
    int64_t account_id;
    int32_t mailbox_id;
    const uint32_t *uids; /* ascending, without doubles */
    size_t n;
};

enum store_flag_act {
    STORE_FLAGS_SET,
    STORE_FLAGS_ADD,
    STORE_FLAGS_REMOVE
};

struct store_flag_change {
    enum store_flag_act act;
    unsigned flags;
    uint64_t keywords;
    bool has_unchanged_since;
    int64_t unchanged_since; /* messages with a higher modseq are left alone and listed as failed */
};

struct store_flag_result {
    const struct store_entry *list; /* state afterwards of the messages found; by uid; in arena */
    size_t n;
    const uint32_t *failed; /* RFC 7162 MODIFIED; in arena */
    size_t n_failed;
    int64_t modseq; /* of this change; 0 when nothing changed */
};

/* Changes flags in one round trip. Committed without waiting for the disk (a crash may lose a flag
 * change of the last moments, never a message). Yields. */
YIELDS bool store_flags(struct store *s, const struct store_set *set,
                        const struct store_flag_change *change, struct arena *a,
                        int64_t deadline_ms, struct store_flag_result *out, struct err *e);

struct store_expunge_result {
    const uint32_t *uids; /* that are gone now; ascending; in arena */
    size_t n;
    int64_t modseq; /* of this change; 0 when nothing was there to expunge */
};

/* Removes those messages of the set that have \Deleted (set->uids NULL: of the whole mailbox).
 * Yields. */
YIELDS bool store_expunge(struct store *s, const struct store_set *set, struct arena *a,
                          int64_t deadline_ms, struct store_expunge_result *out, struct err *e);

struct store_copy_result {
    int64_t uidvalidity;  /* of the target */
    const uint32_t *from; /* uids found, ascending; in arena */
    const uint32_t *to;   /* uid of each copy; in arena */
    size_t n;
    int64_t modseq;
};

/* Copies (or moves, in one transaction) messages into another mailbox of the account. Flags,
 * keywords and INTERNALDATE stay. All or none: ERR_LIMIT over quota, ERR_NOT_FOUND without the
 * target. Yields. */
YIELDS bool store_copy(struct store *s, const struct store_set *set, int32_t to_mailbox, bool move,
                       struct arena *a, int64_t deadline_ms, struct store_copy_result *out,
                       struct err *e);

/* ---- reading messages ---- */

/* What is known of a message beside its bytes. Texts in arena. */
struct store_info {
    int64_t msg_id;
    int64_t thread_id;
    size_t size;
    size_t header_end; /* octets of the header with its empty line */
    str envelope;      /* IMAP text; empty: derive it from the bytes */
    str bodystructure; /* IMAP text, extended form; empty: derive it from the bytes */
    str subject;
    str from_addr;
    str from_name;
    str to_text;
    str message_id;
    str preview;
    int64_t sent_at_us; /* 0 = none */
    bool has_attachment;
};

enum {
    STORE_INFOS_MAX = 500
};

/* Infos of at most STORE_INFOS_MAX messages, in the order asked for; one that is gone has msg_id 0.
 * One statement. Yields. */
YIELDS bool store_infos(struct store *s, int64_t account_id, const int64_t *msg_ids, size_t n,
                        struct arena *a, int64_t deadline_ms, struct store_info *out,
                        struct err *e);
/* The header (with its empty line) of a message, or the whole of it; see blob_read. Yields. */
YIELDS bool store_read_header(struct store *s, int64_t account_id, int64_t msg_id,
                              size_t header_end, struct arena *a, int64_t deadline_ms, str *out,
                              struct err *e);
YIELDS bool store_read(struct store *s, int64_t account_id, int64_t msg_id, struct arena *a,
                       int64_t deadline_ms, str *out, struct err *e);

/* ---- quota and care ---- */

struct store_usage {
    int64_t bytes;
    int64_t messages;
    int64_t quota_bytes; /* 0 = unlimited */
    int64_t modseq;
};
YIELDS bool store_usage(struct store *s, int64_t account_id, int64_t deadline_ms,
                        struct store_usage *out, struct err *e);

/* Periodic care, by one process of the cluster: partitions of the delivery ids, old rows of the
 * change log (older than 30 days), bytes of messages expunged longer than `retention_s` ago. A
 * bounded piece of work; *more tells that there is some left. Yields. */
YIELDS bool store_maintain(struct store *s, int64_t retention_s, int64_t deadline_ms, bool *more,
                           struct err *e);
/* Recounts all counters of an account and gives how many were wrong (0 is right). Changes nothing.
 * Yields. */
YIELDS bool store_check(struct store *s, int64_t account_id, int64_t deadline_ms, int64_t *wrong,
                        struct err *e);

#endif
