/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of store: mailboxes and messages. All SQL of mail state is here, and the invariants of
 * IMAP: UIDs grow and are never used again, every change of an account has a modseq of its own,
 * a mailbox that is made again gets a greater UIDVALIDITY. It does not know IMAP's syntax.
 *
 * One modseq an account: each writing call raises it once and stamps what it changed. Every write
 * is durable when the call succeeds (flag changes alone may be lost in a crash of the machine), and
 * is published through notify. Reads see every write that was answered before.
 *
 * Errors, beside those named: ERR_UNAVAILABLE (no database, or an outcome that could not be found
 * out: answer "try later"), ERR_TIMEOUT, ERR_CANCELLED, ERR_CONFLICT (try again), ERR_INTERNAL. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/base.h"

struct db;
struct db_tx;
struct notify;
struct runtime;
struct store;

struct store_options {
    struct runtime *runtime;
    struct db *db;
    struct notify *notify; /* NULL: nothing is published (tools, tests) */
    unsigned node_id;      /* 0-1023, different in each running process */
    int64_t keep_gone_ms;  /* for so long what was expunged can be restored (expunged.h) */
};

/* Keeps what the options point to. Gives. No fiber may be inside a call when it is freed. */
struct store *store_new(const struct store_options *options);
void store_free(struct store **s);

enum {
    STORE_INBOX = 1,                 /* mailbox_id of every account's INBOX */
    STORE_MAX_NAME = 1000,           /* octets of a full mailbox name */
    STORE_MAX_LEVEL = 255,           /* octets of one level of it */
    STORE_MAX_DEPTH = 32,            /* levels (ATTACKS I7) */
    STORE_MAX_MAILBOXES = 1000,      /* of an account */
    STORE_MAX_KEYWORD = 50,          /* octets of a keyword (ATTACKS I10) */
    STORE_MAX_KEYWORDS = 1000,       /* different ones of an account */
    STORE_MAX_MAILBOX_KEYWORDS = 64, /* different ones ever used in a mailbox */
    STORE_KEYWORD_BITS = 62,         /* keywords of an account that have a bit; others overflow */
    STORE_MAX_RECIPIENTS = 1000,     /* of one delivery */
    STORE_MAX_PREFIX = 1024,         /* octets in front of one copy of a message */
    STORE_MAX_APPEND = 500,          /* messages of one append */
    STORE_MAX_FETCH = 500,           /* messages of one batch of details or headers */
    STORE_DELIVERY_ID = 16,          /* octets */
};

/* Bits of a message's flags; the numbers of wire's IMAP_FLAG_*. */
enum {
    STORE_SEEN = 1,
    STORE_ANSWERED = 2,
    STORE_FLAGGED = 4,
    STORE_DELETED = 8,
    STORE_DRAFT = 16,
    STORE_FLAGS_ALL = 31
};

/* ---- a message made ready ---- */

/* What is kept of a message beside its bytes; private to the store. */
struct store_derived;

struct store_message {
    int64_t msg_id;                /* new: ms since 1970 << 16 | node | counter */
    size_t size;                   /* octets */
    size_t header;                 /* octets of the header with its empty line */
    struct store_derived *derived; /* private */
};

/* Makes a raw message (CRLF lines, exactly as IMAP is to give it back) ready to be stored: packs
 * it, derives envelope, structure, summary; above 1 MB in the offload pool. Derived data never
 * fails it (R22): what cannot be had stays empty and is logged. Fails only with ERR_CANCELLED,
 * ERR_TIMEOUT, and ERR_LIMIT above BLOB_MAX_BYTES. The result may be stored several times; it lives
 * in the arena and may borrow `raw`. Yields. */
YIELDS bool store_prepare_message(struct store *s, struct arena *a, str raw, int64_t deadline_ms,
                                  struct store_message *out, struct err *e);

/* ---- delivery ---- */

/* 16 octets that say "this message to this recipient": the hash of an id that is the same in each
 * attempt (a queue or transaction id) and the recipient's address or mailbox. A delivery whose id
 * was stored within the last days is not stored again. */
void store_delivery_id(str transaction, str recipient, uint8_t out[STORE_DELIVERY_ID]);

