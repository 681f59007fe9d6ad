/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a message matches the keys of SEARCH, in three values: what is known of it decides as
 * far as it can, and "maybe" asks for more (its infos, its header, its bytes). */
#ifndef IMAP_SEARCH_EVAL_H
#define IMAP_SEARCH_EVAL_H

#include "search/search.h"
#include "services/imap/message.h"
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

/* What the index answered for one text key; keys are found by their address. */
struct imap_search_hint {
    const struct imap_search_key *key;
    bool is_exact; /* what is sure needs no look at the message */
    struct search_candidates candidates;
};

/* A search in work. Sets in the keys are resolved, and UIDs where they were numbers. */
struct imap_search {
    struct imap_session *s;
    const struct imap_search_hint *hints;
    size_t n_hints;
    int64_t deadline_ms; /* of the whole command */
};

/* Evaluates the tree for a message: `number` is its message number, `raw` and `header` are empty
 * unless `knows` says that they are there. Pure; never gives IMAP_MAYBE when all is known. */
enum imap_truth imap_search_eval(const struct imap_search *search,
                                 const struct imap_search_key *key, const struct imap_message *m,
                                 uint32_t number, enum imap_knowledge knows);

/* Whether a text key looks only at fields that the index knows as one: then *fields is what to ask
 * for (SEARCH_FIELD_*) and *is_exact whether the answer needs no second look. */
bool imap_search_index_fields(const struct imap_search_key *key, unsigned *fields, bool *is_exact);

#endif
