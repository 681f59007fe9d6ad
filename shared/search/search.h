/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of search: finds messages of an account by their words, through the index that the
 * indexer fills behind the deliveries. It knows SQL and mail, but no protocol: IMAP and JMAP make
 * its questions, and read the messages that it is not sure about.
 *
 * The normal form of text (search/tokens.h) is that of i;unicode-casemap. A "substring" is one of
 * the normal form: that is what the index answers and what search_text_contains verifies. */
#ifndef SEARCH_SEARCH_H
#define SEARCH_SEARCH_H

#include "search/indexer.h"
#include "search/query.h"
#include "search/tokens.h"

struct db;

/* An answer in three values. A message of the account that is in neither list does not match.
 * Both lists are in ascending order of id and disjoint; ids of expunged messages may be among
 * them. */
struct search_candidates {
    const int64_t *sure; /* ids of messages that match */
    size_t n_sure;       /* */
    const int64_t
        *maybe;     /* ids that may match: not yet indexed, too big to be indexed whole, ... */
    size_t n_maybe; /* */
    bool all_maybe; /* the index cannot say: every message that is not sure must be looked at */
};

struct search_needle {
    unsigned fields; /* SEARCH_FIELD_* */
    str text;        /* UTF-8 */
    int64_t holder;  /* the account that asks, which need not be the one whose mail it is: whose
                        turn it is (db_search) */
};

/* Which messages hold the needle as a substring in one of its fields: the text
 * keys of IMAP SEARCH (RFC 3501 section 6.4.4), each on its own; the caller combines keys and reads
 * a message only where the whole question ends in "maybe". Up to SEARCH_MAX_NEEDLE bytes, else
 * ERR_LIMIT. all_maybe is set for an empty needle, one without letters and digits, and one that too
 * many words hold; of the last kind many are sure nevertheless. Deliveries committed before the
 * call are in the answer. Lists in arena. ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_LIMIT (statement
 * timeout), ERR_CANCELLED. Yields. */
YIELDS bool search_find_substring(struct db *db, int64_t account_id,
                                  const struct search_needle *needle, struct arena *a,
                                  int64_t deadline_ms, struct search_candidates *out,
                                  struct err *e);

struct search_words {
    const struct search_node *query;
    size_t limit; /* most ids wanted, at most SEARCH_MAX_HITS */
};

struct search_found {
    const int64_t *ids; /* newest first */
    size_t n;
    bool complete; /* false: messages that are not indexed yet were not looked at */
};

/* The newest messages (by id) that match a tree of words: what a search box or IMAP FUZZY (RFC
 * 6203) wants. Ids in arena. ERR_LIMIT for a tree past the limits of query.h, others as above.
 * Yields. */
YIELDS bool search_find_words(struct db *db, int64_t account_id, const struct search_words *wanted,
                              struct arena *a, int64_t deadline_ms, struct search_found *out,
                              struct err *e);

struct search_scored {
    struct search_candidates candidates; /* maybe: not indexed yet */
    const uint8_t *scores;               /* of candidates.sure: 1 to 100, the best has 100 */
};

/* Messages that hold all words of the text or words like them (RFC 6203), in the fields; at most
 * the newest SEARCH_MAX_HITS, of which the newest SEARCH_MAX_RANKED are told apart by score.
 * all_maybe: the text has no words. Up to SEARCH_MAX_NEEDLE bytes. Errors as above. In arena.
 * Yields. */
YIELDS bool search_find_fuzzy(struct db *db, int64_t account_id, const struct search_needle *needle,
                              struct arena *a, int64_t deadline_ms, struct search_scored *out,
                              struct err *e);

enum {
    SEARCH_MAX_RANKED = 1000,    /* of search_find_fuzzy */
    SEARCH_MAX_HITS = 10000,     /* of search_find_words */
    SEARCH_MAX_NEEDLE = 1024,    /* bytes of a substring */
    SEARCH_MAX_EXPANSION = 4000, /* words that may hold a substring before all_maybe */
    SEARCH_MIN_SUBSTRING = 3,    /* characters that the vocabulary's trigrams need */
};

/* Verification: whether the message (raw bytes) holds `needle` as a substring of `fields`, by the
 * same rules as the index but without its limits. Pure; above 1 MB call it in the offload pool. */
bool search_message_contains(str message, unsigned fields, str needle);
/* The same for a header alone, in all of its fields, each with its name ("Subject: ..."). What is
 * no text for the index (values of signatures and keys) is not looked at. */
bool search_header_contains(str header, str needle);
/* Whether some of the field's value is no text for the index. */
bool search_is_opaque_field(str name);
/* The same for one text in UTF-8, such as one header field's. */
bool search_text_contains(str text, str needle);

#endif