enum store_status {
    STORE_NOT_DONE,   /* the call failed */
    STORE_DELIVERED,  /* now */
    STORE_DUPLICATE,  /* by an earlier attempt; uid and mailbox are 0 when it is gone again */
    STORE_OVER_QUOTA, /* nothing stored for this one */
    STORE_NO_ACCOUNT  /* nothing stored for this one */
};

struct store_recipient {
    int64_t account_id;
    int mailbox_id;      /* STORE_INBOX, or another; one that is gone means INBOX */
    unsigned flags;      /* STORE_SEEN ..., mostly 0 */
    const str *keywords; /* names, mostly none */
    size_t n_keywords;
    str prefix; /* stands in front of the message in this account's copy, mostly empty: whole header
                   fields, at most STORE_MAX_PREFIX octets; the same for all with its account_id */
    uint8_t delivery_id[STORE_DELIVERY_ID];
    int64_t day; /* of the id's first use, in days since 1970; 0: of received_us */
    /* The answer. */
    enum store_status status;
    int in_mailbox_id; /* where it is */
    uint32_t uid;
    int64_t modseq;
};

/* Appends further statements to the same transaction (db_tx_send only: it must not yield), for
 * instance queue_enqueue_send, and gives their number. Called once for each attempt, perhaps from
 * another fiber, while the caller of store_deliver waits. */
typedef bool (*store_extra_fn)(struct db_tx *tx, void *arg, size_t *statements, struct err *e);

struct store_delivery {
    const struct store_message *message;
    struct store_recipient *recipients; /* any order; each (account, mailbox) once */
    size_t n;                           /* 1 .. STORE_MAX_RECIPIENTS */
    int64_t received_us;                /* UTC: INTERNALDATE, and the day of the delivery ids; the
                                           same in each attempt of a transaction */
    bool all_or_nothing;                /* a recipient over quota or without account fails it */
    store_extra_fn extra;               /* NULL: none */
    void *extra_arg;
};

/* Stores the message for all recipients in one transaction, together with `extra`. Deliveries of
 * this process that come at the same time share a transaction (group commit); one that fails is
 * tried again alone. Success: every recipient's status is filled and what says DELIVERED or
 * DUPLICATE is durable. Failure: the message is not stored, except after ERR_TIMEOUT and
 * ERR_CANCELLED, where it is not known; a retry with the same delivery ids is right in any case.
 * An unknown COMMIT is resolved inside, or becomes ERR_UNAVAILABLE (R3).
 * ERR_LIMIT, ERR_NOT_FOUND: with all_or_nothing only (quota, account); errors of `extra`. Yields.
 */
YIELDS bool store_deliver(struct store *s, struct store_delivery *d, int64_t deadline_ms,
                          struct err *e);

/* For deliveries whose ids are made of what the message is, not of a transaction: an id that was
 * used in the last `window_ms` (at most 7 days) before d->received_us stays, so that store_deliver
 * answers STORE_DUPLICATE; one that was used before that becomes another. Two attempts at the same
 * moment are told apart by store_deliver (except over midnight UTC). Errors: those of db_query.
 * Yields. */
YIELDS bool store_find_retries(struct store *s, const struct store_delivery *d, int64_t window_ms,
                               struct arena *a, int64_t deadline_ms, struct err *e);

/* The same inside a transaction of the caller (class DB_DELIVER, read committed), which must hold
 * no lock of mail tables yet and do this once only; `extra` is not called. Statuses are filled, but
 * hold only when the caller's commit succeeds; call store_announce after it. Yields. */
YIELDS bool store_deliver_in(struct store *s, struct db_tx *tx, struct store_delivery *d,
                             struct arena *a, struct err *e);
/* Publishes a delivery that the caller committed. Does not wait or fail. */
void store_announce(struct store *s, const struct store_delivery *d);

/* ---- mailboxes ---- */

enum store_role {
    STORE_ROLE_NONE,
    STORE_ROLE_INBOX,
    STORE_ROLE_DRAFTS,
    STORE_ROLE_SENT,
    STORE_ROLE_ARCHIVE,
    STORE_ROLE_JUNK,
    STORE_ROLE_TRASH,
    STORE_ROLE_IMPORTANT,
    STORE_ROLE_MEMOS, /* these three: RFC 9979 section 3 */
    STORE_ROLE_SCHEDULED,
    STORE_ROLE_SNOOZED,
    STORE_ROLE_COUNT
};

