/* SPDX-License-Identifier: Apache-2.0 */
/* Search of an account's mail by words and by what is kept of each message, as conversations with
 * counts: for the search box of the apps. The words' index is asked as in search.h. */
#ifndef SEARCH_MAIL_SEARCH_H
#define SEARCH_MAIL_SEARCH_H

#include "search/query.h"

struct db;

enum {
    SEARCH_MAIL_COUNTED = 10000, /* messages that are counted and spread over facets at most */
    SEARCH_MAIL_PAGE = 200,      /* conversations of one answer */
    SEARCH_MAIL_IDS = 50,        /* matching messages told of one conversation */
    SEARCH_FACET_ROWS = 10
};

/* What a message has to be, beside its words. Zero values ask for nothing. */
struct search_mail_filter {
    const int64_t *in; /* mailboxes, one of which it is in; n_in 0: any */
    size_t n_in;
    const int64_t *not_in; /* places in these do not count */
    size_t n_not_in;
    unsigned with_flags;
    unsigned without_flags;
    bool with_attachment;
    bool without_attachment;
    const str *labels; /* keywords in lower case, all of them */
    size_t n_labels;
    int64_t after_us;     /* received at or after; INT64_MIN: any time */
    int64_t before_us;    /* received before; INT64_MAX: any time */
    int64_t larger_than;  /* octets */
    int64_t smaller_than; /* octets; INT64_MAX: any size */
};

struct search_mail_query {
    int64_t account_id;
    const struct search_node *words; /* NULL: only the filter counts */
    struct search_mail_filter filter;
    int64_t before_id; /* conversations whose newest match is below; INT64_MAX: the first page */
    size_t limit;      /* at most SEARCH_MAIL_PAGE */
    bool with_ids;     /* `ids` too: for facets, and for changing all that was found */
};

struct search_hit {
    int64_t thread_id;
    const int64_t *msg_ids; /* that match, the newest first; at most SEARCH_MAIL_IDS */
    size_t n;
};

struct search_mail_found {
    const struct search_hit *hits; /* by their newest match, the newest first */
    size_t n;
    int64_t total;       /* messages that match, up to SEARCH_MAIL_COUNTED */
    bool is_total_exact; /* false: there are more */
    bool is_complete;    /* false: mail of the last moments is not indexed yet */
    const int64_t *ids;  /* with_ids: what was counted, the newest first; of very frequent words
                            only the newest 500 */
    size_t n_ids;
};

/* Finds the newest conversations. ERR_LIMIT (tree of words, statement timeout), others as in
 * search.h. In arena. Yields. */
YIELDS bool search_mail(struct db *db, const struct search_mail_query *query, struct arena *a,
                        int64_t deadline_ms, struct search_mail_found *out, struct err *e);

/* ---- how it spreads ---- */

struct search_facet {
    str address; /* of senders */
    str name;    /* of senders; may be empty */
    int64_t id;  /* mailbox, or year */
    int64_t count;
};

struct search_facets {
    struct search_facet from[SEARCH_FACET_ROWS];
    size_t n_from;
    struct search_facet mailboxes[SEARCH_FACET_ROWS];
    size_t n_mailboxes;
    struct search_facet years[SEARCH_FACET_ROWS]; /* the newest first */
    size_t n_years;
    int64_t unread;
    int64_t attachments;
};

/* Counts by kind over the messages. In arena. Yields. */
YIELDS bool search_mail_facets(struct db *db, int64_t account_id, const int64_t *ids, size_t n,
                               struct arena *a, int64_t deadline_ms, struct search_facets *out,
                               struct err *e);

/* ---- while typing ---- */

struct search_person {
    str name;
    str address;
    int64_t messages; /* from them, or to them by the account itself */
};

/* People of the account's newest mail whose name or address holds the text, those with the most
 * mail first; at most `limit`. In arena. Yields. */
YIELDS bool search_people(struct db *db, int64_t account_id, str text, size_t limit,
                          struct arena *a, int64_t deadline_ms, struct search_person **out,
                          size_t *n, struct err *e);
/* Subjects of the newest mail that hold the text, each once, the newest first. Yields. */
YIELDS bool search_subjects(struct db *db, int64_t account_id, str text, size_t limit,
                            struct arena *a, int64_t deadline_ms, str **out, size_t *n,
                            struct err *e);

#endif
