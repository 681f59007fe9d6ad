/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as people see them: in conversations, over all mailboxes of the account, by message id.
 * For the HTTP API; IMAP, which sees one mailbox by UIDs, is in store.h. Errors as there. */
#ifndef STORE_MAIL_H
#define STORE_MAIL_H

#include "store/store.h"

enum {
    STORE_MAX_PAGE = 200,    /* conversations of one answer */
    STORE_MAX_THREAD = 500,  /* messages of a conversation: the newest */
    STORE_MAX_BATCH = 1000,  /* messages of one change */
    STORE_MAX_INDEX = 500000 /* conversations of an index */
};

/* A message in a mailbox. */
struct store_mail_place {
    int mailbox_id;
    uint32_t uid;
    unsigned flags; /* STORE_SEEN ... */
    int64_t modseq;
};

/* A message that is in one mailbox at least. Texts are valid UTF-8; empty: absent. */
struct store_mail {
    int64_t msg_id;
    int64_t thread_id;
    int64_t modseq;      /* the greatest of its places */
    int64_t received_us; /* INTERNALDATE, the latest of its places; UTC */
    int64_t sent_at_us;  /* of its Date field, with has_sent_at */
    bool has_sent_at;
    bool has_attachment;
    size_t size;         /* octets */
    unsigned flags;      /* of all its places together */
    const str *keywords; /* of all its places together, each once */
    size_t n_keywords;
    const struct store_mail_place *places; /* by mailbox, then UID; at least 1 */
    size_t n_places;
    str from_addr;
    str from_name;
    str to_text;
    str subject;
    str message_id;
    str preview;
    str envelope;      /* literal IMAP text, where the form was asked for; empty: not derived, */
    str bodystructure; /* parse the message */
    int64_t draft_id;  /* of the app's draft that it shows, where the form was asked for; or 0 */
};

struct store_thread {
    int64_t thread_id;
    int64_t at_us;   /* of its newest message in the mailbox that was asked for; else of all */
    uint32_t at_uid; /* of the same message; 0 without a mailbox */
    const struct store_mail *mails; /* oldest first, at least 1 */
    size_t n;
};

struct store_threads {
    const struct store_thread *list;
    size_t n;
};

/* A mailbox, as far as a list of its conversations needs it. */
struct store_mailbox_brief {
    enum store_role role;
    uint32_t messages;
    int64_t modseq;         /* of the mailbox */
    int64_t account_modseq; /* of the account */
};

/* ERR_NOT_FOUND. Yields. */
YIELDS bool store_mailbox_brief(struct store *s, int64_t account_id, int mailbox_id,
                                struct arena *a, int64_t deadline_ms,
                                struct store_mailbox_brief *out, struct err *e);

/* Which messages of a mailbox count. */
struct store_thread_filter {
    unsigned with_flags;    /* only those with all of these flags ... */
    unsigned without_flags; /* ... and none of these */
    bool with_attachment;   /* ... and an attachment */
    bool oldest_first;      /* the order of conversations the other way round */
};

struct store_thread_query {
    int64_t account_id;
    int mailbox_id;
    struct store_thread_filter filter;
    bool has_place;  /* only conversations that come behind the one with ... */
    int64_t at_us;   /* ... this at_us ... */
    uint32_t at_uid; /* ... and at_uid: the last one of the page before */
    size_t limit;    /* at most STORE_MAX_PAGE */
};

/* Conversations with such a message in the mailbox, the one with the newest of them first. Each
 * holds all its messages, also those in other mailboxes, except for Junk and Trash unless that is
 * the mailbox asked for. A mailbox that is not there has none. In arena. Yields. */
YIELDS bool store_thread_list(struct store *s, const struct store_thread_query *query,
                              struct arena *a, int64_t deadline_ms, struct store_threads *out,
                              struct err *e);

/* Which conversations or messages, and whether with the texts of their form. */
struct store_wanted {
    int64_t account_id;
    const int64_t *ids;
    size_t n;
    bool with_form;
};

/* Whole conversations by id, in the order of the ids; those that are not there are left out. At
 * most STORE_MAX_PAGE. In arena. Yields. */
YIELDS bool store_thread_get(struct store *s, const struct store_wanted *wanted, struct arena *a,
                             int64_t deadline_ms, struct store_threads *out, struct err *e);