/* The counters of a mailbox at one moment. */
struct store_state {
    int mailbox_id;
    uint32_t uidvalidity;
    uint32_t uidnext; /* UINT32_MAX when no UID is left */
    int64_t modseq;   /* HIGHESTMODSEQ */
    uint32_t messages;
    uint32_t unseen;
    uint32_t deleted; /* with \Deleted */
    int64_t bytes;
};

struct store_mailbox {
    int mailbox_id;
    int parent_id; /* 0 at the top */
    str name;      /* full, UTF-8, levels joined by '/'; the inbox is "INBOX" */
    enum store_role role;
    bool is_subscribed;
    bool has_children;
    struct store_state state;
};

struct store_mailboxes {
    struct store_mailbox *list; /* INBOX first, then by name, byte-wise, parents before children */
    size_t n;
    const str *gone; /* names that are subscribed, but no mailbox has them now */
    size_t n_gone;
    int64_t modseq; /* of the account */
};

/* All mailboxes of the account with their counters, in one round trip. In arena. Yields. */
YIELDS bool store_mailbox_list(struct store *s, int64_t account_id, struct arena *a,
                               int64_t deadline_ms, struct store_mailboxes *out, struct err *e);
/* The mailbox of a full name ("inbox" in any case is INBOX). `has_children` and `is_subscribed` are
 * filled. ERR_NOT_FOUND. Yields. */
YIELDS bool store_mailbox_get(struct store *s, int64_t account_id, str name, struct arena *a,
                              int64_t deadline_ms, struct store_mailbox *out, struct err *e);
/* The mailbox of a role (never NONE). ERR_NOT_FOUND. Yields. */
YIELDS bool store_mailbox_get_role(struct store *s, int64_t account_id, enum store_role role,
                                   struct arena *a, int64_t deadline_ms, struct store_mailbox *out,
                                   struct err *e);

/* Checks a full name and writes its normal form ("INBOX" in capitals): 1 to STORE_MAX_DEPTH levels
 * joined by '/', each valid UTF-8 of 1 to STORE_MAX_LEVEL octets without control characters, '*'
 * and '%'. ERR_SYNTAX, ERR_LIMIT (too long or too deep). Pure; in arena. */
bool store_mailbox_name_check(struct arena *a, str name, str *out, struct err *e);

/* Makes the mailbox, and those above it that are missing. ERR_EXISTS, ERR_SYNTAX, ERR_LIMIT; a role
 * that another mailbox has: ERR_EXISTS; one of the namespaces of share.h: ERR_DENIED. Yields. */
YIELDS bool store_mailbox_create(struct store *s, int64_t account_id, str name,
                                 enum store_role role, int64_t deadline_ms, int *mailbox_id,
                                 struct err *e);
/* What the server puts mail of a kind into, and how it is called when it has to be made. */
struct store_role_box {
    enum store_role role;
    str name;
};
#define STORE_SENT_BOX   ((struct store_role_box){ STORE_ROLE_SENT, STR("Sent") })
#define STORE_DRAFTS_BOX ((struct store_role_box){ STORE_ROLE_DRAFTS, STR("Drafts") })

/* The account's mailbox of the role; without one that of the name, when it has no other role, which
 * is made where there is none. Errors: those of store_mailbox_get_role, store_mailbox_get and
 * store_mailbox_create. Yields. */
YIELDS bool store_mailbox_for_role(struct store *s, int64_t account_id,
                                   const struct store_role_box *box, struct arena *a,
                                   int64_t deadline_ms, int *mailbox_id, struct err *e);
/* Renames it with all below it; what is missing above the new name is made. INBOX stays and only
 * its messages move to a new mailbox (RFC 9051 section 6.3.6). ERR_NOT_FOUND, ERR_EXISTS,
 * ERR_SYNTAX, ERR_LIMIT, ERR_DENIED (below itself). Yields. */
YIELDS bool store_mailbox_rename(struct store *s, int64_t account_id, str from, str to,
                                 int64_t deadline_ms, struct err *e);
/* Deletes it with its messages. ERR_NOT_FOUND, ERR_DENIED (INBOX), ERR_CONFLICT (it has mailboxes
 * below it). Yields. */
