/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a message matches the keys of SEARCH, in three values: what is known of it decides as
 * far as it can, and "maybe" asks for more (its header, its bytes). */
#ifndef IMAP_SEARCH_EVAL_H
#define IMAP_SEARCH_EVAL_H

#include "search/search.h"
#include "services/imap/view.h"
#include "wire/imap_search.h"

enum imap_truth {
    IMAP_FALSE,
    IMAP_MAYBE,
    IMAP_TRUE
};

/* How much of a message is at hand. */
enum imap_knowledge {
    IMAP_KNOWS_ROW,    /* flags, dates, sizes */
    IMAP_KNOWS_HEADER, /* and the header */
    IMAP_KNOWS_ALL
};

/* What the index answered for one key; keys are found by their address. */
struct imap_search_hint {
    const struct imap_search_key *key;
    bool is_exact; /* what is sure needs no look at the message */
    struct search_candidates candidates;
    const uint8_t *scores;  /* 1 to 100, of candidates.sure; NULL: the key is not fuzzy */
    const uint64_t *filter; /* bits by hash of all candidates: most messages are none */
    uint64_t filter_mask;
};

/* A search in work. Sets in the keys are resolved, and UIDs where they were numbers. */
struct imap_search {
    struct imap_session *s;
    const struct imap_view *view; /* of the mailbox that is searched */
    struct imap_search_key *root;
    struct imap_search_hint *hints;
    size_t n_hints;
    int64_t *saved_s;    /* by index in the view, when a key asks for it */
    int64_t now_s;       /* seconds since 1970 UTC when it began */
    int64_t deadline_ms; /* of the whole command */
    size_t enough;       /* matches, counted from the newest, that answer the question; 0: all */
};

/* A message while it is looked at. */
struct imap_looked_at {
    const struct store_row *row;
    uint32_t number; /* message number */
    str header;      /* empty unless it is known */
    str raw;         /* likewise */
    struct arena *a; /* scratch */
};

/* Evaluates the tree for a message. Never gives IMAP_MAYBE when all is known. A big message is
 * looked into in the offload pool: yields then, but only with IMAP_KNOWS_ALL. */
YIELDS enum imap_truth imap_search_eval(const struct imap_search *search,
                                        const struct imap_search_key *key,
                                        const struct imap_looked_at *m, enum imap_knowledge knows);

/* Whether the row of a message does not decide the key: text keys, SENT dates, threads. */
bool imap_search_needs_content(const struct imap_search_key *key);

/* Whether a text key looks only at fields that the index knows as one: then *fields is what to ask
 * for (SEARCH_FIELD_*) and *is_exact whether the answer needs no second look. */
bool imap_search_index_fields(const struct imap_search_key *key, unsigned *fields, bool *is_exact);

/* Spreads ids over the bits of a filter. */
static inline uint64_t imap_search_hash(int64_t id)
{
    return ((uint64_t)id * 0x9e3779b97f4a7c15U) >> 40;
}

/* How relevant the message is for the fuzzy keys, 1 to 100 (RFC 6203 section 4). */
unsigned imap_search_score(const struct imap_search *search, const struct store_row *row);

#endif