struct store_thread_index {
    int64_t modseq;            /* of the mailbox at that moment */
    const int64_t *thread_ids; /* in the order of store_thread_list */
    size_t n;                  /* at most STORE_MAX_INDEX */
};

/* All conversations of a mailbox that store_thread_list would give; place and limit do not count.
 * ERR_NOT_FOUND. Costs about 3 us
 * a message: not for each request. In arena. Yields. */
YIELDS bool store_thread_index(struct store *s, const struct store_thread_query *query,
                               struct arena *a, int64_t deadline_ms, struct store_thread_index *out,
                               struct err *e);

struct store_mails {
    const struct store_mail *list;
    size_t n;
};

/* Messages by id, in the order of the ids; those that are in no mailbox (any more) are left out. At
 * most STORE_MAX_BATCH. In arena. Yields. */
YIELDS bool store_mail_get(struct store *s, const struct store_wanted *wanted, struct arena *a,
                           int64_t deadline_ms, struct store_mails *out, struct err *e);

struct store_mail_query {
    int64_t account_id;
    int mailbox_id; /* 0: all; else only this one; one that is not there has none */
    struct store_thread_filter filter; /* without oldest_first */
    int64_t before_id;                 /* only ids below; INT64_MAX: from the newest */
    size_t limit;                      /* at most STORE_MAX_PAGE */
    bool with_total;
};

struct store_mail_page {
    struct store_mails mails; /* the newest (by id) first */
    int64_t total;            /* with_total: of all pages, messages */
};

/* Messages one by one. In arena. Yields. */
YIELDS bool store_mail_list(struct store *s, const struct store_mail_query *query, struct arena *a,
                            int64_t deadline_ms, struct store_mail_page *out, struct err *e);

/* ---- changes of messages by id ---- */

enum store_mail_act {
    STORE_MAIL_FLAGS,  /* change flags and keywords, in all mailboxes the message is in */
    STORE_MAIL_MOVE,   /* out of `from_mailbox_id` into `to_mailbox_id` */
    STORE_MAIL_COPY,   /* into `to_mailbox_id`, unless it is there */
    STORE_MAIL_EXPUNGE /* out of `from_mailbox_id`, for good when that was its last mailbox */
};

struct store_mail_change {
    int64_t account_id;
    enum store_mail_act act;
    const int64_t *msg_ids; /* any order */
    size_t n;               /* at most STORE_MAX_BATCH */
    int from_mailbox_id;    /* 0: out of all mailboxes it is in */
    int to_mailbox_id;
    unsigned set_flags;
    unsigned clear_flags;
    const str *set_keywords;
    size_t n_set_keywords;
    const str *clear_keywords;
    size_t n_clear_keywords;
};

struct store_mail_changed {
    int64_t modseq;        /* of the last step; 0 when nothing changed */
    const int64_t *missed; /* ids without such a message, ascending */
    size_t n_missed;
};

/* Does it mailbox by mailbox, each step as one transaction; a failure in the middle leaves the
 * steps before it done, and the call may be repeated. ERR_NOT_FOUND: the destination; ERR_LIMIT
 * (quota, keywords), ERR_SYNTAX (a keyword). In arena. Yields. */
YIELDS bool store_mail_apply(struct store *s, const struct store_mail_change *change,
                             struct arena *a, int64_t deadline_ms, struct store_mail_changed *out,
                             struct err *e);

/* ---- what changed in the account ---- */

/* Ids of one kind of object; in arena. */
struct store_ids {
    const int64_t *list; /* ascending */
    size_t n;
};

struct store_changes {
    bool is_too_old; /* the log does not reach back to `since`; only `modseq` is filled */
    int64_t modseq;  /* the changes reach up to this state */
    bool has_more;   /* more changes follow: ask again from `modseq` */
    struct store_ids mailboxes_created;
    struct store_ids mailboxes_updated; /* also those of which only the counters changed */
    struct store_ids mailboxes_gone;
    struct store_ids mails_created;
    struct store_ids mails_updated;
    struct store_ids mails_gone;
    struct store_ids threads_created;
    struct store_ids threads_updated;
    struct store_ids threads_gone;
};

/* What changed after modseq `since`, in steps of about `limit` messages. A message that moved is
 * "updated". In arena. Yields. */
YIELDS bool store_changes_load(struct store *s, int64_t account_id, int64_t since, size_t limit,
                               struct arena *a, int64_t deadline_ms, struct store_changes *out,
                               struct err *e);

#endif