YIELDS bool store_mailbox_delete(struct store *s, int64_t account_id, str name, int64_t deadline_ms,
                                 struct err *e);
/* A subscription outlives its mailbox; subscribing to a name that no mailbox has is ERR_NOT_FOUND,
 * unsubscribing never fails for the name. ERR_LIMIT: the account has 2,000 of them. Yields. */
YIELDS bool store_mailbox_subscribe(struct store *s, int64_t account_id, str name, bool subscribe,
                                    int64_t deadline_ms, struct err *e);

/* ---- messages of a mailbox ---- */

/* One message in a mailbox. */
struct store_row {
    int64_t msg_id;
    int64_t modseq;
    uint64_t kw;     /* bit set of keywords; names in store_keywords */
    int64_t idate_s; /* INTERNALDATE, seconds since 1970 UTC */
    uint32_t uid;
    uint32_t size; /* octets */
    uint8_t flags; /* STORE_SEEN ... */
    bool has_more; /* it has keywords without a bit: see the overflows */
};

/* Names of the account's keywords by bit; a bit keeps its name for ever. */
struct store_keywords {
    const str *names; /* names[bit] */
    size_t n;         /* at most STORE_KEYWORD_BITS */
    uint64_t used;    /* bits ever used in this mailbox: its FLAGS, with `more` */
    const str *more;  /* names without a bit ever used in this mailbox */
    size_t n_more;
};

/* Keywords without a bit of one message. */
struct store_overflow {
    uint32_t uid;
    const str *names;
    size_t n;
};

struct store_snapshot {
    struct store_state state;
    struct store_row *rows; /* by uid */
    size_t n;
    struct store_keywords keywords;
    const struct store_overflow *overflows; /* by uid */
    size_t n_overflows;
};

/* A mailbox in the eyes of one account: \Seen is each reader's own (seen.h). */
struct store_viewed {
    int64_t viewer_id; /* the owner, or another */
    int64_t account_id;
    int mailbox_id;
};

/* All messages of a mailbox at one moment: for SELECT. ERR_NOT_FOUND. In arena. Yields. */
YIELDS bool store_snapshot_load(struct store *s, const struct store_viewed *of, struct arena *a,
                                int64_t deadline_ms, struct store_snapshot *out, struct err *e);

/* UIDs from first to last. */
struct store_range {
    uint32_t first;
    uint32_t last;
};

struct store_ranges {
    const struct store_range *list; /* ascending, disjoint */
    size_t n;
};

struct store_delta {
    bool is_too_old; /* the log does not reach back to `since`: load a snapshot; only `state` is
                        filled */
    struct store_state state;
    struct store_row *rows; /* new, or with changed flags, after `since`; by uid */
    size_t n;
    struct store_ranges vanished; /* expunged after `since`; may name UIDs that never were or were
                                     gone before; never one that is there */
    struct store_keywords keywords;
    const struct store_overflow *overflows; /* of `rows` */
    size_t n_overflows;
};

/* What changed in the mailbox after modseq `since`, at one moment: for NOOP, IDLE, QRESYNC and
 * CHANGEDSINCE. ERR_NOT_FOUND: the mailbox is gone. In arena. Yields. */
YIELDS bool store_delta_load(struct store *s, const struct store_viewed *of, int64_t since,
                             struct arena *a, int64_t deadline_ms, struct store_delta *out,
                             struct err *e);

struct store_vanished_query {
    int64_t account_id;
    int mailbox_id;
    int64_t since; /* modseq */
};

/* The UIDs that were expunged after modseq `since`: for QRESYNC. May name UIDs that never were, or
 * were gone before. *is_too_old: the log does not reach back so far, and nothing is known. In
 * arena. Yields. */
YIELDS bool store_vanished_load(struct store *s, const struct store_vanished_query *query,
                                struct arena *a, int64_t deadline_ms, struct store_ranges *out,
                                bool *is_too_old, struct err *e);

/* The account's modseq now. ERR_NOT_FOUND. Yields. */
YIELDS bool store_get_modseq(struct store *s, int64_t account_id, int64_t deadline_ms,
                             int64_t *modseq, struct err *e);

/* UIDs in ascending order, each once, as ranges; in arena. What takes store_ranges from a caller
 * needs them ascending and disjoint: this or the wire's parser makes them so. */
struct store_ranges store_ranges_of(struct arena *a, const uint32_t *uids, size_t n);
/* How many UIDs there are, and whether one of them is `uid`. */
uint64_t store_ranges_count(const struct store_ranges *r);
bool store_ranges_has(const struct store_ranges *r, uint32_t uid);

/* ---- changes ---- */

enum store_flag_mode {
    STORE_FLAGS_REPLACE,
    STORE_FLAGS_ADD,
    STORE_FLAGS_REMOVE
};

struct store_flag_change {
    enum store_flag_mode mode;
    unsigned flags;
    const str *keywords; /* ASCII atoms of 1 to STORE_MAX_KEYWORD octets, any case */
    size_t n_keywords;
    bool has_unchangedsince;
    int64_t unchangedsince;
    unsigned keep;       /* STORE_FLAGS_REPLACE leaves these flags as they are */
    bool keeps_keywords; /* the same of all keywords */
};

struct store_flag_result {
    int64_t modseq;         /* of what changed; 0 when nothing did */
    int64_t former;         /* HIGHESTMODSEQ of the mailbox before that */
    struct store_row *rows; /* every message of the set that is there and not in `failed`, as it is
                               now (msg_id, size and idate_s are not filled); by uid */
    size_t n;
    const uint32_t *failed; /* UNCHANGEDSINCE: changed later, left alone; by uid */
    size_t n_failed;
    struct store_keywords keywords;
    const struct store_overflow *overflows;
    size_t n_overflows;
};

/* Changes flags of the messages of a set. Rows that would stay the same keep their modseq. New
 * keywords are made as needed. ERR_NOT_FOUND (mailbox), ERR_LIMIT (too many keywords), ERR_SYNTAX
 * (a keyword). In arena. Yields. */
YIELDS bool store_change_flags(struct store *s, int64_t account_id, int mailbox_id,
                               const struct store_ranges *set,
                               const struct store_flag_change *change, struct arena *a,
                               int64_t deadline_ms, struct store_flag_result *out, struct err *e);

struct store_expunged {
    int64_t modseq; /* 0 when nothing was expunged */
    int64_t former; /* HIGHESTMODSEQ of the mailbox before that */
    struct store_ranges uids;
    uint64_t n;
};

/* Expunges messages: of the set (NULL: all), and with `only_deleted` those of them that have
 * \Deleted. ERR_NOT_FOUND (mailbox). In arena. Yields. */
YIELDS bool store_expunge(struct store *s, int64_t account_id, int mailbox_id,
                          const struct store_ranges *set, bool only_deleted, struct arena *a,
                          int64_t deadline_ms, struct store_expunged *out, struct err *e);

/* Which message became which: uids[i] of the source is first_uid + i in the destination. */
struct store_copied {
    int64_t modseq; /* 0 when the set was empty */
    uint32_t uidvalidity;
    uint32_t first_uid;
    const uint32_t *uids; /* ascending */
    size_t n;
};

struct store_transfer {
    int64_t account_id;
    int from_mailbox_id;
    int to_mailbox_id;     /* may be the same mailbox */
    int64_t to_account_id; /* 0: of the same account */
    int64_t viewer_id;     /* who does it, when one of the accounts is another's: for \Seen */
    const struct store_ranges *set;
    unsigned drops;      /* STORE_SEEN ...: flags that the copies do not get */
    bool drops_keywords; /* nor keywords */
    bool is_move;        /* the source's messages are expunged in the same moment */
    size_t n_wanted;     /* when fewer are there, nothing is done: ERR_CONFLICT. 0: however few */
};

/* Copies or moves all messages of the set that are there, or none. Flags, keywords and
 * INTERNALDATE go along; the bytes are shared within an account. ERR_NOT_FOUND: *no_target tells
 * whether it was the destination (TRYCREATE). ERR_LIMIT: quota, UIDs, or keywords of the
 * destination. In arena. Yields. */
YIELDS bool store_transfer(struct store *s, const struct store_transfer *transfer, struct arena *a,
                           int64_t deadline_ms, struct store_copied *out, bool *no_target,
                           struct err *e);

struct store_append_item {
    const struct store_message *message;
    int64_t idate_s; /* INTERNALDATE, seconds since 1970 UTC */
    unsigned flags;
    const str *keywords;
    size_t n_keywords;
};

struct store_appended {
    int64_t modseq;
    uint32_t uidvalidity;
    uint32_t first_uid; /* items have this and the following UIDs, in order, and modseqs as well */
    bool has_keywords;  /* some have, of the caller or of the server */
};

/* Appends the messages, all or none. An unknown COMMIT is resolved as in store_deliver; so the same
 * prepared message appended to the same mailbox once more is the same append, not a second copy.
 * ERR_NOT_FOUND: the mailbox (TRYCREATE). ERR_LIMIT: quota, UIDs, keywords, or more than
 * STORE_MAX_APPEND. Yields. */
YIELDS bool store_append(struct store *s, int64_t account_id, int mailbox_id,
                         const struct store_append_item *items, size_t n, int64_t deadline_ms,
                         struct store_appended *out, struct err *e);

/* A message of a mailbox. */
struct store_source {
    int64_t account_id;
    int mailbox_id;
    uint32_t uid;
};

/* store_append of one message, which takes the place of another: that is expunged in the same
 * moment, and its octets do not count for the quota any more (RFC 8508). ERR_CONFLICT: the message
 * to be replaced is not there; nothing was stored. ERR_NOT_FOUND: either mailbox. Yields. */
YIELDS bool store_replace(struct store *s, const struct store_source *source, int64_t account_id,
                          int mailbox_id, const struct store_append_item *item, int64_t deadline_ms,
                          struct store_appended *out, struct err *e);

/* ---- content ---- */

/* The row of one UID: without its keywords' names. ERR_NOT_FOUND. Yields. */
YIELDS bool store_find_row(struct store *s, const struct store_source *source, struct arena *a,
                           int64_t deadline_ms, struct store_row *out, struct err *e);

/* What is kept of a message beside its bytes. Texts are valid UTF-8; empty: absent or not
 * derived. */
struct store_details {
    bool found;   /* false: no such message, all else is empty */
    bool is_long; /* a text was too long to come with others: ask for this message alone */
    int64_t thread_id;
    str envelope;      /* literal IMAP text; empty: not derived, parse the message */
    str bodystructure; /* literal IMAP text; empty: not derived, parse the message */
    /* What follows is given with STORE_WANT_SUMMARY or STORE_WANT_PREVIEW. */
    size_t size;
    size_t header;       /* octets of the header with its empty line */
    int64_t received_us; /* when it came */
    bool has_sent_at;
    int64_t sent_at_us; /* of its Date field */
    bool has_attachment;
    str from_addr;
    str from_name;
    str to_text;
    str subject;
    str message_id;
    str preview;
};

enum {
    STORE_WANT_ENVELOPE = 1,
    STORE_WANT_BODYSTRUCTURE = 2,
    STORE_WANT_SUMMARY = 4, /* the other texts, sizes and dates */
    STORE_WANT_PREVIEW = 8  /* of the texts only the preview */
};

/* Which of them. */
struct store_some_details {
    const int64_t *msg_ids;
    size_t n;        /* at most STORE_MAX_FETCH */
    unsigned wanted; /* STORE_WANT_* */
    size_t most; /* octets of an ENVELOPE or BODYSTRUCTURE; a longer one is left out, and is_long;
                    0: without a limit */
};

/* Details of messages in one round trip; out[i] is of msg_ids[i]. In arena. Yields. */
YIELDS bool store_fetch_details(struct store *s, int64_t account_id,
                                const struct store_some_details *some, struct arena *a,
                                int64_t deadline_ms, struct store_details *out, struct err *e);

enum {
    STORE_NEVER_SAVED = 0 /* of a message that is not there, or was before this was noted */
};

/* When messages came into this mailbox (RFC 8514), in seconds since 1970 UTC or STORE_NEVER_SAVED:
 * saved_s[i] is of uids[i], which ascend. One round trip for any number. Yields. */
YIELDS bool store_fetch_saved(struct store *s, int64_t account_id, int mailbox_id,
                              const uint32_t *uids, size_t n, struct arena *a, int64_t deadline_ms,
                              int64_t *saved_s, struct err *e);
/* Headers (with their empty lines) of up to STORE_MAX_FETCH messages in one round trip, without
 * reading the bodies; out[i] is of msg_ids[i], p NULL when there is no such message. In arena.
 * Yields. */
YIELDS bool store_fetch_headers(struct store *s, int64_t account_id, const int64_t *msg_ids,
                                size_t n, struct arena *a, int64_t deadline_ms, str *out,
                                struct err *e);
/* Messages, or their headers, for a caller that holds few of them at a time. */
struct store_some_texts {
    const int64_t *msg_ids;
    size_t n;      /* at most STORE_MAX_FETCH */
    size_t most;   /* octets of all, unless the first alone is longer; 0: what an answer may have */
    bool *damaged; /* the answer: of those that did not come, whether they are there and cannot be
                      read; NULL: nobody wants to know */
    size_t done;   /* the answer: how many were looked at, at least 1; ask again for the rest */
};
/* As store_fetch_headers, for as many as `most` allows. One round trip. Yields. */
YIELDS bool store_fetch_some_headers(struct store *s, int64_t account_id,
                                     struct store_some_texts *some, struct arena *a,
                                     int64_t deadline_ms, str *out, struct err *e);
/* The same with whole messages. Yields. */
YIELDS bool store_fetch_bodies(struct store *s, int64_t account_id, struct store_some_texts *some,
                               struct arena *a, int64_t deadline_ms, str *out, struct err *e);
/* The raw message or `n` bytes of it from `from`, cut to what is there (SIZE_MAX: to the end). Of
 * a message above 1 MB only what is needed is read. ERR_NOT_FOUND. In arena. Yields. */
YIELDS bool store_fetch_body(struct store *s, int64_t account_id, int64_t msg_id, size_t from,
                             size_t n, struct arena *a, int64_t deadline_ms, str *out,
                             struct err *e);

/* Whether store_fetch_body found in the last minutes, in this process, that the bytes of the
 * message are damaged. Whoever has to tell a size before all is read asks first: a message that is
 * sent in pieces can only break off where the damage is, and would do so for ever. */
bool store_is_damaged(const struct store *s, int64_t account_id, int64_t msg_id);

/* ---- quota ---- */

struct store_quota {
    int64_t used_bytes;
    int64_t used_messages;
    int64_t used_mailboxes;
    int64_t limit_bytes;     /* 0: none */
    int64_t limit_messages;  /* 0: none */
    int64_t limit_mailboxes; /* never above STORE_MAX_MAILBOXES */
};

/* Octets of the messages with \Deleted in a mailbox. Yields. */
YIELDS bool store_get_deleted_bytes(struct store *s, int64_t account_id, int mailbox_id,
                                    int64_t deadline_ms, int64_t *bytes, struct err *e);
/* ERR_NOT_FOUND. Yields. */
YIELDS bool store_get_quota(struct store *s, int64_t account_id, int64_t deadline_ms,
                            struct store_quota *out, struct err *e);

/* ---- upkeep, for the scheduler and for tools ---- */

struct store_maintained {
    int64_t partitions; /* of `delivered`, made and dropped */
    int64_t compacted;  /* accounts whose change log was merged */
    int64_t purged;     /* messages removed that are in no mailbox any more */
};

/* One round of upkeep, about a minute apart, by one process of the cluster: rotates the partitions
 * of `delivered`, removes the bytes of expunged messages, merges long change logs (of the accounts
 * that follow those of the round before). Work is done in small transactions until the deadline; a
 * step that fails keeps none from being done. Yields. */
YIELDS bool store_maintain(struct store *s, int64_t deadline_ms, struct store_maintained *out,
                           struct err *e);

struct store_fault {
    int64_t account_id;
    int mailbox_id; /* 0: of the account as a whole */
    str what;       /* "messages 3, counted 4" */
};

struct store_check {
    int64_t accounts; /* looked at */
    const struct store_fault *faults;
    size_t n_faults; /* at most 1000 are listed */
};

/* Recounts what is counted of an account (0: of all) and tells what is wrong; with `repair` the
 * counters are set right. Each account is locked for the time of its own recount. In arena.
 * Yields. */
YIELDS bool store_check_counters(struct store *s, int64_t account_id, bool repair, struct arena *a,
                                 int64_t deadline_ms, struct store_check *out, struct err *e);

#endif
